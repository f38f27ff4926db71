/* TCP sockets that listen. */
#ifndef MQBRIDGE_NET_TCPSOCK_H
#define MQBRIDGE_NET_TCPSOCK_H

#include "base/compiler.h"

struct address;

/* A non-blocking stream socket bound to a TCP address and listening. The host is a number
 * ("0.0.0.0", "::" for IPv6 alone) or "localhost", which is 127.0.0.1: a name could resolve
 * to anything. Returns the descriptor; -EINVAL: the host is a name; -errno. */
int tcpsock_listen(const struct address *ad, int backlog) MUST_CHECK;

#endif
