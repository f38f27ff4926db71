#include "control/table.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "control/command.h"
#include "control/text.h"
#include "suites.h"

#define RED   "\033[1;31m"
#define GREEN "\033[32m"
#define BOLD  "\033[1m"
#define PLAIN "\033[0m"

static const struct control_column columns[] = {
	{ "name", "NAME" },
	{ "state", "STATE" },
	{ "count", "COUNT" },
	{ "detail", "DETAIL" },
	{ NULL, NULL },
};
static const struct control_command rows = { .words = "show things",
	.columns = columns };
static const struct control_command list = {
	.words = "show thing", .columns = columns, .as_list = 1
};

static json_t *items;
static struct text out;

static void
set_up(void)
{
	items = json_array();
	text_init(&out, 100000);
}

static void
tear_down(void)
{
	json_decref(items);
	text_done(&out);
}

static void
add(const char *name, const char *state, int count, const char *detail)
{
	ck_assert_int_eq(json_array_append_new(items,
			     json_pack("{s:s, s:s, s:i, s:s?}", "name", name, "state",
				 state, "count", count, "detail", detail)),
	    0);
}

/* What is written, with a NUL. */
static const char *
write_table(const struct control_command *cm, size_t width, bool colour)
{
	struct table_style style = { .width = width, .colour = colour };

	text_clear(&out);
	table_write(&out, cm, items, &style);
	text_put(&out, "", 1);
	ck_assert_int_eq(out.rc, 0);
	return out.bytes;
}

/* Of the longest line, in characters. */
static size_t
widest(const char *text)
{
	size_t most = 0, n = 0;

	for (; *text != '\0'; text++) {
		if (*text == '\n')
			n = 0;
		else
			n += (*text & 0xc0) != 0x80;
		most = n > most ? n : most;
	}
	return most;
}

START_TEST(table_without_a_width_is_never_cut)
{
	char detail[301];

	memset(detail, 'd', sizeof(detail) - 1);
	detail[sizeof(detail) - 1] = '\0';
	add("orders", "flowing", 12, detail);
	ck_assert_ptr_nonnull(strstr(write_table(&rows, 0, false), detail));
}
END_TEST

START_TEST(table_that_fits_is_as_without_a_width)
{
	static const char wanted[] = "NAME    STATE    COUNT  DETAIL\n"
				     "orders  flowing     12  good\n"
				     "x       stalled      7  -\n";

	add("orders", "flowing", 12, "good");
	add("x", "stalled", 7, NULL);
	ck_assert_str_eq(write_table(&rows, 0, false), wanted);
	ck_assert_str_eq(write_table(&rows, 30, false), wanted);
}
END_TEST

START_TEST(table_too_wide_cuts_its_longest_text)
{
	add("orders", "flowing", 12, "the queue has no room");
	ck_assert_str_eq(write_table(&rows, 35, false),
	    "NAME    STATE    COUNT  DETAIL\n"
	    "orders  flowing     12  the queue ~\n");
}
END_TEST

START_TEST(table_of_any_width_never_exceeds_it)
{
	static const char detail[] =
	    "a detail that is rather long, with gr\u00f6\u00dfe";

	add("a-route-with-a-long-name", "stalled", 123456, detail);
	add("b", "flowing", 1, NULL);
	for (size_t width = 35; width < 120; width++)
		ck_assert_uint_le(widest(write_table(&rows, width, false)), width);
}
END_TEST

/* First what says nothing, then what is all 0, then other numbers, which are told of. */
START_TEST(table_with_no_room_for_its_columns_leaves_some_out)
{
	add("a-name", "stalled", 0, NULL);
	ck_assert_str_eq(write_table(&rows, 23, false),
	    "NAME    STATE    COUNT\na-name  stalled      0\n");
	ck_assert_str_eq(
	    write_table(&rows, 20, false), "NAME    STATE\na-name  stalled\n");
	add("b", "idle", 7, NULL);
	ck_assert_str_eq(write_table(&rows, 23, false),
	    "NAME    STATE    COUNT\na-name  stalled      0\nb       idle         7\n");
	ck_assert_str_eq(write_table(&rows, 20, false),
	    "NAME    STATE\na-name  stalled\nb       idle\nnot shown: COUNT\n");
}
END_TEST

START_TEST(table_with_no_room_for_its_columns_becomes_lists)
{
	add("a-long-name", "stalled", 12, "why not");
	add("b", "idle", 0, NULL);
	ck_assert_str_eq(write_table(&rows, 20, false),
	    "NAME: a-long-name\nSTATE: stalled\nCOUNT: 12\nDETAIL: why not\n"
	    "\n"
	    "NAME: b\nSTATE: idle\nCOUNT: 0\nDETAIL: -\n");
}
END_TEST

START_TEST(table_without_items_shows_the_headings_that_fit)
{
	ck_assert_str_eq(write_table(&rows, 80, false), "NAME  STATE  COUNT  DETAIL\n");
	ck_assert_str_eq(write_table(&rows, 20, false), "NAME  STATE  COUNT\n");
	ck_assert_str_eq(write_table(&list, 20, false), "NAME  STATE  COUNT\n");
}
END_TEST

START_TEST(table_of_utf8_counts_characters_and_cuts_none_in_two)
{
	const char *text;

	add("\u00e4\u00f6\u00fc", "idle", 1,
	    "\u00e4\u00f6\u00fc\u00e4\u00f6\u00fc\u00e4\u00f6\u00fc\u00e4");
	text = write_table(&rows, 28, false);
	ck_assert_str_eq(text,
	    "NAME  STATE  COUNT  DETAIL\n"
	    "\u00e4\u00f6\u00fc   idle       1  \u00e4\u00f6\u00fc\u00e4\u00f6\u00fc\u00e4~\n");
}
END_TEST

/* Two cells each, and a character that is drawn over the one before. */
START_TEST(table_of_wide_and_combining_characters_lines_up)
{
	add("\u6f22\u5b57", "idle", 1, "ae\u0301\u6f22\u5b57\u6f22\u5b57");
	add("abc", "idle", 2, "e\u0301abcdefghijkl");
	ck_assert_str_eq(write_table(&rows, 0, false),
	    "NAME  STATE  COUNT  DETAIL\n"
	    "\u6f22\u5b57  idle       1  ae\u0301\u6f22\u5b57\u6f22\u5b57\n"
	    "abc   idle       2  e\u0301abcdefghijkl\n");
	/* Eight cells: half of a wide character is not shown. */
	ck_assert_str_eq(write_table(&rows, 28, false),
	    "NAME  STATE  COUNT  DETAIL\n"
	    "\u6f22\u5b57  idle       1  ae\u0301\u6f22\u5b57~\n"
	    "abc   idle       2  e\u0301abcdef~\n");
}
END_TEST

START_TEST(table_with_control_characters_shows_them)
{
	add("a\033[31m\nb", "idle", 1, NULL);
	ck_assert_ptr_nonnull(
	    strstr(write_table(&rows, 80, false), "a\\x1b[31m\\x0ab  idle"));
}
END_TEST

START_TEST(colour_is_of_states_and_headings_alone)
{
	add("orders", "stalled", 12, "flowing");
	add("x", "idle", 1, NULL);
	add("y", "unheard-of", 1, NULL);
	ck_assert_str_eq(write_table(&rows, 0, true),
	    BOLD "NAME" PLAIN "    " BOLD "STATE" PLAIN "       " BOLD "COUNT" PLAIN
		 "  " BOLD "DETAIL" PLAIN "\n"
		 "orders  " RED "stalled" PLAIN "        12  flowing\n"
		 "x       " GREEN "idle" PLAIN "            1  -\n"
		 "y       unheard-of      1  -\n");
}
END_TEST

START_TEST(colour_of_a_list_is_of_its_state)
{
	add("orders", "stalled", 12, NULL);
	ck_assert_str_eq(write_table(&list, 80, true),
	    "NAME: orders\nSTATE: " RED "stalled" PLAIN "\nCOUNT: 12\nDETAIL: -\n");
}
END_TEST

START_TEST(list_of_several_items_is_a_table)
{
	add("a", "idle", 1, NULL);
	add("b", "idle", 1, NULL);
	ck_assert_mem_eq(write_table(&list, 80, false), "NAME  STATE", 11);
}
END_TEST

static const struct value_row {
	const char *json;
	const char *text;
} value_rows[] = {
	{ "null", "-" },
	{ "true", "yes" },
	{ "\"\"", "\"\"" },
	{ "-5", "-5" },
	{ "0.25", "0.25" },
	{ "2.0", "2" },
	{ "[]", "-" },
	{ "[1, \"b\", null]", "1, b, -" },
};

START_TEST(value_is_shown_so)
{
	json_t *value = json_loads(value_rows[_i].json, JSON_DECODE_ANY, NULL);

	table_value(&out, value);
	text_put(&out, "", 1);
	ck_assert_str_eq(out.bytes, value_rows[_i].text);
	json_decref(value);
}
END_TEST

Suite *
suite_table(void)
{
	Suite *s = suite_create("table");
	TCase *tc = tcase_create("table");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, table_without_a_width_is_never_cut);
	tcase_add_test(tc, table_that_fits_is_as_without_a_width);
	tcase_add_test(tc, table_too_wide_cuts_its_longest_text);
	tcase_add_test(tc, table_of_any_width_never_exceeds_it);
	tcase_add_test(tc, table_with_no_room_for_its_columns_leaves_some_out);
	tcase_add_test(tc, table_with_no_room_for_its_columns_becomes_lists);
	tcase_add_test(tc, table_without_items_shows_the_headings_that_fit);
	tcase_add_test(tc, table_of_utf8_counts_characters_and_cuts_none_in_two);
	tcase_add_test(tc, table_of_wide_and_combining_characters_lines_up);
	tcase_add_test(tc, table_with_control_characters_shows_them);
	tcase_add_test(tc, colour_is_of_states_and_headings_alone);
	tcase_add_test(tc, colour_of_a_list_is_of_its_state);
	tcase_add_test(tc, list_of_several_items_is_a_table);
	tcase_add_loop_test(tc, value_is_shown_so, 0, ARRAY_LEN(value_rows));
	suite_add_tcase(s, tc);
	return s;
}
