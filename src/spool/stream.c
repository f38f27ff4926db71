#include "spool/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spool/backlog.h"
#include "spool/journal.h"
#include "spool/ring.h"

struct stream {
	struct ring *ring;
	struct journal journal;
	struct backlog backlog;
	unsigned slot;
	bool by_priority;
	uint64_t acked, next;  /* as in the journal */
	uint64_t acknowledged; /* by the peer; acked follows, held back by rejects */
	uint64_t resend;       /* next sequence in flight to offer again; next: none */
	uint64_t admitted;     /* position: all before it wait or were passed over */
	uint64_t oldest;       /* position: all before it are settled or not wanted */
	unsigned rejects, parks;
	uint64_t rejected[STREAM_REJECTS]; /* sequences */
	uint64_t parked[STREAM_REJECTS];   /* positions */
};

static int
stream_new(struct stream **ret, struct ring *rg)
{
	struct stream *st;

	st = calloc(1, sizeof(*st));
	if (st == NULL)
		return -ENOMEM;
	st->ring = rg;
	/* Types are not priorities: a System V queue is first in first out. */
	st->by_priority = ring_kind(rg) == RING_POSIX;
	*ret = st;
	return 0;
}

void
stream_close(struct stream *st)
{
	if (st == NULL)
		return;
	journal_close(&st->journal);
	backlog_done(&st->backlog);
	free(st);
}

static void
stream_load(struct stream *st)
{
	st->slot = st->journal.header->slot;
	st->acked = st->acknowledged = st->journal.words->acked;
	st->next = st->journal.words->next;
	st->resend = st->acked + 1;
}

int
stream_create(struct stream **ret, int dir_fd, struct ring *rg, const char *label)
{
	struct journal_header hd = { .ring = *ring_id(rg),
		.first_number = ring_next_number(rg) };
	struct stream *st;
	int slot, rc;

	if (strlen(label) >= sizeof(hd.label))
		return -ENAMETOOLONG;
	memcpy(hd.label, label, strlen(label));
	slot = ring_free_slot(rg);
	if (slot < 0)
		return slot;
	hd.slot = (uint32_t)slot;
	rc = id_make(&hd.stream);
	if (rc < 0)
		return rc;
	rc = stream_new(&st, rg);
	if (rc < 0)
		return rc;
	rc = journal_create(&st->journal, dir_fd, &hd);
	if (rc == 0)
		rc = ring_attach(rg, hd.slot, hd.first_number);
	if (rc < 0) {
		stream_close(st);
		return rc;
	}
	stream_load(st);
	st->admitted = st->oldest = ring_head(rg);
	*ret = st;
	return 0;
}

int
stream_identify(int dir_fd, const char *file, struct id *ret_ring, char *ret_label,
    size_t label_size)
{
	struct journal_header hd;
	int rc;

	rc = journal_read(&hd, dir_fd, file);
	if (rc < 0)
		return rc;
	if (strlen(hd.label) >= label_size)
		return -ENAMETOOLONG;
	memcpy(ret_label, hd.label, strlen(hd.label) + 1);
	*ret_ring = hd.ring;
	return 0;
}

static bool
stream_settled(const struct stream *st, const struct record *rec)
{
	return (rec->state & RECORD_SETTLED(st->slot)) != 0;
}

static struct record *
stream_record(const struct stream *st, uint64_t seq)
{
	return ring_at(st->ring, journal_place(&st->journal, seq));
}

static int
compare_places(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* The places in flight, sorted, in memory of the caller's to free. *ret_count of
 * them. */
static int
sorted_places(const struct stream *st, uint64_t **ret, size_t *ret_count)
{
	size_t count = st->next - st->acked - 1;
	uint64_t *places;

	/* One more, for no allocation of nothing. */
	places = calloc(count + 1, sizeof(*places));
	if (places == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		places[i] = journal_place(&st->journal, st->acked + 1 + i);
	if (count > 1)
		qsort(places, count, sizeof(*places), compare_places);
	*ret = places;
	*ret_count = count;
	return 0;
}

static int
admit_record(struct stream *st, uint64_t position, const struct record *rec)
{
	if (!ring_wants(st->ring, st->slot, rec) || stream_settled(st, rec))
		return 0;
	return backlog_push(&st->backlog, position,
	    position + record_stride(rec->length), st->by_priority ? rec->type : 0);
}

/* Walk the ring beside the sorted places: what is not in flight waits, and every place
 * must be a record's. */
static int
admit_around(struct stream *st, const uint64_t *places, size_t count)
{
	uint64_t position = ring_tail(st->ring), head = ring_head(st->ring);
	size_t met = 0;
	int rc;

	for (; position < head; position = ring_after(st->ring, position)) {
		struct record *rec = ring_at(st->ring, position);

		if (met < count && places[met] == position) {
			met++;
			/* Damaged, it must stay until its sequence is passed. */
			if (rec->flags & RECORD_DAMAGED)
				rec->state &= ~RECORD_SETTLED(st->slot);
			continue;
		}
		rc = admit_record(st, position, rec);
		if (rc < 0)
			return rc;
	}
	st->admitted = head;
	return met == count ? 0 : -EBADMSG;
}

/* After a kill between the settled bits of an acknowledgement and acked, the
 * acknowledgement counts: bits are set in order, so they are a prefix of what is in
 * flight. */
static int
find_acked(struct stream *st)
{
	uint64_t tail = ring_tail(st->ring), head = ring_head(st->ring);

	for (; st->acked + 1 < st->next; st->acked++) {
		uint64_t place = journal_place(&st->journal, st->acked + 1);
		const struct record *rec;

		if (place < tail || place >= head || place % RECORD_ALIGN != 0)
			return -EBADMSG;
		rec = ring_at(st->ring, place);
		if (!stream_settled(st, rec) || (rec->flags & RECORD_DAMAGED))
			break;
	}
	return 0;
}

/* Make sense of the journal with the ring; changes the file only when it is right. */
static int
stream_resume(struct stream *st)
{
	uint64_t *places = NULL;
	size_t count = 0;
	int rc;

	stream_load(st);
	st->oldest = ring_tail(st->ring);
	rc = find_acked(st);
	if (rc == 0)
		rc = sorted_places(st, &places, &count);
	if (rc < 0)
		return rc;
	rc = admit_around(st, places, count);
	free(places);
	if (rc < 0)
		return rc;
	/* Before anything is released: the ring may free what the bits allow. */
	journal_acked_set(&st->journal, st->acked);
	stream_load(st);
	return 0;
}

static int
stream_attach(struct stream *st)
{
	const struct journal_header *hd = st->journal.header;
	int rc;

	if (!id_equal(&hd->ring, ring_id(st->ring)))
		return -EBADMSG;
	rc = ring_attach(st->ring, hd->slot, hd->first_number);
	if (rc < 0)
		return rc == -EINVAL ? -EBADMSG : rc;
	st->slot = hd->slot;
	rc = stream_resume(st);
	if (rc < 0)
		ring_detach(st->ring, hd->slot);
	return rc;
}

int
stream_open(struct stream **ret, int dir_fd, const char *file, struct ring *rg)
{
	struct stream *st;
	int rc;

	rc = stream_new(&st, rg);
	if (rc < 0)
		return rc;
	rc = journal_open(&st->journal, dir_fd, file);
	if (rc == 0)
		rc = stream_attach(st);
	if (rc < 0) {
		stream_close(st);
		return rc;
	}
	*ret = st;
	return 0;
}

const struct id *
stream_id(const struct stream *st)
{
	return &st->journal.header->stream;
}

const char *
stream_label(const struct stream *st)
{
	return st->journal.header->label;
}

/* The first position from there that is wanted and not settled, or the head. */
static uint64_t
oldest_unsettled(const struct stream *st, uint64_t position)
{
	uint64_t tail = ring_tail(st->ring), head = ring_head(st->ring);

	if (position < tail)
		position = tail;
	while (position < head) {
		const struct record *rec = ring_at(st->ring, position);

		if (ring_wants(st->ring, st->slot, rec) && !stream_settled(st, rec))
			break;
		position = ring_after(st->ring, position);
	}
	return position;
}

void
stream_numbers(const struct stream *st, struct stream_numbers *ret)
{
	uint64_t oldest = oldest_unsettled(st, st->oldest);

	ret->acked = st->acked;
	ret->next = st->next;
	ret->waiting = st->backlog.count;
	ret->in_flight = st->next - st->acked - 1;
	ret->oldest_captured_ns =
	    oldest < ring_head(st->ring) ? ring_at(st->ring, oldest)->captured_ns : 0;
}

int
stream_admit(struct stream *st)
{
	uint64_t head = ring_head(st->ring);

	/* What no stream wanted may be freed already. */
	if (st->admitted < ring_tail(st->ring))
		st->admitted = ring_tail(st->ring);
	while (st->admitted < head) {
		const struct record *rec = ring_at(st->ring, st->admitted);
		int rc = admit_record(st, st->admitted, rec);

		if (rc < 0)
			return rc;
		st->admitted += record_stride(rec->length);
	}
	return 0;
}

/* Position of what comes next: true, its sequence, and whether it is new. */
static bool
stream_first(
    struct stream *st, uint64_t *ret_position, uint64_t *ret_seq, bool *ret_new)
{
	if (st->resend < st->next) {
		*ret_position = journal_place(&st->journal, st->resend);
		*ret_seq = st->resend;
		*ret_new = false;
		return true;
	}
	if (st->next - st->acked - 1 >= STREAM_WINDOW ||
	    !backlog_peek(&st->backlog, ret_position))
		return false;
	*ret_seq = st->next;
	*ret_new = true;
	return true;
}

const struct record *
stream_peek(struct stream *st, uint64_t *ret_seq, bool *ret_new)
{
	uint64_t position, seq;
	bool is_new;

	if (!stream_first(st, &position, &seq, &is_new))
		return NULL;
	*ret_seq = seq;
	*ret_new = is_new;
	return ring_at(st->ring, position);
}

void
stream_take(struct stream *st)
{
	struct stream_run run;

	(void)stream_take_run(st, 1, UINT64_MAX, UINT32_MAX, &run);
}

uint32_t
stream_take_run(struct stream *st, uint32_t max_count, uint64_t max_bytes,
    uint32_t max_body, struct stream_run *ret)
{
	struct stream_run run = { 0 };
	uint64_t first = 0, position, seq;
	bool is_new = false;

	/* Nothing of a run counts before journal_next_set(), so all new places are
	 * stored first and a run costs one store of next. */
	while (run.count < max_count && stream_first(st, &position, &seq, &is_new)) {
		const struct record *rec = ring_at(st->ring, position);
		uint64_t stride = record_stride(rec->length);

		if (run.count == 0) {
			run.first = rec;
			run.seq = seq;
			first = position;
		}
		if (position != first + run.bytes || stride > max_bytes - run.bytes ||
		    rec->length > max_body)
			break;
		if (is_new) {
			journal_place_set(&st->journal, seq, position);
			backlog_pop(&st->backlog, position + stride);
			st->next++;
		}
		st->resend = seq + 1;
		run.bytes += stride;
		run.count++;
	}
	if (run.count == 0)
		return 0;
	if (st->journal.words->next != st->next)
		journal_next_set(&st->journal, st->next);
	*ret = run;
	return run.count;
}

/* Settle as far as the peer has acknowledged and no reject is pending: bits, acked,
 * free. */
static void
stream_advance(struct stream *st)
{
	uint64_t limit = st->acknowledged;

	for (unsigned i = 0; i < st->rejects; i++)
		if (st->rejected[i] <= limit)
			limit = st->rejected[i] - 1;
	if (limit <= st->acked)
		return;
	for (uint64_t seq = st->acked + 1; seq <= limit; seq++)
		stream_record(st, seq)->state |= RECORD_SETTLED(st->slot);
	journal_acked_set(&st->journal, limit);
	st->acked = limit;
	st->oldest = oldest_unsettled(st, st->oldest);
	(void)ring_release(st->ring);
}

int
stream_acknowledge(struct stream *st, uint64_t seq)
{
	if (seq >= st->next)
		return -EBADMSG;
	if (seq <= st->acknowledged)
		return 0;
	st->acknowledged = seq;
	/* The peer has it from before a cut: not again. */
	if (st->resend <= seq)
		st->resend = seq + 1;
	stream_advance(st);
	return 0;
}

int
stream_rewind(struct stream *st, uint64_t mark)
{
	if (mark < st->acked || mark >= st->next)
		return -EBADMSG;
	for (uint64_t seq = mark + 1; seq < st->next; seq++)
		if (stream_record(st, seq)->flags & RECORD_DAMAGED)
			return -EBADMSG;
	st->resend = mark + 1;
	/* Only while a reject holds acked back can the peer have gone back so far. */
	if (st->acknowledged > mark)
		st->acknowledged = mark;
	return 0;
}

const struct record *
stream_sent(const struct stream *st, uint64_t seq)
{
	return seq > st->acked && seq < st->next ? stream_record(st, seq) : NULL;
}

int
stream_reject(struct stream *st, uint64_t seq)
{
	if (seq <= st->acked || seq >= st->next)
		return -EBADMSG;
	for (unsigned i = 0; i < st->rejects; i++)
		if (st->rejected[i] == seq)
			return 0;
	if (st->rejects == STREAM_REJECTS)
		return -ENOSPC;
	st->rejected[st->rejects++] = seq;
	return 0;
}

void
stream_reject_stored(struct stream *st, uint64_t seq)
{
	for (unsigned i = 0; i < st->rejects; i++)
		if (st->rejected[i] == seq) {
			st->rejected[i] = st->rejected[--st->rejects];
			break;
		}
	/* The settled bit comes when acked passes: set now, out of order, it would let
	 * the ring free what the journal points to. */
	stream_advance(st);
}

int
stream_park(struct stream *st, const struct record **ret)
{
	uint64_t position, seq;
	const struct record *rec;
	bool is_new;

	if (!stream_first(st, &position, &seq, &is_new) || !is_new)
		return -EINVAL;
	if (st->parks == STREAM_REJECTS)
		return -ENOSPC;
	rec = ring_at(st->ring, position);
	backlog_pop(&st->backlog, position + record_stride(rec->length));
	st->parked[st->parks++] = position;
	*ret = rec;
	return 0;
}

void
stream_park_stored(struct stream *st, const struct record *rec)
{
	for (unsigned i = 0; i < st->parks; i++) {
		struct record *parked = ring_at(st->ring, st->parked[i]);

		if (parked->number != rec->number)
			continue;
		st->parked[i] = st->parked[--st->parks];
		parked->state |= RECORD_SETTLED(st->slot);
		st->oldest = oldest_unsettled(st, st->oldest);
		(void)ring_release(st->ring);
		return;
	}
}
