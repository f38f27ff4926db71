#include "assembly/rate.h"

#include <check.h>

#include "suites.h"

START_TEST(rate_without_a_sample_is_0)
{
	const struct rate ra = { 0 };

	ck_assert_double_eq(rate_get(&ra, 1000, 50), 0);
}
END_TEST

START_TEST(rate_is_of_the_time_since_the_oldest_sample)
{
	struct rate ra = { 0 };

	rate_add(&ra, 1000, 0);
	ck_assert_double_eq(rate_get(&ra, 1000, 0), 0);
	ck_assert_double_eq(rate_get(&ra, 2000, 500), 500);
	rate_add(&ra, 2000, 500);
	ck_assert_double_eq(rate_get(&ra, 3000, 500), 250);
}
END_TEST

START_TEST(rate_forgets_what_is_older_than_its_samples)
{
	struct rate ra = { 0 };
	uint64_t ms = 1000;

	for (int i = 0; i < 3 * RATE_SAMPLES; i++, ms += 1000)
		rate_add(&ra, ms, ms < 10000 ? 1000 * ms : 10000000);
	ck_assert_double_eq(rate_get(&ra, ms, 10000000), 0);
}
END_TEST

START_TEST(rate_of_a_counter_that_began_anew_is_0)
{
	struct rate ra = { 0 };

	rate_add(&ra, 1000, 100);
	ck_assert_double_eq(rate_get(&ra, 2000, 10), 0);
}
END_TEST

Suite *
suite_rate(void)
{
	Suite *s = suite_create("rate");
	TCase *tc = tcase_create("rate");

	tcase_add_test(tc, rate_without_a_sample_is_0);
	tcase_add_test(tc, rate_is_of_the_time_since_the_oldest_sample);
	tcase_add_test(tc, rate_forgets_what_is_older_than_its_samples);
	tcase_add_test(tc, rate_of_a_counter_that_began_anew_is_0);
	suite_add_tcase(s, tc);
	return s;
}
