/* TCP sockets that listen. */
#ifndef MQBRIDGE_NET_TCPSOCK_H
#define MQBRIDGE_NET_TCPSOCK_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/compiler.h"

struct address;

/* The socket address of a TCP address whose host is a number or "localhost"; of IPv6 without
 * a scope. 0; -EINVAL: the host is a name. */
int tcpsock_address(struct sockaddr_storage *ret, socklen_t *ret_len,
    const struct address *ad) MUST_CHECK;

/* Can only one of the two be listened at? */
bool tcpsock_overlap(const struct address *a, const struct address *b);

/* A non-blocking stream socket bound to a TCP address and listening. The host is a number
 * ("0.0.0.0", "::" for IPv6 alone) or "localhost", which is 127.0.0.1: a name could resolve
 * to anything. Returns the descriptor; -EINVAL: the host is a name; -errno. */
int tcpsock_listen(const struct address *ad, int backlog) MUST_CHECK;

#endif
