#include <check.h>

#include "link/credit.h"
#include "suites.h"

#define MIB ((uint64_t)1 << 20)

static struct credit cr;
static uint64_t memory;

START_TEST(open_reserves_the_first_window)
{
	memory = MIB;
	ck_assert(credit_open(&cr, 100, &memory));
	ck_assert_uint_eq(memory, MIB - CREDIT_WINDOW_FIRST);
	ck_assert_uint_eq(credit_announce(&cr), CREDIT_WINDOW_FIRST);
	credit_close(&cr, &memory);
	ck_assert_uint_eq(memory, MIB);
}
END_TEST

START_TEST(open_with_a_large_record_reserves_room_for_it)
{
	memory = MIB;
	ck_assert(credit_open(&cr, 500000, &memory));
	ck_assert_uint_ge(credit_announce(&cr), 500000);
}
END_TEST

START_TEST(open_without_memory_fails_and_takes_nothing)
{
	memory = CREDIT_WINDOW_FIRST - 1;
	ck_assert(!credit_open(&cr, 100, &memory));
	ck_assert_uint_eq(memory, CREDIT_WINDOW_FIRST - 1);
}
END_TEST

START_TEST(receive_beyond_what_was_announced_is_refused)
{
	memory = MIB;
	ck_assert(credit_open(&cr, 100, &memory));
	ck_assert(!credit_receive(&cr, 1)); /* nothing was announced yet */
	(void)credit_announce(&cr);
	ck_assert(credit_receive(&cr, CREDIT_WINDOW_FIRST));
	ck_assert(!credit_receive(&cr, 1));
}
END_TEST

START_TEST(release_of_a_stream_that_keeps_up_doubles_the_window)
{
	memory = MIB;
	ck_assert(credit_open(&cr, 100, &memory));
	(void)credit_announce(&cr);
	ck_assert(credit_receive(&cr, CREDIT_WINDOW_FIRST));
	credit_release(&cr, CREDIT_WINDOW_FIRST, true, &memory);
	ck_assert_uint_eq(cr.window, CREDIT_WINDOW_FIRST * 2);
	ck_assert_uint_eq(memory, MIB - CREDIT_WINDOW_FIRST * 2);
	ck_assert_uint_eq(credit_announce(&cr), CREDIT_WINDOW_FIRST * 3);
}
END_TEST

START_TEST(release_of_a_stream_that_lags_keeps_the_window)
{
	memory = MIB;
	ck_assert(credit_open(&cr, 100, &memory));
	credit_release(&cr, CREDIT_WINDOW_FIRST * 4, false, &memory);
	ck_assert_uint_eq(cr.window, CREDIT_WINDOW_FIRST);
}
END_TEST

START_TEST(release_leaves_memory_for_new_streams)
{
	memory = 16 * CREDIT_WINDOW_FIRST;
	ck_assert(credit_open(&cr, 100, &memory));
	for (int i = 0; i < 20; i++)
		credit_release(&cr, MIB, true, &memory);
	ck_assert_uint_eq(cr.window, 4 * CREDIT_WINDOW_FIRST);
	ck_assert_uint_eq(memory, 12 * CREDIT_WINDOW_FIRST);
}
END_TEST

START_TEST(announce_never_falls)
{
	uint64_t last = 0;

	memory = 64 * MIB;
	ck_assert(credit_open(&cr, 100, &memory));
	for (int i = 0; i < 1000; i++) {
		uint64_t now = credit_announce(&cr);

		ck_assert_uint_ge(now, last);
		last = now;
		credit_release(&cr, 1000, i % 3 != 0, &memory);
	}
	ck_assert_uint_le(cr.window, CREDIT_WINDOW_MAX);
}
END_TEST

Suite *
suite_credit(void)
{
	Suite *s = suite_create("credit");
	TCase *tc = tcase_create("credit");

	tcase_add_test(tc, open_reserves_the_first_window);
	tcase_add_test(tc, open_with_a_large_record_reserves_room_for_it);
	tcase_add_test(tc, open_without_memory_fails_and_takes_nothing);
	tcase_add_test(tc, receive_beyond_what_was_announced_is_refused);
	tcase_add_test(tc, release_of_a_stream_that_keeps_up_doubles_the_window);
	tcase_add_test(tc, release_of_a_stream_that_lags_keeps_the_window);
	tcase_add_test(tc, release_leaves_memory_for_new_streams);
	tcase_add_test(tc, announce_never_falls);
	suite_add_tcase(s, tc);
	return s;
}
