#include "change/change.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "assembly/inventory.h"
#include "change_fixture.h"
#include "control/text.h"
#include "endpoint/intake.h"
#include "metrics/metrics.h"
#include "suites.h"

START_TEST(unaffected_objects_go_on)
{
	const struct assembly_route *one = fixture_route("one");
	const struct route *ro = one->route;
	const struct outlet *ol = one->outlet;
	const struct intake *in = one->from->intake;
	const struct peer *pe = one->peer->peer;

	ck_assert_int_eq(fixture_change(QUEUES PEERS
			     "routes = ( " ROUTE("one", "a", "hub/x", "") " );"),
	    0);
	one = fixture_route("one");
	ck_assert_uint_eq(cx.assembly->n_routes, 1);
	ck_assert_ptr_eq(one->route, ro);
	ck_assert_ptr_eq(one->outlet, ol);
	ck_assert_ptr_eq(one->from->intake, in);
	ck_assert_ptr_eq(one->peer->peer, pe);
}
END_TEST

static size_t
count(const char *text, const char *word)
{
	size_t n = 0;

	for (; (text = strstr(text, word)) != NULL; text += strlen(word))
		n++;
	return n;
}

START_TEST(metrics_begun_before_tell_what_is_there_after)
{
	struct metrics_writer *mw = NULL;
	struct text out;
	int rc;

	text_init(&out, 1 << 20);
	ck_assert_int_eq(metrics_begin(&mw, cx.assembly, METRICS_TEXT), 0);
	ck_assert_int_eq(
	    fixture_change("queues = ( " QUEUE("b") ", " QUEUE(
		"c") " ); " PEERS "routes = ( " ROUTE("two", "b", "hub/y", "") " );"),
	    0);
	do
		rc = metrics_piece(mw, &out);
	while (rc == 1);
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_eq(count(out.bytes, "\nmqbridge_route_info{"), 1);
	ck_assert_uint_eq(count(out.bytes, "\nmqbridge_route_info{route=\"two\""), 1);
	ck_assert_uint_eq(count(out.bytes, "\nmqbridge_queue_info{"), 2);
	ck_assert_uint_eq(count(out.bytes, "\nmqbridge_queue_info{queue=\"c\""), 1);
	metrics_end(mw);
	text_done(&out);
}
END_TEST

START_TEST(removed_route_is_kept_and_claimed)
{
	const struct outlet *ol = fixture_route("two")->outlet;
	struct inventory_stream is = { 0 };

	ck_assert_int_eq(fixture_change(QUEUES PEERS), 0);
	ck_assert_uint_eq(cx.assembly->n_routes, 0);
	ck_assert_uint_eq(inventory_streams(cx.assembly->inventory), 2);
	ck_assert_uint_eq(inventory_rings(cx.assembly->inventory), 2);
	inventory_stream_at(cx.assembly->inventory, 1, &is);
	ck_assert_str_eq(is.label, "hub/y");
	ck_assert_int_eq(fixture_change(QUEUES PEERS
			     "routes = ( " ROUTE("other", "b", "hub/y", "") " );"),
	    0);
	ck_assert_ptr_eq(fixture_route("other")->outlet, ol);
	ck_assert_uint_eq(inventory_streams(cx.assembly->inventory), 1);
	ck_assert_uint_eq(inventory_rings(cx.assembly->inventory), 1);
}
END_TEST

START_TEST(renamed_queue_keeps_its_ring)
{
	const struct ring *rg = intake_ring(fixture_route("one")->from->intake);

	ck_assert_int_eq(
	    fixture_change(
		"queues = ( { name = \"z\"; uri = \"posix:/check-a\"; }, " QUEUE(
		    "c") " ); " PEERS
			 "routes = ( " ROUTE("one", "z", "hub/x", "") " );"),
	    0);
	ck_assert_ptr_eq(intake_ring(fixture_route("one")->from->intake), rg);
	ck_assert_str_eq(intake_name(fixture_route("one")->from->intake), "z");
}
END_TEST

static size_t
count_files(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n;
}

/* Faults that are found when the rest is there already. */
static const struct {
	const char *text, *fault;
} late[] = {
	{ QUEUES PEERS
	    "listeners = ( { address = \"unix:///nowhere/at/all\"; } ); " ROUTES,
	    "listeners[0].address: cannot listen at unix:///nowhere/at/all: No such file "
	    "or directory" },
	{ LISTEN "queues = ( " QUEUE("a") ", " QUEUE(
	      "d") " ); peers = ( { name = \"new\"; } ); "
		   "routes = ( " ROUTE("one", "a", "new/x", "") ", " ROUTE(
		       "d", "d", "new/y", "") ", " ROUTE("last", "a", "new/z",
		       "log_limit = \"1MiB\";") " );",
	    "routes.last: cannot be set up: Not a directory" },
	{ QUEUES PEERS "control = \"/elsewhere\"; " ROUTES,
	    "control: cannot change while the daemon runs: its clients are connected "
	    "there; restart the daemon" },
};

START_TEST(fault_leaves_everything_as_it_was)
{
	const struct assembly_route *one = fixture_route("one");
	const struct assembly before = *cx.assembly;
	const struct assembly_route was = *one;
	size_t files = count_files(cx.runtime_dir);
	char logs[128];

	fixture_spoil_logs(logs, sizeof(logs));
	ck_assert_int_lt(fixture_change(late[_i].text), 0);
	ck_assert_str_eq(cx.fault, late[_i].fault);
	ck_assert_ptr_eq(cx.assembly->conf, before.conf);
	ck_assert_ptr_eq(cx.assembly->routes, before.routes);
	ck_assert_ptr_eq(fixture_route("one"), one);
	ck_assert_mem_eq(one, &was, sizeof(was));
	ck_assert_uint_eq(inventory_streams(cx.assembly->inventory), 0);
	ck_assert_uint_eq(inventory_rings(cx.assembly->inventory), 0);
	ck_assert_uint_eq(count_files(cx.runtime_dir), files);
	ck_assert_int_lt(access(SOCKET, F_OK), 0);
	(void)unlink(logs);
	/* And it goes on as ever. */
	ck_assert_int_eq(fixture_change(QUEUES PEERS
			     "routes = ( " ROUTE("two", "b", "hub/y", "") " );"),
	    0);
	ck_assert_int_eq(fixture_change(QUEUES PEERS ROUTES), 0);
	ck_assert_ptr_eq(fixture_route("one")->outlet, was.outlet);
}
END_TEST

START_TEST(route_of_absent_queue_leaves_nothing_behind)
{
	ck_assert_int_eq(
	    fixture_change(
		"queues = ( { name = \"no\"; uri = \"posix:/check-no\"; } ); "
		"peers = ( { name = \"hub\"; } ); "
		"routes = ( " ROUTE("one", "no", "hub/x", "") " );"),
	    0);
	ck_assert_uint_eq(inventory_streams(cx.assembly->inventory), 2);
	ck_assert_int_eq(fixture_change(QUEUES PEERS), 0);
	ck_assert_uint_eq(inventory_streams(cx.assembly->inventory), 2);
	ck_assert_uint_eq(inventory_rings(cx.assembly->inventory), 2);
}
END_TEST

START_TEST(route_gets_and_loses_its_log)
{
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(
		    fixture_change(QUEUES PEERS "routes = ( " ROUTE("one", "a", "hub/x",
			"log_limit = \"1MiB\"; durability = \"disk\";") " );"),
		    0);
		ck_assert_int_eq(
		    fixture_change(QUEUES PEERS "reserve_space = \"1MiB\"; " ROUTES),
		    0);
	}
}
END_TEST

/* The problem of that kind; NULL: there is none. */
START_TEST(target_comes_and_goes_with_permission)
{
	ck_assert_ptr_nonnull(fixture_queue("c")->target);
	ck_assert_int_eq(
	    fixture_change(QUEUES "peers = ( { name = \"hub\"; } ); " ROUTES), 0);
	ck_assert_ptr_null(fixture_queue("c")->target);
	ck_assert_int_eq(fixture_change(QUEUES PEERS ROUTES), 0);
	ck_assert_ptr_nonnull(fixture_queue("c")->target);
}
END_TEST

START_TEST(local_route_follows_its_target)
{
	static const char local[] = "routes = ( " ROUTE("l", "a", "c", "") " );";
	char text[2048];

	(void)snprintf(text, sizeof(text), "%s%s", QUEUES PEERS, local);
	ck_assert_int_eq(fixture_change(text), 0);
	(void)snprintf(text, sizeof(text), "queues = ( %s, %s ); %s", QUEUE("a"),
	    "{ name = \"c\"; uri = \"posix:/check-b\"; }", local);
	ck_assert_int_eq(fixture_change(text), 0);
	ck_assert_uint_eq(cx.assembly->n_routes, 1);
	ck_assert_uint_eq(inventory_streams(cx.assembly->inventory), 2);
}
END_TEST

Suite *
suite_change(void)
{
	Suite *s = suite_create("change");
	TCase *tc = tcase_create("change");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_test(tc, unaffected_objects_go_on);
	tcase_add_test(tc, metrics_begun_before_tell_what_is_there_after);
	tcase_add_test(tc, removed_route_is_kept_and_claimed);
	tcase_add_test(tc, renamed_queue_keeps_its_ring);
	tcase_add_loop_test(tc, fault_leaves_everything_as_it_was, 0,
	    (int)(sizeof(late) / sizeof(late[0])));
	tcase_add_test(tc, route_of_absent_queue_leaves_nothing_behind);
	tcase_add_test(tc, route_gets_and_loses_its_log);
	tcase_add_test(tc, target_comes_and_goes_with_permission);
	tcase_add_test(tc, local_route_follows_its_target);
	suite_add_tcase(s, tc);
	return s;
}
