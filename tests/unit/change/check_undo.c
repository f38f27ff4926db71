/* A reload that is refused late leaves everything as it was. */
#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assembly/inventory.h"
#include "base/clock.h"
#include "base/reason.h"
#include "base/state.h"
#include "change_fixture.h"
#include "endpoint/outlet.h"
#include "lib/ipcq.h"
#include "suites.h"

#define FIRST ROUTE("one", "a", "hub/x", "log_limit = \"1MiB\";")
#define LAST  ROUTE("last", "b", "hub/z", "log_limit = \"1MiB\";")
#define LOGGED                                                                         \
	ROUTE("one", "a", "hub/x",                                                     \
	    "log_limit = \"1MiB\"; durability = \"disk\"; sync = \"always\";")

static uint64_t
waiting(const char *name)
{
	struct outlet_numbers numbers;

	outlet_numbers(fixture_route(name)->outlet, &numbers);
	return numbers.stream.waiting;
}

static void
wait_for(const char *name, uint64_t messages)
{
	uint64_t deadline_ms = clock_monotonic_ms() + 20000;

	while (waiting(name) != messages) {
		ck_assert_uint_lt(clock_monotonic_ms(), deadline_ms);
		(void)event_base_loop(cx.base, EVLOOP_ONCE);
	}
}

static void
put(const char *uri, int count)
{
	struct ipcq *queue;

	ck_assert_int_eq(ipcq_open(&queue, uri, IPCQ_WRITE, NULL), 0);
	for (int i = 0; i < count; i++)
		ck_assert_int_eq(ipcq_send(queue, "m", 1, 0, 0), 0);
	ipcq_close(queue);
}

/* A power cut leaves the logs alone. */
static void
cut_power(const char *text)
{
	fixture_stop();
	fixture_clear();
	fixture_start(text);
}

/* Before the route of the log comes back: what stands of its queue. */
static const char *const beside[] = {
	QUEUES PEERS "routes = ( " ROUTE("two", "b", "hub/y", "") " );",
	QUEUES PEERS "routes = ( " ROUTE("two", "b", "hub/y", "") ", " ROUTE(
	    "other", "a", "hub/z", "") " );",
};

START_TEST(log_without_stream_survives_refused_reload)
{
	ck_assert_int_eq(fixture_change(QUEUES PEERS "routes = ( " LOGGED " );"), 0);
	put("posix:/check-a", 2);
	wait_for("one", 2);
	cut_power(beside[_i]);
	for (int i = 0; i < 2; i++) {
		struct inventory_stream is = { 0 };

		cx.log_rc = -EROFS;
		ck_assert_int_lt(
		    fixture_change(QUEUES PEERS "routes = ( " FIRST ", " LAST " );"),
		    0);
		ck_assert_str_eq(
		    cx.fault, "routes.last: cannot be set up: Read-only file system");
		ck_assert_uint_eq(inventory_streams(cx.assembly->inventory), 0);
		inventory_stream_at(cx.assembly->inventory, 0, &is);
		ck_assert_uint_eq(inventory_rings(cx.assembly->inventory), 0);
	}
	cx.log_rc = 0;
	ck_assert_int_eq(fixture_change(QUEUES PEERS "routes = ( " FIRST " );"), 0);
	wait_for("one", 2);
}
END_TEST

START_TEST(log_of_absent_queue_is_found_by_the_next_route)
{
	static const char none[] =
	    "queues = ( { name = \"a\"; uri = \"posix:/check-a\"; } ); "
	    "peers = ( { name = \"hub\"; } ); ";
	static const char one[] =
	    "queues = ( { name = \"a\"; uri = \"posix:/check-a\"; } ); "
	    "peers = ( { name = \"hub\"; } ); "
	    "routes = ( " FIRST " );";

	ck_assert_int_eq(fixture_change(QUEUES PEERS "routes = ( " LOGGED " );"), 0);
	put("posix:/check-a", 2);
	wait_for("one", 2);
	ck_assert_int_eq(ipcq_remove("posix:/check-a"), 0);
	cut_power(none);
	ck_assert_int_eq(fixture_change(one), 0);
	ck_assert_int_eq(fixture_change(none), 0);
	ck_assert_int_eq(fixture_change(one), 0);
	ck_assert_uint_eq(waiting("one"), 0);
	ck_assert_int_eq(fixture_change(QUEUES PEERS "routes = ( " FIRST " );"), 0);
	wait_for("one", 2);
}
END_TEST

START_TEST(found_stream_survives_log_that_cannot_be_made)
{
	char logs[128];

	put("posix:/check-a", 2);
	wait_for("one", 2);
	fixture_stop();
	fixture_start(beside[_i]);
	fixture_spoil_logs(logs, sizeof(logs));
	ck_assert_int_lt(fixture_change(QUEUES PEERS "routes = ( " FIRST " );"), 0);
	ck_assert_str_eq(cx.fault, "routes.one: cannot be set up: Not a directory");
	(void)unlink(logs);
	ck_assert_int_eq(fixture_change(QUEUES PEERS "routes = ( " FIRST " );"), 0);
	ck_assert_uint_eq(waiting("one"), 2);
}
END_TEST
static const struct numbers_finding *
find_problem(struct numbers_total *total, const char *kind)
{
	numbers_total(cx.assembly, total);
	for (size_t i = 0; i < total->n_worst; i++) {
		if (strcmp(total->worst[i].kind, kind) == 0)
			return &total->worst[i];
	}
	return NULL;
}

static const char *
with_listener(const char *host, uint16_t port)
{
	static char text[2048];

	(void)snprintf(text, sizeof(text),
	    "%slisteners = ( { address = \"tcp://%s:%u\"; insecure = true; } );",
	    QUEUES PEERS ROUTES, host, port);
	return text;
}

/* A port of which nobody uses any address. */
static uint16_t
free_port(void)
{
	struct sockaddr_in in = { 0 };
	socklen_t len = sizeof(in);
	int fd = fixture_listen_at("0.0.0.0", 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	(void)close(fd);
	return ntohs(in.sin_port);
}

START_TEST(listener_that_lost_its_address_is_told_and_comes_back)
{
	uint64_t deadline_ms = clock_monotonic_ms() + 20000;
	uint16_t port = free_port();
	const struct numbers_finding *found;
	struct numbers_total total;
	int other;

	ck_assert_int_eq(fixture_change(with_listener("127.0.0.1", port)), 0);
	other = fixture_listen_at(
	    "127.0.0.2", port); /* so it cannot be listened at 0.0.0.0 */
	ck_assert_int_ge(other, 0);
	ck_assert_int_lt(fixture_change(with_listener("0.0.0.0", port)), 0);
	ck_assert_ptr_nonnull(
	    strstr(cx.fault, "listeners[0].address: cannot listen at"));
	ck_assert_ptr_null(find_problem(&total, "listener"));
	ck_assert_int_eq(fixture_listen_at("127.0.0.1", port), -EADDRINUSE);

	cx.intruder_port = port;
	ck_assert_int_lt(fixture_change(with_listener("0.0.0.0", port)), 0);
	ck_assert_ptr_nonnull(strstr(cx.fault, "cannot again: Address already in use"));
	found = find_problem(&total, "listener");
	ck_assert_ptr_nonnull(found);
	ck_assert_int_eq(found->health.reason, REASON_NOT_LISTENING);
	ck_assert_int_eq(total.health.state, STATE_DEGRADED);
	(void)close(cx.intruder);
	while (find_problem(&total, "listener") != NULL) {
		ck_assert_uint_lt(clock_monotonic_ms(), deadline_ms);
		(void)event_base_loop(cx.base, EVLOOP_ONCE);
	}
	ck_assert_int_eq(fixture_listen_at("127.0.0.1", port), -EADDRINUSE);
	(void)close(other);
}
END_TEST

Suite *
suite_undo(void)
{
	Suite *s = suite_create("undo");
	TCase *tc = tcase_create("undo");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tc, log_without_stream_survives_refused_reload, 0,
	    (int)(sizeof(beside) / sizeof(beside[0])));
	tcase_add_test(tc, log_of_absent_queue_is_found_by_the_next_route);
	tcase_add_loop_test(tc, found_stream_survives_log_that_cannot_be_made, 0,
	    (int)(sizeof(beside) / sizeof(beside[0])));
	tcase_add_test(tc, listener_that_lost_its_address_is_told_and_comes_back);
	suite_add_tcase(s, tc);
	return s;
}
