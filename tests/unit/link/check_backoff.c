#include <check.h>
#include <stdlib.h>

#include "link/backoff.h"
#include "suites.h"

START_TEST(next_after_success_is_within_50_ms)
{
	for (uint32_t random = 0; random < 1000; random++) {
		struct backoff bo = { 0 };

		ck_assert_uint_lt(backoff_next(&bo, random * 2654435761U), 50);
	}
}
END_TEST

START_TEST(next_after_failures_grows_to_the_bound_and_not_above)
{
	struct backoff bo = { 0 };
	uint32_t ms = 0;

	for (int i = 0; i < 50; i++) {
		ms = backoff_next(&bo, UINT32_MAX - 3);
		ck_assert_uint_ge(ms, BACKOFF_MIN_MS);
		ck_assert_uint_le(ms, BACKOFF_MAX_MS);
	}
	backoff_reset(&bo);
	ck_assert_uint_lt(backoff_next(&bo, 12345), 50);
}
END_TEST

START_TEST(next_with_another_random_differs)
{
	struct backoff a = { 4000 }, b = { 4000 };

	ck_assert_uint_ne(backoff_next(&a, 17), backoff_next(&b, 5017));
}
END_TEST

Suite *
suite_backoff(void)
{
	Suite *s = suite_create("backoff");
	TCase *tc = tcase_create("backoff");

	tcase_add_test(tc, next_after_success_is_within_50_ms);
	tcase_add_test(tc, next_after_failures_grows_to_the_bound_and_not_above);
	tcase_add_test(tc, next_with_another_random_differs);
	suite_add_tcase(s, tc);
	return s;
}
