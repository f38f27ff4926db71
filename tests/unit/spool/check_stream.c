#include "spool/stream.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ring_fixture.h"
#include "spool/journal.h"
#include "suites.h"

#define MAX_BODY 64

static struct ring_dir dir;
static struct ring *ring;
static struct stream *stream;
static char file[256];

static void
setup_kind(enum ring_kind kind)
{
	ring_dir_open(&dir);
	ring = ring_dir_make(&dir, kind, MAX_BODY);
	ck_assert_int_eq(stream_create(&stream, dir.fd, ring, "hub/orders"), 0);
	ring_dir_find(&dir, "stream-", file);
}

static void
setup(void)
{
	setup_kind(RING_POSIX);
}

static void
teardown(void)
{
	stream_close(stream);
	ring_close(ring);
	ring_dir_close(&dir);
}

static void
reopen(void)
{
	stream_close(stream);
	stream = NULL;
	ring_close(ring);
	ring = ring_dir_reopen(&dir, NULL);
	ck_assert_int_eq(stream_open(&stream, dir.fd, file, ring, NULL), 0);
}

static void
put(const char *text, int64_t type)
{
	ring_put(ring, text, (uint32_t)strlen(text), type);
	ck_assert_int_eq(stream_admit(stream), 0);
}

static void
assert_next(uint64_t seq, const char *text, bool is_new)
{
	uint64_t got_seq = 0;
	bool got_new = !is_new;
	const struct record *rec = stream_peek(stream, &got_seq, &got_new);

	ck_assert_ptr_nonnull(rec);
	ck_assert_uint_eq(got_seq, seq);
	ck_assert_int_eq(got_new, is_new);
	ck_assert_uint_eq(rec->length, strlen(text));
	ck_assert_mem_eq(rec->body, text, rec->length);
}

static void
take(uint64_t seq, const char *text, bool is_new)
{
	assert_next(seq, text, is_new);
	stream_take(stream);
	ck_assert_mem_eq(stream_sent(stream, seq)->body, text, strlen(text));
}

static void
assert_nothing(void)
{
	uint64_t seq = 99;
	bool is_new;

	ck_assert_ptr_null(stream_peek(stream, &seq, &is_new));
	ck_assert_uint_eq(seq, 99);
}

static struct stream_numbers
numbers(void)
{
	struct stream_numbers nb;

	stream_numbers(stream, &nb);
	return nb;
}

START_TEST(new_stream_is_empty_and_found_again)
{
	struct stream_numbers nb = numbers();
	char label[512] = "";
	struct id id;

	ck_assert_uint_eq(nb.acked, 0);
	ck_assert_uint_eq(nb.next, 1);
	ck_assert_int_eq(nb.oldest_captured_ns, 0);
	assert_nothing();
	ck_assert_int_eq(stream_identify(dir.fd, file, &id, label, sizeof(label)), 0);
	ck_assert(id_equal(&id, ring_id(ring)));
	ck_assert_str_eq(label, "hub/orders");
	ck_assert_str_eq(stream_label(stream), "hub/orders");
	id = *stream_id(stream);
	reopen();
	ck_assert(id_equal(&id, stream_id(stream)));
	ck_assert_str_eq(stream_label(stream), "hub/orders");
}
END_TEST

START_TEST(stream_wants_only_records_from_now_on)
{
	struct stream *late = NULL;
	uint64_t seq;
	bool is_new;

	put("early", 0);
	ck_assert_int_eq(stream_create(&late, dir.fd, ring, "late"), 0);
	put("later", 0);
	ck_assert_int_eq(stream_admit(late), 0);
	ck_assert_mem_eq(stream_peek(late, &seq, &is_new)->body, "later", 5);
	ck_assert_uint_eq(seq, 1);
	stream_close(late);
}
END_TEST

START_TEST(label_too_long_is_refused)
{
	char label[JOURNAL_LABEL_SIZE + 1];
	struct stream *st = NULL;

	memset(label, 'x', sizeof(label) - 1);
	label[sizeof(label) - 1] = '\0';
	ck_assert_int_eq(stream_create(&st, dir.fd, ring, label), -ENAMETOOLONG);
	ck_assert_ptr_null(st);
}
END_TEST

START_TEST(streams_beyond_slots_return_enospc)
{
	struct stream *st[RECORD_SLOTS] = { NULL };

	for (int i = 0; i < RECORD_SLOTS - 1; i++)
		ck_assert_int_eq(stream_create(&st[i], dir.fd, ring, "x"), 0);
	ck_assert_int_eq(
	    stream_create(&st[RECORD_SLOTS - 1], dir.fd, ring, "x"), -ENOSPC);
	for (int i = 0; i < RECORD_SLOTS; i++)
		stream_close(st[i]);
}
END_TEST

START_TEST(posix_records_go_by_priority)
{
	put("low", 1);
	put("high", 9);
	put("low too", 1);
	take(1, "high", true);
	put("higher", 10);
	take(2, "higher", true);
	take(3, "low", true);
	take(4, "low too", true);
	assert_nothing();
}
END_TEST

START_TEST(sysv_records_go_in_order)
{
	teardown();
	setup_kind(RING_SYSV);
	put("low", 1);
	put("high", 9);
	take(1, "low", true);
	take(2, "high", true);
}
END_TEST

START_TEST(acknowledged_records_are_freed)
{
	put("one", 0);
	put("two", 0);
	take(1, "one", true);
	ck_assert_int_eq(numbers().oldest_captured_ns, 1000);
	ck_assert_int_eq(stream_acknowledge(stream, 2), -EBADMSG);
	ck_assert_int_eq(stream_acknowledge(stream, 1), 0);
	ck_assert_int_eq(stream_acknowledge(stream, 1), 0);
	ck_assert_uint_eq(ring_records(ring), 1);
	ck_assert_ptr_null(stream_sent(stream, 1));
	ck_assert_uint_eq(numbers().acked, 1);
	ck_assert_uint_eq(numbers().waiting, 1);
	take(2, "two", true);
	ck_assert_int_eq(stream_acknowledge(stream, 2), 0);
	ck_assert_uint_eq(ring_used(ring), 0);
	ck_assert_int_eq(numbers().oldest_captured_ns, 0);
}
END_TEST

START_TEST(rewind_offers_same_sequences_again)
{
	put("one", 0);
	put("two", 5);
	take(1, "two", true);
	take(2, "one", true);
	put("three", 9);
	ck_assert_int_eq(stream_rewind(stream, 3), -EBADMSG);
	ck_assert_int_eq(stream_rewind(stream, 0), 0);
	take(1, "two", false);
	ck_assert_int_eq(stream_acknowledge(stream, 2), 0); /* it had both */
	ck_assert_int_eq(stream_rewind(stream, 1), -EBADMSG);
	take(3, "three", true);
}
END_TEST

START_TEST(reopened_stream_offers_in_flight_then_waiting)
{
	put("a", 1);
	put("b", 2);
	put("c", 3);
	put("d", 3);
	take(1, "c", true);
	take(2, "d", true);
	ck_assert_int_eq(stream_acknowledge(stream, 1), 0);
	reopen();
	ck_assert_uint_eq(numbers().acked, 1);
	ck_assert_uint_eq(numbers().next, 3);
	ck_assert_uint_eq(numbers().waiting, 2);
	take(2, "d", false);
	take(3, "b", true);
	take(4, "a", true);
	assert_nothing();
	ck_assert_int_eq(stream_acknowledge(stream, 4), 0);
	ck_assert_uint_eq(ring_used(ring), 0);
}
END_TEST

/* Another stream of the ring must not free what this journal still points to. */
START_TEST(acknowledgement_cut_off_by_kill_is_finished)
{
	struct journal jn;

	put("one", 0);
	put("two", 0);
	put("three", 0);
	take(1, "one", true);
	take(2, "two", true);
	take(3, "three", true);
	ring_find(ring, 1)->state |= RECORD_SETTLED(0);
	ring_find(ring, 2)->state |= RECORD_SETTLED(0);
	reopen();
	ck_assert_uint_eq(numbers().acked, 2);
	ck_assert_int_eq(journal_open(&jn, dir.fd, file), 0);
	ck_assert_uint_eq(jn.words->acked, 2);
	journal_close(&jn);
	(void)ring_release(ring);
	ck_assert_uint_eq(ring_records(ring), 1);
	take(3, "three", false);
}
END_TEST

/* The place is stored before next: alone it means nothing. */
START_TEST(place_without_next_is_not_taken)
{
	struct journal jn;

	put("one", 0);
	ck_assert_int_eq(journal_open(&jn, dir.fd, file), 0);
	journal_place_set(&jn, 1, ring_tail(ring));
	journal_close(&jn);
	reopen();
	assert_next(1, "one", true);
}
END_TEST

START_TEST(reject_holds_acked_back_until_stored)
{
	put("one", 0);
	put("bad", 0);
	put("three", 0);
	take(1, "one", true);
	take(2, "bad", true);
	take(3, "three", true);
	ck_assert_int_eq(stream_reject(stream, 4), -EBADMSG);
	ck_assert_int_eq(stream_reject(stream, 2), 0);
	ck_assert_int_eq(stream_reject(stream, 2), 0);
	ck_assert_int_eq(stream_acknowledge(stream, 3), 0);
	ck_assert_uint_eq(numbers().acked, 1);
	ck_assert_uint_eq(ring_records(ring), 2);
	ck_assert_mem_eq(stream_sent(stream, 2)->body, "bad", 3);
	stream_reject_stored(stream, 2);
	ck_assert_uint_eq(numbers().acked, 3);
	ck_assert_uint_eq(ring_records(ring), 0);
	ck_assert_int_eq(stream_reject(stream, 2), -EBADMSG);
}
END_TEST

START_TEST(reject_stored_before_acknowledgement_settles_nothing)
{
	put("bad", 0);
	take(1, "bad", true);
	ck_assert_int_eq(stream_reject(stream, 1), 0);
	stream_reject_stored(stream, 1);
	ck_assert_uint_eq(numbers().acked, 0);
	ck_assert_uint_eq(ring_records(ring), 1);
	ck_assert_int_eq(stream_acknowledge(stream, 1), 0);
	ck_assert_uint_eq(ring_records(ring), 0);
}
END_TEST

/* A sink that came back with less than it had acknowledged behind a pending reject. */
START_TEST(rewind_behind_reject_forgets_later_acknowledgements)
{
	put("bad", 0);
	put("two", 0);
	put("three", 0);
	take(1, "bad", true);
	take(2, "two", true);
	take(3, "three", true);
	ck_assert_int_eq(stream_reject(stream, 1), 0);
	ck_assert_int_eq(stream_acknowledge(stream, 3), 0);
	ck_assert_int_eq(stream_rewind(stream, 1), 0);
	stream_reject_stored(stream, 1);
	ck_assert_uint_eq(numbers().acked, 1);
	take(2, "two", false);
}
END_TEST

START_TEST(rejects_beyond_limit_return_enospc)
{
	for (uint64_t i = 1; i <= STREAM_REJECTS + 1; i++) {
		put("x", 0);
		take(i, "x", true);
	}
	for (uint64_t i = 1; i <= STREAM_REJECTS; i++)
		ck_assert_int_eq(stream_reject(stream, i), 0);
	ck_assert_int_eq(stream_reject(stream, STREAM_REJECTS + 1), -ENOSPC);
	stream_reject_stored(stream, 7);
	ck_assert_int_eq(stream_reject(stream, STREAM_REJECTS + 1), 0);
}
END_TEST

START_TEST(parked_record_leaves_order_and_is_settled)
{
	const struct record *rec = NULL;

	ck_assert_int_eq(stream_park(stream, &rec), -EINVAL);
	put("too big", 5);
	put("fits", 1);
	ck_assert_int_eq(stream_park(stream, &rec), 0);
	ck_assert_mem_eq(rec->body, "too big", 7);
	take(1, "fits", true);
	ck_assert_int_eq(stream_acknowledge(stream, 1), 0);
	ck_assert_uint_eq(ring_records(ring), 2);
	stream_park_stored(stream, rec);
	ck_assert_uint_eq(ring_records(ring), 0);
}
END_TEST

START_TEST(parked_record_waits_again_after_reopening)
{
	const struct record *rec = NULL;

	put("too big", 5);
	ck_assert_int_eq(stream_park(stream, &rec), 0);
	assert_nothing();
	reopen();
	assert_next(1, "too big", true);
}
END_TEST

START_TEST(sent_record_cannot_be_parked)
{
	const struct record *rec = NULL;

	put("sent", 0);
	take(1, "sent", true);
	ck_assert_int_eq(stream_rewind(stream, 0), 0);
	ck_assert_int_eq(stream_park(stream, &rec), -EINVAL);
	ck_assert_ptr_null(rec);
}
END_TEST

START_TEST(open_with_place_outside_ring_returns_ebadmsg)
{
	static const uint64_t wrong[] = { 24, 56, (1 << 20) + 8, UINT64_MAX, 40 };
	struct stream *st = NULL;
	struct journal jn;

	put("one", 0);
	take(1, "one", true);
	stream_close(stream);
	stream = NULL;
	ck_assert_int_eq(journal_open(&jn, dir.fd, file), 0);
	journal_place_set(&jn, 1, wrong[_i]);
	journal_close(&jn);
	ring_close(ring);
	ring = ring_dir_reopen(&dir, NULL);
	ck_assert_int_eq(stream_open(&st, dir.fd, file, ring, NULL), -EBADMSG);
	ck_assert_ptr_null(st);
	ck_assert_int_eq(ring_free_slot(ring), 0);
}
END_TEST

START_TEST(open_with_one_place_twice_returns_ebadmsg)
{
	struct stream *st = NULL;
	struct journal jn;

	put("one", 0);
	put("two", 0);
	put("three", 0);
	take(1, "one", true);
	take(2, "two", true);
	take(3, "three", true);
	stream_close(stream);
	stream = NULL;
	ck_assert_int_eq(journal_open(&jn, dir.fd, file), 0);
	journal_place_set(&jn, 3, journal_place(&jn, 1));
	journal_close(&jn);
	ring_close(ring);
	ring = ring_dir_reopen(&dir, NULL);
	ck_assert_int_eq(stream_open(&st, dir.fd, file, ring, NULL), -EBADMSG);
}
END_TEST

START_TEST(open_with_other_ring_returns_ebadmsg)
{
	struct ring *other = ring_dir_make(&dir, RING_POSIX, MAX_BODY);
	struct stream *st = NULL;

	ck_assert_int_eq(stream_open(&st, dir.fd, file, other, NULL), -EBADMSG);
	ck_assert_int_eq(stream_open(&st, dir.fd, file, ring, NULL), -EBUSY);
	ck_assert_int_eq(stream_open(&st, dir.fd, "stream-none", ring, NULL), -ENOENT);
	ck_assert_ptr_null(st);
	ring_close(other);
}
END_TEST

/* A record in flight is found damaged: its sequence stays its own, so that nothing that is known of
 * it at the sink, a doubt above all, is taken for one about its successor. */
START_TEST(damaged_record_in_flight_keeps_its_sequence)
{
	const struct record *rec;
	uint64_t seq;
	bool is_new;

	put("one", 0);
	put("two", 0);
	put("three", 0);
	put("four", 0);
	take(1, "one", true);
	take(2, "two", true);
	take(3, "three", true);
	ring_find(ring, 2)->body[0] ^= 1;
	reopen();
	ck_assert_uint_eq(numbers().acked, 0);
	ck_assert_int_eq(stream_rewind(stream, _i == 0 ? 2 : 0), 0);
	if (_i == 0) {
		ck_assert_int_eq(stream_acknowledge(stream, 1), 0);
		(void)ring_release(ring);
		ck_assert_uint_eq(ring_records(ring), 3);
	} else {
		take(1, "one", false);
		rec = stream_peek(stream, &seq, &is_new);
		ck_assert_ptr_eq(rec, &record_void);
		ck_assert_uint_eq(seq, 2);
		ck_assert(!is_new);
		stream_take(stream);
		ck_assert_ptr_eq(stream_sent(stream, 2), &record_void);
	}
	take(3, "three", false);
	ck_assert_int_eq(stream_acknowledge(stream, 3), 0);
	ck_assert_uint_eq(ring_records(ring), 1);
	take(4, "four", true);
}
END_TEST

/* Whole ones go in runs up to it and from it on. */
START_TEST(damaged_record_in_flight_ends_a_run)
{
	struct stream_run run;

	put("one", 0);
	put("two", 0);
	put("three", 0);
	ck_assert_uint_eq(stream_take_run(stream, 3, UINT64_MAX, MAX_BODY, &run), 3);
	ring_find(ring, 2)->body[0] ^= 1;
	reopen();
	ck_assert_int_eq(stream_rewind(stream, 0), 0);
	ck_assert_uint_eq(stream_take_run(stream, 3, UINT64_MAX, MAX_BODY, &run), 1);
	ck_assert_uint_eq(stream_take_run(stream, 3, UINT64_MAX, MAX_BODY, &run), 0);
	stream_take(stream);
	ck_assert_uint_eq(stream_take_run(stream, 3, UINT64_MAX, MAX_BODY, &run), 1);
	ck_assert_uint_eq(run.seq, 3);
}
END_TEST

START_TEST(damaged_record_that_waited_is_skipped)
{
	put("one", 0);
	put("two", 0);
	ring_find(ring, 1)->body[0] ^= 1;
	reopen();
	take(1, "two", true);
	ck_assert_int_eq(stream_acknowledge(stream, 1), 0);
	ck_assert_uint_eq(ring_records(ring), 0);
}
END_TEST

START_TEST(capture_is_told_while_in_flight)
{
	put("one", 0);
	ck_assert_int_eq(stream_captured_ns(stream, 1), 0); /* it only waits */
	take(1, "one", true);
	ck_assert_int_eq(stream_captured_ns(stream, 1), 1000);
	ck_assert_int_eq(stream_captured_ns(stream, 2), 0);
	ck_assert_int_eq(stream_acknowledge(stream, 1), 0);
	ck_assert_int_eq(stream_captured_ns(stream, 1), 0);
}
END_TEST

START_TEST(stream_is_empty_when_nothing_waits_or_is_in_flight)
{
	ck_assert(stream_is_empty(stream));
	put("one", 0);
	ck_assert(!stream_is_empty(stream));
	take(1, "one", true);
	ck_assert(!stream_is_empty(stream));
	ck_assert_int_eq(stream_acknowledge(stream, 1), 0);
	ck_assert(stream_is_empty(stream));
}
END_TEST

static void
add_open_tests(Suite *suite)
{
	TCase *tc = tcase_create("open");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, reopened_stream_offers_in_flight_then_waiting);
	tcase_add_test(tc, acknowledgement_cut_off_by_kill_is_finished);
	tcase_add_test(tc, place_without_next_is_not_taken);
	tcase_add_test(tc, parked_record_waits_again_after_reopening);
	tcase_add_loop_test(tc, open_with_place_outside_ring_returns_ebadmsg, 0, 5);
	tcase_add_test(tc, open_with_one_place_twice_returns_ebadmsg);
	tcase_add_test(tc, open_with_other_ring_returns_ebadmsg);
	tcase_add_loop_test(tc, damaged_record_in_flight_keeps_its_sequence, 0, 2);
	tcase_add_test(tc, damaged_record_in_flight_ends_a_run);
	tcase_add_test(tc, damaged_record_that_waited_is_skipped);
	suite_add_tcase(suite, tc);
}

Suite *
suite_stream(void)
{
	Suite *suite = suite_create("stream");
	TCase *tc = tcase_create("stream");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, new_stream_is_empty_and_found_again);
	tcase_add_test(tc, stream_wants_only_records_from_now_on);
	tcase_add_test(tc, label_too_long_is_refused);
	tcase_add_test(tc, streams_beyond_slots_return_enospc);
	tcase_add_test(tc, posix_records_go_by_priority);
	tcase_add_test(tc, sysv_records_go_in_order);
	tcase_add_test(tc, acknowledged_records_are_freed);
	tcase_add_test(tc, rewind_offers_same_sequences_again);
	tcase_add_test(tc, reject_holds_acked_back_until_stored);
	tcase_add_test(tc, reject_stored_before_acknowledgement_settles_nothing);
	tcase_add_test(tc, rewind_behind_reject_forgets_later_acknowledgements);
	tcase_add_test(tc, rejects_beyond_limit_return_enospc);
	tcase_add_test(tc, parked_record_leaves_order_and_is_settled);
	tcase_add_test(tc, sent_record_cannot_be_parked);
	tcase_add_test(tc, capture_is_told_while_in_flight);
	tcase_add_test(tc, stream_is_empty_when_nothing_waits_or_is_in_flight);
	suite_add_tcase(suite, tc);
	add_open_tests(suite);
	return suite;
}
