#include <errno.h>

#include "base/crash.h"
#include "spool/stream_private.h"

int
stream_admit_record(struct stream *st, uint64_t position, const struct record *rec)
{
	if (!ring_wants(st->ring, st->slot, rec) || stream_settled(st, rec))
		return 0;
	return backlog_push(&st->backlog, position,
	    position + record_stride(rec->length), stream_priority(st, rec));
}

int
stream_admit(struct stream *st)
{
	uint64_t head = ring_head(st->ring);

	if (st->frozen)
		return 0;
	/* What no stream wanted may be freed already. */
	if (st->admitted < ring_tail(st->ring))
		st->admitted = ring_tail(st->ring);
	while (st->admitted < head) {
		const struct record *rec = ring_at(st->ring, st->admitted);
		int rc = stream_admit_record(st, st->admitted, rec);

		if (rc < 0)
			return rc;
		st->admitted += record_stride(rec->length);
	}
	return 0;
}

static bool
log_parked(const struct stream *st)
{
	for (unsigned i = 0; i < st->parks; i++)
		if (place_in_log(st->parked[i]))
			return true;
	return false;
}

/* The place of what waits and goes next. Of one priority the log has the oldest, then
 * comes what is on its way there, then the ring. */
static bool
waiting_first(struct stream *st, uint64_t *ret_place, const struct record **ret)
{
	int64_t ring = 0, moving = 0, logged = 0;
	bool in_ring = backlog_peek(&st->backlog, ret_place, &ring);
	bool in_move, in_log;

	if (st->log == NULL) {
		if (in_ring)
			*ret = ring_at(st->ring, *ret_place);
		return in_ring;
	}
	in_move = stream_batch_first(st, &moving);
	in_log = log_first(st->log, &logged);
	if (st->log_only)
		in_ring = false;
	if (in_log && (!in_ring || logged >= ring) && (!in_move || logged >= moving)) {
		/* What is behind a parked one would be settled over it. */
		if (log_parked(st))
			return false;
		*ret = log_peek(st->log, ret_place);
		return *ret != NULL;
	}
	if (!in_ring || (in_move && moving >= ring))
		return false;
	*ret = ring_at(st->ring, *ret_place);
	return true;
}

bool
stream_window_full(const struct stream *st)
{
	return st->next - st->acked - 1 >= STREAM_WINDOW;
}

/* What comes next and its place: true, its sequence, and whether it is new. False also while
 * it is read from the disk. */
static bool
stream_first(struct stream *st, uint64_t *ret_place, const struct record **ret,
    uint64_t *ret_seq, bool *ret_new)
{
	if (st->resend < st->next) {
		*ret_place = journal_place(&st->journal, st->resend);
		*ret_seq = st->resend;
		*ret_new = false;
		*ret = stream_sent(st, st->resend);
		return *ret != NULL;
	}
	*ret_seq = st->next;
	*ret_new = true;
	return !st->held && !stream_window_full(st) &&
	       waiting_first(st, ret_place, ret);
}

const struct record *
stream_peek(struct stream *st, uint64_t *ret_seq, bool *ret_new)
{
	const struct record *rec;
	uint64_t place, seq;
	bool is_new;

	if (!stream_first(st, &place, &rec, &seq, &is_new))
		return NULL;
	*ret_seq = seq;
	*ret_new = is_new;
	return rec;
}

void
stream_take(struct stream *st)
{
	struct stream_run run;

	/* Only in front of what is offered again no run is made. */
	if (stream_take_run(st, 1, UINT64_MAX, UINT32_MAX, &run) == 0 &&
	    st->resend < st->next)
		st->resend++;
}

/* It gets the next sequence. */
static void
take_new(struct stream *st, uint64_t place, const struct record *rec)
{
	journal_place_set(&st->journal, st->next, place);
	CRASH_POINT("stream.place");
	if (place_in_log(place)) {
		log_pop(st->log);
	} else {
		backlog_pop(&st->backlog, place + record_stride(rec->length));
		if (st->log != NULL)
			ring_at(st->ring, place)->state |= RECORD_TAKEN(st->slot);
	}
	st->next++;
}

/* Do the records of a run and this one lie one behind the other in memory? The ring's second
 * mapping makes that a question of places, not of addresses. */
static bool
run_goes_on(const struct stream_run *run, uint64_t first, uint64_t place,
    const struct record *rec)
{
	if (place != first + run->bytes)
		return false;
	return !place_in_log(place) ||
	       (const uint8_t *)rec == (const uint8_t *)run->first + run->bytes;
}

uint32_t
stream_take_run(struct stream *st, uint32_t max_count, uint64_t max_bytes,
    uint32_t max_body, struct stream_run *ret)
{
	struct stream_run run = { 0 };
	uint64_t first = 0, place, seq;
	const struct record *rec;
	bool is_new = false;

	/* Nothing of a run counts before journal_next_set(), so all new places are
	 * stored first and a run costs one store of next. */
	while (run.count < max_count && stream_first(st, &place, &rec, &seq, &is_new)) {
		uint64_t stride = record_stride(rec->length);

		if (run.count == 0) {
			run.first = rec;
			run.seq = seq;
			first = place;
		}
		if ((rec->flags & RECORD_DAMAGED) ||
		    !run_goes_on(&run, first, place, rec) ||
		    stride > max_bytes - run.bytes || rec->length > max_body)
			break;
		if (is_new)
			take_new(st, place, rec);
		st->resend = seq + 1;
		run.bytes += stride;
		run.count++;
	}
	if (run.count == 0)
		return 0;
	if (st->journal.words->next != st->next)
		journal_next_set(&st->journal, st->next);
	CRASH_POINT("stream.taken");
	*ret = run;
	return run.count;
}

int
stream_park(struct stream *st, const struct record **ret)
{
	uint64_t place, seq;
	const struct record *rec;
	bool is_new;

	if (!stream_first(st, &place, &rec, &seq, &is_new) || !is_new)
		return -EINVAL;
	if (st->parks == STREAM_REJECTS)
		return -ENOSPC;
	if (place_in_log(place)) {
		/* A log settles in order: alone, once all before it are settled. */
		if (!log_first_alone(st->log))
			return -EAGAIN;
		log_pop(st->log);
	} else {
		backlog_pop(&st->backlog, place + record_stride(rec->length));
	}
	st->parked[st->parks++] = place;
	*ret = rec;
	return 0;
}
