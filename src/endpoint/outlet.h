/* An outlet: the source end of one route: a stream of the intake's ring, offered to a sink.
 * What the sink can never deliver goes to the dead-letter store, by the disk thread; while that store has
 * no room the outlet offers nothing and says so. */
#ifndef MQBRIDGE_ENDPOINT_OUTLET_H
#define MQBRIDGE_ENDPOINT_OUTLET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/compiler.h"
#include "base/reason.h"
#include "flow/source.h"
#include "spool/log.h"
#include "spool/stream.h"

struct deadletters;
struct disk;
struct event_base;
struct histogram;
struct intake;
struct outlet; /* opaque; used by the loop's thread */
struct runtime;

struct outlet_env { /* all borrowed */
	struct event_base *base;
	struct runtime *runtime;
	struct disk *disk;
	struct deadletters *dead;
	struct log_env log;
};

enum outlet_overflow { /* what happens when the log has reached its limit */
	OUTLET_BLOCK,
	OUTLET_DROP_OLDEST, /* of the log */
	OUTLET_DROP_NEWEST, /* what would have to move to it */
	OUTLET_DEAD_LETTER  /* the same */
};

/* What is kept on the disk. */
struct outlet_policy {
	uint64_t log_limit; /* bytes; 0: no overflow log */
	enum outlet_overflow overflow;
	enum log_sync sync;
	uint32_t sync_interval_ms;  /* of the cursors too */
	uint64_t dead_letter_limit; /* of this route, bytes; 0: none of its own */
};

struct outlet_numbers {
	struct stream_numbers stream;
	uint64_t sent;   /* records taken by the sink, since start */
	uint64_t resent; /* of them: offered again after a rewind */
	uint64_t settled;
	uint64_t duplicates; /* of them: sent, and when a resume told, not again */
	uint64_t rejected;   /* dead letters */
	const uint64_t
	    *rejected_for;   /* DEAD_REASONS of them, by enum dead_reason; borrowed */
	uint64_t blocked_ms; /* something waited and the sink took nothing */
	/* From capture to settlement, of those sent since start; borrowed. */
	const struct histogram *transit;
	uint64_t last_progress_ms; /* CLOCK_MONOTONIC of the last settlement, 0: none */
	uint64_t dropped;          /* by the policy of a full overflow log */
	uint64_t purged;           /* by an operator */
	struct cause stopped;      /* why nothing is offered */
	struct cause log;          /* why nothing goes to the overflow log */
};

struct outlet_spec {
	const char *route; /* its name; copied */
	const char
	    *label; /* where to ("hub/orders"): what a stream is found by; copied */
	struct stream *
	    stream; /* taken over with its log, or NULL: made when the intake has a ring */
	struct outlet_policy policy;
	const struct id *log; /* of a log that lost its stream, copied; NULL: none */
	bool held;            /* as outlet_hold() says, from the beginning */
};

/* Somebody who watches what the sink takes. */
struct outlet_tap {
	LIST_ENTRY(outlet_tap) link;
	/* In the middle of the sink's work: it must be short, and change nothing. resent: those up to that
	 * sequence were taken before. */
	void (*see)(
	    struct outlet_tap *tap, const struct source_run *run, uint64_t resent);
	void (*gone)(struct outlet_tap *tap); /* the outlet ends, and the tap with it */
};
LIST_HEAD(outlet_tap_list, outlet_tap);

int outlet_new(struct outlet **ret, const struct outlet_env *env, struct intake *in,
    const struct outlet_spec *spec) MUST_CHECK;
/* No job of it may be on the disk thread; NULL is fine. */
void outlet_free(
    struct outlet *ol); /* no job of it may be on the disk thread; NULL is fine */
struct source *outlet_source(struct outlet *ol);
/* Called by the intake, which must not receive before: the stream exists. What is committed
 * earlier is not the stream's. 0 or -errno (it was logged). */
int outlet_prepare(struct outlet *ol) MUST_CHECK;
/* The same in a reload, so that outlet_undo() leaves nothing behind: a log that was found is not opened
 * before the intake calls. */
int outlet_prepare_new(struct outlet *ol) MUST_CHECK;
/* Called by the intake: new records. */
void outlet_feed(struct outlet *ol);
void outlet_halt(
    struct outlet *ol); /* offer no new records any more: the daemon stops */
/* Paused: nothing new is offered, what was taken still settles, and ring and log fill as with
 * a sink that stands still. */
void outlet_hold(struct outlet *ol, bool on);

/* A reload. The log that policy asks for is made, and is not used yet: 0 or -errno, logged. */
int outlet_get_ready(struct outlet *ol, const struct outlet_policy *policy) MUST_CHECK;
/* What the route says from now on; name: a copy of its name, taken over; NULL: it is the same. */
void outlet_change(struct outlet *ol, const struct outlet_policy *policy, char *name);
void outlet_set_reserve(struct outlet *ol, uint64_t bytes, unsigned percent);
/* Nobody takes from it any more: it keeps what it has, and its log takes nothing. */
void outlet_rest(struct outlet *ol);
/* Does it have a stream, in which messages may be? */
bool outlet_has_stream(const struct outlet *ol);
bool outlet_has_log(const struct outlet *ol); /* or goes on with one that was found */
/* The log that it was given and that is not opened; NULL: none. Borrowed. */
const struct id *outlet_found_log(const struct outlet *ol);
struct id outlet_stream_id(const struct outlet *ol); /* all 0: it has none */
const char *outlet_label(const struct outlet *ol);
/* Like outlet_free(), of an outlet that was made just now: its stream is undone. */
void outlet_undo(struct outlet *ol);

/* Before a clean end: its overflow log to disk, which is done when it is no longer busy. Then:
 * 0, or -EIO, logged: it could not be. */
void outlet_sync(struct outlet *ol);
bool outlet_busy(const struct outlet *ol);
int outlet_synced(const struct outlet *ol) MUST_CHECK;
void outlet_numbers(const struct outlet *ol, struct outlet_numbers *ret);
void outlet_add_tap(struct outlet *ol, struct outlet_tap *tap); /* borrowed */
void outlet_remove_tap(struct outlet_tap *tap);

#endif
