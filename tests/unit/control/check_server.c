#include "control/server.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "control/command.h"
#include "suites.h"

#define PATIENCE_MS 20000 /* for conditions that come at once on a machine at rest */
#define BIG_ITEMS   60000 /* 50 bytes each: more than a socket takes, less than 4 MiB */
#define IDLE_MS     200   /* where a test waits for the server's patience to end */
#define ANSWER_MAX  5000000 /* bytes that a test reads */

static char dir[] = "/tmp/check_server.XXXXXX";
static char path[sizeof(dir) + 10];
static struct event_base *base;
static struct control_server *server;
static int n_runs; /* of any command */

static int
run_count(void *context, struct control_reply *reply)
{
	int *n = context;

	(*n)++;
	reply->kind = "count";
	json_array_append_new(reply->items, json_pack("{s:i}", "runs", *n));
	return 0;
}

static int
run_big(void *context, struct control_reply *reply)
{
	int *n = context;

	(*n)++;
	reply->kind = "big";
	for (int i = 0; i < BIG_ITEMS; i++)
		json_array_append_new(
		    reply->items, json_pack("{s:s}", "runs",
				      "0123456789012345678901234567890123456789"));
	return 0;
}

static const struct control_column columns[] = {
	{ "runs", "RUNS" },
	{ NULL, NULL },
};

static const struct control_command commands[] = {
	{ "show count", CONTROL_VIEWER, "runs so far", columns, 1, run_count },
	{ "show big", CONTROL_VIEWER, "a big table", columns, 0, run_big },
};

static void
open_server(uint32_t idle_ms)
{
	struct control_spec spec = {
		.path = path,
		.name = "edge-1",
		.commands = commands,
		.n_commands = ARRAY_LEN(commands),
		.context = &n_runs,
		.idle_ms = idle_ms,
	};

	n_runs = 0;
	ck_assert_int_eq(control_server_open(&server, base, &spec), 0);
}

static void
set_up(void)
{
	memset(dir + sizeof(dir) - 7, 'X', 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/control", dir);
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	open_server(0);
}

static void
tear_down(void)
{
	control_server_close(server);
	event_base_free(base);
	(void)rmdir(dir);
}

static int
connect_client(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(addr.sun_path, path, sizeof(path));
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void
turn(void)
{
	ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
}

/* Send all, turning the loop while the socket is full. Returns 0, or -1 when the server has
 * hung up. */
static int
say_bytes(int fd, const void *bytes, size_t len)
{
	uint64_t end = clock_monotonic_ms() + PATIENCE_MS;

	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return -1;
		if (n > 0) {
			bytes = (const char *)bytes + n;
			len -= (size_t)n;
		}
		turn();
		ck_assert_uint_lt(clock_monotonic_ms(), end);
	}
	return 0;
}

static void
say(int fd, const char *text)
{
	ck_assert_int_eq(say_bytes(fd, text, strlen(text)), 0);
}

/* Read until want bytes are there or the server hangs up, turning the loop. Returns their
 * number. */
static size_t
hear_bytes(int fd, char *buf, size_t want)
{
	uint64_t end = clock_monotonic_ms() + PATIENCE_MS;
	size_t have = 0;

	while (have < want) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		ssize_t n;

		turn();
		(void)poll(&pfd, 1, 1);
		n = recv(fd, buf + have, want - have, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
		if (n > 0)
			have += (size_t)n;
		ck_assert_uint_lt(clock_monotonic_ms(), end);
	}
	return have;
}

static void
hear(int fd, const char *text)
{
	char buf[2000];
	size_t want = strlen(text);

	ck_assert_uint_lt(want, sizeof(buf));
	buf[hear_bytes(fd, buf, want)] = '\0';
	ck_assert_str_eq(buf, text);
}

static void
hear_end(int fd)
{
	char byte;

	ck_assert_uint_eq(hear_bytes(fd, &byte, 1), 0);
	(void)close(fd);
}

START_TEST(request_in_pieces_is_answered_when_whole)
{
	int fd = connect_client();

	say(fd, "sho");
	say(fd, "w cou");
	turn();
	ck_assert_int_eq(n_runs, 0);
	say(fd, "nt\n");
	hear(fd, "RUNS: 1\n\n");
	(void)close(fd);
}
END_TEST

START_TEST(requests_in_one_packet_are_answered_in_order)
{
	int fd = connect_client();

	say(fd, "show count\nsh c\r\nfoo\nshow count\nshow ");
	hear(fd, "RUNS: 1\n\nRUNS: 2\n\n"
		 "error: usage: \"foo\" is not a command; \"help\" lists them all\n\n"
		 "RUNS: 3\n\n");
	say(fd, "count\n");
	hear(fd, "RUNS: 4\n\n");
	(void)close(fd);
}
END_TEST

START_TEST(request_left_open_at_the_end_is_answered)
{
	int fd = connect_client();

	say(fd, "show count\nshow count");
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	hear(fd, "RUNS: 1\n\nRUNS: 2\n\n");
	hear_end(fd);
}
END_TEST

START_TEST(request_for_json_is_answered_by_one_valid_line)
{
	int fd = connect_client();
	char buf[2000];
	json_t *document;
	size_t len;

	say(fd, "show count json\n");
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	len = hear_bytes(fd, buf, sizeof(buf));
	ck_assert_uint_gt(len, 2);
	ck_assert_mem_eq(buf + len - 2, "\n\n", 2);
	ck_assert_ptr_eq(memchr(buf, '\n', len), buf + len - 2);
	document = json_loadb(buf, len, 0, NULL);
	ck_assert_str_eq(
	    json_string_value(json_object_get(document, "name")), "edge-1");
	json_decref(document);
	(void)close(fd);
}
END_TEST

START_TEST(request_of_the_longest_length_is_read)
{
	char line[CONTROL_LINE_MAX + 3];
	int fd = connect_client();

	(void)snprintf(line, sizeof(line), "%*s\r\n", -CONTROL_LINE_MAX, "show count");
	say(fd, line);
	hear(fd, "RUNS: 1\n\n");
	(void)close(fd);
}
END_TEST

/* One byte too many with its newline, and a line without end. */
static const size_t long_lines[] = { CONTROL_LINE_MAX + 1, 1000000 };

START_TEST(request_that_is_too_long_is_answered_and_ends_the_client)
{
	char *line = malloc(long_lines[_i] + 1);
	int fd = connect_client();

	ck_assert_ptr_nonnull(line);
	memset(line, 'a', long_lines[_i]);
	line[long_lines[_i]] = '\n';
	(void)say_bytes(fd, line, long_lines[_i] + 1);
	hear(fd, "error: usage: the request is too long\n\n");
	hear_end(fd);
	free(line);
}
END_TEST

START_TEST(garbage_is_answered_by_errors_only)
{
	unsigned char noise[4096];
	uint32_t state = 12345; /* any start will do */
	int fd = connect_client();
	size_t n_lines = 0;
	char buf[100];

	for (size_t i = 0; i < sizeof(noise); i++) {
		state = state * 1664525 + 1013904223;
		noise[i] = i % 64 == 63 ? '\n' : (unsigned char)(state >> 24);
		n_lines += noise[i] == '\n';
	}
	ck_assert_int_eq(say_bytes(fd, noise, sizeof(noise)), 0);
	for (size_t i = 0; i < n_lines; i++) {
		size_t len = 0;

		do
			ck_assert_uint_eq(hear_bytes(fd, buf + len, 1), 1);
		while (++len < 2 || memcmp(buf + len - 2, "\n\n", 2) != 0);
		ck_assert_mem_eq(buf, "error: usage: ", 14);
	}
	say(fd, "show count\n");
	hear(fd, "RUNS: 1\n\n");
	(void)close(fd);
}
END_TEST

START_TEST(client_over_the_limit_is_turned_away_until_one_leaves)
{
	int fds[CONTROL_CLIENTS_MAX];
	int fd;

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = connect_client();
		say(fds[i], "foo\n");
		hear(fds[i], "error: usage: ");
	}
	fd = connect_client();
	hear(fd, "error: too many clients\n\n");
	hear_end(fd);
	(void)close(fds[7]);
	turn();
	fd = connect_client();
	say(fd, "show count\n");
	hear(fd, "RUNS: 1\n\n");
	(void)close(fd);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		(void)(i == 7 || close(fds[i]));
}
END_TEST

START_TEST(client_that_reads_slowly_holds_up_nobody_and_gets_all)
{
	char *buf = malloc(ANSWER_MAX);
	int slow = connect_client();
	int fd = connect_client();
	size_t len;

	ck_assert_ptr_nonnull(buf);
	say(slow, "show big\nshow big\nshow count\n");
	for (int i = 2; i < 50; i++) {
		char expected[40];

		say(fd, "show count\n");
		(void)snprintf(expected, sizeof(expected), "RUNS: %d\n\n", i);
		hear(fd, expected);
	}
	/* The second request is not run before the first answer has been taken. */
	ck_assert_int_eq(shutdown(slow, SHUT_WR), 0);
	len = hear_bytes(slow, buf, ANSWER_MAX);
	ck_assert_uint_eq(len, 2 * (41UL * BIG_ITEMS + strlen("RUNS\n\n")) + 10);
	ck_assert_mem_eq(buf + len - 11, "\nRUNS: 51\n\n", 11);
	(void)close(slow);
	(void)close(fd);
	free(buf);
}
END_TEST

START_TEST(client_that_does_not_read_is_closed)
{
	char *buf = malloc(ANSWER_MAX);
	uint64_t end = clock_monotonic_ms() + PATIENCE_MS;
	int fd;

	control_server_close(server);
	open_server(IDLE_MS);
	fd = connect_client();
	say(fd, "show big\n");
	/* Reading would be progress; a hang-up shows without it. */
	for (;;) {
		struct pollfd pfd = { .fd = fd, .events = 0 };

		turn();
		(void)poll(&pfd, 1, 1);
		if (pfd.revents & POLLHUP)
			break;
		ck_assert_uint_lt(clock_monotonic_ms(), end);
	}
	ck_assert_uint_lt(hear_bytes(fd, buf, ANSWER_MAX), 41UL * BIG_ITEMS);
	(void)close(fd);
	free(buf);
}
END_TEST

START_TEST(client_that_trickles_half_a_line_is_closed)
{
	uint64_t end = clock_monotonic_ms() + PATIENCE_MS;
	int fd;

	control_server_close(server);
	open_server(IDLE_MS);
	fd = connect_client();
	/* A byte a turn: never silent, and far from a whole line when the time is up. */
	while (send(fd, "a", 1, MSG_NOSIGNAL) == 1 || errno == EAGAIN) {
		struct pollfd pfd = { .fd = fd, .events = 0 };

		turn();
		(void)poll(&pfd, 1, 5);
		ck_assert_uint_lt(clock_monotonic_ms(), end);
	}
	hear_end(fd);
}
END_TEST

START_TEST(client_that_asks_again_and_again_is_kept)
{
	uint64_t end;
	int fd;
	int n = 0;

	control_server_close(server);
	open_server(IDLE_MS);
	fd = connect_client();
	end = clock_monotonic_ms() + 3UL * IDLE_MS;
	while (clock_monotonic_ms() < end) {
		char expected[40];

		say(fd, "show count\n");
		(void)snprintf(expected, sizeof(expected), "RUNS: %d\n\n", ++n);
		hear(fd, expected);
	}
	(void)close(fd);
}
END_TEST

START_TEST(client_that_leaves_with_its_answer_waiting_does_no_harm)
{
	for (int i = 0; i < 5; i++) {
		int fd = connect_client();

		say(fd, "show big\nshow big\n");
		(void)close(fd);
		turn();
	}
	for (int i = 0; i < 40; i++) { /* more than there may be at once */
		int fd = connect_client();

		say(fd, "foo\n");
		hear(fd, "error: usage: ");
		(void)close(fd);
	}
}
END_TEST

static void
on_alarm(evutil_socket_t fd, short what, void *arg)
{
	bool *is_over = arg;

	(void)fd;
	(void)what;
	*is_over = true;
}

START_TEST(client_without_a_free_descriptor_waits_and_is_served)
{
	struct timeval wait = { .tv_usec = 100000 };
	struct rlimit before;
	struct rlimit none;
	bool is_over = false;
	struct event *alarm = evtimer_new(base, on_alarm, &is_over);
	int fd = connect_client();
	int turns = 0;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)dup(fd); /* the lowest that is free, once closed */
	(void)close((int)none.rlim_cur);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(event_add(alarm, &wait), 0);
	while (!is_over) {
		ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
		turns++;
	}
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	ck_assert_int_lt(turns, 10); /* the loop slept */
	say(fd, "show count\n");
	hear(fd, "RUNS: 1\n\n");
	(void)close(fd);
	event_free(alarm);
}
END_TEST

START_TEST(close_ends_clients_and_removes_the_socket)
{
	int idle = connect_client();
	int busy = connect_client();
	char *buf = malloc(ANSWER_MAX);

	say(busy, "show big\n");
	turn();
	control_server_close(server);
	server = NULL;
	ck_assert_int_ne(access(path, F_OK), 0);
	(void)hear_bytes(busy, buf, ANSWER_MAX);
	hear_end(busy);
	hear_end(idle);
	free(buf);
}
END_TEST

START_TEST(open_where_a_server_lives_fails)
{
	struct control_spec spec = { .path = path, .name = "second" };
	struct control_server *second = NULL;

	ck_assert_int_eq(control_server_open(&second, base, &spec), -EADDRINUSE);
	ck_assert_ptr_null(second);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

Suite *
suite_server(void)
{
	Suite *s = suite_create("server");
	TCase *tc = tcase_create("requests");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, request_in_pieces_is_answered_when_whole);
	tcase_add_test(tc, requests_in_one_packet_are_answered_in_order);
	tcase_add_test(tc, request_left_open_at_the_end_is_answered);
	tcase_add_test(tc, request_for_json_is_answered_by_one_valid_line);
	tcase_add_test(tc, request_of_the_longest_length_is_read);
	tcase_add_loop_test(tc,
	    request_that_is_too_long_is_answered_and_ends_the_client, 0,
	    ARRAY_LEN(long_lines));
	tcase_add_test(tc, garbage_is_answered_by_errors_only);
	suite_add_tcase(s, tc);

	tc = tcase_create("clients");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, client_over_the_limit_is_turned_away_until_one_leaves);
	tcase_add_test(tc, client_that_reads_slowly_holds_up_nobody_and_gets_all);
	tcase_add_test(tc, client_that_does_not_read_is_closed);
	tcase_add_test(tc, client_that_trickles_half_a_line_is_closed);
	tcase_add_test(tc, client_that_asks_again_and_again_is_kept);
	tcase_add_test(tc, client_that_leaves_with_its_answer_waiting_does_no_harm);
	tcase_add_test(tc, client_without_a_free_descriptor_waits_and_is_served);
	tcase_add_test(tc, close_ends_clients_and_removes_the_socket);
	tcase_add_test(tc, open_where_a_server_lives_fails);
	suite_add_tcase(s, tc);
	return s;
}
