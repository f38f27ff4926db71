/* Inside of a stream, shared by stream.c (life, settling), stream_order.c (what goes next),
 * stream_resume.c (after a restart) and stream_move.c (to the overflow log). */
#ifndef MQBRIDGE_SPOOL_STREAM_PRIVATE_H
#define MQBRIDGE_SPOOL_STREAM_PRIVATE_H

#include "spool/backlog.h"
#include "spool/journal.h"
#include "spool/log.h"
#include "spool/ring.h"
#include "spool/segment.h"
#include "spool/stream.h"

/* In the state of a record of the ring: it was given a sequence. Means nothing after the
 * program, and is kept only for streams that have a log. */
#define RECORD_TAKEN(slot) (UINT32_C(1) << (RECORD_SLOTS + (slot)))

/* A batch of records that leave the ring. */
struct stream_move {
	struct log_item *items; /* LOG_BATCH of them, once there is a log */
	size_t count;           /* 0: none leaves */
	uint64_t waiting;       /* of them */
	int64_t priority;       /* the highest of those */
	uint64_t bytes;
	uint64_t from;   /* position: nothing before it waits */
	uint64_t to;     /* where from goes when the batch is gone */
	uint64_t pinned; /* the first sequence of it, 0: only waiting ones leave */
};

struct stream {
	struct ring *ring;
	struct journal journal;
	struct backlog backlog; /* what waits in the ring */
	struct log *log;        /* what waits in the overflow log; borrowed, or NULL */
	struct stream_move move;
	stream_moved *moved; /* told of the end of a move */
	void *owner;
	bool log_only; /* nothing is sent from the ring */
	bool held;     /* nothing new is offered */
	bool frozen;   /* nothing new is let wait */
	unsigned slot;
	bool by_priority;
	uint64_t acked, next;  /* as in the journal */
	uint64_t acknowledged; /* by the peer; acked follows, held back by rejects */
	uint64_t resend;       /* next sequence in flight to offer again; next: none */
	uint64_t admitted;     /* position: all before it wait or were passed over */
	uint64_t oldest;       /* position: all before it are settled or not wanted */
	unsigned rejects, parks;
	uint64_t rejected[STREAM_REJECTS]; /* sequences */
	uint64_t parked[STREAM_REJECTS];   /* places */
};

static inline bool
place_in_log(uint64_t place)
{
	return (place & LOG_PLACE) != 0;
}

static inline bool
stream_settled(const struct stream *st, const struct record *rec)
{
	return (rec->state & RECORD_SETTLED(st->slot)) != 0;
}

/* Highest first; types are no priorities. */
static inline int64_t
stream_priority(const struct stream *st, const struct record *rec)
{
	return st->by_priority ? rec->type : 0;
}

/* The first position from there that is wanted and not settled, or the head. */
uint64_t stream_oldest_unsettled(const struct stream *st, uint64_t position);
/* A record of the ring that waits goes into the backlog. 0 or -ENOMEM. */
int stream_admit_record(
    struct stream *st, uint64_t position, const struct record *rec) MUST_CHECK;
/* Settle as far as the peer has acknowledged and nothing holds it back. */
void stream_advance(struct stream *st);
/* The highest priority of a batch that leaves: nothing of that or less goes before it. */
bool stream_batch_first(const struct stream *st, int64_t *ret_priority);
/* Make sense of a journal with ring and log; changes the files only when it is right. */
int stream_resume(struct stream *st) MUST_CHECK;
/* What the words of the journal say. */
void stream_load(struct stream *st);

#endif
