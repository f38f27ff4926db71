#include "client/top_model.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "suites.h"

static struct top_table table;

static void
set_up(void)
{
	table = (struct top_table){ .kind = TOP_ROUTES };
}

static void
tear_down(void)
{
	top_table_done(&table);
}

static json_t *
parse(const char *text)
{
	json_t *ret = json_loads(text, 0, NULL);

	ck_assert_ptr_nonnull(ret);
	return ret;
}

/* queues: NULL for none. */
static void
take(const char *text, const char *queues_text)
{
	json_t *items = parse(text);
	json_t *queues = queues_text == NULL ? NULL : parse(queues_text);

	ck_assert_int_eq(top_table_take(&table, items, queues), 0);
	json_decref(items);
	json_decref(queues);
}

static const char *
order_of(enum top_order order)
{
	static char names[8]; /* of one letter each */

	memset(names, 0, sizeof(names));
	top_table_sort(&table, order);
	ck_assert_uint_lt(table.n, sizeof(names));
	for (size_t i = 0; i < table.n; i++)
		names[i] = table.rows[i].name[0];
	return names;
}

START_TEST(route_is_read_with_the_depth_of_its_queue)
{
	take(
	    "[{\"name\":\"r\",\"from\":\"q\",\"state\":\"stalled\",\"reason\":\"queue-full\","
	    "\"in_per_s\":1.5,\"out_per_s\":2,\"backlog\":7,\"oldest_age_s\":3.25}]",
	    "[{\"name\":\"other\",\"depth\":1},"
	    "{\"name\":\"q\",\"depth\":4,\"capacity\":10}]");
	ck_assert_uint_eq(table.n, 1);
	ck_assert_str_eq(table.rows[0].reason, "queue-full");
	ck_assert_int_eq(table.rows[0].rank, STATE_BAD);
	ck_assert(table.rows[0].in == 1.5 && table.rows[0].out == 2);
	ck_assert(table.rows[0].backlog == 7 && table.rows[0].age_s == 3.25);
	ck_assert(table.rows[0].depth == 4 && table.rows[0].capacity == 10);
}
END_TEST

START_TEST(route_without_numbers_has_none)
{
	take("[{\"name\":\"r\",\"state\":\"unheard-of\",\"in_per_s\":null,"
	     "\"oldest_age_s\":\"x\"}]",
	    NULL);
	ck_assert(table.rows[0].in == 0 && table.rows[0].backlog == -1);
	ck_assert(table.rows[0].age_s == -1 && table.rows[0].depth == -1);
	ck_assert_int_eq(table.rows[0].rank, STATE_BAD);
	ck_assert_str_eq(table.rows[0].reason, "");
}
END_TEST

START_TEST(item_without_a_name_is_no_row)
{
	take("[{\"name\":null,\"state\":\"orphan\"},{\"state\":\"idle\"},7,"
	     "{\"name\":\"b\",\"state\":\"idle\"}]",
	    NULL);
	ck_assert_uint_eq(table.n, 1);
	ck_assert_str_eq(table.rows[0].name, "b");
}
END_TEST

START_TEST(history_goes_on_under_its_name)
{
	take("[{\"name\":\"a\",\"out_per_s\":1},{\"name\":\"b\",\"out_per_s\":9}]",
	    NULL);
	take("[{\"name\":\"b\",\"out_per_s\":8}]", NULL);
	take("[{\"name\":\"a\",\"out_per_s\":2},{\"name\":\"b\",\"out_per_s\":7}]",
	    NULL);
	ck_assert_uint_eq(table.rows[0].n_samples, 1);
	ck_assert_uint_eq(table.rows[1].n_samples, 3);
	ck_assert(table.rows[1].samples[0] == 9 && table.rows[1].samples[2] == 7);
}
END_TEST

START_TEST(history_that_is_full_forgets_the_oldest)
{
	char text[100];

	for (int i = 0; i < TOP_SAMPLES + 3; i++) {
		(void)snprintf(
		    text, sizeof(text), "[{\"name\":\"a\",\"in_per_s\":%d}]", i);
		take(text, NULL);
	}
	ck_assert_uint_eq(table.rows[0].n_samples, TOP_SAMPLES);
	ck_assert(table.rows[0].samples[0] == 3);
	ck_assert(table.rows[0].samples[TOP_SAMPLES - 1] == TOP_SAMPLES + 2);
}
END_TEST

/* 255 bytes are the longest name of a configuration. */
START_TEST(names_that_differ_in_their_last_byte_are_two_rows)
{
	char name[256], text[700];

	memset(name, 'n', sizeof(name) - 2);
	name[sizeof(name) - 2] = '\0';
	(void)snprintf(text, sizeof(text),
	    "[{\"name\":\"%s1\",\"out_per_s\":1},{\"name\":\"%s2\",\"out_per_s\":2}]",
	    name, name);
	take(text, NULL);
	take(text, NULL);
	ck_assert_str_ne(table.rows[0].name, table.rows[1].name);
	ck_assert(table.rows[1].samples[0] == 2);
}
END_TEST

START_TEST(text_that_is_cut_keeps_whole_characters)
{
	char much[399], text[500];

	for (size_t i = 0; i + 2 < sizeof(much); i += 2)
		memcpy(much + i, "\u00e4", 2);
	much[sizeof(much) - 1] = '\0';
	(void)snprintf(
	    text, sizeof(text), "[{\"name\":\"a\",\"detail\":\"x%s\"}]", much);
	take(text, NULL);
	ck_assert_uint_lt(strlen(table.rows[0].detail), TOP_TEXT);
	ck_assert_uint_gt(strlen(table.rows[0].detail), TOP_TEXT - 4);
	ck_assert_uint_eq(strlen(table.rows[0].detail) % 2, 1);
}
END_TEST

static const struct order_row {
	enum top_order order;
	const char *names;
} order_rows[] = {
	{ TOP_BY_NEED, "bdca" },
	{ TOP_BY_NAME, "abcd" },
	{ TOP_BY_RATE, "cabd" },
	{ TOP_BY_BACKLOG, "dabc" },
	{ TOP_BY_AGE, "adbc" },
};

START_TEST(rows_are_in_the_order_that_was_asked_for)
{
	take("[{\"name\":\"a\",\"state\":\"idle\",\"in_per_s\":5,\"oldest_age_s\":9},"
	     "{\"name\":\"b\",\"state\":\"stalled\"},"
	     "{\"name\":\"c\",\"state\":\"paused\",\"out_per_s\":6},"
	     "{\"name\":\"d\",\"state\":\"waiting\",\"backlog\":1,\"oldest_age_s\":2}]",
	    NULL);
	ck_assert_str_eq(order_of(order_rows[_i].order), order_rows[_i].names);
}
END_TEST

START_TEST(table_without_rows_is_sorted_too)
{
	take("[]", NULL);
	ck_assert_str_eq(order_of(TOP_BY_RATE), "");
}
END_TEST

START_TEST(bars_are_relative_to_the_most)
{
	struct top_row row = { .samples = { 0, 100, 1, 50 }, .n_samples = 4 };
	unsigned char bars[6];
	static const unsigned char wanted[6] = { 0, 0, 0, 8, 1, 5 };

	top_bars(bars, sizeof(bars), &row);
	ck_assert_mem_eq(bars, wanted, sizeof(wanted));
	top_bars(bars, 2, &row);
	ck_assert_mem_eq(bars, wanted + 4, 2);
}
END_TEST

Suite *
suite_top_model(void)
{
	Suite *s = suite_create("top_model");
	TCase *tc = tcase_create("top_model");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, route_is_read_with_the_depth_of_its_queue);
	tcase_add_test(tc, route_without_numbers_has_none);
	tcase_add_test(tc, item_without_a_name_is_no_row);
	tcase_add_test(tc, history_goes_on_under_its_name);
	tcase_add_test(tc, history_that_is_full_forgets_the_oldest);
	tcase_add_test(tc, names_that_differ_in_their_last_byte_are_two_rows);
	tcase_add_test(tc, text_that_is_cut_keeps_whole_characters);
	tcase_add_loop_test(
	    tc, rows_are_in_the_order_that_was_asked_for, 0, ARRAY_LEN(order_rows));
	tcase_add_test(tc, table_without_rows_is_sorted_too);
	tcase_add_test(tc, bars_are_relative_to_the_most);
	suite_add_tcase(s, tc);
	return s;
}
