#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crash.h"
#include "spool/deadletter.h"
#include "spool/log_append.h"

static void
sum_group(
    struct log_segment *sg, const struct log_append *ap, const struct log_group *gr)
{
	struct log_sum *ls = &sg->sum;

	ls->records += gr->count;
	ls->requeued = ls->requeued || ap->letter != NULL;
	if (ls->max_body < gr->max_body)
		ls->max_body = gr->max_body;
	if (ap->letter == NULL && ls->highest < gr->highest)
		ls->highest = gr->highest;
	sg->summed = true;
	sg->total = ls->records;
}

/* From that store on the records are the log's. */
static void
commit_group(struct log *lg, const struct log_append *ap, const struct log_group *gr)
{
	struct log_segment *sg = gr->segment;
	const struct log_item *first = &ap->items[ap->order[gr->first]];
	const struct log_item *last = &ap->items[ap->order[gr->first + gr->count - 1]];
	bool unread = sg->read < sg->end;

	if (sg->idle_ms != 0)
		lg->idle--;
	sg->idle_ms = 0;
	sg->end = gr->at + gr->bytes;
	CRASH_POINT("log_append.appended");
	log_segment_store(lg, sg, LOG_COMMITTED, sg->end);
	CRASH_POINT("log_append.committed");
	sum_group(sg, ap, gr);
	log_cursor_store_sum(&lg->cursor, sg->slot, sg->number, sg->end, &sg->sum);
	if (ap->sync)
		sg->synced = sg->end;
	if (first->seq != 0) {
		CRASH_POINT("log_append.sent_committed");
		sg->in_flight += gr->count;
		sg->read = sg->hint = sg->end;
		sg->last_seq = last->seq;
	} else {
		if (!unread) {
			sg->hint = gr->at;
			sg->captured_ns = first->rec->captured_ns;
		}
		sg->waiting += gr->count;
		lg->waiting += gr->count;
	}
	if (gr->max_body > lg->max_body)
		lg->max_body = gr->max_body;
	log_segment_account(lg, sg);
	log_lane_update(lg, sg->priority);
}

/* Nothing changed, but that a file which failed is not used again. */
static void
undo_group(struct log *lg, const struct log_group *gr)
{
	struct log_segment *sg = gr->segment;

	if (gr->sync_failed && !gr->make && !sg->suspect && sg->synced < sg->end) {
		sg->suspect = true;
		lg->suspect++;
	}
	if (gr->sync_failed)
		lg->sync_failures++;
	if ((gr->make || gr->failed) && sg->appended)
		log_segment_retire(lg, sg);
}

static void
settle_groups(struct log_append *ap, int rc)
{
	struct log *lg = ap->log;

	lg->dirty = true;
	for (size_t i = 0; i < ap->n_groups; i++) {
		const struct log_group *gr = &ap->groups[i];

		gr->segment->appending = false;
		if (rc == 0)
			commit_group(lg, ap, gr);
		else
			undo_group(lg, gr);
		/* It may have been closed meanwhile, or all that was in it settled. */
		log_segment_check(lg, gr->segment);
	}
}

static void
append_done(struct disk_job *job, int rc)
{
	struct log_append *ap = (struct log_append *)(void *)job;
	struct log *lg = ap->log;

	lg->append = NULL;
	if (lg->closed) {
		log_batch_free(ap);
		log_job_end(lg, false);
		return;
	}
	lg->failure = rc;
	if (rc == 0 && ap->sync_dir)
		lg->dir_dirty = false;
	else if (ap->made)
		lg->dir_dirty = true;
	settle_groups(ap, rc);
	if (ap->letter != NULL)
		ap->done(ap->owner, NULL, 0, rc);
	else
		ap->done(ap->owner, ap->items, ap->n_items, rc);
	CRASH_POINT("log_append.moved");
	log_batch_free(ap);
	log_job_end(lg, true);
}

static int
append_start(struct log_append *ap)
{
	struct log *lg = ap->log;
	int rc;

	rc = log_batch_compose(ap);
	if (rc < 0) {
		settle_groups(ap, rc);
		return rc;
	}
	lg->append = ap;
	ap->job = (struct disk_job){ .run = log_write_run, .done = append_done };
	log_job_start(lg, &ap->job);
	return 0;
}

int
log_append(struct log *lg, const struct log_item *items, size_t count, log_done *done,
    void *owner)
{
	struct log_append *ap;
	uint64_t bytes;
	int rc;

	if (lg->append != NULL)
		return -EBUSY;
	if (count == 0)
		return -EINVAL;
	ap = log_batch_new(lg, count, done, owner);
	if (ap == NULL)
		return -ENOMEM;
	memcpy(ap->items, items, count * sizeof(*items));
	rc = log_batch_measure(ap, &bytes);
	if (rc == 0 && (bytes > lg->limit || lg->live > lg->limit - bytes))
		rc = -EDQUOT;
	if (rc == 0)
		rc = append_start(ap);
	if (rc < 0)
		log_batch_free(ap);
	return rc;
}

static int
copy_letter(struct log_append *ap, const struct deadletter *dl)
{
	uint64_t stride = record_stride(dl->rec->length);

	ap->letter = calloc(1, stride);
	if (ap->letter == NULL)
		return -ENOMEM;
	memcpy(ap->letter, dl->rec, RECORD_HEADER + (size_t)dl->rec->length);
	ap->letter->state = 0;
	ap->letter->captured_ns = clock_boot_ns() + ap->log->env.clock_offset_ns;
	record_seal(ap->letter,
	    segment_seed(&(struct segment_frame){
		.flags = SEGMENT_REQUEUED, .ring = dl->ring, .stream = dl->stream }));
	ap->ring = dl->ring;
	ap->stream = dl->stream;
	ap->number = dl->number;
	return 0;
}

int
log_requeue(struct log *lg, const struct deadletter *dl, int64_t priority,
    log_done *done, void *owner)
{
	struct log_append *ap;
	uint64_t bytes;
	int rc;

	if (lg->append != NULL)
		return -EBUSY;
	if (dl->rec->length > RECORD_BODY_MAX)
		return -EBADMSG;
	ap = log_batch_new(lg, 1, done, owner);
	if (ap == NULL)
		return -ENOMEM;
	rc = copy_letter(ap, dl);
	if (rc == 0) {
		ap->items[0] =
		    (struct log_item){ .rec = ap->letter, .priority = priority };
		ap->sync = true;
		rc = log_batch_measure(ap, &bytes);
	}
	if (rc == 0)
		rc = append_start(ap);
	if (rc < 0)
		log_batch_free(ap);
	return rc;
}
