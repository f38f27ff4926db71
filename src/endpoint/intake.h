/* Intake: the kernel's messages of one source queue into its ring, in place.
 *
 * The queue is opened (made, if so configured) and watched: one that is not there is waited for, one that is
 * removed is drained and attached anew within a second. POSIX queues are polled by the loop; for a System V queue a
 * worker thread waits without taking. When the ring is full intake pauses and the producers
 * block. docs/architecture.md, section "Intake". */
#ifndef MQBRIDGE_ENDPOINT_INTAKE_H
#define MQBRIDGE_ENDPOINT_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/reason.h"
#include "base/take.h"
#include "lib/ipcq.h"

struct event_base;
struct intake; /* opaque; used by the loop's thread */
struct outlet;
struct ring;
struct runtime;

struct intake_spec {
	const char *name; /* of the entry; copied, like all strings */
	const char *uri;
	const char *take_text;
	struct take take;
	uint64_t ring_bytes;
	bool create;
	struct ipcq_create attributes;
};

struct intake_numbers {
	bool attached;
	bool held;          /* by intake_hold() */
	struct cause cause; /* why not attached, or why nothing is received */
	uint64_t depth,
	    capacity; /* of the queue: messages (POSIX) or bytes (System V), now */
	uint64_t
	    blocked_since_ms; /* CLOCK_MONOTONIC: nothing fits into the ring, 0: it does */
	uint64_t ring_records, ring_used, ring_bytes;
	uint64_t received;   /* since start */
	uint32_t max_body;   /* 0: no ring yet */
	uint64_t blocked_ms; /* nothing was taken, for want of room in the ring */
	struct ipcq_attributes attributes; /* now; all 0: not attached */
};

/* ring: the recovered ring of this queue, taken over, or NULL: made when the queue is there. */
int intake_new(struct intake **ret, struct event_base *base, struct runtime *rt,
    const struct intake_spec *spec, struct ring *ring) MUST_CHECK;
void intake_free(struct intake *in);  /* stops; closes ring and queue; NULL is fine */
void intake_start(struct intake *in); /* attach and begin to receive */
void intake_stop(
    struct intake *in); /* nothing is received any more; the ring stays open */

/* A reload: another name, ring size or attributes of what is created; uri and take are the same.
 * name is a copy of spec's, taken over. A ring changes its size when it is empty next. */
void intake_change(struct intake *in, const struct intake_spec *spec, char *name);
/* Nothing is received while it is held, also from its start: what comes stays in the queue. It is
 * attached all the same. */
void intake_hold(struct intake *in, bool on);

/* Outlets are told of new records; they are borrowed and leave by intake_remove(). */
void intake_add(struct intake *in, struct outlet *ol);
void intake_remove(struct intake *in, struct outlet *ol);
void intake_space(struct intake *in); /* the ring may have room again */
/* Does it wait for the ring to be empty, so that it can grow? */
bool intake_waits_to_grow(const struct intake *in);

struct ring *intake_ring(
    const struct intake *in); /* NULL until the queue was there once; borrowed */
const char *intake_name(const struct intake *in);
const struct intake_spec *intake_spec(const struct intake *in);
/* The queue's attributes, as read when it was attached; all 0 before. */
const struct ipcq_attributes *intake_attributes(const struct intake *in);
void intake_numbers(const struct intake *in, struct intake_numbers *ret);
/* Why it is not attached; REASON_NONE: it is. Without a system call. */
struct cause intake_absence(const struct intake *in);

#endif
