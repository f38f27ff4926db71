#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "suites.h"
#include "tools/ipcq_message.h"

/* What is printed of a body of type 7; to be freed. */
static char *
printed(const void *body, size_t len, enum message_form form, enum ipcq_kind kind)
{
	const struct message ms = { kind, 7, body, len };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(message_print(&ms, form, out), 0);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

static const struct {
	const char *body;
	size_t len;
	const char *json;
} in_json[] = {
	{ "A", 1, "{\"body\": \"A\", \"priority\": 7, \"length\": 1}\n" },
	{ "", 0, "{\"body\": \"\", \"priority\": 7, \"length\": 0}\n" },
	{ "a\0b", 3, "{\"body\": \"a\\u0000b\", \"priority\": 7, \"length\": 3}\n" },
	{ "\"\n", 2, "{\"body\": \"\\\"\\n\", \"priority\": 7, \"length\": 2}\n" },
	{ "\xc3\xbc", 2, "{\"body\": \"\xc3\xbc\", \"priority\": 7, \"length\": 2}\n" },
	/* the vectors of RFC 4648, section 10, cannot be used: they are UTF-8 */
	{ "\xff", 1, "{\"body_base64\": \"/w==\", \"priority\": 7, \"length\": 1}\n" },
	{ "\xff\xfe", 2,
	    "{\"body_base64\": \"//4=\", \"priority\": 7, \"length\": 2}\n" },
	{ "\xff\xfe\xfd", 3,
	    "{\"body_base64\": \"//79\", \"priority\": 7, \"length\": 3}\n" },
	{ "f\xffo\xfb", 4,
	    "{\"body_base64\": \"Zv9v+w==\", \"priority\": 7, \"length\": 4}\n" },
	/* surrogates are not UTF-8, nor is what could be shorter */
	{ "\xed\xa0\x80", 3,
	    "{\"body_base64\": \"7aCA\", \"priority\": 7, \"length\": 3}\n" },
	{ "\xc0\x80", 2,
	    "{\"body_base64\": \"wIA=\", \"priority\": 7, \"length\": 2}\n" },
};

START_TEST(json_of_any_body_is_exact)
{
	char *text =
	    printed(in_json[_i].body, in_json[_i].len, MESSAGE_JSON, IPCQ_POSIX);

	ck_assert_str_eq(text, in_json[_i].json);
	free(text);
}
END_TEST

START_TEST(json_of_system_v_has_type)
{
	char *text = printed("A", 1, MESSAGE_JSON, IPCQ_SYSV);

	ck_assert_str_eq(text, "{\"body\": \"A\", \"type\": 7, \"length\": 1}\n");
	free(text);
}
END_TEST

START_TEST(forms_differ_as_described)
{
	static const char *const wanted[] = {
		[MESSAGE_TEXT] = "a\n\n",
		[MESSAGE_RAW] = "a\n",
		[MESSAGE_HEX] = "610a\n",
	};
	char *text = printed("a\n", 2, (enum message_form)_i, IPCQ_POSIX);

	ck_assert_str_eq(text, wanted[_i]);
	free(text);
}
END_TEST

START_TEST(form_of_unknown_name_is_refused)
{
	enum message_form form = MESSAGE_HEX;

	ck_assert_int_eq(message_form_parse(&form, "JSON"), -EINVAL);
	ck_assert_int_eq(message_form_parse(&form, ""), -EINVAL);
	ck_assert_int_eq(form, MESSAGE_HEX);
	ck_assert_int_eq(message_form_parse(&form, "json"), 0);
	ck_assert_int_eq(form, MESSAGE_JSON);
}
END_TEST

START_TEST(print_to_full_device_fails)
{
	const struct message ms = { IPCQ_POSIX, 0, "A", 1 };
	FILE *out = fopen("/dev/full", "we");

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(message_print(&ms, (enum message_form)_i, out), -ENOSPC);
	(void)fclose(out);
}
END_TEST

Suite *
suite_ipcq_message(void)
{
	Suite *suite = suite_create("ipcq_message");
	TCase *tc = tcase_create("message");

	tcase_add_loop_test(tc, json_of_any_body_is_exact, 0, (int)ARRAY_LEN(in_json));
	tcase_add_test(tc, json_of_system_v_has_type);
	tcase_add_loop_test(tc, forms_differ_as_described, 0, MESSAGE_JSON);
	tcase_add_test(tc, form_of_unknown_name_is_refused);
	tcase_add_loop_test(tc, print_to_full_device_fails, 0, MESSAGE_JSON + 1);
	suite_add_tcase(suite, tc);
	return suite;
}
