/* The listening socket of the web listener. No libevent. */
#ifndef MQBRIDGE_WEB_SOCKET_H
#define MQBRIDGE_WEB_SOCKET_H

#include <sys/stat.h>

#include "base/compiler.h"

#define WEB_SOCKET_MODE    0660 /* of a Unix socket: its group are viewers */
#define WEB_SOCKET_BACKLOG 64   /* connections that wait for us in the kernel */

struct address;

struct web_socket {
	int fd;     /* not blocking; -1: none, or somebody else closes it */
	char *path; /* of our own Unix socket; NULL: none */
	struct stat file;
};

/* 0 or -EINVAL, -EPROTONOSUPPORT: not of the form that web.h has. */
int web_socket_address(struct address *ret, const char *text) MUST_CHECK;

/* fd: one that listens there already, taken over also on failure; -1: none. 0 or -errno as
 * web_open(). */
int web_socket_open(struct web_socket *ret, const char *address, int fd) MUST_CHECK;
/* Closes what is there and unlinks the file, if it is still ours. */
void web_socket_close(struct web_socket *ws);

#endif
