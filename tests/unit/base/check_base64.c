#include "base/base64.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/compiler.h"
#include "suites.h"

static const struct base64_row { /* of RFC 4648, section 10, and all digits */
	const char *bytes, *text;
} rows[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
	{ "\xff\xff\xfe\xfb\xef\xbe", "///+++++" },
};

START_TEST(encoding_is_that_of_the_standard)
{
	const struct base64_row *row = &rows[_i];
	size_t len = strlen(row->bytes);
	char out[64];

	ck_assert_uint_eq(
	    base64_encode(out, (const uint8_t *)row->bytes, len), BASE64_LEN(len));
	ck_assert_uint_eq(BASE64_LEN(len), strlen(row->text));
	ck_assert_mem_eq(out, row->text, BASE64_LEN(len));
}
END_TEST

START_TEST(decoding_is_the_reverse)
{
	const struct base64_row *row = &rows[_i];
	uint8_t out[64];
	size_t len = 99;

	ck_assert_int_eq(base64_decode(out, &len, row->text, strlen(row->text)), 0);
	ck_assert_uint_eq(len, strlen(row->bytes));
	ck_assert_mem_eq(out, row->bytes, len);
}
END_TEST

static const char *const wrong[] = { "Z", "Zg",
	"Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Z===", "====", "Zm 9", "Zm9v\n", "Zm-_",
	"Zg=A" };

START_TEST(decoding_takes_nothing_else)
{
	uint8_t out[64];
	size_t len = 99;

	ck_assert_int_eq(
	    base64_decode(out, &len, wrong[_i], strlen(wrong[_i])), -EINVAL);
	ck_assert_uint_eq(len, 99);
}
END_TEST

Suite *
suite_base64(void)
{
	Suite *su = suite_create("base64");
	TCase *tc = tcase_create("base64");

	tcase_add_loop_test(
	    tc, encoding_is_that_of_the_standard, 0, (int)ARRAY_LEN(rows));
	tcase_add_loop_test(tc, decoding_is_the_reverse, 0, (int)ARRAY_LEN(rows));
	tcase_add_loop_test(tc, decoding_takes_nothing_else, 0, (int)ARRAY_LEN(wrong));
	suite_add_tcase(su, tc);
	return su;
}
