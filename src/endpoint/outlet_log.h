/* What an outlet keeps in an overflow log, and when: a part of outlet.c. */
#ifndef MQBRIDGE_ENDPOINT_OUTLET_LOG_H
#define MQBRIDGE_ENDPOINT_OUTLET_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "endpoint/outlet.h"
#include "spool/disk.h"
#include "spool/log.h"

struct event;

/* What the log had no room for goes to the dead-letter store, some letters a job. */
struct outlet_shed {
	struct disk_job job; /* first: a job is cast to its shed */
	struct outlet *outlet;
	const struct log_item *items; /* the stream's batch; NULL: nothing is shed */
	size_t count, stored;
};

struct outlet_opening; /* outlet_open.c */

struct outlet_log {
	struct outlet_policy policy;
	struct log *log;                /* NULL: none */
	struct id found;                /* of a log that lost its stream; none: 0 */
	struct outlet_opening *opening; /* of that one */
	struct event *tick;             /* interval; retries */
	bool moving;                    /* a batch is on its way */
	bool full;        /* wait until something is freed or read, or for the tick */
	bool failed;      /* wait for the tick before the next */
	uint64_t until;   /* durability: what was captured before that position moves */
	uint64_t dropped; /* by policy */
	uint64_t dropped_told; /* of them: the program's log tells */
	uint64_t drops_ms;     /* when that was looked at last; 0: nothing is dropped */
	enum reason reason;    /* why nothing can move */
	char detail[160];      /* the same in words, "" */
	struct outlet_shed shed;
};

struct outlet;

int outlet_init_log(struct outlet *ol, const struct outlet_policy *policy,
    const struct id *found) MUST_CHECK;
void outlet_done_log(struct outlet *ol);
/* The stream is there: its log is opened or made, if it has one. 0 or -errno, logged. */
int outlet_prepare_log(struct outlet *ol) MUST_CHECK;
void outlet_on_log_changed(void *owner); /* what log_configure() is given */
/* outlet_open.c: the log that was found: 0; -EINPROGRESS: the disk thread is opening it, ask again;
 * or -errno, as log_open(). */
int outlet_open_log(struct outlet *ol, const struct log_spec *spec, struct log **ret,
    uint64_t *ret_replayed) MUST_CHECK;
void outlet_halt_opening(struct outlet *ol); /* nobody will ask again */
void outlet_done_opening(struct outlet *ol);
/* outlet_trouble.c: what is wrong with the log, for show routes and for the program's log, once. */
void outlet_log_trouble(struct outlet *ol, int rc);
void outlet_shed_trouble(struct outlet *ol, int rc); /* nor do dead letters have room */
/* Nothing is wrong any more. how: what the log does again. */
void outlet_log_mended(struct outlet *ol, const char *how);
/* The policy of a full log dropped count messages. which: those that go. */
void outlet_log_dropped(struct outlet *ol, uint64_t count, const char *which);
void outlet_log_review_drops(struct outlet *ol); /* to be called now and then */
void outlet_log_tell_dropped(struct outlet *ol); /* those that were not told yet */
/* Move what must move. Called when records came, and when they went. */
void outlet_turn_log(struct outlet *ol);

#endif
