/* The overflow log of one stream: what its ring could not keep, in checksummed append-only
 * segments in the state directory, first in first out within each priority. The disk thread
 * does all that may wait for a disk. INVARIANTS I1, I7, I18, I21; docs/spool-format.md,
 * section 8. */
#ifndef MQBRIDGE_SPOOL_LOG_H
#define MQBRIDGE_SPOOL_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/id.h"
#include "record/record.h"

struct deadletter;
struct disk;
struct log; /* opaque; used by the loop's thread */
struct names;

/* A record's place as a send journal keeps it: that bit, the segment's number (32 bits), the
 * record's offset in its file. Of records that lie one behind the other in one frame the places
 * do too. */
#define LOG_PLACE             (UINT64_C(1) << 63)
#define LOG_PLACE_OFFSET_BITS 31
#define LOG_BATCH             1024                   /* records of one move at most */
#define LOG_BATCH_BYTES       (UINT64_C(512) * 1024) /* but one record may be larger */

enum log_sync { LOG_SYNC_NEVER, LOG_SYNC_INTERVAL, LOG_SYNC_ALWAYS };

struct log_env { /* borrowed */
	int runtime_fd, state_fd;
	struct disk *disk;
	uint64_t reserve_bytes;   /* of the state directory's file system stay free */
	unsigned reserve_percent; /* or that share of it, if it is more */
	int64_t clock_offset_ns;  /* of the runtime clock to CLOCK_BOOTTIME */
};

/* Of an opening that may take long, for another thread to look at and to end. */
struct log_progress {
	uint64_t done, all; /* files */
	bool ended;         /* it gives up: -ECANCELED */
};

struct log_spec {
	struct id stream, ring; /* the present ones */
	uint32_t seed;          /* of the present ring's checksums */
	const char *uri, *take,
	    *label; /* what a log is found by when its stream is gone; copied */
	uint64_t
	    limit; /* bytes of what is not settled; on disk up to 1/16 more a priority */
	enum log_sync sync;
	/* Appended, loaded, failed or freed: go on. From disk_collect() and log_save_cursors()
	 * only; may close the log. NULL: nobody is told. */
	void (*changed)(void *owner);
	void *owner;
	struct log_progress *progress; /* borrowed; NULL: nobody looks */
};

struct log_numbers {
	uint64_t waiting; /* records not yet given a sequence */
	uint64_t bytes;   /* of what is not settled, as the limit counts */
	uint64_t limit;
	uint64_t segments;          /* files */
	uint64_t memory;            /* bytes of records that were read */
	uint64_t dropped;           /* by policy, since start */
	uint64_t damaged;           /* records given up, since start */
	uint64_t sync_failures;     /* since start */
	int64_t oldest_captured_ns; /* of what waits, 0: nothing */
	const char *failed; /* why nothing is appended, or may not be on disk; or "" */
};

/* One record of a move. */
struct log_item {
	const struct record
	    *rec;         /* stays, unsettled by the stream, until the move is done */
	int64_t priority; /* SEGMENT_SENT: in flight */
	uint64_t seq;     /* in flight, else 0 */
	uint64_t place;   /* set when done */
};

/* Something in a segment that is damaged: it is skipped, and the file kept with another name
 * when all else in it is settled. */
struct log_damage {
	/* Below the state directory "logs/<id>/segment-...", below the runtime one "log-<id>". */
	char file[80];
	uint64_t offset;
	uint64_t records; /* lost by it; 0: none, or not known how many */
};

/* Make an empty log, which waits for no disk: its directory is made by the disk thread when the
 * first batch comes, which fails if it cannot be made.
 * Open the one in logs/<id>: recovers, in any thread, before
 * anything flows. With its file log-<id> in the runtime directory nothing is lost and nothing
 * comes twice; without (a power cut) all that is on disk and was not settled when the cursors
 * were last saved waits again: *ret_replayed records, which may be sent a second time; what
 * is cut off at the end of a file is no loss. If stream or ring are others than before, the
 * records are sealed anew for the present ring, each with its place as its number.
 * If log-<id> is damaged it is set aside and what it told counts as lost.
 * 0; -ENOTSUP: something is of a newer version (the caller leaves the log alone); -ECANCELED:
 * log_progress_end(); or -errno. */
int log_create(struct log **ret, const struct log_env *env,
    const struct log_spec *spec) MUST_CHECK;
int log_open(struct log **ret, const struct log_env *env, const struct id *id,
    const struct log_spec *spec, uint64_t *ret_replayed) MUST_CHECK;
/* While it is being opened. Any thread. */
void log_progress_read(const struct log_progress *pg, struct log_progress *ret);
void log_progress_end(struct log_progress *pg);
/* Opened before its route is known (its changed NULL, limit 0): now it is. */
void log_configure(struct log *lg, uint64_t limit, enum log_sync sync,
    void (*changed)(void *owner), void *owner);
/* What stays free of the disk, for what is written from then on. */
void log_set_reserve(struct log *lg, uint64_t bytes, unsigned percent);
/* Whose log is logs/<id>? For finding it again, before log_open(). 0, -EBADMSG, -ENOTSUP or
 * -errno. */
#define LOG_URI   512 /* bytes with NUL */
#define LOG_TAKE  32
#define LOG_LABEL 512
struct log_about {
	struct id log, stream, ring;
	char uri[LOG_URI], take[LOG_TAKE], label[LOG_LABEL];
};
int log_identify(struct log_about *ret, int state_fd, const struct id *id) MUST_CHECK;
/* A kill may leave a log that is only begun: a directory without a word on whose it is, and
 * without a segment. 0, it is removed; -ENOTEMPTY: it holds more than that; or -errno. */
int log_remove_begun(int state_fd, const struct id *id) MUST_CHECK;
/* Could a log be made there? It waits for the disk, and leaves nothing. 0 or -errno. */
int log_try(int state_fd) MUST_CHECK;
/* The ids of all logs there, as names; names_done() is due. 0 or -errno. */
int log_list(struct names *ret, int state_fd) MUST_CHECK;
/* With all its memory; of one to which nothing was ever appended no trace stays. NULL is fine. Jobs
 * that are on the disk thread end first, without
 * telling anybody: what they append is not committed. Until log_busy() is false the same
 * log must not be opened again, and the ring of a batch must stay. */
void log_close(struct log *lg);
bool log_busy(const struct log *lg); /* it has jobs on the disk thread */
const struct id *log_id(const struct log *lg);
void log_numbers(const struct log *lg, struct log_numbers *ret);
uint32_t log_max_body(const struct log *lg); /* largest body in it, bytes */
/* What was found damaged and not yet told; the list is short, the newest are only counted. */
bool log_damage(struct log *lg, struct log_damage *ret);

/* For recovery: is that number of the present ring in a committed frame, and where? Place or 0.
 * Only numbers >= first are looked up; log_numbers_done() frees the table. */
int log_numbers_load(struct log *lg, uint64_t first) MUST_CHECK;
uint64_t log_number_place(const struct log *lg, uint64_t number);
void log_numbers_done(struct log *lg);
bool log_place_settled(const struct log *lg, uint64_t place); /* or not of this log */
/* Recovery: that place is in flight: reading goes on behind it. In the order of sequences.
 * 0 or -EBADMSG. */
int log_place_sent(struct log *lg, uint64_t place) MUST_CHECK;

/* Append a batch, oldest first, sorted into segments by the log. items is copied. done is called
 * from disk_collect() with the items in the same order, their places set and committed (and
 * synced, when always), or with rc < 0 and nothing changed: -ENOSPC (disk or reserve), -EIO
 * (the file is not used again, trying again takes another) ...
 * 0; nothing will be called: -EBUSY: one is on its way; -EDQUOT: the limit; -ENOMEM ... */
typedef void log_done(void *owner, const struct log_item *items, size_t count, int rc);
int log_append(struct log *lg, const struct log_item *items, size_t count,
    log_done *done, void *owner) MUST_CHECK;
/* Requeue: the record of a dead letter, copied, with its key. Its age begins anew, and it is
 * sent with its place as its number. The limit does not count. done(owner, NULL, 0, rc) when
 * it is committed and synced; only then may the dead letter be deleted. As log_append(). */
int log_requeue(struct log *lg, const struct deadletter *dl, int64_t priority,
    log_done *done, void *owner) MUST_CHECK;
/* Does an unsettled record in the log come from that dead letter? For recovery, until
 * log_numbers_done(). */
bool log_has_letter(const struct log *lg, const struct id *ring, uint64_t number,
    const struct id *stream);
/* Everything to disk that is not yet: what was appended, names of files, cursors. A job on the
 * disk thread; changed() comes. For durability "disk" each interval, and before a clean stop:
 * when it is no longer busy, log_synced() tells. */
void log_sync(struct log *lg);
/* Is all of it on disk? Never again when a sync failed, as long as that file is there. */
bool log_synced(const struct log *lg);
/* To be called once in each interval: the cursors to disk, when they changed; segments that are
 * settled and idle go; what failed is tried again. */
void log_save_cursors(struct log *lg);

/* What goes next: priority of the first waiting record, false: none. */
bool log_first(const struct log *lg, int64_t *ret_priority);
/* That record, if it is in memory; else it is being loaded and changed() comes. Borrowed until
 * control returns to the loop, once popped until settled. */
const struct record *log_peek(struct log *lg, uint64_t *ret_place);
void log_pop(struct log *lg); /* the peeked one has its sequence */
/* A record in flight. Borrowed until settled. NULL: it is being loaded, changed() comes; or
 * log_lost(): it is damaged. */
const struct record *log_at(struct log *lg, uint64_t place);
bool log_lost(const struct log *lg, uint64_t place);
/* When it was captured; 0: it is not in memory. */
int64_t log_captured_ns(const struct log *lg, uint64_t place);
/* In the order of each segment. The record need not be in memory: what starts below the
 * settled offset is settled, so the offset stored is that of the record + 1. */
void log_settle(struct log *lg, uint64_t place);
/* Is the peeked one the oldest unsettled of its segment, so that it may be settled alone? */
bool log_first_alone(const struct log *lg);
/* Drop the oldest waiting records, about that many bytes: their number. 0: not now; changed()
 * comes if they are being loaded. */
uint64_t log_drop_oldest(struct log *lg, uint64_t bytes);

#endif
