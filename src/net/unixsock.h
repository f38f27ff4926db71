/* Unix socket files. */
#ifndef MQBRIDGE_NET_UNIXSOCK_H
#define MQBRIDGE_NET_UNIXSOCK_H

#include <sys/types.h>

#include "base/compiler.h"

struct stat;

/* A non-blocking stream socket bound to path and listening; nobody but root can connect
 * before it has exactly that mode, whatever the umask. A socket file that a dead
 * process left is replaced. *ret_file: what lies at path now, for unixsock_unlink().
 * Returns the descriptor; -EADDRINUSE: somebody listens there (or we may not ask);
 * -EEXIST: another kind of file lies there; -ENAMETOOLONG; -errno. */
int unixsock_listen(
    const char *path, mode_t mode, int backlog, struct stat *ret_file) MUST_CHECK;

/* Unlink path if it is still that file. */
void unixsock_unlink(const char *path, const struct stat *file);

#endif
