#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/file.h"
#include "spool/log_private.h"

/* ---- segments that go -------------------------------------------------------------- */

/* On the disk thread. What was damaged in it is for an operator to look at. */
static int
unlink_one(const struct log *lg, const struct log_segment *sg)
{
	char name[LOG_SEGMENT_NAME], kept[LOG_SEGMENT_NAME + sizeof(".damaged-99")];
	int rc;

	log_segment_name(name, sg->number);
	if (sg->damaged) {
		(void)snprintf(kept, sizeof(kept), "%s.damaged", name);
		rc = file_set_aside(lg->dir_fd, name, kept, sizeof(kept));
	} else {
		rc = unlinkat(lg->dir_fd, name, 0) < 0 ? -errno : 0;
	}
	return rc == -ENOENT ? 0 : rc;
}

static int
unlink_run(struct disk_job *job)
{
	struct log_unlink *lu = (struct log_unlink *)(void *)job;
	struct log *lg = lu->log;

	if (!lg->has_dir)
		return 0;
	for (const struct log_segment *sg = lu->list; sg != NULL; sg = sg->next) {
		int rc = unlink_one(lg, sg);

		if (rc < 0)
			return rc;
		CRASH_POINT("log_settle.unlinked");
		if (lg->append_fd >= 0 && lg->append_number == sg->number) {
			(void)close(lg->append_fd);
			lg->append_fd = -1;
		}
	}
	return file_sync_dir(lg->dir_fd);
}

static void
put_back(struct log *lg, struct log_segment *list)
{
	struct log_segment **at = &lg->dying;

	while (*at != NULL)
		at = &(*at)->next;
	*at = list;
}

static void
unlink_done(struct disk_job *job, int rc)
{
	struct log_unlink *lu = (struct log_unlink *)(void *)job;
	struct log *lg = lu->log;
	struct log_segment *sg, *next;

	CRASH_POINT("log_settle.unlink_synced");
	lg->removing = false;
	if (rc < 0)
		put_back(lg, lu->list); /* the next interval */
	for (sg = rc < 0 ? NULL : lu->list; sg != NULL; sg = next) {
		next = sg->next;
		log_cursor_free(&lg->cursor, sg->slot);
		if (sg->suspect)
			lg->suspect--;
		log_segment_free(lg, sg);
	}
	lu->list = NULL;
	if (rc == 0 && !lg->closed)
		log_remove(lg);
	log_job_end(lg, rc == 0);
}

void
log_remove(struct log *lg)
{
	struct log_unlink *lu = &lg->remover;

	if (lg->removing || lg->dying == NULL)
		return;
	*lu = (struct log_unlink){
		.job = { .run = unlink_run, .done = unlink_done },
		.log = lg,
		.list = lg->dying,
	};
	lg->dying = NULL;
	lg->removing = true;
	log_job_start(lg, &lu->job);
}

/* A slot says that all is settled before the file goes, so that one without its file is no
 * loss. */
static void
segment_end(struct log *lg, struct log_segment *sg)
{
	log_segment_store(lg, sg, LOG_SETTLED, sg->end);
	CRASH_POINT("log_settle.ended");
	log_segment_account(lg, sg);
	log_index_remove(lg, sg);
	while (sg->chunks != NULL)
		log_chunk_free(lg, sg->chunks);
	sg->next = lg->dying;
	lg->dying = sg;
	lg->dirty = true;
	log_remove(lg);
}

static bool
segment_settled(const struct log_segment *sg)
{
	return sg->in_flight == 0 && sg->read >= sg->end;
}

void
log_segment_check(struct log *lg, struct log_segment *sg)
{
	if (sg->appending || !segment_settled(sg))
		return;
	if (!sg->appended) {
		segment_end(lg, sg);
		return;
	}
	if (sg->idle_ms == 0)
		lg->idle++;
	sg->idle_ms = clock_monotonic_ms();
	log_segment_store(lg, sg, LOG_SETTLED, sg->end);
	CRASH_POINT("log_settle.idle");
	log_segment_account(lg, sg);
	while (sg->chunks != NULL)
		log_chunk_free(lg, sg->chunks);
}

void
log_segment_retire(struct log *lg, struct log_segment *sg)
{
	if (sg->idle_ms != 0)
		lg->idle--;
	sg->idle_ms = 0;
	sg->appended = false;
}

/* ---- settling ---------------------------------------------------------------------- */

/* Everything before the dropped range is settled, so it is too. */
static void
skip_resolve(struct log *lg, struct log_segment *sg)
{
	if (log_segment_skips(sg) && sg->read >= sg->skip_to)
		log_segment_store(lg, sg, LOG_SETTLED, sg->skip_to);
	sg->behind_skip = false;
}

/* Chunks that are read to their end, and whose last record is settled. */
static void
free_passed(struct log *lg, struct log_segment *sg, uint64_t settled)
{
	struct log_chunk *ck;

	while ((ck = sg->chunks) != NULL && ck->piece.to <= sg->read &&
	       ck->piece.last < settled) {
		if (sg->oldest < ck->piece.to)
			sg->oldest = ck->piece.to;
		log_chunk_free(lg, ck);
	}
}

void
log_settle(struct log *lg, uint64_t place)
{
	struct log_segment *sg = log_find(lg, log_place_segment(place));
	uint64_t settled = log_place_offset(place) + 1;

	if (sg == NULL || sg->in_flight == 0)
		return;
	if (sg->settled < settled)
		log_segment_store(lg, sg, LOG_SETTLED, settled);
	CRASH_POINT("log_settle.settled");
	sg->in_flight--;
	lg->dirty = true;
	if (sg->in_flight == 0)
		skip_resolve(lg, sg);
	log_segment_account(lg, sg);
	if (sg->chunks != NULL)
		free_passed(lg, sg, settled);
	if (sg->in_flight == 0)
		log_segment_check(lg, sg);
}

bool
log_first_alone(const struct log *lg)
{
	return lg->top < lg->n_lanes && lg->lanes[lg->top].reading->in_flight == 0;
}

/* ---- dropping ---------------------------------------------------------------------- */

/* A segment has one range that is dropped: the next must join it, or nothing before it may be in
 * flight any more. */
static bool
can_drop(const struct log_segment *sg)
{
	return sg->in_flight == 0 || !log_segment_skips(sg) || !sg->behind_skip;
}

static struct log_segment *
oldest_segment(const struct log *lg)
{
	struct log_segment *oldest = NULL;

	for (size_t i = lg->top; i < lg->n_lanes; i++) {
		struct log_segment *sg = lg->lanes[i].reading;

		if (sg == NULL || !can_drop(sg))
			continue;
		if (oldest == NULL ||
		    log_segment_captured(sg) < log_segment_captured(oldest))
			oldest = sg;
	}
	return oldest;
}

/* The records that begin from `from` to before `to` are dropped. */
static void
drop_range(struct log *lg, struct log_segment *sg, uint64_t from, uint64_t to)
{
	if (sg->in_flight == 0) {
		log_segment_store(lg, sg, LOG_SETTLED, to);
	} else if (log_segment_skips(sg)) {
		log_segment_store(lg, sg, LOG_SKIP_TO, to);
	} else {
		/* No moment at which the words mean another range. */
		log_segment_store(lg, sg, LOG_SKIP_TO, 0);
		log_segment_store(lg, sg, LOG_SKIP_FROM, from);
		log_segment_store(lg, sg, LOG_SKIP_TO, to);
		sg->behind_skip = false;
	}
	lg->dirty = true;
	log_segment_account(lg, sg);
}

struct drop {
	uint64_t to; /* offset: the last dropped one begins right before */
	uint64_t count, bytes;
};

/* From the record at `read` on, as far as they are in memory. */
static void
drop_measure(struct drop *dr, const struct log_segment *sg, uint64_t bytes)
{
	const struct segment_piece *pc = &sg->reading->piece;

	for (size_t i = sg->run; i < pc->n_runs; i++) {
		uint64_t at = i == sg->run ? sg->read : pc->runs[i].from;

		while (at < pc->runs[i].to) {
			uint64_t stride = record_stride(segment_record(pc, at)->length);

			if (dr->bytes >= bytes)
				return;
			dr->to = at + 1;
			dr->bytes += stride;
			dr->count++;
			at += stride;
		}
	}
}

uint64_t
log_drop_oldest(struct log *lg, uint64_t bytes)
{
	struct log_segment *sg = oldest_segment(lg);
	struct drop dr = { 0 };
	uint64_t waiting;

	if (sg == NULL || bytes == 0 || log_read_here(lg, sg) <= 0)
		return 0;
	drop_measure(&dr, sg, bytes);
	drop_range(lg, sg, sg->read, dr.to);
	waiting = dr.count < sg->waiting ? dr.count : sg->waiting;
	sg->waiting -= waiting;
	lg->waiting -= waiting;
	lg->dropped += dr.count;
	log_read_past(lg, sg, dr.to);
	return dr.count;
}
