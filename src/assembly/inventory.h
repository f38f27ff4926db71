/* The rings and streams that an earlier run left in the runtime directory. Enabled routes claim
 * theirs; the rest is kept as it is, logged, and shown (INVARIANTS I17). */
#ifndef MQBRIDGE_ASSEMBLY_INVENTORY_H
#define MQBRIDGE_ASSEMBLY_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/compiler.h"
#include "base/id.h"

struct conf_queue;
struct deadletters;
struct inventory; /* opaque */
struct log_env;
struct ring;
struct runtime;
struct stream;

/* Open and recover every ring; env is copied, for the overflow logs. A file that is no ring is set aside under another name, as is
 * a stream whose ring is gone. What is recovered is logged. 0 or -errno, logged. */
int inventory_open(
    struct inventory **ret, struct runtime *rt, const struct log_env *env) MUST_CHECK;
/* The letters of which opening a stream's overflow log deletes those that are in it. Borrowed. */
void inventory_use_dead(struct inventory *inv, struct deadletters *dead);
/* Closes what nobody claimed; all claimed rings must be closed later than this. NULL is fine. */
void inventory_close(struct inventory *inv);

/* The ring of that queue, which belongs to the caller, and how many records were recovered in it. All
 * its streams are opened and stay in the inventory until claimed. NULL in *ret: there is none.
 * 0 or -errno, logged. */
int inventory_claim_ring(struct inventory *inv, const struct conf_queue *queue,
    struct ring **ret, uint64_t *ret_recovered) MUST_CHECK;
/* The stream of a claimed ring to that label; belongs to the caller, as does its overflow log.
 * NULL: there is none. */
struct stream *inventory_claim_stream(
    struct inventory *inv, const struct ring *rg, const char *label);
/* The overflow log that such a stream had before a power cut took it; NULL: there is none. */
const struct id *inventory_claim_log(
    struct inventory *inv, const struct conf_queue *queue, const char *label);
/* One that was claimed just now and is not opened can be claimed again; NULL is fine. */
void inventory_unclaim_log(struct inventory *inv, const struct id *log);

/* A ring that was claimed just now and is not closed belongs to inv again; NULL is fine. */
void inventory_unclaim_ring(struct inventory *inv, struct ring *rg);
/* What is kept counts below as left, too. Borrowed. */
struct kept;
void inventory_use_kept(struct inventory *inv, const struct kept *kp);
/* What stays free of the disk, for logs that are opened from now on, and those that are. */
void inventory_set_reserve(struct inventory *inv, uint64_t bytes, unsigned percent);

/* What is left, once every route has claimed: one line each. */
void inventory_log(const struct inventory *inv);

/* A ring that no enabled queue claimed. Strings are borrowed. */
struct inventory_ring {
	const char *uri, *take;
	uint64_t records, used, bytes;
	int64_t oldest_captured_ns; /* 0: none */
	bool streams_tell;          /* its streams are open, and tell what it holds */
};
/* A stream that no enabled route claimed. */
struct inventory_stream {
	const char *uri; /* of its ring */
	const char *label;
	uint64_t waiting, in_flight; /* 0 when its ring was not claimed either */
	int64_t oldest_captured_ns;  /* 0: none */
};
size_t inventory_rings(const struct inventory *inv);
void inventory_ring_at(
    const struct inventory *inv, size_t i, struct inventory_ring *ret);
size_t inventory_streams(const struct inventory *inv);
void inventory_stream_at(
    const struct inventory *inv, size_t i, struct inventory_stream *ret);

#endif
