/* An outlet: the source end of one route: a stream of the intake's ring, offered to a sink.
 * What the sink can never deliver goes to the dead-letter store, by the disk thread; while that store has
 * no room the outlet offers nothing and says so. */
#ifndef MQBRIDGE_ENDPOINT_OUTLET_H
#define MQBRIDGE_ENDPOINT_OUTLET_H

#include <stdint.h>

#include "base/compiler.h"
#include "flow/source.h"
#include "spool/stream.h"

struct deadletters;
struct disk;
struct event_base;
struct intake;
struct outlet; /* opaque; used by the loop's thread */
struct runtime;

struct outlet_env { /* all borrowed */
	struct event_base *base;
	struct runtime *runtime;
	struct disk *disk;
	struct deadletters *dead;
};

struct outlet_numbers {
	struct stream_numbers stream;
	uint64_t sent;   /* records taken by the sink, since start */
	uint64_t resent; /* of them: offered again after a rewind */
	uint64_t settled;
	uint64_t rejected;         /* dead letters */
	uint64_t last_progress_ms; /* CLOCK_MONOTONIC of the last settlement, 0: none */
	const char *stopped;       /* why nothing is offered, or "" */
};

struct outlet_spec {
	const char *route; /* its name; copied */
	const char
	    *label; /* where to ("hub/orders"): what a stream is found by; copied */
	struct stream
	    *stream; /* taken over, or NULL: made when the intake has a ring */
};

int outlet_new(struct outlet **ret, const struct outlet_env *env, struct intake *in,
    const struct outlet_spec *spec) MUST_CHECK;
/* No job of it may be on the disk thread; NULL is fine. */
void outlet_free(
    struct outlet *ol); /* no job of it may be on the disk thread; NULL is fine */
struct source *outlet_source(struct outlet *ol);
/* Called by the intake, which must not receive before: the stream exists. What is committed
 * earlier is not the stream's. 0 or -errno (it was logged). */
int outlet_prepare(struct outlet *ol) MUST_CHECK;
/* Called by the intake: new records. */
void outlet_feed(struct outlet *ol);
void outlet_halt(
    struct outlet *ol); /* offer no new records any more: the daemon stops */
void outlet_numbers(const struct outlet *ol, struct outlet_numbers *ret);

#endif
