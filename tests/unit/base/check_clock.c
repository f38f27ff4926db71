#include "base/clock.h"

#include <check.h>
#include <string.h>
#include <time.h>

#include "suites.h"

START_TEST(monotonic_read_twice_never_goes_back)
{
	int64_t first = clock_monotonic_ns();
	int64_t second = clock_monotonic_ns();

	ck_assert_int_gt(first, 0);
	ck_assert_int_ge(second, first);
}
END_TEST

START_TEST(monotonic_ms_agrees_with_ns)
{
	uint64_t before_ms = (uint64_t)(clock_monotonic_ns() / 1000000);
	uint64_t ms = clock_monotonic_ms();
	uint64_t after_ms = (uint64_t)(clock_monotonic_ns() / 1000000);

	ck_assert_uint_ge(ms, before_ms);
	ck_assert_uint_le(ms, after_ms);
}
END_TEST

START_TEST(boot_clock_is_never_behind_monotonic)
{
	int64_t monotonic_ns = clock_monotonic_ns();

	ck_assert_int_ge(clock_boot_ns(), monotonic_ns);
}
END_TEST

START_TEST(wall_clock_agrees_with_time)
{
	time_t before = time(NULL);
	int64_t wall = clock_wall_ns() / 1000000000;

	/* time(2) may read a tick older than the precise clock. */
	ck_assert_int_ge(wall, before);
	ck_assert_int_le(wall, time(NULL) + 1);
}
END_TEST

static const struct {
	int64_t wall_ns;
	const char *text;
} formats[] = {
	{ 0, "1970-01-01T00:00:00.000Z" },
	{ 1769860800123999999, "2026-01-31T12:00:00.123Z" },
	{ 951782399999000000, "2000-02-28T23:59:59.999Z" },
	{ -1000000, "1969-12-31T23:59:59.999Z" },
};

START_TEST(format_of_known_time_is_rfc3339_utc)
{
	char buf[32];

	ck_assert_ptr_eq(clock_format(buf, sizeof(buf), formats[_i].wall_ns), buf);
	ck_assert_str_eq(buf, formats[_i].text);
}
END_TEST

START_TEST(timeval_of_milliseconds_keeps_the_rest_below_a_second)
{
	struct timeval tv = clock_timeval(UINT64_C(86400000999));

	ck_assert_int_eq(tv.tv_sec, 86400000);
	ck_assert_int_eq(tv.tv_usec, 999000);
}
END_TEST

Suite *
suite_clock(void)
{
	Suite *s = suite_create("clock");
	TCase *tc = tcase_create("clock");

	tcase_add_test(tc, monotonic_read_twice_never_goes_back);
	tcase_add_test(tc, monotonic_ms_agrees_with_ns);
	tcase_add_test(tc, boot_clock_is_never_behind_monotonic);
	tcase_add_test(tc, wall_clock_agrees_with_time);
	tcase_add_loop_test(tc, format_of_known_time_is_rfc3339_utc, 0,
	    sizeof(formats) / sizeof(formats[0]));
	tcase_add_test(tc, timeval_of_milliseconds_keeps_the_rest_below_a_second);
	suite_add_tcase(s, tc);
	return s;
}
