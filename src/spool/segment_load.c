#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spool/segment.h"
#include "spool/segment_read.h"

#define ZONE_MAX                                                                       \
	(UINT64_C(64) << 20) /* bytes without a frame that are looked through */
#define SEEDS 3

struct loader {
	const struct segment_file *file;
	struct segment_piece *piece;
	uint64_t window;       /* offset: end of what is in memory */
	struct id ring[SEEDS]; /* whose records a damaged frame may have */
	uint32_t seed[SEEDS];
	uint64_t before; /* records in the file so far; UNKNOWN */
};

#define UNKNOWN UINT64_MAX

void
segment_piece_done(struct segment_piece *pc)
{
	free(pc->bytes);
	free(pc->runs);
	free(pc->gaps);
	*pc = (struct segment_piece){ 0 };
}

/* Room for one more of n elements; the new array, or NULL. */
static void *
more(void *at, size_t n, size_t *room, size_t size)
{
	void *ret;

	if (n < *room)
		return at;
	ret = realloc(at, (n == 0 ? 8 : 2 * n) * size);
	if (ret != NULL)
		*room = n == 0 ? 8 : 2 * n;
	return ret;
}

static int
add_gap(struct segment_piece *pc, uint64_t offset, uint64_t end, int64_t records)
{
	struct segment_gap *gaps =
	    more(pc->gaps, pc->n_gaps, &pc->gaps_room, sizeof(*gaps));

	if (gaps == NULL)
		return -ENOMEM;
	pc->gaps = gaps;
	gaps[pc->n_gaps++] =
	    (struct segment_gap){ .offset = offset, .end = end, .records = records };
	return 0;
}

/* A record goes on with the last run, if that is of the same frame, or begins one. */
static int
add_record(struct segment_piece *pc, uint64_t from, uint64_t to,
    const struct segment_run *kind, bool goes_on)
{
	struct segment_run *runs;

	segment_record(pc, from)->state = 0;
	pc->last = from;
	if (goes_on) {
		pc->runs[pc->n_runs - 1].to = to;
		pc->runs[pc->n_runs - 1].count++;
		return 0;
	}
	runs = more(pc->runs, pc->n_runs, &pc->runs_room, sizeof(*runs));
	if (runs == NULL)
		return -ENOMEM;
	pc->runs = runs;
	runs[pc->n_runs] = *kind;
	runs[pc->n_runs].from = from;
	runs[pc->n_runs].to = to;
	runs[pc->n_runs].count = 1;
	pc->n_runs++;
	return 0;
}

struct scan { /* of the bytes between two offsets for records */
	uint64_t at, end;
	uint64_t count;   /* found */
	uint64_t gaps;    /* where something else is */
	uint64_t headers; /* of them: a frame's header alone */
	uint64_t header;  /* offset where one should be; UNKNOWN */
	uint64_t gap_at;  /* the first of them */
	uint64_t gap_end; /* of the last */
};

static uint64_t
begin_gap(struct scan *sc)
{
	if (sc->gaps++ == 0)
		sc->gap_at = sc->at;
	return sc->at;
}

/* A gap ends. It may be the header of a frame and no record, of which most is right mostly. */
static void
end_gap(const struct loader *ld, struct scan *sc, uint64_t from)
{
	const struct segment_frame *fr = (const void *)segment_record(ld->piece, from);

	sc->gap_end = sc->at;
	if (sc->at - from == sizeof(*fr) &&
	    (from == sc->header || fr->magic == SEGMENT_MAGIC ||
		id_equal(&fr->log, &ld->file->log)))
		sc->headers++;
}

/* What is damaged in between is passed over in the smallest steps: a header that is right may
 * stand where its body does not, when blocks of the file changed places. */
static int
scan_run(struct loader *ld, struct scan *sc, const struct segment_run *kind)
{
	bool goes_on = false;
	uint64_t gap = UNKNOWN; /* where it began */

	while (sc->end - sc->at >= RECORD_HEADER) {
		const struct record *rec = segment_record(ld->piece, sc->at);
		uint64_t left = sc->end - sc->at;
		int rc = record_check(rec, left, kind->seed);

		if (rc == 0) {
			uint64_t to = sc->at + record_stride(rec->length);

			if (gap != UNKNOWN)
				end_gap(ld, sc, gap);
			gap = UNKNOWN;
			rc = add_record(ld->piece, sc->at, to, kind, goes_on);
			if (rc < 0)
				return rc;
			goes_on = true;
			sc->count++;
			sc->at = to;
			continue;
		}
		if (gap == UNKNOWN)
			gap = begin_gap(sc);
		goes_on = false;
		sc->at += RECORD_ALIGN;
	}
	if (gap == UNKNOWN && sc->at < sc->end)
		gap = begin_gap(sc);
	sc->at = sc->end;
	if (gap != UNKNOWN)
		end_gap(ld, sc, gap);
	return 0;
}

static int
take_frame(struct loader *ld, const struct segment_frame *fr)
{
	const struct segment_run kind = {
		.flags = fr->flags,
		.ring = fr->ring,
		.seed = segment_seed(fr),
		.clock_ns = fr->clock_ns,
		.wall_ns = fr->wall_ns,
	};
	uint64_t whole = fr->offset + sizeof(*fr) + fr->bytes;
	struct scan sc = {
		.at = fr->offset + sizeof(*fr),
		.end = segment_frame_end(fr, ld->file),
		.header = UNKNOWN,
	};
	int64_t lost;
	int rc;

	ld->ring[0] = fr->ring;
	ld->seed[0] = record_seed(&fr->ring);
	rc = scan_run(ld, &sc, &kind);
	if (rc < 0)
		return rc;
	ld->before = fr->before + fr->count;
	/* One that was cut off has as many as it has. */
	lost =
	    sc.end == whole ? (int64_t)fr->count - (int64_t)sc.count : (int64_t)sc.gaps;
	ld->piece->to = sc.end;
	if (sc.gaps == 0 && lost == 0)
		return 0;
	/* It begins there, whatever its length was. */
	if (sc.gaps == 1 && lost == 1)
		sc.gap_end = sc.gap_at + 1;
	return sc.gaps > 0 ? add_gap(ld->piece, sc.gap_at, sc.gap_end, lost)
			   : add_gap(ld->piece, fr->offset, sc.end, lost);
}

/* Which of the rings a record in a frame without its header is of: the first found tells. */
static int
zone_ring(struct loader *ld, uint64_t from, uint64_t to)
{
	for (uint64_t at = from; to - at >= RECORD_HEADER; at += RECORD_ALIGN) {
		const struct record *rec = segment_record(ld->piece, at);

		for (unsigned i = 0; i < SEEDS; i++)
			if (record_check(rec, to - at, ld->seed[i]) == 0)
				return (int)i;
	}
	return 0;
}

/* From here up to the next frame nothing tells what it is; after: records before that. */
static int
take_zone(struct loader *ld, uint64_t from, uint64_t to, uint64_t after)
{
	struct segment_run kind = { 0 };
	struct scan sc = { .at = from, .end = to, .header = from };
	int64_t lost;
	int ring, rc;

	ring = zone_ring(ld, from, to);
	kind.ring = ld->ring[ring];
	kind.seed = ld->seed[ring];
	rc = scan_run(ld, &sc, &kind);
	if (rc < 0)
		return rc;
	lost = (int64_t)(sc.gaps - sc.headers);
	if (sc.count == 0)
		lost = 1;
	if (ld->before != UNKNOWN && after != UNKNOWN && after >= ld->before)
		lost = (int64_t)(after - ld->before) - (int64_t)sc.count;
	ld->before = after;
	ld->piece->to = to;
	return add_gap(ld->piece, from, sc.gaps > 0 ? sc.gap_end : to, lost);
}

/* Have the bytes up to an offset in memory: 1; 0: that is for the next piece. */
static int
need(struct loader *ld, uint64_t to)
{
	struct segment_piece *pc = ld->piece;
	uint8_t *bytes;
	int rc;

	if (to <= ld->window)
		return 1;
	if (pc->to > pc->from)
		return 0;
	bytes = realloc(pc->bytes, to - pc->from);
	if (bytes == NULL)
		return -ENOMEM;
	pc->bytes = bytes;
	rc = segment_read(
	    ld->file, bytes + (ld->window - pc->from), to - ld->window, ld->window);
	if (rc < 0)
		return rc;
	ld->window = to;
	return 1;
}

static int
take_lost(struct loader *ld)
{
	uint64_t at = ld->piece->to;
	struct segment_frame fr = { 0 };
	uint64_t next, after = UNKNOWN;
	int rc;

	rc = segment_find(&next, ld->file, at + RECORD_ALIGN);
	if (rc == 0)
		rc = segment_frame_read(&fr, ld->file, next);
	if (rc < 0)
		return rc;
	if (rc == 1) {
		after = fr.before;
		ld->ring[1] = fr.ring;
		ld->seed[1] = record_seed(&fr.ring);
	} else if (ld->file->records != 0) {
		after = ld->file->records;
	}
	if (next - at > ZONE_MAX) {
		if (ld->piece->to > ld->piece->from)
			return 0;
		ld->piece->to = next;
		rc = add_gap(ld->piece, at, next, 1);
		return rc < 0 ? rc : 0;
	}
	rc = need(ld, next);
	if (rc == 1)
		rc = take_zone(ld, at, next, after) < 0 ? -ENOMEM : 1;
	return rc;
}

/* What comes next: 1; 0: the piece is complete. */
static int
take_next(struct loader *ld)
{
	uint64_t at = ld->piece->to;
	struct segment_frame fr;
	int rc = 0;

	if (at >= ld->file->end)
		return 0;
	if (ld->file->end - at >= sizeof(fr)) {
		rc = need(ld, at + sizeof(fr));
		if (rc <= 0)
			return rc;
		memcpy(&fr, ld->piece->bytes + (at - ld->piece->from), sizeof(fr));
		rc = segment_frame_check(&fr, ld->file, at);
	}
	if (rc < 0)
		return rc;
	if (rc == 0)
		return take_lost(ld);
	rc = need(ld, segment_frame_end(&fr, ld->file));
	if (rc == 1)
		rc = take_frame(ld, &fr) < 0 ? -ENOMEM : 1;
	return rc;
}

/* Go from the hint to what holds the offset. */
static int
seek(struct loader *ld, uint64_t hint, uint64_t want, uint64_t *ret)
{
	uint64_t at = hint, next = hint;

	ld->before = hint == 0 ? 0 : UNKNOWN;
	do {
		struct segment_frame fr;
		uint64_t before = UNKNOWN;
		int rc = segment_frame_read(&fr, ld->file, at);

		if (rc == 1) {
			next = segment_frame_end(&fr, ld->file);
			before = fr.before + fr.count;
		} else if (rc == 0 && at == hint && hint != 0) {
			/* How many records are before it is told by what is there. */
			hint = at = next = 0;
			ld->before = 0;
			continue;
		} else if (rc == 0) {
			rc = segment_find(&next, ld->file, at + RECORD_ALIGN);
		}
		if (rc < 0)
			return rc;
		if (next > want || next >= ld->file->end)
			break;
		if (before != UNKNOWN) {
			ld->ring[0] = fr.ring;
			ld->seed[0] = record_seed(&fr.ring);
		}
		ld->before = before;
		at = next;
	} while (true);
	*ret = at;
	return 0;
}

static int
start(struct loader *ld, uint64_t at)
{
	struct segment_piece *pc = ld->piece;
	uint64_t left = ld->file->end - at;
	size_t len = left < SEGMENT_PIECE ? (size_t)left : SEGMENT_PIECE;
	int rc;

	pc->bytes = malloc(len);
	if (pc->bytes == NULL)
		return -ENOMEM;
	rc = segment_read(ld->file, pc->bytes, len, at);
	if (rc < 0)
		return rc;
	pc->from = pc->to = at;
	ld->window = at + len;
	do
		rc = take_next(ld);
	while (rc == 1);
	return rc;
}

int
segment_load(struct segment_piece *ret, const struct segment_file *sf, uint64_t hint,
    uint64_t want, const struct id *ring)
{
	struct segment_piece pc = { .from = sf->end, .to = sf->end };
	struct loader ld = { .file = sf, .piece = &pc };
	uint64_t at = 0;
	int rc = 0;

	for (unsigned i = 0; i < SEEDS; i++) {
		ld.ring[i] = *ring;
		ld.seed[i] = record_seed(ring);
	}
	if (hint < sf->end)
		rc = seek(&ld, hint, want, &at);
	if (rc == 0 && hint < sf->end)
		rc = start(&ld, at);
	if (rc < 0) {
		segment_piece_done(&pc);
		return rc;
	}
	*ret = pc;
	return 0;
}
