#include "spool/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crash.h"
#include "spool/stream_private.h"

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
	free(st->move.items);
	free(st);
}

void
stream_undo(struct stream *st, int dir_fd)
{
	char text[ID_TEXT], name[sizeof("stream-") + ID_TEXT];

	(void)snprintf(name, sizeof(name), "stream-%s",
	    id_format(text, &st->journal.header->stream));
	(void)unlinkat(dir_fd, name, 0);
	ring_detach(st->ring, st->slot);
	stream_close(st);
}

void
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

static int
stream_attach(struct stream *st)
{
	const struct journal_header *hd = st->journal.header;
	int rc;

	if (!id_equal(&hd->ring, ring_id(st->ring)))
		return -EBADMSG;
	rc = journal_recover(&st->journal, st->ring);
	if (rc < 0)
		return rc;
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
stream_open(
    struct stream **ret, int dir_fd, const char *file, struct ring *rg, struct log *lg)
{
	struct stream *st;
	int rc;

	rc = stream_new(&st, rg);
	if (rc < 0)
		return rc;
	st->log = lg;
	rc = journal_open(&st->journal, dir_fd, file);
	if (rc == 0)
		rc = stream_attach(st);
	if (rc == 0 && lg != NULL)
		rc = stream_use_log(st, lg);
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

bool
stream_wants(const struct stream *st, const struct record *rec)
{
	return ring_wants(st->ring, st->slot, rec) && !stream_settled(st, rec);
}

unsigned
stream_mended(const struct stream *st)
{
	return st->journal.mended;
}

const char *
stream_label(const struct stream *st)
{
	return st->journal.header->label;
}

uint64_t
stream_oldest_unsettled(const struct stream *st, uint64_t position)
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
stream_hold(struct stream *st, bool on)
{
	st->held = on;
}

uint64_t
stream_acked(const struct stream *st)
{
	return st->acked;
}

static int64_t
earlier(int64_t a, int64_t b)
{
	if (a == 0 || b == 0)
		return a + b;
	return a < b ? a : b;
}

void
stream_numbers(const struct stream *st, struct stream_numbers *ret)
{
	uint64_t oldest = stream_oldest_unsettled(st, st->oldest);

	ret->acked = st->acked;
	ret->next = st->next;
	ret->waiting = st->backlog.count;
	ret->in_flight = st->next - st->acked - 1;
	ret->oldest_captured_ns =
	    oldest < ring_head(st->ring) ? ring_at(st->ring, oldest)->captured_ns : 0;
	ret->log = (struct log_numbers){ .failed = "" };
	if (st->log == NULL)
		return;
	log_numbers(st->log, &ret->log);
	ret->waiting += ret->log.waiting;
	ret->oldest_captured_ns =
	    earlier(ret->oldest_captured_ns, ret->log.oldest_captured_ns);
}

/* How far it may be settled: not over what is rejected and not yet stored, nor over what
 * the disk thread copies just now. */
static uint64_t
settle_limit(const struct stream *st)
{
	uint64_t limit = st->acknowledged;

	for (unsigned i = 0; i < st->rejects; i++)
		if (st->rejected[i] <= limit)
			limit = st->rejected[i] - 1;
	if (st->move.pinned != 0 && st->move.pinned <= limit)
		limit = st->move.pinned - 1;
	return limit;
}

/* Settled marks, acked, free; in that order. */
void
stream_advance(struct stream *st)
{
	uint64_t limit = settle_limit(st);

	if (limit <= st->acked)
		return;
	for (uint64_t seq = st->acked + 1; seq <= limit; seq++) {
		uint64_t place = journal_place(&st->journal, seq);

		if (place_in_log(place))
			log_settle(st->log, place);
		else
			ring_at(st->ring, place)->state |= RECORD_SETTLED(st->slot);
		CRASH_POINT("stream.settled");
	}
	journal_acked_set(&st->journal, limit);
	CRASH_POINT("stream.acked");
	st->acked = limit;
	st->oldest = stream_oldest_unsettled(st, st->oldest);
	(void)ring_release(st->ring);
	CRASH_POINT("stream.released");
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
	st->resend = mark + 1;
	/* Only while a reject holds acked back can the peer have gone back so far. */
	if (st->acknowledged > mark)
		st->acknowledged = mark;
	return 0;
}

bool
stream_in_flight(const struct stream *st, uint64_t seq)
{
	return seq > st->acked && seq < st->next;
}

static const struct record *
sent_from_ring(const struct stream *st, uint64_t place)
{
	const struct record *rec = ring_at(st->ring, place);

	return rec->flags & RECORD_DAMAGED ? &record_void : rec;
}

static const struct record *
sent_from_log(const struct stream *st, uint64_t place)
{
	const struct record *rec = log_at(st->log, place);

	return rec == NULL && log_lost(st->log, place) ? &record_void : rec;
}

const struct record *
stream_sent(const struct stream *st, uint64_t seq)
{
	uint64_t place;

	/* What is on its way to the log is not pointed to: its place in the ring goes. */
	if (!stream_in_flight(st, seq) ||
	    (st->move.pinned != 0 && seq >= st->move.pinned))
		return NULL;
	place = journal_place(&st->journal, seq);
	return place_in_log(place) ? sent_from_log(st, place)
				   : sent_from_ring(st, place);
}

int
stream_logged(const struct stream *st, uint64_t number)
{
	int ret = 0;

	for (uint64_t seq = st->acked + 1; seq < st->next; seq++) {
		uint64_t place = journal_place(&st->journal, seq);
		const struct record *rec =
		    place_in_log(place) ? log_at(st->log, place) : NULL;

		if (rec != NULL && rec->number == number)
			return 1;
		if (place_in_log(place) && rec == NULL && !log_lost(st->log, place))
			ret = -EAGAIN;
	}
	return ret;
}

int64_t
stream_captured_ns(const struct stream *st, uint64_t seq)
{
	uint64_t place;

	if (!stream_in_flight(st, seq))
		return 0;
	place = journal_place(&st->journal, seq);
	return place_in_log(place) ? log_captured_ns(st->log, place)
				   : ring_at(st->ring, place)->captured_ns;
}

bool
stream_is_empty(const struct stream *st)
{
	int64_t priority;

	return st->next == st->acked + 1 && st->backlog.count == 0 &&
	       st->move.count == 0 &&
	       (st->log == NULL || !log_first(st->log, &priority));
}

int
stream_reject(struct stream *st, uint64_t seq)
{
	if (!stream_in_flight(st, seq))
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

/* Settle a parked record. */
static void
unpark(struct stream *st, uint64_t place)
{
	if (place_in_log(place)) {
		log_settle(st->log, place);
		CRASH_POINT("stream.park_settled");
		return;
	}
	ring_at(st->ring, place)->state |= RECORD_SETTLED(st->slot);
	CRASH_POINT("stream.park_settled");
	st->oldest = stream_oldest_unsettled(st, st->oldest);
	(void)ring_release(st->ring);
}

void
stream_park_stored(struct stream *st, const struct record *rec)
{
	for (unsigned i = 0; i < st->parks; i++) {
		uint64_t place = st->parked[i];
		const struct record *parked = place_in_log(place)
						  ? log_at(st->log, place)
						  : ring_at(st->ring, place);

		if (parked == NULL || parked->number != rec->number)
			continue;
		st->parked[i] = st->parked[--st->parks];
		unpark(st, place);
		return;
	}
}
