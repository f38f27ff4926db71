#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crash.h"
#include "spool/log_append.h"

#define SEGMENT_LEAST                                                                  \
	65536 /* bytes; a small limit makes small segments, but not so small */

void
log_batch_free(struct log_append *ap)
{
	if (ap == NULL)
		return;
	free(ap->items);
	free(ap->order);
	free(ap->groups);
	free(ap->frames);
	free(ap->iov);
	free(ap->letter);
	free(ap);
}

struct log_append *
log_batch_new(struct log *lg, size_t count, log_done *done, void *owner)
{
	struct log_append *ap = calloc(1, sizeof(*ap));

	if (ap == NULL)
		return NULL;
	ap->log = lg;
	ap->n_items = count;
	ap->done = done;
	ap->owner = owner;
	ap->sync = lg->sync == LOG_SYNC_ALWAYS;
	ap->items = calloc(count, sizeof(*ap->items));
	ap->order = calloc(count, sizeof(*ap->order));
	if (ap->items != NULL && ap->order != NULL)
		return ap;
	log_batch_free(ap);
	return NULL;
}

/* Room for as many groups and frames as the items can need. */
int
log_batch_measure(struct log_append *ap, uint64_t *ret_bytes)
{
	size_t groups = 1, frames;
	uint64_t bytes = 0;

	assert(ap->n_items > 0);
	for (size_t i = 0; i < ap->n_items; i++) {
		const struct log_item *it = &ap->items[i];

		bytes += record_stride(it->rec->length);
		if (i > 0 && it->priority != ap->items[i - 1].priority)
			groups++;
	}
	/* Two frames that follow each other are together larger than one may be. */
	frames = groups + 2 * (size_t)(bytes / (SEGMENT_FRAME / 2)) + 1;
	if (frames > ap->n_items)
		frames = ap->n_items;
	ap->groups = calloc(groups, sizeof(*ap->groups));
	ap->frames = calloc(frames, sizeof(*ap->frames));
	ap->iov = calloc(frames + ap->n_items, sizeof(*ap->iov));
	if (ap->groups == NULL || ap->frames == NULL || ap->iov == NULL)
		return -ENOMEM;
	*ret_bytes = bytes + frames * sizeof(*ap->frames);
	return 0;
}

/* Small against the limit, so that what is settled of one is not much of it. */
static uint64_t
segment_bytes(const struct log *lg)
{
	uint64_t bytes = lg->limit / 16;

	if (lg->limit == 0 || bytes > SEGMENT_BYTES)
		return SEGMENT_BYTES;
	return bytes < SEGMENT_LEAST ? SEGMENT_LEAST : bytes;
}

/* ---- which record goes where -------------------------------------------------------- */

static bool
item_before(const struct log_item *items, uint32_t a, uint32_t b)
{
	if (items[a].priority != items[b].priority)
		return items[a].priority < items[b].priority;
	if (items[a].priority == SEGMENT_SENT && items[a].seq != items[b].seq)
		return items[a].seq < items[b].seq;
	return a < b;
}

static int
compare_items(const void *a, const void *b, void *items)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return item_before(items, left, right) ? -1 : left != right;
}

static void
sort_items(struct log_append *ap)
{
	bool sorted = true;

	for (size_t i = 0; i < ap->n_items; i++) {
		ap->order[i] = (uint32_t)i;
		if (i > 0 && !item_before(ap->items, (uint32_t)i - 1, (uint32_t)i))
			sorted = false;
	}
	if (!sorted)
		qsort_r(ap->order, ap->n_items, sizeof(*ap->order), compare_items,
		    ap->items);
}

static int
segment_new(struct log *lg, int64_t priority, struct log_segment **ret)
{
	uint64_t number = lg->cursor.numbers + 1;
	struct log_segment *sg;
	int64_t slot;
	int rc;

	if (number > UINT32_MAX)
		return -EOVERFLOW;
	sg = calloc(1, sizeof(*sg));
	if (sg == NULL)
		return -ENOMEM;
	sg->number = number;
	sg->priority = priority;
	sg->appended = true;
	log_cursor_set_numbers(&lg->cursor, number);
	CRASH_POINT("log_batch.numbered");
	slot = log_cursor_take(&lg->cursor, number);
	if (slot < 0) {
		free(sg);
		return (int)slot;
	}
	sg->slot = (uint32_t)slot;
	rc = log_index_add(lg, sg);
	if (rc < 0) {
		log_cursor_free(&lg->cursor, sg->slot);
		free(sg);
		return rc;
	}
	*ret = sg;
	return 0;
}

/* In a segment records are settled in order, so those in flight lie in it in the order of their
 * sequences. */
static bool
takes(const struct log *lg, const struct log_segment *sg, const struct log_item *it)
{
	return sg->appended && sg->end < segment_bytes(lg) &&
	       (it->priority != SEGMENT_SENT || it->seq > sg->last_seq);
}

static int
group_segment(struct log *lg, struct log_group *gr, const struct log_item *first)
{
	struct log_lane *ln = log_lane_find(lg, first->priority);
	struct log_segment *sg = ln == NULL ? NULL : ln->last;
	int rc;

	if (sg == NULL || !takes(lg, sg, first)) {
		struct log_segment *older = sg;

		rc = segment_new(lg, first->priority, &sg);
		if (rc < 0)
			return rc;
		if (older != NULL) {
			log_segment_retire(lg, older);
			log_segment_check(lg, older);
		}
		gr->make = true;
	}
	sg->appending = true;
	gr->segment = sg;
	gr->number = sg->number;
	gr->at = sg->end;
	return 0;
}

/* ---- how it lies in the file -------------------------------------------------------- */

static void
put_iov(struct log_append *ap, struct log_group *gr, const void *bytes, size_t len)
{
	struct iovec *last = gr->n_iov == 0 ? NULL : &gr->iov[gr->n_iov - 1];

	gr->bytes += len;
	if (last != NULL && (const uint8_t *)last->iov_base + last->iov_len == bytes) {
		last->iov_len += len;
		return;
	}
	/* writev(2) only reads it. */
	memcpy(&ap->iov[ap->n_iov].iov_base, &bytes, sizeof(bytes));
	ap->iov[ap->n_iov].iov_len = len;
	ap->n_iov++;
	gr->n_iov++;
}

/* The frame is full: its header is complete now, and lies before its records. */
static void
frame_end(struct log_append *ap, struct segment_frame *fr)
{
	if (ap->letter != NULL) {
		fr->flags |= SEGMENT_REQUEUED;
		fr->ring = ap->ring;
		fr->stream = ap->stream;
		fr->first_number = fr->last_number = ap->number;
	}
	segment_frame_seal(fr);
}

static struct segment_frame *
frame_begin(struct log_append *ap, struct log_group *gr, uint64_t before)
{
	struct log *lg = ap->log;
	struct segment_frame *fr = &ap->frames[ap->n_frames++];

	*fr = (struct segment_frame){
		.log = lg->id,
		.ring = lg->ring,
		.segment = gr->number,
		.priority = gr->segment->priority,
		.offset = gr->at + gr->bytes,
		.before = before,
		.clock_ns = clock_boot_ns() + lg->env.clock_offset_ns,
		.wall_ns = clock_wall_ns(),
	};
	put_iov(ap, gr, fr, sizeof(*fr));
	return fr;
}

static void
frame_add(struct segment_frame *fr, const struct record *rec)
{
	if (fr->count == 0) {
		fr->first_number = fr->last_number = rec->number;
		fr->captured_ns = rec->captured_ns;
	}
	if (rec->number < fr->first_number)
		fr->first_number = rec->number;
	if (rec->number > fr->last_number)
		fr->last_number = rec->number;
	if (rec->length > fr->max_body)
		fr->max_body = rec->length;
	fr->bytes += record_stride(rec->length);
	fr->count++;
}

static void
compose_group(struct log_append *ap, struct log_group *gr)
{
	uint64_t before = gr->segment->total;
	struct segment_frame *fr = NULL;

	gr->iov = &ap->iov[ap->n_iov];
	for (size_t i = gr->first; i < gr->first + gr->count; i++) {
		struct log_item *it = &ap->items[ap->order[i]];
		uint64_t stride = record_stride(it->rec->length);

		if (fr != NULL && sizeof(*fr) + fr->bytes + stride > SEGMENT_FRAME) {
			frame_end(ap, fr);
			fr = NULL;
		}
		if (fr == NULL)
			fr = frame_begin(ap, gr, before);
		it->place = log_place(gr->number, gr->at + gr->bytes);
		put_iov(ap, gr, it->rec, stride);
		frame_add(fr, it->rec);
		if (gr->max_body < it->rec->length)
			gr->max_body = it->rec->length;
		if (gr->highest < it->rec->number)
			gr->highest = it->rec->number;
		before++;
	}
	frame_end(ap, fr);
}

int
log_batch_compose(struct log_append *ap)
{
	size_t i = 0;

	sort_items(ap);
	while (i < ap->n_items) {
		struct log_group *gr = &ap->groups[ap->n_groups];
		const struct log_item *first = &ap->items[ap->order[i]];
		int rc = group_segment(ap->log, gr, first);

		if (rc < 0)
			return rc;
		ap->n_groups++;
		gr->first = i;
		while (i < ap->n_items &&
		       ap->items[ap->order[i]].priority == first->priority)
			i++;
		gr->count = i - gr->first;
		ap->made = ap->made || gr->make;
		compose_group(ap, gr);
		ap->bytes += gr->bytes;
	}
	/* A file is on disk only if its name is. */
	if (ap->sync)
		ap->sync_dir = ap->made || ap->log->dir_dirty;
	else
		ap->sync_dir = ap->made && ap->log->sync != LOG_SYNC_NEVER;
	return 0;
}
