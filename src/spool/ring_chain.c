/* What goes on behind damage in a ring. Usually that is the next whole record. But blocks of a
 * file may also have been exchanged; then whole records stand where they do not belong. All that
 * are whole are kept: the longest chain of runs for which there is room stays in place, the others
 * are moved to where their numbers belong, and what is missing gets a substitute.
 * docs/spool-format.md, section 3, "Damage". */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spool/ring_private.h"

#define RUNS_MAX                                                                       \
	1024 /* of whole records; so many are made by no damage that leaves much */
#define OPEN_WEIGHT                                                                    \
	(UINT64_C(1) << 32) /* records that staying before an unsealed one is worth */
#define BLOCK 512 /* bytes; what was exchanged keeps its place within a block */

/* Whole records one behind the other. */
struct run {
	uint64_t from, to;      /* positions */
	uint64_t number, count; /* of the first; how many, 0: one that is not sealed */
	uint64_t before;        /* bytes of all runs with lower numbers */
	uint64_t counted;       /* records of these */
	bool open;        /* one that is not sealed follows, and must stay behind it */
	uint64_t best;    /* records of the longest chain that begins with it */
	struct run *next; /* in that chain */
	uint8_t *copy;    /* of one that is not in the chain */
	bool kept;        /* in the chain */
};

struct chain {
	struct ring *ring;
	struct run *runs; /* by position, then by number */
	size_t n;
	uint64_t bytes, records; /* of all runs */
};

static bool
is_whole(const struct ring *rg, uint64_t position, uint64_t number)
{
	uint64_t left = rg->bytes - (position - rg->tail);
	const struct record *rec;

	if (left < RECORD_HEADER)
		return false;
	rec = ring_record(rg, position);
	return rec->number == number && record_check(rec, left, rg->seed) == 0;
}

/* Does what a kill cut off, or left without its checksums, begin there? */
static bool
is_unsealed(const struct ring *rg, uint64_t position, uint64_t number)
{
	const struct record *rec;

	if (rg->bytes - (position - rg->tail) < RECORD_HEADER)
		return false;
	rec = ring_record(rg, position);
	return rec->number == number && rec->header_crc == RECORD_CRC_UNSET &&
	       rec->reserved == 0 && rec->reserved2 == 0;
}

/* The same where no whole record is before it. Its checksums prove nothing yet, so all else must be
 * right. */
static bool
is_unsealed_alone(const struct ring *rg, uint64_t position, uint64_t number)
{
	const struct record *rec = ring_record(rg, position);

	return number > rg->next_number && is_unsealed(rg, position, number) &&
	       rec->state == 0 && (rec->flags & ~RECORD_RECOVERED) == 0 &&
	       (rec->length == RECORD_LENGTH_NONE || rec->length <= rg->max_body) &&
	       rec->type != rg->type_open && rec->type >= 0;
}

/* The next run from that position on: false, there is none. No number can be further on than
 * there is room for in the ring. */
static bool
find_run(const struct ring *rg, uint64_t position, struct run *ret)
{
	uint64_t most = rg->next_number + rg->bytes / RECORD_HEADER;

	for (; position - rg->tail + RECORD_HEADER <= rg->bytes;
	     position += RECORD_ALIGN) {
		uint64_t number = ring_record(rg, position)->number;

		if (number < rg->next_number || number > most ||
		    (!is_whole(rg, position, number) &&
			!is_unsealed_alone(rg, position, number)))
			continue;
		*ret =
		    (struct run){ .from = position, .to = position, .number = number };
		while (is_whole(rg, ret->to, number + ret->count)) {
			ret->to += record_stride(ring_record(rg, ret->to)->length);
			ret->count++;
		}
		ret->open = is_unsealed(rg, ret->to, number + ret->count);
		return true;
	}
	return false;
}

static int
by_number(const void *a, const void *b)
{
	uint64_t left = ((const struct run *)a)->number;
	uint64_t right = ((const struct run *)b)->number;

	return left < right ? -1 : left > right;
}

/* One number is kept once: what is a second time there was copied with its block. */
static void
drop_doubles(struct chain *ch)
{
	size_t n = 0;

	for (size_t i = 0; i < ch->n; i++) {
		const struct run *last = n == 0 ? NULL : &ch->runs[n - 1];

		if (last == NULL || ch->runs[i].number >= last->number + last->count)
			ch->runs[n++] = ch->runs[i];
	}
	ch->n = n;
}

static void
collect(struct chain *ch)
{
	uint64_t position = ch->ring->head;

	while (ch->n < RUNS_MAX && find_run(ch->ring, position, &ch->runs[ch->n])) {
		const struct run *at = &ch->runs[ch->n++];

		position = at->count > 0 ? at->to : at->to + RECORD_HEADER;
	}
	if (ch->n > 1)
		qsort(ch->runs, ch->n, sizeof(*ch->runs), by_number);
	drop_doubles(ch);
	for (size_t i = 0; i < ch->n; i++) {
		struct run *at = &ch->runs[i];

		at->before = ch->bytes;
		at->counted = ch->records;
		ch->bytes += at->to - at->from;
		ch->records += at->count;
	}
}

/* Is there room between two places for all the numbers between, those that are whole with what
 * they need? bytes and records: of the whole ones. */
static bool
has_room(uint64_t from, uint64_t to, uint64_t numbers, uint64_t bytes, uint64_t records)
{
	uint64_t missing = numbers - records;

	if (to < from || to - from < bytes)
		return false;
	/* Only a substitute can be larger than it must be. */
	return missing == 0 ? to - from == bytes
			    : missing <= (to - from - bytes) / RECORD_HEADER;
}

static bool
can_follow(const struct run *first, const struct run *next)
{
	return has_room(first->to, next->from,
	    next->number - first->number - first->count,
	    next->before - first->before - (first->to - first->from),
	    next->counted - first->counted - first->count);
}

/* From the last run back to the first: the most records that can follow each. */
static struct run *
best_start(struct chain *ch)
{
	const struct ring *rg = ch->ring;
	struct run *best = NULL;

	for (size_t i = ch->n; i-- > 0;) {
		struct run *at = &ch->runs[i];
		uint64_t behind = ch->bytes - at->before - (at->to - at->from);
		uint64_t left = rg->bytes - (at->to - rg->tail);

		/* Those that come last need no more than they are, and their gaps. */
		if (behind <= left)
			at->best = at->count + (at->open ? OPEN_WEIGHT : 0);
		for (size_t k = i + 1; k < ch->n; k++)
			if (ch->runs[k].best > 0 && can_follow(at, &ch->runs[k]) &&
			    at->count + ch->runs[k].best > at->best) {
				at->best = at->count + ch->runs[k].best;
				at->next = &ch->runs[k];
			}
		if (at->best > 0 && (best == NULL || at->best >= best->best) &&
		    has_room(rg->head, at->from, at->number - rg->next_number,
			at->before, at->counted))
			best = at;
	}
	return best;
}

/* Before anything is written over: what does not stay in place. */
static int
copy_others(struct chain *ch, struct run *best)
{
	for (struct run *at = best; at != NULL; at = at->next)
		at->kept = true;
	for (size_t i = 0; i < ch->n; i++) {
		struct run *at = &ch->runs[i];
		size_t len = (size_t)(at->to - at->from);

		if (at->kept)
			continue;
		at->copy = malloc(len);
		if (at->copy == NULL)
			return -ENOMEM;
		memcpy(at->copy, ring_record(ch->ring, at->from), len);
	}
	return 0;
}

/* Substitutes for the numbers before the run, so that it comes to stand where it was within its
 * block, if there is so much to spare; all of it if to is where it must stand. */
static uint64_t
fill_before(
    struct chain *ch, const struct run *at, uint64_t spare, struct ring_report *report)
{
	struct ring *rg = ch->ring;
	uint64_t missing = at->number - rg->next_number;
	uint64_t position = rg->head + missing * RECORD_HEADER, extra = spare;

	if (missing == 0)
		return spare;
	if (!at->kept) {
		extra = (at->from - position) % BLOCK;
		extra = extra <= spare ? extra : 0;
	}
	ring_place_damaged(rg, missing, extra, report);
	return spare - extra;
}

static void
place_copy(struct chain *ch, struct run *at)
{
	struct ring *rg = ch->ring;
	uint64_t len = at->to - at->from;

	memcpy(ring_record(rg, rg->head), at->copy, len);
	at->to = rg->head + len;
	at->from = rg->head;
}

/* What can be left over before the next run that stays in place: all that is there but what is
 * needed. */
static uint64_t
spare_before(const struct chain *ch, const struct run *from, const struct run *kept)
{
	const struct ring *rg = ch->ring;
	uint64_t missing =
	    kept->number - rg->next_number - (kept->counted - from->counted);

	return kept->from - rg->head - (kept->before - from->before) -
	       missing * RECORD_HEADER;
}

static void
lay_out(struct chain *ch, struct run *kept, struct ring_report *report)
{
	struct ring *rg = ch->ring;
	uint64_t spare = kept == NULL ? 0 : spare_before(ch, &ch->runs[0], kept);

	for (size_t i = 0; i < ch->n; i++) {
		struct run *at = &ch->runs[i];
		uint64_t missing = at->number - rg->next_number;

		/* Behind the last that stays there may be no room for substitutes too. */
		if (kept == NULL && rg->bytes - (rg->head - rg->tail) <
					missing * RECORD_HEADER + (at->to - at->from))
			break;
		spare = fill_before(ch, at, spare, report);
		if (!at->kept) {
			place_copy(ch, at);
			report->moved += at->count;
		}
		for (uint64_t n = 0; n < at->count; n++)
			ring_advance(rg, ring_record(rg, rg->head));
		if (at == kept) {
			kept = at->next;
			spare = kept == NULL || i + 1 == ch->n
				    ? 0
				    : spare_before(ch, &ch->runs[i + 1], kept);
		}
	}
}

int
ring_go_on(struct ring *rg, struct ring_report *report)
{
	struct chain ch = { .ring = rg };
	struct run *best;
	int rc = 0;

	ch.runs = calloc(RUNS_MAX + 1, sizeof(*ch.runs));
	if (ch.runs == NULL)
		return -ENOMEM;
	collect(&ch);
	best = best_start(&ch);
	if (best != NULL)
		rc = copy_others(&ch, best);
	if (best != NULL && rc == 0)
		lay_out(&ch, best, report);
	for (size_t i = 0; i < ch.n; i++)
		free(ch.runs[i].copy);
	free(ch.runs);
	return rc < 0 ? rc : best != NULL;
}
