/* A source offers records in order, each with a sequence, and is told which are settled.
 * Implemented by a source queue's outlet (endpoint/outlet.h) and by the receiving end of a
 * stream on the link (link/receiver.h). All calls are made in the loop's thread.
 *
 * Life of a record: peeked -> taken -> settled or rejected; or peeked -> refused. */
#ifndef MQBRIDGE_FLOW_SOURCE_H
#define MQBRIDGE_FLOW_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/id.h"
#include "base/take.h"

struct record;
struct sink;
struct source;

enum flow_kind { FLOW_POSIX = 1, FLOW_SYSV = 2 }; /* equal to enum ring_kind */

/* Who the source is: what the sink announces to a far end. Strings are borrowed. */
struct source_info {
	struct id stream, ring;
	uint64_t acked, next; /* all up to acked is settled; next was never taken */
	enum flow_kind kind;
	uint32_t max_body;                /* of any of its records, bytes */
	uint64_t max_messages, max_bytes; /* attributes of the queue, 0: not known */
	uint32_t mode;
	const char *route, *entry, *uri, *take; /* entry: the queue's name */
};

/* Consecutive records in one piece of memory. */
struct source_run {
	const struct record *first;
	uint64_t seq; /* of the first */
	uint32_t count;
	uint64_t bytes;
};

struct source_ops {
	/* 0 and who it is, or -EAGAIN: not ready yet (the sink is kicked when it is). */
	int (*info)(struct source *src, struct source_info *ret);
	/* The next record to take, or NULL. *ret_new: never taken before. Borrowed until settled,
	 * but from a receiver only until control returns to the loop. With RECORD_DAMAGED: nothing is
	 * left of what was taken before; its sequence passes, and nothing is delivered. */
	const struct record *(*peek)(
	    struct source *src, uint64_t *ret_seq, bool *ret_new);
	void (*take)(struct source *src); /* the peeked one */
	/* What peek and take would give one after the other, as far as it lies in one piece: at most
	 * max_count records of together at most max_bytes, none with a body above max_body. Their
	 * number; 0: nothing waits, or the first alone is too large. NULL in a receiver. */
	uint32_t (*take_run)(struct source *src, uint32_t max_count, uint64_t max_bytes,
	    uint32_t max_body, struct source_run *ret);
	/* A record that was taken and not settled; borrowed like a peeked one. NULL: none. */
	const struct record *(*taken)(struct source *src, uint64_t seq);
	/* The sink has delivered, durably known, all taken ones up to seq. 0 or -EBADMSG. */
	int (*settle)(struct source *src, uint64_t seq);
	/* The sink can never deliver seq. It is not lost: sink_ops.stored() is called when it is
	 * safe. Idempotent. 0, -EBADMSG, or -ENOSPC (too many pending; try later). */
	int (*reject)(
	    struct source *src, uint64_t seq, unsigned reason, const char *detail);
	/* The peeked, new record can never be taken by this sink. 0 or -EAGAIN (stop, try at the
	 * next kick). May be NULL: take it and reject it. */
	int (*refuse)(struct source *src, unsigned reason, const char *detail);
	/* A sink that was away has all up to mark: what was taken above it is offered again. Settles
	 * nothing: reject() what the sink lists as rejected, then settle(mark). 0 or -EBADMSG. NULL in a receiver. */
	int (*rewind)(struct source *src, uint64_t mark);
	/* What there is waits and the sink takes nothing for now: no room, no credit, no connection.
	 * For the figures; NULL in a receiver. */
	void (*blocked)(struct source *src);
	/* The sink's limits changed (sink_ops.limits()). May be NULL. */
	void (*limits_changed)(struct source *src);
};

struct source {
	const struct source_ops *ops;
	struct sink *sink; /* NULL: not joined */
};

static inline void
source_blocked(struct source *src)
{
	if (src != NULL && src->ops->blocked != NULL)
		src->ops->blocked(src);
}

#endif
