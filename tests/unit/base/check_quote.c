#include "base/quote.h"

#include <check.h>
#include <string.h>

#include "suites.h"

static const struct {
	const char *text;
	const char *quoted;
} rows[] = {
	{ "", "" },
	{ "plain text: @%", "plain text: @%" },
	{ "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x93\xa8",
	    "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x93\xa8" },
	{ "a\nb\tc\x1b[0m", "a\\x0ab\\x09c\\x1b[0m" },
	{ "\x7f", "\\x7f" },
	{ "back\\slash", "back\\x5cslash" },
	{ "\xc2\x85next line", "\\xc2\\x85next line" },
	{ "\xc2\xa0", "\xc2\xa0" },
	/* not UTF-8: lone, cut off, overlong, surrogate, beyond U+10FFFF */
	{ "\x80", "\\x80" },
	{ "\xc3", "\\xc3" },
	{ "\xe2\x82", "\\xe2\\x82" },
	{ "\xc3(", "\\xc3(" },
	{ "\xc0\xaf", "\\xc0\\xaf" },
	{ "\xe0\x9f\xbf", "\\xe0\\x9f\\xbf" },
	{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
	{ "\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf" },
	{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
	{ "\xff", "\\xff" },
};

START_TEST(quote_of_text_is_printable)
{
	ck_assert_str_eq(quote(rows[_i].text).text, rows[_i].quoted);
}
END_TEST

START_TEST(quote_of_nul_byte_shows_it)
{
	ck_assert_str_eq(quote_bytes("a\0b", 3).text, "a\\x00b");
}
END_TEST

START_TEST(quote_of_longest_text_keeps_all)
{
	char text[QUOTE_MAX];

	memset(text, 'x', sizeof(text));
	text[QUOTE_MAX - 1] = '\0';
	ck_assert_str_eq(quote(text).text, text);
}
END_TEST

START_TEST(quote_of_too_long_text_ends_in_ellipsis)
{
	char text[QUOTE_MAX + 1];
	struct quoted q;

	memset(text, 'x', sizeof(text));
	text[QUOTE_MAX] = '\0';
	q = quote(text);
	ck_assert_uint_eq(strlen(q.text), QUOTE_MAX - 1);
	ck_assert_str_eq(q.text + QUOTE_MAX - 5, "x...");
}
END_TEST

/* Neither an escape nor a character is cut in two, wherever the end falls. */
START_TEST(quote_of_too_long_text_cuts_between_characters)
{
	char text[3 * QUOTE_MAX];
	struct quoted q;
	size_t kept;

	memset(text, 'x', 8);
	for (size_t i = 0; i + 2 < sizeof(text) - 8; i += 2)
		memcpy(text + _i + i, "\xc3\xa9", 2);
	q = quote_bytes(text, sizeof(text) - 16);
	kept = strlen(q.text) - 3;
	ck_assert_str_eq(q.text + kept, "...");
	ck_assert_uint_eq((kept - (size_t)_i) % 2, 0);
	ck_assert_uint_ge(kept, QUOTE_MAX - 6);

	memset(text + _i, '\n', sizeof(text) - 8);
	q = quote_bytes(text, sizeof(text) - 8);
	kept = strlen(q.text) - 3;
	ck_assert_uint_eq((kept - (size_t)_i) % 4, 0);
	ck_assert_str_eq(q.text + kept, "...");
}
END_TEST

Suite *
suite_quote(void)
{
	Suite *s = suite_create("quote");
	TCase *tc = tcase_create("quote");

	tcase_add_loop_test(
	    tc, quote_of_text_is_printable, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, quote_of_nul_byte_shows_it);
	tcase_add_test(tc, quote_of_longest_text_keeps_all);
	tcase_add_test(tc, quote_of_too_long_text_ends_in_ellipsis);
	tcase_add_loop_test(tc, quote_of_too_long_text_cuts_between_characters, 0, 8);
	suite_add_tcase(s, tc);
	return s;
}
