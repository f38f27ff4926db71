#include "base/histogram.h"

#include <check.h>
#include <stdlib.h>

#include "suites.h"

static uint64_t
total(const struct histogram *hi)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++)
		sum += hi->counts[i];
	return sum;
}

START_TEST(bounds_rise_and_are_what_their_text_says)
{
	for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++) {
		double seconds = strtod(histogram_bounds_text[i], NULL);

		ck_assert_double_eq_tol(
		    seconds * 1e9, (double)histogram_bounds_ns[i], 0.5);
		if (i > 0)
			ck_assert_int_gt(
			    histogram_bounds_ns[i], histogram_bounds_ns[i - 1]);
	}
}
END_TEST

START_TEST(value_on_a_bound_is_in_its_bucket)
{
	struct histogram hi = { 0 };

	histogram_add(&hi, histogram_bounds_ns[_i]);
	ck_assert_uint_eq(hi.counts[_i], 1);
	histogram_add(&hi, histogram_bounds_ns[_i] + 1);
	ck_assert_uint_eq(hi.counts[_i + 1], 1);
	ck_assert_uint_eq(total(&hi), 2);
}
END_TEST

START_TEST(sum_is_of_all_that_was_added)
{
	struct histogram hi = { 0 };

	histogram_add(&hi, 7);
	histogram_add(&hi, INT64_C(3000000000));
	ck_assert_uint_eq(hi.sum_ns, 3000000007);
}
END_TEST

START_TEST(value_above_all_bounds_is_in_the_last_bucket)
{
	struct histogram hi = { 0 };

	histogram_add(&hi, INT64_MAX);
	ck_assert_uint_eq(hi.counts[HISTOGRAM_BOUNDS], 1);
}
END_TEST

START_TEST(negative_value_counts_as_zero)
{
	struct histogram hi = { 0 };

	histogram_add(&hi, -5);
	ck_assert_uint_eq(hi.counts[0], 1);
	ck_assert_uint_eq(hi.sum_ns, 0);
}
END_TEST

START_TEST(copy_has_all)
{
	struct histogram hi = { 0 }, copy = { 0 };

	histogram_add(&hi, 1);
	histogram_add(&hi, INT64_MAX);
	histogram_copy(&copy, &hi);
	ck_assert_mem_eq(&copy, &hi, sizeof(hi));
}
END_TEST

Suite *
suite_histogram(void)
{
	Suite *s = suite_create("histogram");
	TCase *tc = tcase_create("histogram");

	tcase_add_test(tc, bounds_rise_and_are_what_their_text_says);
	tcase_add_loop_test(tc, value_on_a_bound_is_in_its_bucket, 0, HISTOGRAM_BOUNDS);
	tcase_add_test(tc, sum_is_of_all_that_was_added);
	tcase_add_test(tc, value_above_all_bounds_is_in_the_last_bucket);
	tcase_add_test(tc, negative_value_counts_as_zero);
	tcase_add_test(tc, copy_has_all);
	suite_add_tcase(s, tc);
	return s;
}
