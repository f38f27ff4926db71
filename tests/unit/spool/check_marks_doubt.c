/* Deliveries that a crash left in doubt: noted once, counted, resolved. */
#include <check.h>
#include <string.h>

#include "record/record.h"
#include "spool/marks.h"
#include "state_fixture.h"
#include "suites.h"

static struct state_dirs dirs;
static struct marks *marks;
static uint64_t found;

static void
reopen(void)
{
	marks_close(marks);
	marks = NULL;
	ck_assert_int_eq(marks_open(&marks, dirs.runtime_fd, &found), 0);
}

static void
setup(void)
{
	state_dirs_make(&dirs);
	reopen();
}

static void
teardown(void)
{
	marks_close(marks);
	marks = NULL;
	state_dirs_remove(&dirs);
}

static struct mark *
make_mark(uint8_t n, uint64_t start)
{
	struct id stream = state_id(n);
	struct mark *m = NULL;

	ck_assert_int_eq(mark_new(marks, &stream, "hub/orders", start, &m), 0);
	return m;
}

static struct mark *
find_mark(uint8_t n)
{
	struct id stream = state_id(n);

	return mark_find(marks, &stream);
}

/* Where a crash may hit a delivery of sequence 5, and whether it leaves a doubt. */
static const struct crash {
	uint64_t intend, pass;
	bool withdraw;
	uint64_t doubts;
} crashes[] = {
	{ 0, 0, false, 0 },
	{ 5, 0, false, 1 },
	{ 5, 5, false, 0 },
	{ 5, 0, true, 0 },
};

START_TEST(crash_in_delivery_leaves_doubt_only_between_intent_and_mark)
{
	const struct crash *cr = &crashes[_i];
	struct mark *m = make_mark(1, 4);

	if (cr->intend != 0)
		mark_intend(m, cr->intend);
	if (cr->withdraw)
		mark_withdraw(m);
	if (cr->pass != 0)
		mark_pass(m, cr->pass);
	reopen();
	ck_assert_uint_eq(found, cr->doubts);
	ck_assert_uint_eq(marks_doubts_total(marks), cr->doubts);
	ck_assert_int_eq(mark_doubtful(find_mark(1), 5), cr->doubts == 1);
	ck_assert(!mark_doubtful(find_mark(1), 4));
	ck_assert(!mark_doubtful(find_mark(1), 0));
}
END_TEST

START_TEST(doubt_over_several_restarts_is_counted_once)
{
	struct doubt db;

	mark_intend(make_mark(1, 4), 5);
	for (int i = 0; i < 4; i++)
		reopen();
	ck_assert_uint_eq(found, 0);
	ck_assert_uint_eq(marks_doubts_total(marks), 1);
	ck_assert_uint_eq(marks_doubts_listed(marks), 1);
	ck_assert(mark_doubtful(find_mark(1), 5));
	marks_doubt_at(marks, 0, &db);
	ck_assert_uint_eq(db.seq, 5);
	ck_assert_uint_eq(db.last_seq, 5);
	ck_assert_int_eq(db.outcome, DOUBT_PENDING);
	ck_assert_int_gt(db.wall_ns, 0);
	ck_assert_str_eq(marks_doubt_label(marks, &db), "hub/orders");
}
END_TEST

START_TEST(doubt_in_two_crashes_is_counted_twice_and_resolved_together)
{
	uint64_t space[(RECORD_HEADER + 16) / 8] = { 0 };
	struct record *rec = (struct record *)(void *)space;
	struct doubt db;

	*rec = (struct record){ .number = 9, .type = 3, .length = 9, .body_crc = 77 };
	memcpy(rec->body, "123456789", 9);
	(void)make_mark(1, 4);
	for (int i = 0; i < 2; i++) {
		mark_intend(find_mark(1), 5);
		reopen();
		ck_assert_uint_eq(found, 1);
	}
	mark_pass_doubt(marks, find_mark(1), 5, rec, DOUBT_RESENT);
	reopen();
	ck_assert_uint_eq(marks_doubts_total(marks), 2);
	ck_assert(!mark_doubtful(find_mark(1), 5));
	for (unsigned i = 0; i < 2; i++) {
		marks_doubt_at(marks, i, &db);
		ck_assert_int_eq(db.outcome, DOUBT_RESENT);
		ck_assert_uint_eq(db.number, 9);
		ck_assert_int_eq(db.type, 3);
		ck_assert_uint_eq(db.length, 9);
		ck_assert_uint_eq(db.body_crc, 0xe3069283); /* of the body alone */
	}
}
END_TEST

START_TEST(doubt_of_other_stream_stays_pending)
{
	struct record rec = { .number = 9 };
	struct doubt db;

	mark_intend(make_mark(1, 4), 5);
	mark_intend(make_mark(2, 4), 5);
	reopen();
	ck_assert_uint_eq(found, 2);
	mark_pass_doubt(marks, find_mark(2), 5, &rec, DOUBT_RESENT);
	marks_doubt_at(marks, 0, &db);
	ck_assert_int_eq(db.outcome, DOUBT_PENDING);
	ck_assert(mark_doubtful(find_mark(1), 5));
	marks_doubt_at(marks, 1, &db);
	ck_assert_int_eq(db.outcome, DOUBT_RESENT);
}
END_TEST

START_TEST(mark_at_the_end_of_numbers_is_not_in_doubt)
{
	(void)make_mark(1, UINT64_MAX);
	reopen();
	ck_assert_uint_eq(found, 0);
}
END_TEST

START_TEST(lost_state_is_one_entry_that_counts_all_messages_once)
{
	struct mark *m = make_mark(1, 0);
	struct doubt db;

	mark_lose_state(marks, m, 10, 11); /* nothing in flight */
	mark_lose_state(marks, m, 11, 10);
	ck_assert_uint_eq(marks_doubts_total(marks), 0);
	mark_lose_state(marks, m, 10, 15);
	mark_lose_state(marks, m, 10, 15);
	ck_assert_uint_eq(marks_doubts_total(marks), 4);
	ck_assert_uint_eq(marks_doubts_listed(marks), 1);
	marks_doubt_at(marks, 0, &db);
	ck_assert_uint_eq(db.seq, 11);
	ck_assert_uint_eq(db.last_seq, 14);
	ck_assert_int_eq(db.outcome, DOUBT_LOST_STATE);
	ck_assert_str_eq(marks_doubt_label(marks, &db), "hub/orders");
}
END_TEST

START_TEST(more_doubts_than_listed_keep_the_newest_and_count_all)
{
	struct mark *m = make_mark(1, 0);
	unsigned n = MARKS_DOUBTS + 10;
	struct doubt db;

	for (unsigned i = 0; i < n; i++)
		mark_lose_state(marks, m, i, i + 2);
	reopen();
	ck_assert_uint_eq(marks_doubts_total(marks), n);
	ck_assert_uint_eq(marks_doubts_listed(marks), MARKS_DOUBTS);
	marks_doubt_at(marks, 0, &db);
	ck_assert_uint_eq(db.seq, 11);
	marks_doubt_at(marks, MARKS_DOUBTS - 1, &db);
	ck_assert_uint_eq(db.seq, n);
}
END_TEST

START_TEST(crashes_are_counted_for_the_sequence_that_was_called)
{
	(void)make_mark(1, 4);
	for (unsigned i = 1; i <= 4; i++) {
		mark_intend(find_mark(1), 5);
		reopen();
		ck_assert_uint_eq(mark_crashes(marks, find_mark(1), 5), i);
		ck_assert_uint_eq(mark_crashes(marks, find_mark(1), 6), 0);
	}
	mark_note_wait(find_mark(1), 5);
	mark_intend(find_mark(1), 5);
	reopen();
	ck_assert_uint_eq(mark_crashes(marks, find_mark(1), 5), 4);
	/* What waited in a call before says nothing of the next one. */
	mark_intend(find_mark(1), 5);
	reopen();
	ck_assert_uint_eq(mark_crashes(marks, find_mark(1), 5), 5);
}
END_TEST

START_TEST(lost_state_is_in_doubt_up_to_its_last_sequence_over_restarts)
{
	struct record rec = { .number = 3 };
	struct doubt db;

	mark_lose_state(marks, make_mark(1, 0), 10, 13);
	mark_pass(find_mark(1), 10);
	reopen();
	ck_assert(mark_doubtful(find_mark(1), 11));
	ck_assert(mark_doubtful(find_mark(1), 12));
	ck_assert(!mark_doubtful(find_mark(1), 13));
	mark_pass_doubt(marks, find_mark(1), 11, &rec, DOUBT_DROPPED);
	marks_doubt_at(marks, 0, &db);
	ck_assert_int_eq(db.outcome, DOUBT_LOST_STATE);
	mark_pass_doubt(marks, find_mark(1), 12, &rec, DOUBT_DROPPED);
	marks_doubt_at(marks, 0, &db);
	ck_assert_int_eq(db.outcome, DOUBT_DROPPED);
	ck_assert_uint_eq(mark_value(find_mark(1)), 12);
}
END_TEST

Suite *
suite_marks_doubt(void)
{
	Suite *su = suite_create("marks_doubt");
	TCase *tc = tcase_create("marks_doubt");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc,
	    crash_in_delivery_leaves_doubt_only_between_intent_and_mark, 0,
	    (int)ARRAY_LEN(crashes));
	tcase_add_test(tc, doubt_over_several_restarts_is_counted_once);
	tcase_add_test(tc, doubt_in_two_crashes_is_counted_twice_and_resolved_together);
	tcase_add_test(tc, doubt_of_other_stream_stays_pending);
	tcase_add_test(tc, mark_at_the_end_of_numbers_is_not_in_doubt);
	tcase_add_test(tc, lost_state_is_one_entry_that_counts_all_messages_once);
	tcase_add_test(tc, more_doubts_than_listed_keep_the_newest_and_count_all);
	tcase_add_test(tc, crashes_are_counted_for_the_sequence_that_was_called);
	tcase_add_test(
	    tc, lost_state_is_in_doubt_up_to_its_last_sequence_over_restarts);
	suite_add_tcase(su, tc);
	return su;
}
