#include "web/budget.h"

#include <check.h>

#include "suites.h"

START_TEST(budget_that_is_full_does_not_wait)
{
	struct budget bu;

	budget_init(&bu, 1000);
	ck_assert_uint_eq(budget_wait_ms(&bu, 1000), 0);
}
END_TEST

START_TEST(budget_that_is_spent_waits_for_what_it_lacks)
{
	struct budget bu;

	budget_init(&bu, 1000);
	budget_spend(&bu, BUDGET_MAX + 100 * BUDGET_PER_MS);
	ck_assert_uint_eq(budget_wait_ms(&bu, 1000), 101);
	ck_assert_uint_eq(budget_wait_ms(&bu, 1060), 41);
	ck_assert_uint_eq(budget_wait_ms(&bu, 1101), 0);
}
END_TEST

START_TEST(budget_after_a_long_time_is_full_and_not_more)
{
	struct budget bu;

	budget_init(&bu, 1000);
	budget_spend(&bu, BUDGET_MAX);
	ck_assert_uint_eq(budget_wait_ms(&bu, UINT64_MAX), 0);
	ck_assert_int_eq(bu.left, BUDGET_MAX);
}
END_TEST

Suite *
suite_budget(void)
{
	Suite *su = suite_create("budget");
	TCase *tc = tcase_create("budget");

	tcase_add_test(tc, budget_that_is_full_does_not_wait);
	tcase_add_test(tc, budget_that_is_spent_waits_for_what_it_lacks);
	tcase_add_test(tc, budget_after_a_long_time_is_full_and_not_more);
	suite_add_tcase(su, tc);
	return su;
}
