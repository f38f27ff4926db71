/* Inside of a target, shared by target.c (the queue) and delivery.c (the streams into it). */
#ifndef MQBRIDGE_ENDPOINT_TARGET_H
#define MQBRIDGE_ENDPOINT_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/stopwatch.h"
#include "endpoint/delivery.h"
#include "spool/marks.h"

struct delivery;
struct doubt_letter;
struct event;
struct record;
struct settle_view;
struct worker;

TAILQ_HEAD(delivery_list, delivery);

/* A System V message as msgsnd(2) wants it, for the worker thread alone. */
struct target_slot {
	int64_t type;
	uint8_t body[];
};

struct target {
	struct target_spec spec; /* its strings are the two below */
	char *name, *uri;
	struct target_env env;
	struct ipcq *queue; /* NULL: not attached */
	struct ipcq_attributes attributes;
	struct settle_view *view; /* of a System V queue, as it was found; or NULL */
	struct event *writable;   /* POSIX: armed while full */
	struct event *again;      /* deliveries wait for their next share of a turn */
	struct event *retry;      /* a full queue is tried again */
	struct event *tick;
	struct worker *worker; /* System V: the record that found the queue full */
	struct target_slot *slot;
	size_t slot_size; /* of the body */
	uint32_t slot_length;
	struct delivery *blocked;      /* whose record the worker has */
	struct delivery_list open;     /* all deliveries into this target */
	struct delivery_list waiting;  /* in the order in which they will be served */
	bool full;                     /* nobody tries until the queue has room */
	struct stopwatch blocked_time; /* how long it was full */
	unsigned retry_ms; /* the pause before a full queue is tried again */
	bool reported;
	uint64_t delivered, rejected;
	struct {
		uint64_t dropped, held, found, not_taken;
	} doubts;
	uint64_t full_since_ms; /* the first of the waiting found no room, since then */
	uint64_t full_at;       /* delivered and rejected then */
	enum reason reason;     /* why not attached */
	char detail[512];
	enum reason stopped_reason; /* a stream waits because nothing can be held */
	char stopped[160];          /* the same in words, or "" */
};

struct delivery {
	struct sink sink;                 /* first: a sink is cast to its delivery */
	TAILQ_ENTRY(delivery) link;       /* of open */
	TAILQ_ENTRY(delivery) queue_link; /* of waiting */
	struct target *target;
	struct mark *mark; /* NULL: a local route whose source was not ready yet */
	char *label;       /* of a local route, until it has its mark */
	const char *fault; /* a local route that cannot be resumed, or NULL */
	enum reason fault_reason;
	const char *told;            /* the fault that was logged last */
	enum flow_kind kind;         /* of the source */
	uint64_t current;            /* the sequence taken and not settled, 0: none */
	struct id ring;              /* of the source */
	char *uri;                   /* of the source, "" where it is not known */
	struct doubt_letter *letter; /* being stored: nothing is delivered; or NULL */
	bool queued;                 /* is in waiting */
	bool held;                   /* the rejected list is full */
};

/* delivery.c, called by target.c. */
enum delivery_end {
	DELIVERY_EMPTY, /* the source has nothing more for now */
	DELIVERY_SHARE, /* its share of the turn is used up */
	DELIVERY_LATER, /* there is no memory for it; to be tried again after a pause */
	DELIVERY_FULL,  /* the queue has no room for its current record */
	DELIVERY_LOST,  /* the queue is gone or fails: the reason was noted */
};
/* Deliver until one of these ends it. */
enum delivery_end delivery_run(struct delivery *dv) MUST_CHECK;
/* The blocked record's call in the worker ended with rc. */
void delivery_unblocked(struct delivery *dv, int rc);
/* doubt.c. Before a record is delivered: 1: deliver it; 0: a policy has settled it;
 * -EINPROGRESS: it is being put away, and the stream waits until then; or -ENOMEM. */
int delivery_judge(
    struct delivery *dv, const struct record *rec, uint64_t seq) MUST_CHECK;
void delivery_retry_letter(struct delivery *dv); /* what could not be stored */
void delivery_leave_letter(struct delivery *dv); /* the delivery ends */
/* delivery.c, called by doubt.c. The type in the target's kind of queue: 0 or -ERANGE. */
int delivery_type(
    const struct delivery *dv, const struct record *rec, int64_t *ret) MUST_CHECK;
/* The record goes no further: its doubt, if any, ended so. */
void delivery_pass(struct delivery *dv, const struct record *rec, uint64_t seq,
    enum doubt_outcome outcome);

/* delivery_begin.c. The stream's mark, made or mended as I13..I15 say, and held: as
 * delivery_open(). */
int delivery_find_mark(
    struct delivery *dv, const struct source_info *info, const char *label) MUST_CHECK;
/* The same for a local route, when its source is ready. 0: it has its mark; -EAGAIN. */
int delivery_begin(struct delivery *dv) MUST_CHECK;
/* Every tick: try again what waits for an operator. */
void delivery_tick(struct delivery *dv);
/* Put the current record into the slot: 0 or -ENOMEM. */
int delivery_fill_slot(struct delivery *dv) MUST_CHECK;

/* target.c, called by delivery.c. */
void target_serve(struct target *tg, struct delivery *dv);
void target_forget(struct target *tg, struct delivery *dv);
void target_lose(struct target *tg, int rc);
/* Is the queue's name gone? The kernel goes on taking messages for a removed POSIX queue,
 * where nobody may ever read them, and nothing tells of it. */
bool target_is_removed(const struct target *tg) MUST_CHECK;
struct cause target_cause(const struct target *tg); /* why it takes nothing just now */

#endif
