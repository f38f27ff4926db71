#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "damage.h"
#include "spool/marks.h"
#include "spool/ring_file.h"
#include "spool/stream.h"

struct judged judged;

bool
damage_touched(const struct bytes *by, uint64_t from, uint64_t len)
{
	for (uint64_t i = from; i < from + len && i < by->was; i++)
		if (by->touched[i])
			return true;
	return false;
}

static bool
any_touched(const struct bytes *by)
{
	return damage_touched(by, 0, by->was);
}

/* In the data area, which goes round. */
static bool
area_touched(const struct state *st, uint64_t offset, uint64_t len)
{
	const struct known *kn = &st->known;

	for (uint64_t i = 0; i < len; i++) {
		uint64_t place = (offset - kn->data_offset + i) % kn->data_bytes;

		if (st->files[FILE_RING].touched[kn->data_offset + place])
			return true;
	}
	return false;
}

/* All of a record but its state, which no checksum covers. What was cut off is judged by all the
 * space that the kernel may have written to. */
static bool
record_touched(const struct state *st, const struct known_record *kr)
{
	uint64_t len = kr->flags & RECORD_RECOVERED ? st->known.max_body : kr->length;

	return area_touched(st, kr->offset, 32) ||
	       area_touched(st, kr->offset + 36, RECORD_HEADER - 36 + len);
}

static bool
state_touched(const struct state *st, const struct known_record *kr)
{
	return area_touched(st, kr->offset + 32, 4);
}

static const struct record *
find(const struct ring *rg, uint64_t number)
{
	for (uint64_t at = ring_tail(rg); at < ring_head(rg); at = ring_after(rg, at))
		if (ring_at(rg, at)->number == number)
			return ring_at(rg, at);
	return NULL;
}

static bool
is_same(const struct record *rec, const struct known_record *kr)
{
	return rec->length == kr->length && rec->type == kr->type &&
	       memcmp(rec->body, kr->body, kr->length) == 0;
}

static bool
is_lost(const struct ring *rg, const struct known_record *kr)
{
	const struct record *rec = find(rg, kr->number);

	return rec == NULL || (rec->flags & RECORD_DAMAGED) != 0;
}

static bool
is_reported(const struct ring_report *rp, uint64_t number)
{
	for (uint64_t i = 0; i < rp->spans && i < RING_SPANS; i++) {
		const struct ring_span *sp = &rp->span[i];

		if (number >= sp->number &&
		    (sp->records == 0 || number < sp->number + sp->records))
			return true;
	}
	return rp->spans > RING_SPANS;
}

static const char *
judge_records(
    const struct state *st, const struct ring *rg, const struct ring_report *rp)
{
	const struct known *kn = &st->known;
	bool words = damage_touched(&st->files[FILE_RING], RING_WORDS_OFFSET, 192);

	for (size_t i = 0; i < kn->n; i++) {
		const struct known_record *kr = &kn->records[i];
		bool touched = record_touched(st, kr);

		if (!is_lost(rg, kr)) {
			/* Its end was a guess, which is another if that was damaged. */
			if (!is_same(find(rg, kr->number), kr) &&
			    !((kr->flags & RECORD_RECOVERED) && (touched || words)))
				return "a record is altered";
			continue;
		}
		judged.lost++;
		if (!touched)
			return "an untouched record is lost";
		/* The words told where the first one was. */
		if (!is_reported(rp, kr->number) && !words)
			return "a lost record is not reported";
		judged.reported++;
	}
	return NULL;
}

/* No message that was not there before. */
static const char *
judge_new(const struct state *st, const struct ring *rg, const struct ring_report *rp)
{
	const struct known *kn = &st->known;
	uint64_t first = kn->n == 0 ? 0 : kn->records[0].number;
	uint64_t exact = 0;

	for (uint64_t at = ring_tail(rg); at < ring_head(rg); at = ring_after(rg, at)) {
		const struct record *rec = ring_at(rg, at);

		if (rec->flags & RECORD_DAMAGED) {
			exact++;
			continue;
		}
		if (kn->n > 0 && rec->number >= first && rec->number < first + kn->n)
			continue;
		/* Freed ones that were not padded are settled by all. */
		if (rec->number < first && (rec->state & 3) == 3)
			continue;
		/* A damaged header of an empty slot may look like what a kill cut off. */
		if (rec->flags & RECORD_RECOVERED || rp->zero_committed)
			continue;
		return "a record is there that was not";
	}
	return exact < rp->damaged ? "more damage is reported than there is" : NULL;
}

/* What may come of a record by a stream whose journal could be read. */
static const char *
judge_sent(
    const struct state *st, unsigned s, const struct stream *sm, const struct ring *rg)
{
	const struct known *kn = &st->known;

	for (size_t i = 0; i < kn->n; i++) {
		const struct known_record *kr = &kn->records[i];
		const struct record *rec;

		if (kr->fate[s] != FATE_IN_FLIGHT || record_touched(st, kr) ||
		    state_touched(st, kr) || is_lost(rg, kr))
			continue;
		rec = stream_sent(sm, kr->seq[s]);
		if (rec == NULL || rec->number != kr->number)
			return "a sequence in flight is another record";
	}
	return NULL;
}

/* Everything that is not settled comes, once. */
static const char *
judge_flow(const struct state *st, unsigned s, struct stream *sm)
{
	const struct known *kn = &st->known;
	static unsigned char seen[RECORDS_MAX];
	uint64_t first = kn->n == 0 ? 0 : kn->records[0].number, seq;
	struct stream_numbers nb;
	const struct record *rec;
	bool is_new;

	memset(seen, 0, sizeof(seen));
	stream_numbers(sm, &nb);
	if (stream_rewind(sm, nb.acked) < 0)
		return "a rewind is refused";
	while ((rec = stream_peek(sm, &seq, &is_new)) != NULL) {
		if (rec->flags & RECORD_DAMAGED) {
			if (is_new)
				return "a damaged record is sent";
			stream_take(sm);
			continue;
		}
		if (rec->number >= first && rec->number < first + kn->n &&
		    seen[rec->number - first]++ != 0)
			return "a record is sent twice";
		stream_take(sm);
	}
	for (size_t i = 0; i < kn->n; i++) {
		const struct known_record *kr = &kn->records[i];

		if (record_touched(st, kr) || state_touched(st, kr))
			continue;
		if (kr->fate[s] != FATE_SETTLED && seen[i] == 0)
			return "an untouched record is not sent";
		if (kr->fate[s] == FATE_SETTLED && seen[i] != 0)
			return "a settled record is sent again";
	}
	return NULL;
}

/* May a stream be refused? If its journal is touched, or what it points to stood elsewhere. */
static bool
may_refuse(const struct state *st, unsigned s, bool moved)
{
	const struct known *kn = &st->known;

	if (any_touched(&st->files[FILE_STREAM + s]) ||
	    damage_touched(&st->files[FILE_RING], RING_WORDS_OFFSET, 192))
		return true;
	for (size_t i = 0; i < kn->n; i++)
		if (moved && kn->records[i].fate[s] == FATE_IN_FLIGHT &&
		    record_touched(st, &kn->records[i]))
			return true;
	return false;
}

static const char *
judge_streams(const struct state *st, int dir_fd, struct ring *rg, bool moved)
{
	struct stream *streams[STREAMS] = { NULL };
	const char *wrong = NULL;

	for (unsigned i = 0; i < STREAMS && wrong == NULL; i++) {
		int rc = stream_open(
		    &streams[i], dir_fd, st->files[FILE_STREAM + i].name, rg, NULL);

		if (rc < 0) {
			judged.streams_refused++;
			if (rc != -EBADMSG || !may_refuse(st, i, moved))
				wrong = "a stream is refused";
			continue;
		}
		judged.mended += stream_mended(streams[i]);
		wrong = judge_sent(st, i, streams[i], rg);
	}
	for (unsigned i = 0; i < STREAMS && wrong == NULL; i++)
		if (streams[i] != NULL)
			wrong = judge_flow(st, i, streams[i]);
	for (unsigned i = 0; i < STREAMS; i++)
		stream_close(streams[i]);
	return wrong;
}

static const char *
judge_marks(const struct state *st, int dir_fd)
{
	const struct bytes *by = &st->files[FILE_MARKS];
	struct marks *mk;
	uint64_t doubts;
	int rc = marks_open(&mk, dir_fd, &doubts);

	if (rc < 0) {
		judged.marks_refused++;
		return any_touched(by) ? NULL : "the marks are refused";
	}
	marks_close(mk);
	return NULL;
}

/* Its header and the copy, or all words and all records. */
static bool
may_refuse_ring(const struct state *st)
{
	const struct bytes *by = &st->files[FILE_RING];

	return (damage_touched(by, 0, sizeof(struct ring_header)) &&
		   damage_touched(by, RING_COPY_OFFSET, sizeof(struct ring_header))) ||
	       damage_touched(by, RING_WORDS_OFFSET, 192);
}

const char *
state_judge(const struct state *st, int dir_fd)
{
	struct ring_report report;
	const char *wrong;
	struct ring *rg;
	int rc = ring_open(&rg, dir_fd, st->files[FILE_RING].name, 2000000, &report);

	judged.cases++;
	if (rc < 0) {
		judged.rings_refused++;
		return may_refuse_ring(st) ? judge_marks(st, dir_fd)
					   : "the ring is refused";
	}
	judged.mended += report.header_mended + report.tail_mended;
	wrong = judge_records(st, rg, &report);
	if (wrong == NULL)
		wrong = judge_new(st, rg, &report);
	if (wrong == NULL)
		wrong = judge_streams(st, dir_fd, rg, report.moved > 0 || st->swapped);
	ring_close(rg);
	return wrong == NULL ? judge_marks(st, dir_fd) : wrong;
}
