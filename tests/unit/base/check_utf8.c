#include "base/utf8.h"

#include <check.h>
#include <string.h>

#include "base/compiler.h"
#include "suites.h"

static const struct utf8_row {
	const char *bytes;
	size_t len;
	bool text;
} rows[] = {
	{ "", 0, true },
	{ "plain\n\x01\x7f", 8, true },
	{ "a\0b", 3, false },
	{ "gr\xc3\xb6\xc3\x9f"
	  "er",
	    8, true },
	{ "\xe2\x9c\x93", 3, true },
	{ "\xf0\x9f\x98\x80", 4, true },
	{ "\xf4\x8f\xbf\xbf", 4, true },
	{ "\xf4\x90\x80\x80", 4, false }, /* above U+10FFFF */
	{ "\xed\x9f\xbf", 3, true },
	{ "\xed\xa0\x80", 3, false }, /* a surrogate */
	{ "\xc0\x80", 2, false },     /* overlong */
	{ "\xe0\x9f\xbf", 3, false },
	{ "\xf0\x8f\xbf\xbf", 4, false },
	{ "\xc3", 1, false },
	{ "\xe2\x9c", 2, false },
	{ "\xe2\x9c"
	  "a",
	    3, false },
	{ "\x80", 1, false },
	{ "\xff", 1, false },
	{ "\xf9", 1, false },
};

START_TEST(text_is_judged_the_same_in_any_pieces)
{
	const struct utf8_row *row = &rows[_i];

	for (size_t cut = 0; cut <= row->len; cut++) {
		struct utf8 ut = { 0 };

		utf8_feed(&ut, (const uint8_t *)row->bytes, cut);
		utf8_feed(&ut, (const uint8_t *)row->bytes + cut, row->len - cut);
		ck_assert_int_eq(utf8_is_text(&ut), row->text);
	}
}
END_TEST

Suite *
suite_utf8(void)
{
	Suite *su = suite_create("utf8");
	TCase *tc = tcase_create("utf8");

	tcase_add_loop_test(
	    tc, text_is_judged_the_same_in_any_pieces, 0, (int)ARRAY_LEN(rows));
	suite_add_tcase(su, tc);
	return su;
}
