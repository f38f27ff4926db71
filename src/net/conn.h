/* A connected stream socket in the event loop; plain now, TLS behind the same face
 * later. libevent says when, the bytes move by the caller's own buffers. */
#ifndef MQBRIDGE_NET_CONN_H
#define MQBRIDGE_NET_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/compiler.h"

struct conn; /* opaque; used by the loop's thread */
struct event_base;

struct conn_ops {
	void (*on_readable)(
	    void *owner); /* read until -EAGAIN or your share of the turn */
	void (*on_writable)(void *owner); /* only after conn_want_write(cn, true) */
};

/* Takes over fd (also on failure): non-blocking, TCP_NODELAY and TCP_NOTSENT_LOWAT on
 * TCP. ops and owner are borrowed. Reading is on. base is borrowed. */
int conn_new(struct conn **ret, struct event_base *base, int fd,
    const struct conn_ops *ops, void *owner) MUST_CHECK;
/* Closes at once and calls nothing any more; safe inside its own callbacks (the memory
 * goes on a later turn of the loop, so the loop has to turn once more before base is
 * freed; until then the other functions fail or do nothing). NULL is fine. */
void conn_kill(struct conn *cn);

/* Bytes moved; -EAGAIN; -ECONNRESET at the end of the stream; or -errno. Never SIGPIPE.
 * At most IOV_MAX pieces are taken. */
ssize_t conn_read(struct conn *cn, void *buf, size_t len) MUST_CHECK;
ssize_t conn_writev(struct conn *cn, const struct iovec *iov, int n) MUST_CHECK;
void conn_want_write(struct conn *cn, bool on);
void conn_want_read(struct conn *cn, bool on);

/* The other end for the log: "192.0.2.1:7411", "/run/x.sock (uid 0, pid 12)"; quoted
 * already. Borrowed. */
const char *conn_name(const struct conn *cn);

#endif
