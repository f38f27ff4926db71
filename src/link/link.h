/* The link: all peers of this daemon, their connections, and the streams on them.
 * docs/wire-protocol.md is the protocol. Used by the loop's thread. */
#ifndef MQBRIDGE_LINK_LINK_H
#define MQBRIDGE_LINK_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

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
	/* May a stream that was taken go on after a reload? Or false with *why filled in. */
	bool (*may_stay)(void *owner, const char *peer, const char *entry,
	    const struct sink *snk, struct link_refusal *why);
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
/* On a socket that listens there already, taken over; its file is not ours. */
int link_adopt(struct link *lk, const char *address, const struct listener_spec *spec,
    int fd) MUST_CHECK;

/* A reload. Of what listens at an address: close it, with its strangers; the mode of its file: 0
 * or -errno; users and groups, which are borrowed as by link_listen(). */
void link_unlisten(struct link *lk, const char *address);
/* What listens there is silent, and listens again: 0, or -errno, logged, and it is tried again every
 * second until it works. Connections go on. */
void link_silence(struct link *lk, const char *address);
int link_listen_again(struct link *lk, const char *address) MUST_CHECK;
uint64_t link_silent_since_ms(
    const struct link *lk, const char *address); /* 0: it listens */
int link_set_mode(struct link *lk, const char *address, mode_t mode) MUST_CHECK;
void link_set_access(
    struct link *lk, const char *address, const struct listener_spec *spec);
/* After peers came or went, too: what each may use of it follows. */
void link_set_memory(struct link *lk, uint64_t receive_memory);
/* Ask about every incoming stream whether it may stay; what may not is refused. */
void link_review(struct link *lk);

/* Bytes of receive_memory that streams have reserved now. */
uint64_t link_reserved(const struct link *lk);

struct peer_spec {
	const char *name;    /* copied */
	const char *address; /* copied; NULL: it dials us */
	uint32_t heartbeat_ms;
};
int peer_new(
    struct peer **ret, struct link *lk, const struct peer_spec *spec) MUST_CHECK;
void peer_start(struct peer *pe); /* dial, if it has an address */
/* Streams of the peer get no more credit: what it has sent is delivered, no more comes. */
void peer_hold_input(struct peer *pe, bool on);
/* Leave the connection, if there is one, and dial at once, if it has an address. */
void peer_reconnect(struct peer *pe);

/* A reload: what changes of a peer, prepared; 0 or -errno. Applying it takes it over; only when the
 * address changed its connection is left. */
struct peer_change;
int peer_change_new(struct peer_change **ret, const struct peer_spec *spec) MUST_CHECK;
void peer_change_free(struct peer_change *pc); /* NULL is fine */
void peer_change(struct peer *pe, struct peer_change *pc);
/* Close its connections and end it; no sender may be left. NULL is fine. */
void peer_end(struct peer *pe);

/* The sink of a route to entry at the peer (entry is copied). Freed by its close(). */
int sender_new(struct sink **ret, struct peer *pe, const char *entry) MUST_CHECK;

struct sender_numbers {
	const char *phase; /* "closed", "opening", "open", "refused"; static */
	uint64_t credit;   /* bytes that it may still send; 0 unless open */
	uint32_t max_body; /* of the destination, bytes; 0: not known, or not there */
};
/* snk was made by sender_new(). */
void sender_numbers(const struct sink *snk, struct sender_numbers *ret);

/* The daemon stops: no new connections, no new records; connections stay for acknowledgements
 * until link_close(), which says CLOSE to all of them. */
void link_halt(struct link *lk);
void link_close(struct link *lk);

struct peer_numbers {
	enum state state;
	struct cause cause; /* why it is not connected */
	const char
	    *address;      /* as configured, "" if it dials us; or of the connection */
	uint64_t since_ms; /* monotonic, of the state */
	uint64_t heard_ms; /* monotonic, of its last frame, 0: none ever */
	int64_t round_trip_ns; /* of the last PONG, 0 unknown */
	uint64_t reconnects;   /* connections after the first */
	uint64_t received_bytes, sent_bytes;
};
const char *peer_name(const struct peer *pe);
void peer_numbers(const struct peer *pe, struct peer_numbers *ret);

#endif
