/* Delivery: records into one destination queue, each at most once but for what a crash leaves
 * in doubt. A target is the queue; a delivery is the sink of one stream into it, with its mark.
 * Full: POSIX waits for the descriptor to become writable; of a System V queue one record blocks
 * in the target's worker thread. INVARIANTS I10..I14. */
#ifndef MQBRIDGE_ENDPOINT_DELIVERY_H
#define MQBRIDGE_ENDPOINT_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "flow/sink.h"
#include "lib/ipcq.h"

struct event_base;
struct marks;
struct target; /* opaque; used by the loop's thread */

struct target_spec {
	const char *name; /* of the entry; copied, like all strings */
	const char *uri;
	bool create;
	struct ipcq_create attributes;
};

struct target_numbers {
	bool attached;
	const char *reason;       /* why not, or "" */
	uint64_t depth, capacity; /* messages (POSIX) or bytes (System V), now */
	uint64_t delivered;       /* since start */
	uint64_t rejected;
	bool full; /* a record waits for room */
};

int target_new(struct target **ret, struct event_base *base, struct marks *mk,
    const struct target_spec *spec) MUST_CHECK;
/* No delivery may be left. Interrupts a blocked record: it was not delivered and its intent is
 * withdrawn. NULL is fine. */
void target_free(struct target *tg);
void target_start(struct target *tg);
const char *target_name(const struct target *tg);
void target_numbers(const struct target *tg, struct target_numbers *ret);

enum delivery_fault { /* why a stream cannot be taken */
	DELIVERY_OK = 0,
	DELIVERY_BACK_IN_TIME = 1, /* I15 */
	DELIVERY_NO_SLOT = 2,      /* all marks are in use */
};

/* A sink for the stream that info describes (I13..I15; unknown streams get a mark). label is what
 * the mark shows. 0; a positive enum delivery_fault; or -errno. The sink ends by its close(). */
int delivery_open(struct sink **ret, struct target *tg, const struct source_info *info,
    const char *label) MUST_CHECK;

/* A sink for a local route: it finds its mark and resumes at its first kick that finds the
 * source ready. label is copied. */
int delivery_new(struct sink **ret, struct target *tg, const char *label) MUST_CHECK;

#endif
