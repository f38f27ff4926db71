/* The clients of the control server, src/control/client.c, and the limits on them. */
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
#include "control/server.h"
#include "served.h"
#include "suites.h"

/* A client that has had an answer, and from which the next request is awaited. */
static int
connect_known(void)
{
	int fd = served_connect();

	served_say(fd, "foo\n");
	served_hear(
	    fd, "error: usage: \"foo\" is not a command; \"help\" lists them all\n\n");
	return fd;
}

/* All are ours: more than the daemon gives to a user who is no admin. */
START_TEST(client_over_the_limit_is_turned_away_until_one_leaves)
{
	int fds[CONTROL_CLIENTS_PER_ADMIN];
	int fd;

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = connect_known();
	fd = served_connect();
	served_hear(fd, "error: too many clients of your user\n\n");
	served_hear_end(fd);
	(void)close(fds[7]);
	served_turn();
	fd = served_connect();
	served_say(fd, "show count\n");
	served_hear(fd, "RUNS: 1\n\n");
	(void)close(fd);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		(void)(i == 7 || close(fds[i]));
}
END_TEST

static void
turn_for(uint64_t ms)
{
	uint64_t end = clock_monotonic_ms() + ms;

	while (clock_monotonic_ms() < end)
		served_turn();
}

/* Those for which a command works owe nothing. */
START_TEST(client_over_the_limit_takes_the_place_of_the_longest_silent)
{
	int fds[CONTROL_CLIENTS_PER_ADMIN];
	int fd;

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = connect_known();
	served_say(fds[0], "wait\n");
	turn_for(CONTROL_SILENT_MS + 100);
	served_say(fds[1], "show count\n");
	served_hear(fds[1], "RUNS: 1\n\n");
	fd = connect_known();
	served_hear_end(fds[2]);
	served_say(fds[3], "show count\n");
	served_hear(fds[3], "RUNS: 2\n\n");
	(void)close(fd);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		(void)(i == 2 || close(fds[i]));
}
END_TEST

START_TEST(client_that_leaves_while_a_command_works_is_noticed)
{
	uint64_t end = clock_monotonic_ms() + PATIENCE_MS;
	int half = served_connect();
	int fd = served_connect();

	served_say(half, "wait\n");
	served_say(fd, "wait\n");
	ck_assert_int_eq(shutdown(half, SHUT_WR), 0);
	turn_for(1500);
	ck_assert_int_eq(served_runs, 0); /* who only has no more to ask waits */
	(void)close(fd);
	while (served_runs == 0) {
		served_turn();
		ck_assert_uint_lt(clock_monotonic_ms(), end);
	}
	ck_assert_int_eq(served_runs, 1000);
	(void)close(half);
}
END_TEST

/* Eight times 3 MB are more than the bound. */
START_TEST(clients_that_do_not_read_are_closed_when_their_answers_take_too_much)
{
	int slow[8];
	char *buf = malloc(TEST_READ_MAX);
	int n_closed = 0;

	for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
		slow[i] = served_connect();
		served_say(slow[i], "show big\n");
		while (served_runs <= (int)i)
			served_turn();
	}
	for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
		struct pollfd pfd = { .fd = slow[i], .events = 0 };

		served_turn();
		(void)poll(&pfd, 1, 0);
		n_closed += (pfd.revents & POLLHUP) != 0;
	}
	ck_assert_int_ge(n_closed, 3);
	ck_assert_int_le(n_closed, 5);
	/* The last one gets all of it. */
	ck_assert_uint_eq(served_hear_bytes(slow[7], buf, 41UL * BIG_ITEMS + 6),
	    41UL * BIG_ITEMS + strlen("RUNS\n\n"));
	for (size_t i = 0; i < ARRAY_LEN(slow); i++)
		(void)close(slow[i]);
	free(buf);
}
END_TEST

static void
on_other_work(evutil_socket_t fd, short what, void *arg)
{
	int *n = arg;

	(void)fd;
	(void)what;
	(*n)++;
}

/* As many requests as they can; one more client is served all the same. */
START_TEST(clients_that_flood_leave_the_loop_to_others)
{
	static char lines[100 * 5];
	struct timeval often = { .tv_usec = 1000 };
	int n_other = 0;
	struct event *other =
	    event_new(served_base, -1, EV_PERSIST, on_other_work, &n_other);
	uint64_t begun = clock_monotonic_ms();
	int floods[20];
	int fd;

	for (size_t i = 0; i < 100; i++)
		memcpy(lines + 5 * i, "burn\n", 5);
	ck_assert_int_eq(event_add(other, &often), 0);
	for (size_t i = 0; i < ARRAY_LEN(floods); i++) {
		floods[i] = served_connect();
		ck_assert_int_gt(send(floods[i], lines, sizeof(lines), 0), 0);
	}
	while (clock_monotonic_ms() < begun + 2000)
		ck_assert_int_ge(event_base_loop(served_base, EVLOOP_ONCE), 0);
	/* 3 % of 2 s and a burst of 100 ms make 160 ms, 53 times 3 ms. */
	ck_assert_int_le(served_runs, 70);
	ck_assert_int_ge(served_runs, 5);
	ck_assert_int_ge(n_other, 100);
	fd = served_connect();
	served_say(fd, "foo\n");
	served_hear(fd, "error: usage: ");
	ck_assert_uint_lt(clock_monotonic_ms(), begun + 2000 + 5000);
	(void)close(fd);
	for (size_t i = 0; i < ARRAY_LEN(floods); i++)
		(void)close(floods[i]);
	event_free(other);
}
END_TEST

START_TEST(client_that_reads_slowly_holds_up_nobody_and_gets_all)
{
	char *buf = malloc(TEST_READ_MAX);
	int slow = served_connect();
	int fd = served_connect();
	size_t len;

	ck_assert_ptr_nonnull(buf);
	served_say(slow, "show big\nshow big\nshow count\n");
	for (int i = 2; i < 50; i++) {
		char expected[40];

		served_say(fd, "show count\n");
		(void)snprintf(expected, sizeof(expected), "RUNS: %d\n\n", i);
		served_hear(fd, expected);
	}
	/* The second request is not run before the first answer has been taken. */
	ck_assert_int_eq(shutdown(slow, SHUT_WR), 0);
	len = served_hear_bytes(slow, buf, TEST_READ_MAX);
	ck_assert_uint_eq(len, 2 * (41UL * BIG_ITEMS + strlen("RUNS\n\n")) + 10);
	ck_assert_mem_eq(buf + len - 11, "\nRUNS: 51\n\n", 11);
	(void)close(slow);
	(void)close(fd);
	free(buf);
}
END_TEST

START_TEST(client_that_does_not_read_is_closed)
{
	char *buf = malloc(TEST_READ_MAX);
	uint64_t end = clock_monotonic_ms() + PATIENCE_MS;
	int fd;

	control_server_close(served);
	served_open(IDLE_MS);
	fd = served_connect();
	served_say(fd, "show big\n");
	/* Reading would be progress; a hang-up shows without it. */
	for (;;) {
		struct pollfd pfd = { .fd = fd, .events = 0 };

		served_turn();
		(void)poll(&pfd, 1, 1);
		if (pfd.revents & POLLHUP)
			break;
		ck_assert_uint_lt(clock_monotonic_ms(), end);
	}
	ck_assert_uint_lt(served_hear_bytes(fd, buf, TEST_READ_MAX), 41UL * BIG_ITEMS);
	(void)close(fd);
	free(buf);
}
END_TEST

START_TEST(client_that_trickles_half_a_line_is_closed)
{
	uint64_t end = clock_monotonic_ms() + PATIENCE_MS;
	int fd;

	control_server_close(served);
	served_open(IDLE_MS);
	fd = served_connect();
	/* A byte a turn: never silent, and far from a whole line when the time is up. */
	while (send(fd, "a", 1, MSG_NOSIGNAL) == 1 || errno == EAGAIN) {
		struct pollfd pfd = { .fd = fd, .events = 0 };

		served_turn();
		(void)poll(&pfd, 1, 5);
		ck_assert_uint_lt(clock_monotonic_ms(), end);
	}
	served_hear_end(fd);
}
END_TEST

START_TEST(client_that_asks_again_and_again_is_kept)
{
	uint64_t end;
	int fd;
	int n = 0;

	control_server_close(served);
	served_open(IDLE_MS);
	fd = served_connect();
	end = clock_monotonic_ms() + 3UL * IDLE_MS;
	while (clock_monotonic_ms() < end) {
		char expected[40];

		served_say(fd, "show count\n");
		(void)snprintf(expected, sizeof(expected), "RUNS: %d\n\n", ++n);
		served_hear(fd, expected);
	}
	(void)close(fd);
}
END_TEST

START_TEST(client_that_leaves_with_its_answer_waiting_does_no_harm)
{
	for (int i = 0; i < 5; i++) {
		int fd = served_connect();

		served_say(fd, "show big\nshow big\n");
		(void)close(fd);
		served_turn();
	}
	for (int i = 0; i < 40; i++) { /* more than there may be at once */
		int fd = served_connect();

		served_say(fd, "foo\n");
		served_hear(fd, "error: usage: ");
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
	struct event *alarm = evtimer_new(served_base, on_alarm, &is_over);
	int fd = served_connect();
	int turns = 0;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)dup(fd); /* the lowest that is free, once closed */
	(void)close((int)none.rlim_cur);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(event_add(alarm, &wait), 0);
	while (!is_over) {
		ck_assert_int_ge(event_base_loop(served_base, EVLOOP_ONCE), 0);
		turns++;
	}
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	ck_assert_int_lt(turns, 10); /* the loop slept */
	served_say(fd, "show count\n");
	served_hear(fd, "RUNS: 1\n\n");
	(void)close(fd);
	event_free(alarm);
}
END_TEST

START_TEST(close_ends_clients_and_removes_the_socket)
{
	int idle = served_connect();
	int busy = served_connect();
	char *buf = malloc(TEST_READ_MAX);

	served_say(busy, "show big\n");
	served_turn();
	control_server_close(served);
	served = NULL;
	ck_assert_int_ne(access(served_path, F_OK), 0);
	(void)served_hear_bytes(busy, buf, TEST_READ_MAX);
	served_hear_end(busy);
	served_hear_end(idle);
	free(buf);
}
END_TEST

START_TEST(open_where_a_server_lives_fails)
{
	struct control_spec spec = { .path = served_path, .name = "second" };
	struct control_server *second = NULL;

	ck_assert_int_eq(control_server_open(&second, served_base, &spec), -EADDRINUSE);
	ck_assert_ptr_null(second);
	ck_assert_int_eq(access(served_path, F_OK), 0);
}
END_TEST

Suite *
suite_client(void)
{
	Suite *s = suite_create("client");
	TCase *tc = tcase_create("clients");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, served_set_up, served_tear_down);
	tcase_add_test(tc, client_over_the_limit_is_turned_away_until_one_leaves);
	tcase_add_test(tc, client_over_the_limit_takes_the_place_of_the_longest_silent);
	tcase_add_test(tc, client_that_leaves_while_a_command_works_is_noticed);
	tcase_add_test(
	    tc, clients_that_do_not_read_are_closed_when_their_answers_take_too_much);
	tcase_add_test(tc, clients_that_flood_leave_the_loop_to_others);
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
