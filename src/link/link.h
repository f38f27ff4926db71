/* The link: all peers of this daemon, their connections, and the streams on them.
 * docs/wire-protocol.md is the protocol. Used by the loop's thread. */
#ifndef MQBRIDGE_LINK_LINK_H
#define MQBRIDGE_LINK_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "flow/sink.h"

struct event_base;
struct frame_open;
struct link; /* opaque */
struct listener_spec;
struct peer; /* opaque */
struct runtime;
struct sender; /* opaque: the sink of one route to a peer */

/* Why an incoming stream is not taken; text is cut to FRAME_TEXT_MAX. */
struct link_refusal {
	unsigned code; /* enum refuse_code */
	char text[256];
};

/* A stream that a peer opens; all borrowed. */
struct link_offer {
	const char *peer; /* its proven name */
	const struct frame_open *open;
	const struct source_info *info; /* the same as a sink wants it */
};

struct link_ops {
	/* A peer opens a stream: check that it may, and make the sink. 0 and *ret (closed by its
	 * own close() when the stream ends), or -EPERM with *why filled in. open's texts are borrowed. */
	int (*on_open)(void *owner, const struct link_offer *offer, struct sink **ret,
	    struct link_refusal *why);
};

struct link_spec { /* all borrowed but name, which is copied */
	struct event_base *base;
	struct runtime *runtime;
	const char *name;        /* of this daemon */
	uint64_t receive_memory; /* bytes for all streams together */
	const struct link_ops *ops;
	void *owner;
};

int link_new(struct link **ret, const struct link_spec *spec) MUST_CHECK;
void link_free(
    struct link *lk); /* closes everything; senders must be gone; NULL is fine */

/* Accept peers at an address, which is also spec's (max_strangers, ops and owner are filled in
 * here). 0 or -errno. */
int link_listen(
    struct link *lk, const char *address, const struct listener_spec *spec) MUST_CHECK;

struct peer_spec {
	const char *name;    /* copied */
	const char *address; /* copied; NULL: it dials us */
	uint32_t heartbeat_ms;
};
int peer_new(
    struct peer **ret, struct link *lk, const struct peer_spec *spec) MUST_CHECK;
void peer_start(struct peer *pe); /* dial, if it has an address */

/* The sink of a route to entry at the peer (entry is copied). Freed by its close(). */
int sender_new(struct sink **ret, struct peer *pe, const char *entry) MUST_CHECK;

/* The daemon stops: no new connections, no new records; connections stay for acknowledgements
 * until link_close(), which says CLOSE to all of them. */
void link_halt(struct link *lk);
void link_close(struct link *lk);

struct peer_numbers {
	const char *state;  /* "connected", "connecting", "waiting", "handshake" */
	const char *reason; /* why not connected, or "" */
	const char
	    *address;      /* as configured, "" if it dials us; or of the connection */
	uint64_t since_ms; /* monotonic, of the state */
	int64_t round_trip_ns; /* of the last PONG, 0 unknown */
	uint64_t reconnects;   /* connections after the first */
	uint64_t received_bytes, sent_bytes;
};
const char *peer_name(const struct peer *pe);
void peer_numbers(const struct peer *pe, struct peer_numbers *ret);

#endif
