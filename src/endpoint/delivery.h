/* Delivery: records into one destination queue, each at most once but for what a crash leaves
 * in doubt. A target is the queue; a delivery is the sink of one stream into it, with its mark.
 * Full: POSIX waits for the descriptor to become writable; of a System V queue one record blocks
 * in the target's worker thread. INVARIANTS I10..I14. */
#ifndef MQBRIDGE_ENDPOINT_DELIVERY_H
#define MQBRIDGE_ENDPOINT_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/reason.h"
#include "flow/sink.h"
#include "lib/ipcq.h"

struct deadletters;
struct disk;
struct event_base;
struct marks;
struct record;
struct target; /* opaque; used by the loop's thread */

struct target_env { /* borrowed, as long as targets and deliveries last */
	struct event_base *base;
	struct marks *marks;
	struct disk *disk;
	struct deadletters *dead; /* where messages are held */
};

/* For a message that may be in the queue already. Numbers as enum conf_in_doubt. */
enum target_in_doubt { TARGET_RESEND, TARGET_DROP, TARGET_HOLD };

struct target_spec {
	const char *name; /* of the entry; copied, like all strings */
	const char *uri;
	bool create;
	struct ipcq_create attributes;
	enum target_in_doubt in_doubt;
	bool hold_recovered; /* a message whose end is a guess is held */
};

struct target_numbers {
	bool attached;
	struct cause cause;       /* why not, or why a stream stopped, or full */
	uint64_t depth, capacity; /* messages (POSIX) or bytes (System V), now */
	uint64_t delivered;       /* since start */
	uint64_t rejected;
	/* Messages in doubt that came again, and how that ended; held: recovered ones too. */
	uint64_t dropped, held, found, not_taken;
	bool full;                         /* a record waits for room */
	uint64_t full_since_ms;            /* and since then it took none; 0: no */
	uint64_t blocked_ms;               /* a record waited for room */
	struct ipcq_attributes attributes; /* now; all 0: not attached */
};

int target_new(struct target **ret, const struct target_env *env,
    const struct target_spec *spec) MUST_CHECK;
/* No delivery may be left. Interrupts a blocked record: it was not delivered and its intent is
 * withdrawn. NULL is fine. */
void target_free(struct target *tg);
void target_start(struct target *tg);
/* A reload: what spec says, but for name and uri, which are the same. */
void target_change(struct target *tg, const struct target_spec *spec);
bool target_is_of(const struct target *tg, const struct sink *snk); /* its delivery? */
const char *target_name(const struct target *tg);
void target_numbers(const struct target *tg, struct target_numbers *ret);
/* As they were when it was attached, or changed last; NULL: it is not attached. */
const struct ipcq_attributes *target_attributes(const struct target *tg);
/* Put one message that belongs to no stream any more into the queue. from_sysv: its type
 * is one of a System V queue. 0, -EAGAIN (full), -ENOTCONN (no queue), -EMSGSIZE, -ERANGE (it has no
 * such type), -EIDRM (the queue was removed meanwhile, perhaps with it) or -errno. */
int target_put(struct target *tg, const struct record *rec, bool from_sysv) MUST_CHECK;

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
