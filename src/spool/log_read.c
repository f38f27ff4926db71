#include <errno.h>

#include "spool/log_private.h"

/* The first record of a chunk from `read` on that was not dropped: it is what comes next.
 * Without one `read` goes behind the chunk. */
static void
take_position(struct log_segment *sg, struct log_chunk *ck)
{
	const struct segment_piece *pc = &ck->piece;

	for (size_t i = sg->run; i < pc->n_runs; i++) {
		uint64_t at = pc->runs[i].from;

		while (at < pc->runs[i].to &&
		       (at < sg->read || (at >= sg->skip_from && at < sg->skip_to)))
			at += record_stride(segment_record(pc, at)->length);
		if (at < pc->runs[i].to) {
			sg->read = at;
			sg->run = i;
			sg->reading = ck;
			return;
		}
	}
	sg->reading = NULL;
	if (sg->read < pc->to)
		sg->read = pc->to;
	sg->hint = pc->to;
}

/* All of it is read: what was thought to wait beside that is damaged. */
static void
finish(struct log *lg, struct log_segment *sg)
{
	lg->waiting -= sg->waiting;
	sg->waiting = 0;
	log_lane_update(lg, sg->priority);
	log_segment_check(lg, sg);
}

int
log_read_here(struct log *lg, struct log_segment *sg)
{
	while (sg->reading == NULL && sg->read < sg->end) {
		struct log_chunk *ck = log_chunk_at(sg, sg->read);

		if (ck == NULL) {
			log_chunk_request(lg, sg, sg->hint, sg->read);
			return -EAGAIN;
		}
		sg->run = 0;
		take_position(sg, ck);
	}
	if (sg->reading != NULL)
		return 1;
	finish(lg, sg);
	return 0;
}

void
log_read_on(struct log *lg, struct log_segment *sg)
{
	struct log_chunk *ck = sg->reading;
	uint64_t next =
	    sg->read + record_stride(segment_record(&ck->piece, sg->read)->length);

	sg->read = next;
	if (next < ck->piece.runs[sg->run].to && next != sg->skip_from)
		return;
	take_position(sg, ck);
	if (sg->reading == NULL && sg->read >= sg->end)
		finish(lg, sg);
}

void
log_read_past(struct log *lg, struct log_segment *sg, uint64_t offset)
{
	struct log_chunk *ck = sg->reading;

	sg->read = offset;
	take_position(sg, ck);
	if (sg->reading == NULL && sg->read >= sg->end)
		finish(lg, sg);
}

bool
log_first(const struct log *lg, int64_t *ret_priority)
{
	if (lg->top == lg->n_lanes)
		return false;
	*ret_priority = lg->lanes[lg->top].priority;
	return true;
}

const struct record *
log_peek(struct log *lg, uint64_t *ret_place)
{
	while (lg->top < lg->n_lanes) {
		struct log_segment *sg = lg->lanes[lg->top].reading;
		int rc = log_read_here(lg, sg);

		if (rc < 0)
			return NULL;
		if (rc == 0)
			continue;
		*ret_place = log_place(sg->number, sg->read);
		return segment_record(&sg->reading->piece, sg->read);
	}
	return NULL;
}

/* What is read after this chunk is asked for while this one is used. */
static void
prefetch(struct log *lg, const struct log_segment *sg, struct log_chunk *ck)
{
	uint64_t next = ck->piece.to;

	if (lg->reading)
		return;
	ck->followed = true;
	if (next < sg->end) {
		if (log_chunk_at(sg, next) == NULL)
			log_chunk_request(lg, sg, next, next);
		return;
	}
	sg = sg->next;
	if (sg != NULL && sg->read < sg->end && log_chunk_at(sg, sg->read) == NULL)
		log_chunk_request(lg, sg, sg->hint, sg->read);
}

void
log_pop(struct log *lg)
{
	struct log_segment *sg = lg->lanes[lg->top].reading;
	struct log_chunk *ck = sg->reading;

	if (!ck->followed)
		prefetch(lg, sg, ck);
	if (ck->pinned < sg->read)
		ck->pinned = sg->read;
	if (log_segment_skips(sg) && sg->read >= sg->skip_to)
		sg->behind_skip = true;
	sg->in_flight++;
	if (sg->waiting > 0) {
		sg->waiting--;
		lg->waiting--;
	}
	log_read_on(lg, sg);
}

/* ---- in flight --------------------------------------------------------------------- */

/* The record on that offset of a chunk, or NULL: what should be there is damaged. */
static const struct record *
chunk_record(const struct log *lg, const struct log_chunk *ck, uint64_t offset)
{
	const struct segment_piece *pc = &ck->piece;
	const struct record *rec;
	size_t low = 0, high = pc->n_runs;

	/* The first run that ends behind it. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pc->runs[middle].to <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == pc->n_runs || offset < pc->runs[low].from ||
	    offset % RECORD_ALIGN != 0)
		return NULL;
	rec = segment_record(pc, offset);
	/* The offset comes from a file: it may lie anywhere in the run. */
	if (pc->runs[low].to - offset < RECORD_HEADER ||
	    record_check_header(rec, lg->seed) < 0 ||
	    record_stride(rec->length) > pc->runs[low].to - offset)
		return NULL;
	return rec;
}

/* The last known frame at or before an offset that is not in memory. */
static uint64_t
nearest_frame(const struct log_segment *sg, uint64_t offset)
{
	uint64_t ret = sg->oldest <= offset ? sg->oldest : 0;

	if (sg->hint <= offset && sg->hint > ret)
		ret = sg->hint;
	for (const struct log_chunk *ck = sg->chunks; ck != NULL; ck = ck->next)
		if (ck->piece.to <= offset && ck->piece.to > ret)
			ret = ck->piece.to;
	return ret;
}

const struct record *
log_at(struct log *lg, uint64_t place)
{
	struct log_segment *sg = log_find(lg, log_place_segment(place));
	uint64_t offset = log_place_offset(place);
	const struct record *rec;
	struct log_chunk *ck;

	if (sg == NULL || offset >= sg->end)
		return NULL;
	ck = log_chunk_at(sg, offset);
	if (ck == NULL) {
		log_chunk_request(lg, sg, nearest_frame(sg, offset), offset);
		return NULL;
	}
	rec = chunk_record(lg, ck, offset);
	if (rec != NULL && ck->pinned < offset)
		ck->pinned = offset;
	return rec;
}

int64_t
log_captured_ns(const struct log *lg, uint64_t place)
{
	const struct log_segment *sg = log_find(lg, log_place_segment(place));
	const struct log_chunk *ck = NULL;
	const struct record *rec = NULL;

	if (sg != NULL && log_place_offset(place) < sg->end)
		ck = log_chunk_at(sg, log_place_offset(place));
	if (ck != NULL)
		rec = chunk_record(lg, ck, log_place_offset(place));
	return rec == NULL ? 0 : rec->captured_ns;
}

bool
log_lost(const struct log *lg, uint64_t place)
{
	const struct log_segment *sg = log_find(lg, log_place_segment(place));
	const struct log_chunk *ck;

	if (sg == NULL || log_place_offset(place) >= sg->end)
		return true;
	ck = log_chunk_at(sg, log_place_offset(place));
	return ck != NULL && chunk_record(lg, ck, log_place_offset(place)) == NULL;
}
