#include "spool/stream_private.h"

static bool
is_damaged(const struct stream *st, uint64_t seq)
{
	uint64_t place = journal_place(&st->journal, seq);

	return !place_in_log(place) &&
	       (ring_at(st->ring, place)->flags & RECORD_DAMAGED) != 0;
}

/* Of a batch on its way to the log. */
static void
batch_skip(struct stream_move *mv, uint64_t seq)
{
	for (size_t i = 0; i < mv->count; i++)
		if (mv->items[i].seq > seq)
			mv->items[i].seq--;
	if (mv->pinned > seq)
		mv->pinned--;
}

void
stream_skip_damaged(struct stream *st, uint64_t mark)
{
	/* From above, so that what is moved down has been looked at. */
	for (uint64_t seq = st->next - 1; seq > mark; seq--) {
		if (!is_damaged(st, seq))
			continue;
		/* First of all: not in flight any more, nothing else would settle it. */
		ring_at(st->ring, journal_place(&st->journal, seq))->state |=
		    RECORD_SETTLED(st->slot);
		journal_drop(&st->journal, seq, st->next--);
		batch_skip(&st->move, seq);
	}
}
