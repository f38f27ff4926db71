/* Connecting to an address without blocking; names are resolved by evdns. */
#ifndef MQBRIDGE_NET_DIAL_H
#define MQBRIDGE_NET_DIAL_H

#include "base/compiler.h"

struct address;
struct dial; /* opaque; one attempt */
struct event_base;
struct evdns_base;

struct dial_spec {
	const struct address *address; /* copied */
	unsigned timeout_ms;           /* of all together */
	/* Called once, never from within dial_start: with a connected, non-blocking
	 * descriptor that belongs to the callee, or with -errno (-ENONET: the name leads
	 * to no address) and why in words ("no
	 * address for hub.example.net: ...", "10.0.0.1:7411: Connection refused",
	 * several joined by "; "), borrowed for the call, "" on success. After it the
	 * dial is gone. */
	void (*on_done)(void *owner, int fd_or_error, const char *why);
	void *owner;
};

/* One attempt: resolves, then tries the addresses one after the other, each with an
 * even share of the time left. dns may be NULL when the host is numeric or the address
 * a Unix path; "localhost" needs no dns: ::1, then 127.0.0.1. The spec is copied, dns
 * and base are borrowed; memory goes on a later turn of the loop, which therefore has
 * to turn once more after the last dial ended before they are freed. 0 or -ENOMEM; all
 * other failures come by on_done. */
int dial_start(struct dial **ret, struct event_base *base, struct evdns_base *dns,
    const struct dial_spec *spec) MUST_CHECK;
void dial_cancel(struct dial *dl); /* on_done is not called any more; NULL is fine */

#endif
