#include "base/base64.h"

#include <check.h>
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

Suite *
suite_base64(void)
{
	Suite *su = suite_create("base64");
	TCase *tc = tcase_create("base64");

	tcase_add_loop_test(
	    tc, encoding_is_that_of_the_standard, 0, (int)ARRAY_LEN(rows));
	suite_add_tcase(su, tc);
	return su;
}
