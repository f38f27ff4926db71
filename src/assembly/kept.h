/* What a reload took out of the configuration and holds messages: the outlets of removed routes and
 * the intakes of queues from which no route takes any more. They go on as they are, but receive and
 * send nothing; a route or queue that is added again claims them (INVARIANTS I17). */
#ifndef MQBRIDGE_ASSEMBLY_KEPT_H
#define MQBRIDGE_ASSEMBLY_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/compiler.h"

struct intake;
struct outlet;
struct ring;
struct kept; /* opaque; used by the loop's thread */

/* Made with the object that may be kept one day, so that keeping it cannot fail. */
struct kept_stream {
	TAILQ_ENTRY(kept_stream) link;
	struct outlet *outlet;
	const struct intake *intake; /* that it is an outlet of */
};
struct kept_ring {
	TAILQ_ENTRY(kept_ring) link;
	struct intake *intake; /* stopped */
};

int kept_new(struct kept **ret) MUST_CHECK;
/* The outlets, when the disk thread has ended; then the intakes, when all others' outlets have. NULL is
 * fine. */
void kept_free_streams(struct kept *kp);
void kept_free(struct kept *kp);

/* They belong to kp from then on, until removed. */
void kept_add_stream(struct kept *kp, struct kept_stream *ks);
void kept_add_ring(struct kept *kp, struct kept_ring *kr);
void kept_remove_stream(struct kept *kp, struct kept_stream *ks);
void kept_remove_ring(struct kept *kp, struct kept_ring *kr);

struct kept_stream *kept_find_stream(
    const struct kept *kp, const struct intake *in, const char *label);
bool kept_has_stream(const struct kept *kp, const struct ring *rg);
struct kept_ring *kept_find_ring(
    const struct kept *kp, const char *uri, const char *take);

/* All stand still from now on, and what holds nothing is ended. */
void kept_settle(struct kept *kp);

/* All of them, for showing; NULL at the end. */
struct kept_stream *kept_next_stream(
    const struct kept *kp, const struct kept_stream *after);
struct kept_ring *kept_next_ring(const struct kept *kp, const struct kept_ring *after);

#endif
