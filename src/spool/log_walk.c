#include <errno.h>
#include <stdlib.h>

#include "spool/log_private.h"

static bool
is_settled(const struct log_segment *sg, uint64_t offset)
{
	return offset < sg->settled ||
	       (offset >= sg->skip_from && offset < sg->skip_to);
}

/* Of the records that begin before an offset, those that are not settled. */
static uint64_t
count_records(
    const struct segment_piece *pc, const struct log_segment *sg, uint64_t end)
{
	uint64_t count = 0;

	for (size_t i = 0; i < pc->n_runs; i++)
		for (uint64_t at = pc->runs[i].from; at < pc->runs[i].to && at < end;) {
			count += !is_settled(sg, at);
			at += record_stride(segment_record(pc, at)->length);
		}
	return count;
}

/* Something in a frame that is no record and not known to be settled: its only one that waits may be
 * damaged, and must be read to be told. */
static void
note_gaps(
    struct log_segment *sg, const struct segment_piece *pc, uint64_t from, uint64_t to)
{
	uint64_t at = from + sizeof(struct segment_frame);
	bool gap = false;

	for (size_t i = 0; i < pc->n_runs && pc->runs[i].from < to; i++) {
		gap = gap || (pc->runs[i].from > at && pc->runs[i].from > sg->settled);
		at = pc->runs[i].to;
	}
	if (!gap && (at >= to || to <= sg->settled))
		return;
	if (!sg->lost && sg->waiting == 0)
		sg->hint = sg->oldest = from;
	sg->lost = true;
}

/* By its header, when that tells; else its records are read. */
static int
count_frame(struct log *lg, struct log_segment *sg, const struct segment_file *sf,
    const struct segment_frame *fr)
{
	uint64_t from = fr->offset + sizeof(*fr), to = segment_frame_end(fr, sf);
	bool skips = sg->skip_from < to && sg->skip_to > from;
	uint64_t count = fr->count;

	if (to <= sg->settled)
		return 0;
	if (from < sg->settled || skips || to != from + fr->bytes) {
		struct segment_piece pc;
		int rc = segment_load(&pc, sf, fr->offset, fr->offset, &lg->ring);

		if (rc < 0)
			return rc;
		count = count_records(&pc, sg, to);
		note_gaps(sg, &pc, fr->offset, to);
		segment_piece_done(&pc);
	}
	if (count > 0 && sg->waiting == 0) {
		if (!sg->lost)
			sg->hint = sg->oldest = fr->offset;
		sg->captured_ns = id_equal(&fr->ring, &lg->ring)
				      ? fr->captured_ns
				      : log_captured_now(lg, fr->captured_ns,
					    fr->clock_ns, fr->wall_ns);
	}
	sg->waiting += count;
	return 0;
}

static int
add_letter(struct log *lg, const struct log_segment *sg, const struct segment_frame *fr)
{
	struct log_letter *letters;

	if (lg->n_letters == lg->letters_room) {
		size_t room = lg->letters_room == 0 ? 8 : 2 * lg->letters_room;

		letters = realloc(lg->letters, room * sizeof(*letters));
		if (letters == NULL)
			return -ENOMEM;
		lg->letters = letters;
		lg->letters_room = room;
	}
	lg->letters[lg->n_letters++] = (struct log_letter){
		.ring = fr->ring,
		.stream = fr->stream,
		.number = fr->first_number,
		.place = log_place(sg->number, fr->offset + sizeof(*fr)),
	};
	return 0;
}

struct walk {
	uint64_t at; /* offset of the next frame */
	struct log_sum sum;
	uint64_t
	    counted; /* records up to there, as the last frame tells; 0: it is none */
	bool whole;  /* nothing is missing so far */
};

static void
add_sum(struct log *lg, struct log_sum *ls, const struct segment_frame *fr)
{
	ls->records += fr->count;
	if (ls->max_body < fr->max_body)
		ls->max_body = fr->max_body;
	if (lg->max_body < fr->max_body)
		lg->max_body = fr->max_body;
	if (fr->flags & SEGMENT_REQUEUED)
		ls->requeued = true;
	else if (id_equal(&fr->ring, &lg->ring) && ls->highest < fr->last_number)
		ls->highest = fr->last_number;
}

static int
take_frame(struct log *lg, struct log_segment *sg, const struct segment_file *sf,
    const struct segment_frame *fr, struct walk *wk)
{
	int rc = 0;

	if (wk->sum.records == 0)
		sg->priority = fr->priority;
	add_sum(lg, &wk->sum, fr);
	if (fr->flags & SEGMENT_REQUEUED)
		rc = add_letter(lg, sg, fr);
	return rc == 0 ? count_frame(lg, sg, sf, fr) : rc;
}

/* Does the sum tell what is behind that frame, so that nobody has to look? Of damage there the
 * reader tells. Letters are to be found, and what is dropped is told from what is not. */
static bool
rest_is_known(const struct log_segment *sg, const struct walk *wk, uint64_t next)
{
	return sg->summed && !sg->sum.requeued && wk->whole && !sg->lost &&
	       next > sg->settled && next >= sg->skip_to &&
	       wk->sum.records <= sg->sum.records &&
	       (sg->waiting > 0 || wk->sum.records == sg->sum.records);
}

/* Headers. What lies where one should be is left to the reader, as it may hold records. */
static int
walk_frames(struct log *lg, struct log_segment *sg, const struct segment_file *sf,
    struct walk *wk)
{
	while (wk->at < sf->end) {
		struct segment_frame fr;
		uint64_t next = wk->at;
		int rc = segment_frame_read(&fr, sf, wk->at);

		if (rc == 1) {
			next = segment_frame_end(&fr, sf);
			wk->whole = wk->whole && fr.before == wk->sum.records &&
				    next == fr.offset + sizeof(fr) + fr.bytes;
			wk->counted = fr.before + fr.count;
			rc = take_frame(lg, sg, sf, &fr, wk);
		} else if (rc == 0) {
			rc = segment_find(&next, sf, wk->at + RECORD_ALIGN);
			if (next > sg->settled && !sg->lost && sg->waiting == 0)
				sg->hint = sg->oldest = wk->at;
			sg->lost = sg->lost || next > sg->settled;
			wk->whole = false;
			wk->counted = 0;
		}
		if (rc < 0)
			return rc;
		wk->at = next;
		if (rest_is_known(sg, wk, next))
			break;
	}
	return 0;
}

/* The slot tells of more, but not how far it went: whole frames are missing at the end. */
static void
tell_end(struct log *lg, struct log_segment *sg, const struct segment_file *sf,
    const struct walk *wk)
{
	if (wk->counted != 0 && sg->total > wk->counted && sg->settled <= sf->end)
		log_damage_add(lg, sg, sf->end, sg->total - wk->counted);
}

int
log_walk(struct log *lg, struct log_segment *sg, const struct segment_file *sf)
{
	struct walk wk = { .whole = true };
	int rc = walk_frames(lg, sg, sf, &wk);

	if (rc < 0)
		return rc;
	if (wk.at < sf->end) {
		sg->waiting += sg->sum.records - wk.sum.records;
		if (lg->max_body < sg->sum.max_body)
			lg->max_body = sg->sum.max_body;
	} else {
		tell_end(lg, sg, sf, &wk);
		/* What is damaged may hold anything. */
		sg->summed = wk.whole && !sg->lost;
		sg->sum = wk.sum;
		if (sg->summed)
			sg->total = wk.sum.records;
	}
	sg->read = sg->settled < sf->end ? sg->settled : sf->end;
	/* The last record settled may be the last of a frame. */
	if (sg->read < sg->hint)
		sg->read = sg->hint;
	if (sg->waiting == 0 && !sg->lost)
		sg->read = sf->end;
	return 0;
}

/* Where the last frame begins, or what should be one. */
static int
last_frame(const struct segment_file *sf, uint64_t *ret)
{
	uint64_t at = 0, next = 0;

	while (next < sf->end) {
		struct segment_frame fr;
		int rc;

		at = next;
		rc = segment_frame_read(&fr, sf, at);
		if (rc == 1)
			next = segment_frame_end(&fr, sf);
		else if (rc == 0)
			rc = segment_find(&next, sf, at + RECORD_ALIGN);
		if (rc < 0)
			return rc;
	}
	*ret = at;
	return 0;
}

int
log_cut_tail(
    struct log *lg, struct log_segment *sg, struct segment_file *sf, uint64_t synced)
{
	struct segment_file strict = *sf;
	struct segment_piece pc = { 0 };
	uint64_t last = 0, end;
	int rc;

	if (sf->end == 0)
		return 0;
	strict.strict = true;
	rc = last_frame(&strict, &last);
	if (rc == 0)
		rc = segment_load(&pc, &strict, last, last, &lg->ring);
	/* What cannot be read may come back: the reader waits for it. */
	if (rc == -EIO)
		return 0;
	if (rc < 0)
		return rc;
	end = last;
	if (pc.last != 0)
		end = pc.last + record_stride(segment_record(&pc, pc.last)->length);
	segment_piece_done(&pc);
	if (end == sf->end)
		return 0;
	if (synced > end)
		log_damage_add(lg, sg, end, 0);
	sf->end = end;
	return 0;
}
