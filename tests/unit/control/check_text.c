#include "control/text.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "suites.h"

#define BOUND 1000 /* bytes */

static struct text tx;

static void
set_up(void)
{
	text_init(&tx, BOUND);
}

static void
tear_down(void)
{
	text_done(&tx);
}

START_TEST(text_grows_over_its_first_memory_keeps_all)
{
	for (int i = 0; i < 300; i++)
		text_puts(&tx, "abc");
	text_pad(&tx, 2);
	ck_assert_int_eq(tx.rc, 0);
	ck_assert_uint_eq(tx.len, 902);
	ck_assert_mem_eq(tx.bytes, "abcabc", 6);
	ck_assert_mem_eq(tx.bytes + 897, "abc  ", 5);
}
END_TEST

START_TEST(text_up_to_its_bound_is_taken)
{
	text_pad(&tx, BOUND);
	ck_assert_int_eq(tx.rc, 0);
	ck_assert_uint_eq(tx.len, BOUND);
}
END_TEST

START_TEST(text_over_its_bound_keeps_the_failure)
{
	text_pad(&tx, BOUND);
	text_puts(&tx, "x");
	ck_assert_int_eq(tx.rc, -EFBIG);
	text_cut(&tx, 0);
	text_puts(&tx, "x");
	ck_assert_uint_eq(tx.len, 0);
	text_clear(&tx);
	text_puts(&tx, "x");
	ck_assert_int_eq(tx.rc, 0);
	ck_assert_uint_eq(tx.len, 1);
}
END_TEST

START_TEST(text_of_any_length_is_a_string)
{
	text_pad(&tx, BOUND);
	ck_assert_uint_eq(strlen(tx.bytes), BOUND);
	text_cut(&tx, 512); /* a power of two, as the memory is */
	ck_assert_uint_eq(strlen(tx.bytes), 512);
	text_clear(&tx);
	ck_assert_str_eq(tx.bytes, "");
	text_puts(&tx, "ab");
	ck_assert_str_eq(tx.bytes, "ab");
	text_done(&tx);
	text_pad(&tx, 256); /* all of the first memory */
	ck_assert_uint_eq(strlen(tx.bytes), 256);
}
END_TEST

Suite *
suite_text(void)
{
	Suite *s = suite_create("text");
	TCase *tc = tcase_create("text");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, text_grows_over_its_first_memory_keeps_all);
	tcase_add_test(tc, text_up_to_its_bound_is_taken);
	tcase_add_test(tc, text_over_its_bound_keeps_the_failure);
	tcase_add_test(tc, text_of_any_length_is_a_string);
	suite_add_tcase(s, tc);
	return s;
}
