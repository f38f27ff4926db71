/* Socket addresses as text for the log. */
#ifndef MQBRIDGE_NET_SOCKNAME_H
#define MQBRIDGE_NET_SOCKNAME_H

#include <stddef.h>
#include <sys/socket.h>

#include "base/quote.h"

#define SOCKNAME_MAX (QUOTE_MAX + 64) /* bytes with NUL of any name made here */

/* "192.0.2.1:7411", "[::1]:7411", a quoted path, "" for a nameless Unix socket. Into
 * buf, which is returned. */
char *sockname_format(
    char buf[SOCKNAME_MAX], const struct sockaddr_storage *sa, socklen_t len);

/* The other end of a connected socket, of a Unix one with the path of whichever
 * end has one and the credentials: "/run/x.sock (uid 0, pid 12)". Into buf, which
 * is returned. */
char *sockname_peer(char buf[SOCKNAME_MAX], int fd);

#endif
