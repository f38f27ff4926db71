#include "base/take.h"

#include <check.h>
#include <errno.h>

#include "suites.h"

static const struct {
	const char *text;
	int64_t select;
	bool except;
} good[] = {
	{ NULL, 0, false },
	{ "", 0, false },
	{ "7", 7, false },
	{ "9223372036854775807", INT64_MAX, false },
	{ "..5", -5, false },
	{ "..9223372036854775807", -INT64_MAX, false },
	{ "not 7", 7, true },
};

START_TEST(parse_of_good_text_gives_msgrcv_arguments)
{
	struct take tk = { 99, true };

	ck_assert_int_eq(take_parse(&tk, good[_i].text), 0);
	ck_assert_int_eq(tk.select, good[_i].select);
	ck_assert_int_eq(tk.except, good[_i].except);
}
END_TEST

static const char *const bad[] = { "0", "-1", "..0", "..", "..-5", "not", "not ",
	"not 0", "not  7", "Not 7", " 7", "7 ", "+7", "5..", "1..5", "7,8",
	"9223372036854775808", "all", "not ..5" };

START_TEST(parse_of_bad_text_returns_einval)
{
	struct take tk = { 99, true };

	ck_assert_int_eq(take_parse(&tk, bad[_i]), -EINVAL);
	ck_assert_int_eq(tk.select, 99);
}
END_TEST

static const struct {
	struct take take;
	int64_t type;
	bool matches;
} matches[] = {
	{ { 0, false }, 1, true },
	{ { 0, false }, INT64_MAX, true },
	{ { 7, false }, 7, true },
	{ { 7, false }, 8, false },
	{ { -5, false }, 1, true },
	{ { -5, false }, 5, true },
	{ { -5, false }, 6, false },
	{ { -INT64_MAX, false }, INT64_MAX, true },
	{ { 7, true }, 7, false },
	{ { 7, true }, 6, true },
	{ { 0, false }, 0, false },
	{ { 7, true }, -1, false },
};

START_TEST(match_of_type_is_as_msgrcv_selects)
{
	ck_assert_int_eq(
	    take_matches(matches[_i].take, matches[_i].type), matches[_i].matches);
}
END_TEST

/* Every pair of small selections against a search through all small types. */
START_TEST(overlap_of_any_two_agrees_with_search)
{
	struct take all[24];
	size_t count = 0;

	for (int64_t n = -6; n <= 6; n++) {
		all[count++] = (struct take){ n, false };
		if (n > 0)
			all[count++] = (struct take){ n, true };
	}
	for (size_t k = 0; k < count * count; k++) {
		struct take a = all[k / count];
		struct take b = all[k % count];
		bool found = false;

		for (int64_t type = 1; type < 20 && !found; type++)
			found = take_matches(a, type) && take_matches(b, type);
		ck_assert_int_eq(take_overlaps(a, b), found);
	}
}
END_TEST

Suite *
suite_take(void)
{
	Suite *s = suite_create("take");
	TCase *tc = tcase_create("take");

	tcase_add_loop_test(tc, parse_of_good_text_gives_msgrcv_arguments, 0,
	    sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(
	    tc, parse_of_bad_text_returns_einval, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_loop_test(tc, match_of_type_is_as_msgrcv_selects, 0,
	    sizeof(matches) / sizeof(matches[0]));
	tcase_add_test(tc, overlap_of_any_two_agrees_with_search);
	suite_add_tcase(s, tc);
	return s;
}
