/* A listening Unix socket in the file system, with an exact mode. No libevent. */
#ifndef MQBRIDGE_CONTROL_SOCKET_H
#define MQBRIDGE_CONTROL_SOCKET_H

#include <sys/types.h>

#include "base/compiler.h"

struct control_socket {
	int fd; /* not blocking; -1: none */
	dev_t dev;
	ino_t ino; /* of the file, so that only our own is unlinked */
};

/* Listen at path; what nobody listens to any more is replaced. At no time may more users
 * connect than mode says, whatever the umask is. The file belongs to that group; NULL: to ours.
 * Returns 0 or -errno: -EADDRINUSE: somebody answers there; -ENOTSOCK: the file is something
 * else and stays; -ENAMETOOLONG; -EPERM: we are not in that group. */
int control_socket_open(struct control_socket *ret, const char *path, mode_t mode,
    const gid_t *group) MUST_CHECK;

/* A socket that listens there already; takes over fd. Its file is not ours, and stays. */
void control_socket_adopt(struct control_socket *ret, int fd);

/* Stop listening, and unlink path if it still is this socket. */
void control_socket_close(struct control_socket *sk, const char *path);

#endif
