/* Who is at the other end of a Unix socket. */
#ifndef MQBRIDGE_NET_PEERCRED_H
#define MQBRIDGE_NET_PEERCRED_H

#include <stdbool.h>
#include <sys/socket.h>

struct listener_spec;

/* May the process that connected fd use a listener of that spec? Root and our own
 * effective uid may; else its uid must be listed, or one of its groups, supplementary
 * ones included, as they were when it connected. The credentials are stored in *ret
 * when they can be read; when they cannot, the answer is no. */
bool peercred_allowed(int fd, const struct listener_spec *spec, struct ucred *ret);

#endif
