#include "base/stopwatch.h"

#include <check.h>

#include "suites.h"

START_TEST(stopped_one_stands_still)
{
	struct stopwatch sw = { 0 };

	ck_assert_uint_eq(stopwatch_read_ms(&sw, 1000), 0);
	stopwatch_stop(&sw, 1000);
	ck_assert_uint_eq(stopwatch_read_ms(&sw, 2000), 0);
}
END_TEST

START_TEST(running_one_shows_the_time_so_far)
{
	struct stopwatch sw = { 0 };

	stopwatch_start(&sw, 1000);
	ck_assert_uint_eq(stopwatch_read_ms(&sw, 1250), 250);
}
END_TEST

START_TEST(started_twice_runs_from_the_first)
{
	struct stopwatch sw = { 0 };

	stopwatch_start(&sw, 1000);
	stopwatch_start(&sw, 1100);
	stopwatch_stop(&sw, 1300);
	ck_assert_uint_eq(stopwatch_read_ms(&sw, 9000), 300);
}
END_TEST

START_TEST(times_add_up)
{
	struct stopwatch sw = { 0 };

	stopwatch_start(&sw, 1000);
	stopwatch_stop(&sw, 1100);
	stopwatch_start(&sw, 2000);
	stopwatch_stop(&sw, 2030);
	ck_assert_uint_eq(stopwatch_read_ms(&sw, 3000), 130);
}
END_TEST

START_TEST(clock_behind_the_start_adds_nothing)
{
	struct stopwatch sw = { 0 };

	stopwatch_start(&sw, 1000);
	ck_assert_uint_eq(stopwatch_read_ms(&sw, 996), 0);
	stopwatch_stop(&sw, 996);
	ck_assert_uint_eq(stopwatch_read_ms(&sw, 5000), 0);
}
END_TEST

Suite *
suite_stopwatch(void)
{
	Suite *s = suite_create("stopwatch");
	TCase *tc = tcase_create("stopwatch");

	tcase_add_test(tc, stopped_one_stands_still);
	tcase_add_test(tc, running_one_shows_the_time_so_far);
	tcase_add_test(tc, started_twice_runs_from_the_first);
	tcase_add_test(tc, times_add_up);
	tcase_add_test(tc, clock_behind_the_start_adds_nothing);
	suite_add_tcase(s, tc);
	return s;
}
