#include <errno.h>
#include <stdlib.h>

#include "base/crash.h"
#include "spool/stream_private.h"

/* Which records of the ring have a sequence: what is left waits. */
static void
mark_taken(struct stream *st)
{
	uint64_t position = ring_tail(st->ring), head = ring_head(st->ring);

	for (; position < head; position = ring_after(st->ring, position))
		ring_at(st->ring, position)->state &= ~RECORD_TAKEN(st->slot);
	for (uint64_t seq = st->acked + 1; seq < st->next; seq++) {
		uint64_t place = journal_place(&st->journal, seq);

		if (!place_in_log(place))
			ring_at(st->ring, place)->state |= RECORD_TAKEN(st->slot);
	}
}

int
stream_use_log(struct stream *st, struct log *lg)
{
	if (st->move.items == NULL)
		st->move.items = calloc(LOG_BATCH, sizeof(*st->move.items));
	if (st->move.items == NULL)
		return -ENOMEM;
	st->log = lg;
	mark_taken(st);
	return 0;
}

struct log *
stream_log(const struct stream *st)
{
	return st->log;
}

void
stream_log_only(struct stream *st, bool on)
{
	st->log_only = on;
}

bool
stream_batch_first(const struct stream *st, int64_t *ret_priority)
{
	if (st->move.waiting == 0)
		return false;
	*ret_priority = st->move.priority;
	return true;
}

static bool
stream_rejected(const struct stream *st, uint64_t seq)
{
	for (unsigned i = 0; i < st->rejects; i++)
		if (st->rejected[i] == seq)
			return true;
	return false;
}

/* There is room for it: it leaves with the batch. */
static bool
batch_add(struct stream *st, const struct record *rec, int64_t priority, uint64_t seq)
{
	struct stream_move *mv = &st->move;
	uint64_t stride = record_stride(rec->length);

	if (mv->count == LOG_BATCH ||
	    (mv->count > 0 && mv->bytes + stride > LOG_BATCH_BYTES))
		return false;
	mv->items[mv->count++] =
	    (struct log_item){ .rec = rec, .priority = priority, .seq = seq };
	mv->bytes += stride;
	return true;
}

static void
batch_add_sent(struct stream *st, uint64_t sent_to)
{
	struct stream_move *mv = &st->move;

	for (uint64_t seq = st->acked + 1; seq < st->next; seq++) {
		uint64_t place = journal_place(&st->journal, seq);
		const struct record *rec;

		/* What is to be sent again is not being written now, sent or not: after a start
		 * the peer may give credit for a part of it only. */
		if (seq > sent_to && seq < st->resend)
			continue;
		/* A rejected one is being stored as a dead letter from where it is. */
		if (place_in_log(place) || stream_rejected(st, seq))
			continue;
		rec = ring_at(st->ring, place);
		if (rec->flags & RECORD_DAMAGED)
			continue;
		if (!batch_add(st, rec, SEGMENT_SENT, seq))
			return;
		if (mv->pinned == 0)
			mv->pinned = seq;
	}
}

static bool
stream_parked(const struct stream *st, uint64_t place)
{
	for (unsigned i = 0; i < st->parks; i++)
		if (st->parked[i] == place)
			return true;
	return false;
}

/* Does the record of the ring wait? */
static bool
stream_waits(const struct stream *st, uint64_t position, const struct record *rec)
{
	return (rec->state & (RECORD_SETTLED(st->slot) | RECORD_TAKEN(st->slot))) ==
		   0 &&
	       ring_wants(st->ring, st->slot, rec) && !stream_parked(st, position);
}

static void
batch_add_waiting(struct stream *st, uint64_t end)
{
	struct stream_move *mv = &st->move;
	uint64_t tail = ring_tail(st->ring);
	uint64_t position = mv->from < tail ? tail : mv->from;

	if (end > st->admitted)
		end = st->admitted;
	mv->to = position;
	while (position < end) {
		const struct record *rec = ring_at(st->ring, position);
		int64_t priority = stream_priority(st, rec);

		if (stream_waits(st, position, rec)) {
			if (!batch_add(st, rec, priority, 0))
				return;
			mv->items[mv->count - 1].place = position;
			if (mv->waiting == 0 || priority > mv->priority)
				mv->priority = priority;
			mv->waiting++;
		}
		position += record_stride(rec->length);
		mv->to = position;
	}
}

int
stream_batch(
    struct stream *st, uint64_t sent_to, uint64_t end, const struct log_item **ret)
{
	struct stream_move *mv = &st->move;

	if (mv->count > 0)
		return -EBUSY;
	mv->waiting = 0;
	mv->bytes = 0;
	mv->pinned = 0;
	batch_add_sent(st, sent_to);
	batch_add_waiting(st, end);
	if (mv->count == 0)
		mv->from = mv->to;
	if (ret != NULL)
		*ret = mv->items;
	return (int)mv->count;
}

/* Where what waits begins when the first count of the batch have gone. */
static uint64_t
batch_stays_from(const struct stream_move *mv, size_t count)
{
	return count < mv->count && mv->items[count].seq == 0 ? mv->items[count].place
							      : mv->to;
}

/* What was in flight is found in the log from now on; then the ring needs none of it. */
static void
batch_leave(struct stream *st, const struct log_item *items, size_t count)
{
	struct stream_move *mv = &st->move;
	uint64_t waiting = 0;

	for (size_t i = 0; i < count; i++) {
		if (items[i].seq != 0)
			journal_place_set(&st->journal, items[i].seq, items[i].place);
		else
			waiting++;
	}
	CRASH_POINT("stream_move.repointed");
	for (size_t i = 0; i < count; i++)
		ring_settle_record(st->ring, items[i].rec, st->slot);
	CRASH_POINT("stream_move.settled");
	if (waiting == 0)
		return;
	mv->from = batch_stays_from(mv, count);
	backlog_drop_before(&st->backlog, mv->from, waiting);
}

void
stream_batch_end(struct stream *st, const struct log_item *items, size_t count)
{
	struct stream_move *mv = &st->move;

	batch_leave(st, items, count);
	mv->count = mv->waiting = 0;
	mv->pinned = 0;
	stream_advance(st);
	CRASH_POINT("stream_move.advanced");
	st->oldest = stream_oldest_unsettled(st, st->oldest);
	(void)ring_release(st->ring);
}

static void
stream_on_appended(void *owner, const struct log_item *items, size_t count, int rc)
{
	struct stream *st = owner;

	stream_batch_end(st, items, rc < 0 ? 0 : count);
	st->moved(st->owner, rc < 0 ? rc : (int)count);
}

int
stream_move(
    struct stream *st, uint64_t sent_to, uint64_t end, stream_moved *moved, void *owner)
{
	int count = stream_batch(st, sent_to, end, NULL);
	int rc;

	if (count <= 0)
		return count;
	st->moved = moved;
	st->owner = owner;
	rc = log_append(st->log, st->move.items, (size_t)count, stream_on_appended, st);
	if (rc < 0) {
		stream_batch_end(st, st->move.items, 0);
		return rc;
	}
	return count;
}
