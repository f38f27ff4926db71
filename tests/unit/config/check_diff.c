#include "config/diff.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "config/rows.h"
#include "loading.h"
#include "suites.h"

#define BEFORE                                                                         \
	"name = \"edge\"; receive_memory = \"2MiB\"; stop_timeout = \"1s\";\n"         \
	"queues = ( { name = \"a\"; uri = \"posix:/a\"; },\n"                          \
	"  { name = \"b\"; uri = \"posix:/b\"; create = { mode = \"0600\"; }; } );\n"  \
	"listeners = ( { address = \"unix:///x\"; users = [ 1, 2 ]; } );\n"            \
	"peers = ( { name = \"hub\"; may_send_to = [ \"a\" ]; } );\n"                  \
	"routes = ( { name = \"r\"; from = \"a\"; to = \"hub/a\"; },\n"                \
	"  { name = \"off\"; from = \"b\"; to = \"hub/b\"; enabled = false; } );\n"

static struct conf *before;
static struct diff diff;

static void
setup(void)
{
	loading_setup();
	loading_text(BEFORE);
	ck_assert_ptr_nonnull(loading.cf);
	before = loading.cf;
	loading.cf = NULL;
}

static void
teardown(void)
{
	diff_done(&diff);
	conf_free(before);
	loading_teardown();
}

/* "+queue b", "-route r", "peer hub: heartbeat" for each item, in order, with ';' behind it. */
static const char *
words(void)
{
	static const char signs[] = { [DIFF_ADDED] = '+', [DIFF_REMOVED] = '-' };
	static char text[1024];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < diff.count; i++) {
		const struct diff_item *it = &diff.items[i];

		if (it->change != DIFF_CHANGED)
			text[len++] = signs[it->change];
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s",
		    diff_kind_name(it->kind), it->name);
		for (size_t k = 0; k < it->n_keys; k++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
			    k == 0 ? ": " : ", ", it->keys[k]);
		len += (size_t)snprintf(text + len, sizeof(text) - len, ";");
	}
	return text;
}

/* BEFORE with one piece of it replaced. */
static void
make(const char *piece, const char *by)
{
	const char *at = strstr(BEFORE, piece);
	char text[2048];

	ck_assert_ptr_nonnull(at);
	(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - BEFORE), BEFORE, by,
	    at + strlen(piece));
	loading_text(text);
	ck_assert_msg(loading.cf != NULL, "%s", loading.faults[0]);
	ck_assert_int_eq(diff_make(&diff, before, loading.cf), 0);
}

static const struct {
	const char *piece, *by, *words;
	enum diff_how how; /* of the first item */
} changes[] = {
	{ "1s", "1s", "", DIFF_IN_PLACE },
	{ "1s", "1000ms", "", DIFF_IN_PLACE },
	{ "1s", "2s", "daemon edge: stop_timeout;", DIFF_IN_PLACE },
	{ "2MiB", "3MiB", "daemon edge: receive_memory;", DIFF_IN_PLACE },
	{ "edge", "rim", "daemon rim: name;", DIFF_RESTART },
	{ "stop_timeout", "ring_directory = \"/x\"; stop_timeout",
	    "daemon edge: ring_directory;", DIFF_RESTART },
	{ "posix:/a\"", "posix:/c\"", "queue a: uri;", DIFF_REMAKE },
	{ "posix:/a\"; }", "posix:/a\"; in_doubt = \"hold\"; }", "queue a: in_doubt;",
	    DIFF_IN_PLACE },
	{ "0600", "0640", "queue b: create.mode;", DIFF_IN_PLACE },
	{ "create = { mode = \"0600\"; };", "", "queue b: create;", DIFF_IN_PLACE },
	{ "[ 1, 2 ]", "[ 1 ]", "listener unix:///x: users;", DIFF_IN_PLACE },
	{ "[ 1, 2 ]", "[ 2, 1 ]", "listener unix:///x: users;", DIFF_IN_PLACE },
	{ "unix:///x", "unix:///y", "-listener unix:///x;+listener unix:///y;",
	    DIFF_IN_PLACE },
	{ "[ \"a\" ]", "[ ]", "peer hub: may_send_to;", DIFF_IN_PLACE },
	{ "[ \"a\" ]", "[ \"b\" ]", "peer hub: may_send_to;", DIFF_IN_PLACE },
	{ "name = \"hub\";", "name = \"hub\"; address = \"unix:///h\";",
	    "peer hub: address;", DIFF_IN_PLACE },
	{ "name = \"r\"", "name = \"s\"", "-route r;+route s;", DIFF_IN_PLACE },
	{ "hub/a", "b", "route r: to;", DIFF_REMAKE },
	{ "hub/a\";", "hub/a\"; log_limit = \"1MiB\"; sync_interval = \"50ms\";",
	    "route r: log_limit, sync_interval;", DIFF_IN_PLACE },
	/* What is not enabled is not there. */
	{ "enabled = false;", "", "+route off;", DIFF_IN_PLACE },
	{ "hub/b", "hub/c", "", DIFF_IN_PLACE },
	{ "hub/a\";", "hub/a\"; enabled = false;", "-route r;", DIFF_IN_PLACE },
};

START_TEST(change_of_text_gives_items)
{
	make(changes[_i].piece, changes[_i].by);
	ck_assert_str_eq(words(), changes[_i].words);
	if (diff.count > 0)
		ck_assert_int_eq(diff.items[0].how, changes[_i].how);
}
END_TEST

START_TEST(places_and_files_make_no_difference)
{
	loading_write("part.conf", BEFORE);
	loading_text("\n\n@include \"part.conf\"\n");
	ck_assert_msg(loading.cf != NULL, "%s", loading.faults[0]);
	ck_assert_int_eq(diff_make(&diff, before, loading.cf), 0);
	ck_assert_str_eq(words(), "");
}
END_TEST

START_TEST(item_has_both_objects)
{
	const struct diff_item *it;

	make("[ \"a\" ]", "[ ]");
	it = diff_find(&diff, DIFF_PEER, "hub");
	ck_assert_ptr_eq(it->before, &before->peers[0]);
	ck_assert_ptr_eq(it->after, &loading.cf->peers[0]);
	ck_assert_ptr_null(diff_find(&diff, DIFF_ROUTE, "hub"));
}
END_TEST

START_TEST(key_tells_where_it_stands)
{
	struct conf_place place = conf_key_place(before, "peers");

	ck_assert_int_eq(place.line, 5);
	place = conf_key_place(before, "control");
	ck_assert_int_eq(place.line, 0);
	ck_assert_str_eq(place.file, loading_path("a.conf"));
}
END_TEST

/* Each key must say how it is applied; names and switches are those of the object. */
static void
check_table(const struct field_table *table, const char *prefix)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct field *fd = &table->fields[i];
		char key[128], part[130];

		(void)snprintf(key, sizeof(key), "%s%s", prefix, fd->name);
		(void)snprintf(part, sizeof(part), "%s.", key);
		if (fd->part != NULL)
			check_table(fd->part, part);
		if (fd->type == FIELD_OBJECTS || strcmp(fd->name, "enabled") == 0)
			continue;
		if (prefix[0] != '\0' && (strcmp(fd->name, "name") == 0 ||
					     strcmp(key, "listeners.address") == 0))
			continue;
		ck_assert_msg(
		    diff_how_of(key) != DIFF_RESTART ||
			strcmp(diff_why_not(key), "it is read only at the start") != 0,
		    "%s is not in the table of src/config/diff.c", key);
	}
}

START_TEST(every_key_says_how_it_is_applied)
{
	check_table(&rows_global, "");
}
END_TEST

Suite *
suite_diff(void)
{
	Suite *s = suite_create("diff");
	TCase *tc = tcase_create("diff");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, change_of_text_gives_items, 0, (int)ARRAY_LEN(changes));
	tcase_add_test(tc, places_and_files_make_no_difference);
	tcase_add_test(tc, item_has_both_objects);
	tcase_add_test(tc, key_tells_where_it_stands);
	tcase_add_test(tc, every_key_says_how_it_is_applied);
	suite_add_tcase(s, tc);
	return s;
}
