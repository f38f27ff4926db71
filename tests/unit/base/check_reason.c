#include "base/reason.h"

#include <check.h>
#include <ctype.h>
#include <string.h>

#include "suites.h"

START_TEST(reason_every_code_is_lower_case_words_with_hyphens)
{
	const char *code = reason_name((enum reason)_i);

	ck_assert_uint_ge(strlen(code), 4);
	ck_assert_uint_lt(strlen(code), 32);
	for (const char *at = code; *at != '\0'; at++) {
		ck_assert(islower((unsigned char)*at) || *at == '-');
		ck_assert(*at != '-' || (at > code && islower((unsigned char)at[1])));
	}
}
END_TEST

START_TEST(reason_every_code_has_a_mend_of_one_sentence)
{
	const char *mend = reason_mend((enum reason)_i);

	ck_assert_uint_ge(strlen(mend), 20);
	ck_assert_ptr_null(strchr(mend, '\n'));
	ck_assert_ptr_null(strstr(mend, "  "));
	ck_assert_int_ne(mend[strlen(mend) - 1], '.');
	ck_assert(islower((unsigned char)mend[0]));
}
END_TEST

START_TEST(reason_every_code_is_found_and_unique)
{
	const char *code = reason_name((enum reason)_i);

	ck_assert_int_eq(reason_find(code, strlen(code)), _i);
}
END_TEST

START_TEST(reason_of_what_is_good_is_empty)
{
	ck_assert_str_eq(reason_name(REASON_NONE), "");
	ck_assert_str_eq(reason_mend(REASON_NONE), "");
}
END_TEST

START_TEST(reason_of_an_unknown_code_is_none)
{
	static const char *const codes[] = { "", "queue", "queue-full ", "Queue-Full",
		"no-such-code" };

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		ck_assert_int_eq(reason_find(codes[i], strlen(codes[i])), REASON_NONE);
	ck_assert_int_eq(reason_find("queue-full", 9), REASON_NONE);
}
END_TEST

Suite *
suite_reason(void)
{
	Suite *s = suite_create("reason");
	TCase *tc = tcase_create("list");

	tcase_add_loop_test(tc, reason_every_code_is_lower_case_words_with_hyphens,
	    REASON_NONE + 1, REASON_END);
	tcase_add_loop_test(tc, reason_every_code_has_a_mend_of_one_sentence,
	    REASON_NONE + 1, REASON_END);
	tcase_add_loop_test(
	    tc, reason_every_code_is_found_and_unique, REASON_NONE + 1, REASON_END);
	tcase_add_test(tc, reason_of_what_is_good_is_empty);
	tcase_add_test(tc, reason_of_an_unknown_code_is_none);
	suite_add_tcase(s, tc);
	return s;
}
