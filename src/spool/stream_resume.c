#include <errno.h>
#include <stdlib.h>

#include "base/crash.h"
#include "spool/stream_private.h"

static int
compare_places(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* The places in flight, sorted, in memory of the caller's to free. *ret_count of
 * them. Those in the log come last. */
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
	while (count > 0 && place_in_log(places[count - 1]))
		count--;
	*ret = places;
	*ret_count = count;
	return 0;
}

/* What is not in flight waits, unless a move to the log was cut off behind its commit:
 * then the log's counts. */
static int
admit_unsent(struct stream *st, uint64_t position, struct record *rec)
{
	if (st->log != NULL && log_number_place(st->log, rec->number) != 0) {
		rec->state |= RECORD_SETTLED(st->slot);
		CRASH_POINT("stream_resume.in_log");
		return 0;
	}
	return stream_admit_record(st, position, rec);
}

/* Walk the ring beside the sorted places: every place must be a record's. */
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
		rc = admit_unsent(st, position, rec);
		if (rc < 0)
			return rc;
	}
	st->admitted = head;
	return met == count ? 0 : -EBADMSG;
}

/* Is the record of that place settled? The places of a journal are checked first. */
static int
place_settled(const struct stream *st, uint64_t place)
{
	const struct record *rec;

	if (place_in_log(place))
		return st->log == NULL ? -EBADMSG : log_place_settled(st->log, place);
	if (place < ring_tail(st->ring) || place >= ring_head(st->ring) ||
	    place % RECORD_ALIGN != 0)
		return -EBADMSG;
	rec = ring_at(st->ring, place);
	return stream_settled(st, rec) && !(rec->flags & RECORD_DAMAGED);
}

/* After a kill between the settled marks of an acknowledgement and acked, the
 * acknowledgement counts: they are set in order, so they are a prefix of what is in
 * flight. */
static int
find_acked(struct stream *st)
{
	for (; st->acked + 1 < st->next; st->acked++) {
		int rc = place_settled(st, journal_place(&st->journal, st->acked + 1));

		if (rc < 0)
			return rc;
		if (rc == 0)
			break;
	}
	return 0;
}

/* What is in flight in the log: it goes on behind that. A record whose move was cut off
 * behind its commit is in the log as well as in the ring. */
static int
find_logged(struct stream *st)
{
	for (uint64_t seq = st->acked + 1; seq < st->next; seq++) {
		uint64_t place = journal_place(&st->journal, seq);

		if (!place_in_log(place)) {
			uint64_t tail = ring_tail(st->ring);

			if (place < tail || place >= ring_head(st->ring) ||
			    place % RECORD_ALIGN != 0)
				return -EBADMSG;
			place =
			    log_number_place(st->log, ring_at(st->ring, place)->number);
			if (place == 0)
				continue;
			journal_place_set(&st->journal, seq, place);
			CRASH_POINT("stream_resume.repointed");
		}
		if (log_place_sent(st->log, place) < 0)
			return -EBADMSG;
	}
	return 0;
}

static uint64_t
first_live_number(const struct stream *st)
{
	return ring_next_number(st->ring) - ring_records(st->ring);
}

static int
resume_places(struct stream *st)
{
	uint64_t *places = NULL;
	size_t count = 0;
	int rc;

	rc = find_acked(st);
	if (rc == 0 && st->log != NULL)
		rc = find_logged(st);
	if (rc == 0)
		rc = sorted_places(st, &places, &count);
	if (rc < 0)
		return rc;
	rc = admit_around(st, places, count);
	free(places);
	return rc;
}

int
stream_resume(struct stream *st)
{
	int rc;

	stream_load(st);
	st->oldest = ring_tail(st->ring);
	if (st->log != NULL) {
		rc = log_numbers_load(st->log, first_live_number(st));
		if (rc < 0)
			return rc;
	}
	rc = resume_places(st);
	if (st->log != NULL)
		log_numbers_done(st->log);
	if (rc < 0)
		return rc;
	/* Before anything is released: the ring may free what the bits allow. */
	CRASH_POINT("stream_resume.places");
	journal_acked_set(&st->journal, st->acked);
	CRASH_POINT("stream_resume.acked");
	stream_load(st);
	return 0;
}
