/* A journal whose words or places are not what was stored: what can still be told, by their
 * checks and by the ring. docs/spool-format.md, section 4, "Damage". */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash.h"
#include "spool/journal.h"
#include "spool/ring.h"

#define NO_PLACE UINT64_MAX

/* A window on the ring and the journal beside it. */
struct recovery {
	struct journal *jn;
	const struct ring *ring;
	uint64_t *starts; /* positions of the ring's records, ascending */
	size_t n_starts;
	bool *used; /* by start: a sequence in flight has it */
	uint64_t acked, next;
	uint64_t places[STREAM_WINDOW]; /* of (acked, next), by index as in the file */
};

static bool
words_right(uint64_t acked, uint64_t next)
{
	return acked < next && next <= INT64_MAX && next - acked - 1 <= STREAM_WINDOW;
}

static uint64_t
raw_place(const struct journal *jn, uint64_t seq)
{
	return jn->places[seq % STREAM_WINDOW];
}

static bool
check_right(uint64_t raw, uint64_t seq)
{
	return raw == journal_encode(journal_decode(raw), seq);
}

static int
list_starts(struct recovery *rc)
{
	uint64_t position = ring_tail(rc->ring);
	size_t records = (size_t)ring_records(rc->ring);

	rc->starts = calloc(records + 1, sizeof(*rc->starts));
	rc->used = calloc(records + 1, sizeof(*rc->used));
	if (rc->starts == NULL || rc->used == NULL)
		return -ENOMEM;
	for (; rc->n_starts < records; position = ring_after(rc->ring, position))
		rc->starts[rc->n_starts++] = position;
	return 0;
}

/* The number of starts at or before that position. */
static size_t
starts_until(const struct recovery *rc, uint64_t position)
{
	size_t low = 0, high = rc->n_starts;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (rc->starts[middle] <= position)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Index of the record that starts there, or -1. */
static ssize_t
start_at(const struct recovery *rc, uint64_t position)
{
	size_t n = starts_until(rc, position);

	return n > 0 && rc->starts[n - 1] == position ? (ssize_t)n - 1 : -1;
}

static bool
settled(const struct recovery *rc, uint64_t position)
{
	return (ring_at(rc->ring, position)->state &
		   RECORD_SETTLED(rc->jn->header->slot)) != 0;
}

/* Was that sequence given out and is not settled? */
static bool
seems_in_flight(const struct recovery *rc, uint64_t seq)
{
	uint64_t raw = raw_place(rc->jn, seq), place = journal_decode(raw);

	if (!check_right(raw, seq))
		return false;
	return (place & JOURNAL_IN_LOG) != 0 ||
	       (start_at(rc, place) >= 0 && !settled(rc, place));
}

/* The two values that a word may have had; the stores come one after the other, so after a kill
 * the higher one counts. Both must fit the other word, and what lies between them must be as it
 * is when the higher one counts: all in flight (next), or none (acked). */
static int
choose(const struct recovery *rc, const uint64_t value[2], bool is_next, uint64_t *ret)
{
	uint64_t low = value[0] < value[1] ? value[0] : value[1];
	uint64_t high = value[0] < value[1] ? value[1] : value[0];
	bool low_fits =
	    is_next ? words_right(rc->acked, low) : words_right(low, rc->next);
	bool high_fits =
	    is_next ? words_right(rc->acked, high) : words_right(high, rc->next);

	if (!low_fits && !high_fits)
		return -EBADMSG;
	*ret = low_fits ? low : high;
	if (!low_fits || !high_fits)
		return 0;
	for (uint64_t i = 0; i < high - low; i++)
		if (seems_in_flight(rc, is_next ? low + i : low + 1 + i) != is_next)
			return 0;
	*ret = high;
	return 0;
}

static int
recover_words(struct recovery *rc)
{
	const struct journal_words *words = rc->jn->words;
	uint64_t acked[2] = { words->acked, ~words->acked_not };
	uint64_t next[2] = { words->next, ~words->next_not };

	rc->acked = acked[0];
	rc->next = next[0];
	/* A kill can come between the stores of one word only. */
	if (acked[0] != acked[1] && next[0] != next[1])
		return -EBADMSG;
	if (acked[0] != acked[1])
		return choose(rc, acked, false, &rc->acked);
	if (next[0] != next[1])
		return choose(rc, next, true, &rc->next);
	return words_right(rc->acked, rc->next) ? 0 : -EBADMSG;
}

static bool
is_free(const struct recovery *rc, uint64_t position)
{
	ssize_t at = start_at(rc, position);

	return at >= 0 && !rc->used[at];
}

/* The place was right, but what lay there is damaged, and the records that stand for it may
 * start elsewhere: any of them that nobody has, or NO_PLACE. */
static uint64_t
damaged_place(const struct recovery *rc, uint64_t place)
{
	size_t n = starts_until(rc, place);

	if (n == 0 || place >= ring_head(rc->ring))
		return NO_PLACE;
	for (size_t i = n; i > 0; i--) {
		const struct record *rec = ring_at(rc->ring, rc->starts[i - 1]);

		if (!(rec->flags & RECORD_DAMAGED))
			break;
		if (!rc->used[i - 1])
			return rc->starts[i - 1];
	}
	return NO_PLACE;
}

/* What one flipped bit may have made of a place: the only record that nobody has and that
 * differs in one bit. NO_PLACE: none, or several. */
static uint64_t
flipped_place(const struct recovery *rc, uint64_t raw, uint64_t seq)
{
	uint64_t found = NO_PLACE;
	unsigned n = 0;

	for (unsigned bit = 0; bit < 63; bit++) {
		uint64_t other = raw ^ (UINT64_C(1) << bit);

		if (check_right(other, seq) && is_free(rc, journal_decode(other))) {
			found = journal_decode(other);
			n++;
		}
	}
	return n == 1 ? found : NO_PLACE;
}

/* The ring's tail was found again, and with it how often the ring went round was lost. */
static uint64_t
rebased_place(const struct recovery *rc, uint64_t place)
{
	uint64_t bytes = ring_bytes(rc->ring), tail = ring_tail(rc->ring);
	uint64_t position = tail - tail % bytes + place % bytes;

	if (position < tail)
		position += bytes;
	return is_free(rc, position) ? position : NO_PLACE;
}

static uint64_t
find_place(const struct recovery *rc, uint64_t seq)
{
	uint64_t raw = raw_place(rc->jn, seq), place = journal_decode(raw), found;

	if (!check_right(raw, seq))
		return flipped_place(rc, raw, seq);
	found = damaged_place(rc, place);
	if (found == NO_PLACE && ring_lost_count(rc->ring))
		found = rebased_place(rc, place);
	return found;
}

static void
use_place(struct recovery *rc, uint64_t seq, uint64_t place)
{
	ssize_t at = start_at(rc, place);

	rc->places[seq % STREAM_WINDOW] = place;
	if (at >= 0)
		rc->used[at] = true;
}

/* A place that is right: of the log, which judges it itself, or the start of a record that no
 * other has. */
static bool
place_right(const struct recovery *rc, uint64_t seq)
{
	uint64_t place = journal_place(rc->jn, seq);

	return check_right(raw_place(rc->jn, seq), seq) &&
	       ((place & JOURNAL_IN_LOG) != 0 || is_free(rc, place));
}

static int
recover_places(struct recovery *rc, unsigned *ret_mended)
{
	uint64_t seq;

	memset(rc->places, 0xff, sizeof(rc->places));
	for (seq = rc->acked + 1; seq < rc->next; seq++)
		if (place_right(rc, seq))
			use_place(rc, seq, journal_place(rc->jn, seq));
	for (seq = rc->acked + 1; seq < rc->next; seq++) {
		uint64_t place;

		if (rc->places[seq % STREAM_WINDOW] != NO_PLACE)
			continue;
		place = find_place(rc, seq);
		if (place == NO_PLACE)
			return -EBADMSG;
		use_place(rc, seq, place);
		++*ret_mended;
	}
	return 0;
}

static void
store(struct recovery *rc)
{
	for (uint64_t seq = rc->acked + 1; seq < rc->next; seq++)
		journal_place_set(rc->jn, seq, rc->places[seq % STREAM_WINDOW]);
	CRASH_POINT("journal_recover.places");
	journal_acked_set(rc->jn, rc->acked);
	journal_next_set(rc->jn, rc->next);
	CRASH_POINT("journal_recover.stored");
}

static int
recover(struct recovery *rc)
{
	struct journal *jn = rc->jn;
	unsigned mended = 0;
	bool words_changed;
	int ret = list_starts(rc);

	if (ret == 0)
		ret = recover_words(rc);
	if (ret == 0)
		ret = recover_places(rc, &mended);
	if (ret < 0)
		return ret;
	/* After a kill between a word and its complement nothing is damaged. */
	words_changed = rc->acked != jn->words->acked || rc->next != jn->words->next;
	jn->mended += mended + words_changed;
	store(rc);
	return 0;
}

int
journal_recover(struct journal *jn, const struct ring *ring)
{
	struct recovery *rc = calloc(1, sizeof(*rc));
	int ret;

	if (rc == NULL)
		return -ENOMEM;
	rc->jn = jn;
	rc->ring = ring;
	ret = recover(rc);
	free(rc->starts);
	free(rc->used);
	free(rc);
	return ret;
}
