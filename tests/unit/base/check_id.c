#include "base/id.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "suites.h"

START_TEST(make_twice_gives_different_ids)
{
	struct id a;
	struct id b;

	ck_assert_int_eq(id_make(&a), 0);
	ck_assert_int_eq(id_make(&b), 0);
	ck_assert(id_equal(&a, &a));
	ck_assert(!id_equal(&a, &b));
}
END_TEST

START_TEST(id_that_was_made_is_one)
{
	struct id id = { 0 };

	ck_assert(id_is_none(&id));
	ck_assert_int_eq(id_make(&id), 0);
	ck_assert(!id_is_none(&id));
}
END_TEST

START_TEST(format_then_parse_gives_same_id)
{
	char text[ID_TEXT];
	struct id a;
	struct id b;

	ck_assert_int_eq(id_make(&a), 0);
	ck_assert_int_eq(id_parse(&b, id_format(text, &a)), 0);
	ck_assert(id_equal(&a, &b));
}
END_TEST

START_TEST(format_of_known_id_is_hexadecimal)
{
	struct id id = { { 0x00, 0x01, 0x7f, 0x80, 0xab, 0xff } };
	char text[ID_TEXT];

	ck_assert_str_eq(id_format(text, &id), "00017f80abff00000000000000000000");
}
END_TEST

static const char *const bad_ids[] = {
	"",
	"0123456789abcdef0123456789abcde",
	"0123456789abcdef0123456789abcdef0",
	"0123456789abcdef0123456789abcdeg",
	"0123456789ABCDEF0123456789ABCDEF",
	" 123456789abcdef0123456789abcdef",
	"0x23456789abcdef0123456789abcdef",
};

START_TEST(parse_of_bad_text_returns_einval)
{
	struct id id;
	struct id untouched;

	memset(&id, 0x5a, sizeof(id));
	untouched = id;
	ck_assert_int_eq(id_parse(&id, bad_ids[_i]), -EINVAL);
	ck_assert(id_equal(&id, &untouched));
}
END_TEST

Suite *
suite_id(void)
{
	Suite *s = suite_create("id");
	TCase *tc = tcase_create("id");

	tcase_add_test(tc, make_twice_gives_different_ids);
	tcase_add_test(tc, id_that_was_made_is_one);
	tcase_add_test(tc, format_then_parse_gives_same_id);
	tcase_add_test(tc, format_of_known_id_is_hexadecimal);
	tcase_add_loop_test(tc, parse_of_bad_text_returns_einval, 0,
	    sizeof(bad_ids) / sizeof(bad_ids[0]));
	suite_add_tcase(s, tc);
	return s;
}
