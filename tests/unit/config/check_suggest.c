#include "config/suggest.h"

#include <check.h>

#include "base/compiler.h"
#include "suites.h"

static const struct {
	const char *a;
	const char *b;
	size_t distance;
} pairs[] = {
	{ "", "", 0 },
	{ "name", "name", 0 },
	{ "nam", "name", 1 },
	{ "name", "nme", 1 },
	{ "name", "nime", 1 },
	{ "name", "nmae", 1 },
	{ "", "name", 4 },
	{ "ca", "abc", 3 },
	{ "kitten", "sitting", 3 },
	{ "12345678901234567890123456789012", "1234567890123456789012345678901", 1 },
	{ "123456789012345678901234567890123", "1", SUGGEST_MAX + 1 },
};

START_TEST(distance_counts_changes_and_exchanges)
{
	ck_assert_uint_eq(
	    suggest_distance(pairs[_i].a, pairs[_i].b), pairs[_i].distance);
	ck_assert_uint_eq(
	    suggest_distance(pairs[_i].b, pairs[_i].a), pairs[_i].distance);
}
END_TEST

START_TEST(far_names_do_not_fit)
{
	ck_assert(suggest_fits("nam", "name", 1));
	ck_assert(suggest_fits("mesage_siz", "message_size", 2));
	ck_assert(!suggest_fits("x", "to", 2));
	ck_assert(!suggest_fits("elephants", "queues", 7));
}
END_TEST

Suite *
suite_suggest(void)
{
	Suite *s = suite_create("suggest");
	TCase *tc = tcase_create("suggest");

	tcase_add_loop_test(
	    tc, distance_counts_changes_and_exchanges, 0, ARRAY_LEN(pairs));
	tcase_add_test(tc, far_names_do_not_fit);
	suite_add_tcase(s, tc);
	return s;
}
