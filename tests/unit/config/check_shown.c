#include "config/shown.h"

#include <check.h>
#include <string.h>

#include "base/compiler.h"
#include "loading.h"
#include "suites.h"

static void
setup(void)
{
	loading_setup();
	loading_text("name = \"edge\";\n"
		     "receive_memory = \"128MiB\";\n"
		     "queues = (\n"
		     "  { name = \"orders\"; uri = \"posix:/orders\";\n"
		     "    create = { mode = \"0640\"; }; }\n"
		     ");\n"
		     "peers = ( { name = \"hub\"; address = \"unix:///run/x\";\n"
		     "  may_send_to = ( \"orders\" ); } );\n");
	ck_assert_ptr_nonnull(loading.cf);
}

static struct shown
find(const char *key)
{
	struct shown sh;

	for (size_t i = 0; shown_at(loading.cf, i, &sh) == 1; i++) {
		if (strcmp(sh.key, key) == 0)
			return sh;
	}
	ck_abort_msg("%s is not shown", key);
	return sh;
}

static const struct {
	const char *key, *value;
	int line; /* 0: it is not written */
} rows[] = {
	{ "name", "edge", 1 },
	{ "receive_memory", "128MiB", 2 },
	{ "dead_letter_limit", "256MiB", 0 },
	{ "stop_timeout", "5s", 0 },
	{ "reserve_percent", "5", 0 },
	{ "queues.orders.name", "orders", 4 },
	{ "queues.orders.uri", "posix:/orders", 4 },
	{ "queues.orders.in_doubt", "resend", 0 },
	{ "queues.orders.enabled", "true", 0 },
	{ "queues.orders.create.mode", "0640", 5 },
	{ "queues.orders.create.max_messages", "", 0 },
	{ "queues.orders.create.owner", "", 0 },
	{ "peers.hub.heartbeat", "5s", 0 },
	{ "peers.hub.may_send_to", "orders", 8 },
};

START_TEST(key_is_shown_with_its_value_and_line)
{
	struct shown sh = find(rows[_i].key);

	ck_assert_str_eq(sh.value, rows[_i].value);
	ck_assert_int_eq(sh.preset, rows[_i].line == 0);
	if (rows[_i].line > 0)
		ck_assert_int_eq(sh.place.line, rows[_i].line);
}
END_TEST

START_TEST(key_that_is_not_written_has_the_place_of_its_object)
{
	ck_assert_int_eq(find("queues.orders.in_doubt").place.line, 4);
	ck_assert_int_eq(find("stop_timeout").place.line, 0);
}
END_TEST

START_TEST(every_key_is_shown_once)
{
	struct shown a, b;
	size_t n = 0;

	for (size_t i = 0; shown_at(loading.cf, i, &a) == 1; i++, n++) {
		/* A group itself has no value that could be written. */
		ck_assert_str_ne(a.key, "queues.orders.create");
		ck_assert_str_ne(a.key, "operators");
		for (size_t k = 0; k < i; k++) {
			ck_assert_int_eq(shown_at(loading.cf, k, &b), 1);
			ck_assert_str_ne(a.key, b.key);
		}
	}
	ck_assert_uint_gt(n, 30);
	ck_assert_int_eq(shown_at(loading.cf, n, &a), 0);
	ck_assert_int_eq(shown_at(loading.cf, n + 100, &a), 0);
}
END_TEST

Suite *
suite_shown(void)
{
	Suite *s = suite_create("shown");
	TCase *tc = tcase_create("keys");

	tcase_add_checked_fixture(tc, setup, loading_teardown);
	tcase_add_loop_test(
	    tc, key_is_shown_with_its_value_and_line, 0, (int)ARRAY_LEN(rows));
	tcase_add_test(tc, key_that_is_not_written_has_the_place_of_its_object);
	tcase_add_test(tc, every_key_is_shown_once);
	suite_add_tcase(s, tc);
	return s;
}
