/* Inside of an overflow log, shared by log.c (life and numbers), log_index.c (segments and
 * their order), log_append.c, log_batch.c, log_write.c (on the disk thread), log_chunk.c, log_read.c,
 * log_settle.c, log_sync.c, log_files.c, log_recover.c, log_walk.c, log_known.c and log_look.c. All but what is said to be the disk thread's is
 * used by the loop's thread alone. */
#ifndef MQBRIDGE_SPOOL_LOG_PRIVATE_H
#define MQBRIDGE_SPOOL_LOG_PRIVATE_H

#include <stdio.h>
#include <sys/queue.h>

#include "spool/disk.h"
#include "spool/log.h"
#include "spool/log_cursor.h"
#include "spool/segment.h"

#define LOG_SEGMENT_NAME 32 /* bytes; "segment-<16 digits>" with a suffix and NUL */
#define LOG_DAMAGES      16 /* kept until somebody asks */
#define LOG_IDLE_BYTES   (UINT64_C(2) << 20) /* of chunks that nobody points into */
#define LOG_IDLE_MS      1000 /* a settled segment that is appended to goes after that */

struct log_segment;

/* Records in memory. Pinned by those that were handed out and are not settled. */
struct log_chunk {
	TAILQ_ENTRY(log_chunk) link; /* all, in the order of loading */
	struct log_chunk *next;      /* of the segment, in the order of offsets */
	struct log_segment *segment;
	struct segment_piece piece;
	uint64_t pinned; /* offset of the last that was handed out, 0: none */
	bool followed;   /* what comes behind it was asked for */
};

struct log_segment {
	uint64_t number;
	int64_t priority;
	uint32_t slot;
	bool appended;    /* the lane appends to it */
	bool appending;   /* and does so now */
	bool suspect;     /* a sync of it failed */
	bool damaged;     /* kept under another name */
	bool guessed;     /* its slot was damaged: what is in flight may be gone */
	bool lost;        /* nobody knows how many records wait */
	bool summed;      /* sum is that of all that is committed */
	bool behind_skip; /* something behind the range that is skipped is in flight */
	uint64_t end;     /* as committed */
	uint64_t settled, skip_from, skip_to; /* as in its slot */
	uint64_t synced;
	uint64_t read;     /* nothing that begins before it waits; end: nothing does */
	uint64_t hint;     /* offset of a frame at or before read */
	uint64_t oldest;   /* the same, for the oldest that is not settled */
	uint64_t told;     /* offset: damage before it was told */
	int64_t missing;   /* records that frames had and that were not found, in all */
	uint64_t given_up; /* the same as it was told: never below 0 */
	uint64_t waiting, in_flight; /* records; waiting: as far as can be told */
	uint64_t total;              /* records that were committed, 0: not known */
	struct log_sum sum;
	uint64_t live;          /* bytes not settled */
	uint64_t last_seq;      /* SEGMENT_SENT: of the last record */
	int64_t captured_ns;    /* of the first that waits, or about that */
	uint64_t idle_ms;       /* since when it was settled whole */
	uint64_t unreadable_ms; /* since when the disk cannot read it; 0: it can */
	struct log_chunk *chunks;
	struct log_chunk
	    *reading; /* read is a record in its run; NULL: not in memory */
	size_t run;
	struct log_segment *next; /* in its lane; or in a list of dying ones */
};

/* The segments of one priority, in the order of numbers. */
struct log_lane {
	int64_t priority;
	struct log_segment *first, *last;
	struct log_segment *reading; /* the first with anything unread, or NULL */
};

struct log_letter { /* of a frame that came from a dead letter */
	struct id ring, stream;
	uint64_t number;
	uint64_t place;
};

struct log_known { /* where a number of the present ring is */
	uint64_t number;
	uint64_t place;
};

struct log_read {            /* job of the disk thread */
	struct disk_job job; /* first: a job is cast to it */
	struct log *log;
	struct segment_file file;
	uint64_t hint, want;
	struct segment_piece piece;
	bool gone; /* there is no such file */
};

struct log_unlink {
	struct disk_job job;
	struct log *log;
	struct log_segment *list;
};

struct log_append;
struct log_flush;

struct log {
	struct disk *disk;
	struct id id, ring;
	uint32_t seed;
	enum log_sync sync;
	uint64_t limit;
	void (*changed)(void *owner);
	void *owner;
	struct log_about about; /* whose it is, when has_dir comes */
	bool has_dir;       /* the disk thread's: it has begun in the state directory */
	int dir_fd;         /* logs/<id> */
	struct log_env env; /* for what the disk thread needs of it */
	struct log_cursor cursor;
	unsigned jobs; /* on the disk thread */
	bool guessed;  /* slots were damaged: segments may be gone that are in flight */
	bool closed;
	bool reading;  /* reader is on its way */
	bool removing; /* remover is */

	struct log_segment **segments; /* by number */
	size_t n_segments, segments_room;
	struct log_lane *lanes; /* highest priority first */
	size_t n_lanes, lanes_room;
	size_t top; /* the first lane with anything unread; n_lanes: none */
	TAILQ_HEAD(, log_chunk) chunks;
	uint64_t memory; /* bytes of chunks */

	uint64_t waiting, live, dropped, n_damaged, sync_failures;
	uint32_t max_body;
	unsigned idle;    /* segments that are appended to and settled whole */
	unsigned suspect; /* segments */
	int failure;      /* -errno of the last append, 0: it succeeded */
	int read_failure; /* the same of the last read; tried again in the next interval */
	bool dirty;       /* cursors are not on disk as they are */
	bool dir_dirty;   /* nor are names of files */
	bool flush_again; /* all, when flush has ended */

	struct log_append *append; /* on its way, or NULL */
	struct log_flush *flush;   /* the same */
	struct log_read reader;
	struct log_unlink remover;
	struct log_segment *dying; /* to be unlinked by the next job */
	uint64_t append_number;
	int append_fd; /* the disk thread's */

	unsigned n_damages;
	struct log_damage damages[LOG_DAMAGES];
	struct log_letter *letters;
	size_t n_letters, letters_room;
	struct log_known *known; /* by number */
	size_t n_known, known_room;
};

static inline uint64_t
log_place(uint64_t segment, uint64_t offset)
{
	return LOG_PLACE | segment << LOG_PLACE_OFFSET_BITS | offset;
}

static inline uint64_t
log_place_segment(uint64_t place)
{
	return (place & ~LOG_PLACE) >> LOG_PLACE_OFFSET_BITS;
}

static inline uint64_t
log_place_offset(uint64_t place)
{
	return place & ((UINT64_C(1) << LOG_PLACE_OFFSET_BITS) - 1);
}

/* One store, after which it is so. */
static inline void
log_segment_store(
    struct log *lg, struct log_segment *sg, enum log_word which, uint64_t value)
{
	log_cursor_store(&lg->cursor, sg->slot, sg->number, which, value);
	if (which == LOG_SETTLED)
		sg->settled = value;
	else if (which == LOG_SKIP_FROM)
		sg->skip_from = value;
	else if (which == LOG_SKIP_TO)
		sg->skip_to = value;
}

/* Is there a range that is skipped, and not all settled? */
static inline bool
log_segment_skips(const struct log_segment *sg)
{
	return sg->skip_to > sg->skip_from && sg->skip_to > sg->settled;
}

/* Capture time of the first that waits in it, or about that. */
static inline int64_t
log_segment_captured(const struct log_segment *sg)
{
	return sg->reading == NULL
		   ? sg->captured_ns
		   : segment_record(&sg->reading->piece, sg->read)->captured_ns;
}

/* Its file for reading; the descriptor is the caller's to fill in. */
static inline struct segment_file
log_file(const struct log *lg, const struct log_segment *sg)
{
	return (struct segment_file){ .fd = -1,
		.log = lg->id,
		.number = sg->number,
		.end = sg->end,
		.records = sg->total };
}

/* ---- log.c: jobs ---------------------------------------------------------------- */

void log_job_start(struct log *lg, struct disk_job *job);
/* The last thing of a job's done(), as it may free the log: tells the owner, when it should. */
void log_job_end(struct log *lg, bool tell);

/* ---- log_index.c ---------------------------------------------------------------- */

struct log_segment *log_find(const struct log *lg, uint64_t number);    /* or NULL */
struct log_lane *log_lane_find(const struct log *lg, int64_t priority); /* or NULL */
/* Takes over the segment, whose number is higher than all of its lane's. 0 or -ENOMEM. */
int log_index_add(struct log *lg, struct log_segment *sg) MUST_CHECK;
/* Out of order and lane; the caller's again. */
void log_index_remove(struct log *lg, struct log_segment *sg);
/* What a segment has unread changed: which one of its lane is next, which lane is first. */
void log_lane_update(struct log *lg, int64_t priority);
/* The bytes of it that are not settled. */
void log_segment_account(struct log *lg, struct log_segment *sg);
/* Frees it with its chunks. */
void log_segment_free(struct log *lg, struct log_segment *sg);

/* ---- log_read.c ----------------------------------------------------------------- */

/* Make `reading` of a segment valid: 1; -EAGAIN: it is being loaded; 0: there was nothing left to
 * read in it, and it may be gone. */
int log_read_here(struct log *lg, struct log_segment *sg) MUST_CHECK;
/* The record at `read` is no longer what comes next: go to the one behind it. */
void log_read_on(struct log *lg, struct log_segment *sg);
/* What begins before that offset, and is in the same chunk, was dropped. */
void log_read_past(struct log *lg, struct log_segment *sg, uint64_t offset);
/* ---- log_chunk.c: pieces of segments in memory ---------------------------------- */

/* The one that holds that offset, or NULL. */
struct log_chunk *log_chunk_at(const struct log_segment *sg, uint64_t offset);
/* Load it, unless something is being loaded already, or failed to; changed() comes. hint: of a frame
 * at or before it. */
void log_chunk_request(
    struct log *lg, const struct log_segment *sg, uint64_t hint, uint64_t want);
void log_chunk_free(struct log *lg, struct log_chunk *ck);
/* A capture time, as it was told when the clocks were so, on the present runtime clock, which
 * may have begun anew since. Any thread. */
int64_t log_captured_now(
    const struct log *lg, int64_t captured_ns, int64_t clock_ns, int64_t wall_ns);
void log_damage_tell(
    struct log *lg, const char *file, uint64_t offset, uint64_t records);
/* The same for something in a segment, which is kept then. */
void log_damage_add(
    struct log *lg, struct log_segment *sg, uint64_t offset, uint64_t records);

/* ---- log_settle.c --------------------------------------------------------------- */

/* Nothing of it waits or is in flight: it goes, unless it is appended to. */
void log_segment_check(struct log *lg, struct log_segment *sg);
/* It is no longer appended to; log_segment_check() is due. */
void log_segment_retire(struct log *lg, struct log_segment *sg);
/* Unlink what is dying. */
void log_remove(struct log *lg);

/* ---- log_walk.c: what a file holds, when it is opened again ---------------------- */

/* What waits in it, how far it is read, its priority. If it is summed, only frames up to the first
 * in which anything waits are looked at, else all, and it is summed after that unless something is
 * damaged. 0; -ENOTSUP or -errno. */
int log_walk(
    struct log *lg, struct log_segment *sg, const struct segment_file *sf) MUST_CHECK;
/* After a power cut: sf ends with the last whole record. What is cut off never was synced, unless
 * it lies before that offset: then it is damage. 0 or -errno. */
int log_cut_tail(struct log *lg, struct log_segment *sg, struct segment_file *sf,
    uint64_t synced) MUST_CHECK;

/* ---- log_recover.c --------------------------------------------------------------- */

int log_recover(
    struct log *lg, const struct log_spec *spec, uint64_t *ret_replayed) MUST_CHECK;

/* ---- log_files.c: what lies in the state directory ------------------------------ */

static inline char *
log_segment_name(char buf[LOG_SEGMENT_NAME], uint64_t number)
{
	(void)snprintf(
	    buf, LOG_SEGMENT_NAME, "segment-%016llx", (unsigned long long)number);
	return buf;
}

struct log_saved { /* an entry of the file "cursors" */
	uint64_t segment;
	uint64_t settled;
	uint64_t skip_from, skip_to;
	uint64_t synced; /* offset: all before it was on disk */
};

struct log_saved_all {    /* free(entries) */
	uint64_t numbers; /* the highest that was given */
	struct log_saved *entries;
	size_t n_entries;
};

/* The directory logs/<id>: its descriptor, or -errno. */
int log_dir_make(int state_fd, const struct id *log) MUST_CHECK;
int log_dir_open(int state_fd, const struct id *log) MUST_CHECK;
/* Is the directory of all logs one, if it is there? 0 or -errno. */
int log_dirs_look(int state_fd) MUST_CHECK;
/* On the disk thread, or while it does nothing: what a log that was only created has not on the disk yet. Its directory comes
 * first: what the runtime directory says of a log must be there. 0 or -errno, try again. */
int log_dir_begin(struct log *lg) MUST_CHECK;
/* 0 or -ENAMETOOLONG. */
int log_about_fill(struct log_about *ret, const struct id *log,
    const struct log_spec *spec) MUST_CHECK;
int log_about_write(int dir_fd, const struct log_about *la) MUST_CHECK;
/* -ENOENT, -EBADMSG, -ENOTSUP, -ENOMEM or -errno. */
int log_about_read(struct log_about *ret, int dir_fd, const struct id *log) MUST_CHECK;
/* Whose it is from now on, if it was another's. */
int log_about_renew(const struct log *lg, const struct log_spec *spec) MUST_CHECK;
/* -ENOMEM, or a malloc'ed file, for log_saved_write(). synced: all will have been, by then. */
int log_saved_compose(
    const struct log *lg, bool synced, uint8_t **ret, size_t *ret_len) MUST_CHECK;
int log_saved_write(int dir_fd, const uint8_t *bytes, size_t len) MUST_CHECK;
/* The file as it is: 0, -ENOENT, -EBADMSG, -ENOTSUP, -ENOMEM or -errno. */
int log_saved_check(
    struct log_saved_all *ret, int dir_fd, const struct id *log) MUST_CHECK;
/* What is absent or damaged is as if nothing were settled: all comes again. -ENOTSUP, -ENOMEM
 * or -errno. */
int log_saved_read(
    struct log_saved_all *ret, int dir_fd, const struct id *log) MUST_CHECK;

#endif
