#include "commands/events.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "suites.h"

static struct events *events;
static json_t *items;

static void
setup(void)
{
	log_setup(LOG_LEVEL_ERROR, LOG_STYLE_PLAIN);
	ck_assert_int_eq(events_new(&events), 0);
	items = json_array();
}

static void
teardown(void)
{
	json_decref(items);
	events_free(events);
}

static const char *
member(size_t item, const char *name)
{
	return json_string_value(json_object_get(json_array_get(items, item), name));
}

/* Each of another peer, so that none counts as repeated. */
static void
log_events(unsigned n)
{
	char name[32];

	for (unsigned i = 1; i <= n; i++) {
		(void)snprintf(name, sizeof(name), "peer %u", i);
		log_event(EVENT_PEER_CONNECTED, &(struct log_fields){ .peer = name },
		    "%s connected", name);
	}
}

START_TEST(event_is_kept_with_its_fields)
{
	log_event(EVENT_QUEUE_WAITING,
	    &(struct log_fields){ .queue = "q", .reason = "queue-absent" },
	    "q: waiting");
	log_warn("link", "no event");
	ck_assert_uint_eq(events_oldest(events), 1);
	ck_assert_uint_eq(events_next(events), 2);
	ck_assert_int_eq(events_item(events, 1, items), 0);
	ck_assert_str_eq(member(0, "event"), "queue-waiting");
	ck_assert_str_eq(member(0, "level"), "info");
	ck_assert_str_eq(member(0, "queue"), "q");
	ck_assert_str_eq(member(0, "reason"), "queue-absent");
	ck_assert_str_eq(member(0, "text"), "q: waiting");
	ck_assert(json_is_null(json_object_get(json_array_get(items, 0), "route")));
}
END_TEST

START_TEST(only_the_last_are_kept)
{
	log_events(EVENTS_KEPT + 5);
	ck_assert_uint_eq(events_oldest(events), 6);
	ck_assert_uint_eq(events_next(events), EVENTS_KEPT + 6);
	ck_assert_int_eq(events_item(events, 6, items), 0);
	ck_assert_int_eq(events_item(events, EVENTS_KEPT + 5, items), 0);
	ck_assert_str_eq(member(0, "peer"), "peer 6");
	ck_assert_str_eq(member(1, "peer"), "peer 1005");
}
END_TEST

START_TEST(long_text_and_bytes_that_are_no_text_are_shown)
{
	char text[2 * EVENTS_TEXT];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_event(
	    EVENT_ROUTE_PAUSED, &(struct log_fields){ .route = "\xff\n" }, "%s", text);
	ck_assert_int_eq(events_item(events, 1, items), 0);
	ck_assert_uint_eq(strlen(member(0, "text")), EVENTS_TEXT - 1);
	ck_assert_str_eq(member(0, "route"), "\\xff\\x0a");
}
END_TEST

START_TEST(repeats_are_one_event_with_a_count)
{
	for (int i = 0; i < 100; i++)
		log_event(
		    EVENT_PEER_LOST, &(struct log_fields){ .peer = "a" }, "a: gone");
	log_flush();
	ck_assert_uint_lt(events_next(events), 10);
	ck_assert_int_eq(events_item(events, events_next(events) - 1, items), 0);
	ck_assert_int_gt(
	    json_integer_value(json_object_get(json_array_get(items, 0), "repeated")),
	    80);
}
END_TEST

START_TEST(missing_events_are_counted)
{
	ck_assert_int_eq(events_missing_item(7, items), 0);
	ck_assert_str_eq(member(0, "event"), "missing");
	ck_assert_int_eq(strncmp(member(0, "text"), "7 events ", 9), 0);
}
END_TEST

Suite *
suite_events(void)
{
	Suite *s = suite_create("events");
	TCase *tc = tcase_create("events");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, event_is_kept_with_its_fields);
	tcase_add_test(tc, only_the_last_are_kept);
	tcase_add_test(tc, long_text_and_bytes_that_are_no_text_are_shown);
	tcase_add_test(tc, repeats_are_one_event_with_a_count);
	tcase_add_test(tc, missing_events_are_counted);
	suite_add_tcase(s, tc);
	return s;
}
