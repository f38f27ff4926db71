/* A sink takes records from its source up to its credit and settles them. Implemented by queue
 * delivery (endpoint/delivery.h) and by the sending end of a stream on the link
 * (link/sender.h). All calls are made in the loop's thread. */
#ifndef MQBRIDGE_FLOW_SINK_H
#define MQBRIDGE_FLOW_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"
#include "base/state.h"
#include "flow/source.h"

#define SINK_REJECTS 64 /* rejected and not yet stored, at most; I12 */

struct sink_limits {
	uint32_t
	    max_body; /* bytes; 0: the queue is not there yet, nothing can be taken */
	enum flow_kind kind;
};

struct sink_reject {
	uint64_t seq;
	unsigned reason; /* enum dead_reason */
};

/* What a sink knows of its source's stream since before. */
struct sink_memory {
	uint64_t mark; /* all up to here is delivered or on the rejected list */
	unsigned rejects;
	struct sink_reject reject[SINK_REJECTS];
};

/* Why nothing flows. Strings are borrowed until the next call, and never NULL. */
struct sink_state {
	enum state state; /* STATE_FLOWING, _PAUSED, _WAITING, _REFUSED or _STOPPED */
	/* REASON_NONE when it flows; or, while it flows, what holds it just now: if that lasts,
	 * it is why the route is stalled. */
	enum reason reason;
	const char *detail; /* in words, or "" */
	const char *host;   /* the peer where the cause lies; "": here */
};

/* The state of a destination whose queue cannot take anything, or does not just now. */
static inline enum state
sink_state_of(enum reason reason)
{
	switch (reason) {
	case REASON_PAUSED: /* by an operator, of what comes from us */
		return STATE_PAUSED;
	case REASON_QUEUE_ABSENT:
		return STATE_WAITING;
	case REASON_NOT_PERMITTED:
	case REASON_SYSTEM_LIMIT:
	case REASON_QUEUE_FAILED:
	case REASON_NO_MEMORY:
		return STATE_STOPPED;
	default:
		return STATE_FLOWING;
	}
}

struct sink_ops {
	/* The source has something new, or is ready. Must not call back settle() of the caller's own turn: the
	 * work is done now or on a later turn, as the sink sees fit. */
	void (*kick)(struct sink *snk);
	/* The rejected seq is safe at the source: forget it. */
	void (*stored)(struct sink *snk, uint64_t seq);
	/* Up to which sequence the memory of records is not pointed to any more, though they are not
	 * settled. NULL: of all that it does not take just now. */
	uint64_t (*written)(const struct sink *snk);
	/* For the receiving end of a link; NULL elsewhere. */
	void (*memory)(struct sink *snk, struct sink_memory *ret);
	void (*limits)(struct sink *snk, struct sink_limits *ret);
	/* Reject a record that the source itself found bad (its checksum); seq == mark + 1. */
	int (*give_up)(
	    struct sink *snk, uint64_t seq, unsigned reason, const char *detail);
	void (*state)(struct sink *snk, struct sink_state *ret);
	/* The source goes away: frees the sink. */
	void (*close)(struct sink *snk);
};

struct sink {
	const struct sink_ops *ops;
	struct source *source; /* NULL: not joined */
};

/* Join both ends and kick the sink. */
static inline void
flow_join(struct source *src, struct sink *snk)
{
	src->sink = snk;
	snk->source = src;
	snk->ops->kick(snk);
}

#endif
