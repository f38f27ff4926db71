#include "control/reply.h"

#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/compiler.h"
#include "control/command.h"
#include "control/text.h"
#include "suites.h"

#define BOUND    65536                        /* bytes; more than any answer here */
#define NEW_YEAR INT64_C(1767225600000000000) /* 2026-01-01, ns */

static const struct control_column columns[] = {
	{ "name", "NAME" },
	{ "depth", "DEPTH" },
	{ "note", "NOTE" },
	{ NULL, NULL },
};

static struct control_command command;
static struct control_reply reply;
static struct text out;

static void
set_up(void)
{
	command =
	    (struct control_command){ .words = "show things", .columns = columns };
	reply = (struct control_reply){
		.kind = "things",
		.items = json_array(),
		.warnings = json_array(),
	};
	text_init(&out, BOUND);
}

static void
tear_down(void)
{
	json_decref(reply.items);
	json_decref(reply.warnings);
	text_done(&out);
}

static void
add_item(const char *text)
{
	ck_assert_int_eq(
	    json_array_append_new(reply.items, json_loads(text, 0, NULL)), 0);
}

static const char *
as_text(void)
{
	reply_write_text(&out, &command, &reply);
	text_put(&out, "", 1);
	ck_assert_int_eq(out.rc, 0);
	return out.bytes;
}

START_TEST(table_of_items_is_aligned_with_numbers_to_the_right)
{
	add_item("{\"name\": \"orders\", \"depth\": 7, \"note\": \"full\"}");
	add_item("{\"name\": \"\\u00e4\", \"depth\": 12345678, \"note\": null}");
	add_item("{\"name\": \"longer-name\", \"depth\": null}");
	ck_assert_str_eq(as_text(), "NAME            DEPTH  NOTE\n"
				    "orders              7  full\n"
				    "\xc3\xa4            12345678  -\n"
				    "longer-name         -  -\n"
				    "\n");
}
END_TEST

START_TEST(table_column_of_numbers_and_words_stays_left)
{
	add_item("{\"name\": \"a\", \"depth\": 7}");
	add_item("{\"name\": \"b\", \"depth\": \"no\"}");
	ck_assert_str_eq(as_text(), "NAME  DEPTH  NOTE\n"
				    "a     7      -\n"
				    "b     no     -\n"
				    "\n");
}
END_TEST

START_TEST(table_without_items_is_its_headings)
{
	ck_assert_str_eq(as_text(), "NAME  DEPTH  NOTE\n\n");
}
END_TEST

START_TEST(list_of_one_item_is_a_line_for_each_value)
{
	command.as_list = 1;
	add_item("{\"name\": \"edge\", \"depth\": 3}");
	ck_assert_str_eq(as_text(), "NAME: edge\nDEPTH: 3\nNOTE: -\n\n");
}
END_TEST

START_TEST(list_of_two_items_is_a_table)
{
	command.as_list = 1;
	add_item("{\"name\": \"a\"}");
	add_item("{\"name\": \"b\"}");
	ck_assert_str_eq(as_text(), "NAME  DEPTH  NOTE\n"
				    "a     -      -\n"
				    "b     -      -\n"
				    "\n");
}
END_TEST

START_TEST(warnings_stand_behind_the_table)
{
	json_array_append_new(reply.warnings, json_string("low on\nspace"));
	ck_assert_str_eq(as_text(), "NAME  DEPTH  NOTE\nwarning: low on\\x0aspace\n\n");
}
END_TEST

static const struct value_row {
	const char *json;
	const char *text;
} value_rows[] = {
	{ "-9223372036854775808", "-9223372036854775808" },
	{ "0", "0" },
	{ "0.000213", "0.000213" },
	{ "12.5", "12.5" },
	{ "3.0", "3" },
	{ "86400.25", "86400.25" },
	{ "1e300", "1e+300" },
	{ "-1e300", "-1e+300" },
	{ "true", "yes" },
	{ "false", "no" },
	{ "null", "-" },
	{ "\"\"", "\"\"" },
	{ "\"two words\"", "two words" },
	{ "\"\\u001b[2J\\n\\n\"", "\\x1b[2J\\x0a\\x0a" },
	{ "\"\\u009b2J\"", "\\xc2\\x9b2J" },
	{ "[]", "-" },
	{ "[\"a\", 1, null]", "a, 1, -" },
	{ "{\"a\": [1]}", "{\"a\":[1]}" },
};

START_TEST(value_of_each_type_has_its_text)
{
	const struct value_row *row = &value_rows[_i];
	char expected[100];

	command.as_list = 1;
	json_array_append_new(reply.items,
	    json_pack("{s:o}", "name", json_loads(row->json, JSON_DECODE_ANY, NULL)));
	(void)snprintf(
	    expected, sizeof(expected), "NAME: %s\nDEPTH: -\nNOTE: -\n\n", row->text);
	ck_assert_str_eq(as_text(), expected);
}
END_TEST

START_TEST(value_of_a_long_array_ends_in_dots)
{
	json_t *names = json_array();
	const char *text;

	for (int i = 0; i < 5000; i++)
		json_array_append_new(names, json_string("\xc3\xa4"));
	json_array_append_new(reply.items, json_pack("{s:o}", "note", names));
	text = as_text();
	ck_assert_uint_lt(strlen(text), 5000);
	ck_assert_ptr_nonnull(strstr(text, "\xc3\xa4, ...\n\n"));
}
END_TEST

START_TEST(table_over_the_bound_fails_with_efbig)
{
	for (int i = 0; i < BOUND / 10; i++)
		add_item("{\"name\": \"orders\"}");
	reply_write_text(&out, &command, &reply);
	ck_assert_int_eq(out.rc, -EFBIG);
	text_clear(&out);
	reply_write_json(&out, "edge-1", NEW_YEAR, &reply);
	ck_assert_int_eq(out.rc, -EFBIG);
}
END_TEST

START_TEST(json_is_one_line_with_all_members)
{
	static const char expected[] =
	    "{\"schema\": \"org.mqbridge/1\", \"time\": \"2026-01-01T00:00:00.000Z\", "
	    "\"name\": \"edge-1\", \"kind\": \"things\", "
	    "\"items\": [{\"name\": \"\\u00E4\\n\"}], \"warnings\": [\"w\"]}\n\n";

	add_item("{\"name\": \"\\u00e4\\n\"}");
	json_array_append_new(reply.warnings, json_string("w"));
	reply_write_json(&out, "edge-1", NEW_YEAR, &reply);
	ck_assert_int_eq(out.rc, 0);
	ck_assert_uint_eq(out.len, sizeof(expected) - 1);
	ck_assert_mem_eq(out.bytes, expected, out.len);
	ck_assert_int_eq(reply_read(out.bytes, out.len, 1), REPLY_WARNED);
}
END_TEST

START_TEST(json_leaves_the_reply_to_its_owner)
{
	reply_write_json(&out, "edge-1", NEW_YEAR, &reply);
	ck_assert_uint_eq(reply.items->refcount, 1);
	ck_assert_uint_eq(reply.warnings->refcount, 1);
}
END_TEST

static const struct error_row {
	int rc; /* of the command */
	enum reply_fault fault;
	const char *text;
	const char *json;
} error_rows[] = {
	{ -EBUSY, REPLY_REFUSED, "error: why\n\n",
	    "{\"schema\": \"org.mqbridge/1\", \"error\": \"why\", \"code\": "
	    "\"refused\"}\n\n" },
	{ -EINVAL, REPLY_USAGE, "error: usage: why\n\n",
	    "{\"schema\": \"org.mqbridge/1\", \"error\": \"why\", \"code\": "
	    "\"usage\"}\n\n" },
	{ -EPERM, REPLY_DENIED, "error: not permitted: why\n\n",
	    "{\"schema\": \"org.mqbridge/1\", \"error\": \"why\", \"code\": "
	    "\"not-permitted\"}\n\n" },
	{ -ENOENT, REPLY_ABSENT, "error: no such object: why\n\n",
	    "{\"schema\": \"org.mqbridge/1\", \"error\": \"why\", \"code\": "
	    "\"no-such-object\"}\n\n" },
};

START_TEST(error_of_each_kind_is_written_and_read_back)
{
	const struct error_row *row = &error_rows[_i];

	ck_assert_int_eq(reply_fault_of(row->rc), row->fault);
	reply_write_error(&out, 0, row->fault, "why");
	ck_assert_uint_eq(out.len, strlen(row->text));
	ck_assert_mem_eq(out.bytes, row->text, out.len);
	ck_assert_int_eq(reply_read(out.bytes, out.len, 0), row->fault);
	/* What is refused before the line is read comes as text, whatever was asked for. */
	ck_assert_int_eq(reply_read(out.bytes, out.len, 1), row->fault);

	text_clear(&out);
	reply_write_error(&out, 1, row->fault, "why");
	ck_assert_uint_eq(out.len, strlen(row->json));
	ck_assert_mem_eq(out.bytes, row->json, out.len);
	ck_assert_int_eq(reply_read(out.bytes, out.len, 1), row->fault);
}
END_TEST

static const struct read_row {
	const char *answer;
	int ret; /* when JSON was asked for */
} read_rows[] = {
	{ "{\"schema\": \"org.mqbridge/1\", \"items\": []}", REPLY_DONE },
	{ "{\"schema\": \"org.mqbridge/1\", \"error\": \"x\", \"code\": \"new\"}",
	    REPLY_REFUSED },
	{ "{\"schema\": \"org.mqbridge/1\", \"error\": \"x\"}", REPLY_REFUSED },
	{ "{\"schema\": \"org.mqbridge/1\"}", -EBADMSG },
	{ "{\"schema\": \"org.mqbridge/2\", \"items\": []}", -EBADMSG },
	{ "{\"items\": []}", -EBADMSG },
	{ "[]", -EBADMSG },
	{ "{", -EBADMSG },
	{ "", -EBADMSG },
	{ "\xff", -EBADMSG },
	{ "NAME\n", -EBADMSG },
};

START_TEST(read_of_a_document_judges_it)
{
	const struct read_row *row = &read_rows[_i];

	ck_assert_int_eq(reply_read(row->answer, strlen(row->answer), 1), row->ret);
	ck_assert_int_eq(reply_read(row->answer, strlen(row->answer), 0), REPLY_DONE);
}
END_TEST

Suite *
suite_reply(void)
{
	Suite *s = suite_create("reply");
	TCase *tc = tcase_create("text");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, table_of_items_is_aligned_with_numbers_to_the_right);
	tcase_add_test(tc, table_column_of_numbers_and_words_stays_left);
	tcase_add_test(tc, table_without_items_is_its_headings);
	tcase_add_test(tc, list_of_one_item_is_a_line_for_each_value);
	tcase_add_test(tc, list_of_two_items_is_a_table);
	tcase_add_test(tc, warnings_stand_behind_the_table);
	tcase_add_loop_test(
	    tc, value_of_each_type_has_its_text, 0, ARRAY_LEN(value_rows));
	tcase_add_test(tc, value_of_a_long_array_ends_in_dots);
	tcase_add_test(tc, table_over_the_bound_fails_with_efbig);
	suite_add_tcase(s, tc);

	tc = tcase_create("json");
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, json_is_one_line_with_all_members);
	tcase_add_test(tc, json_leaves_the_reply_to_its_owner);
	tcase_add_loop_test(
	    tc, error_of_each_kind_is_written_and_read_back, 0, ARRAY_LEN(error_rows));
	tcase_add_loop_test(tc, read_of_a_document_judges_it, 0, ARRAY_LEN(read_rows));
	suite_add_tcase(s, tc);
	return s;
}
