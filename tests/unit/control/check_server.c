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
#include "served.h"
#include "suites.h"

START_TEST(request_in_pieces_is_answered_when_whole)
{
	int fd = served_connect();

	served_say(fd, "sho");
	served_say(fd, "w cou");
	served_turn();
	ck_assert_int_eq(served_runs, 0);
	served_say(fd, "nt\n");
	served_hear(fd, "RUNS: 1\n\n");
	(void)close(fd);
}
END_TEST

START_TEST(requests_in_one_packet_are_answered_in_order)
{
	int fd = served_connect();

	served_say(fd, "show count\nsh c\r\nfoo\nshow count\nshow ");
	served_hear(fd,
	    "RUNS: 1\n\nRUNS: 2\n\n"
	    "error: usage: \"foo\" is not a command; \"help\" lists them all\n\n"
	    "RUNS: 3\n\n");
	served_say(fd, "count\n");
	served_hear(fd, "RUNS: 4\n\n");
	(void)close(fd);
}
END_TEST

START_TEST(request_left_open_at_the_end_is_answered)
{
	int fd = served_connect();

	served_say(fd, "show count\nshow count");
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	served_hear(fd, "RUNS: 1\n\nRUNS: 2\n\n");
	served_hear_end(fd);
}
END_TEST

START_TEST(request_for_json_is_answered_by_one_valid_line)
{
	int fd = served_connect();
	char buf[2000];
	json_t *document;
	size_t len;

	served_say(fd, "show count json\n");
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	len = served_hear_bytes(fd, buf, sizeof(buf));
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
	int fd = served_connect();

	(void)snprintf(line, sizeof(line), "%*s\r\n", -CONTROL_LINE_MAX, "show count");
	served_say(fd, line);
	served_hear(fd, "RUNS: 1\n\n");
	(void)close(fd);
}
END_TEST

/* One byte too many with its newline, and a line without end. */
static const size_t long_lines[] = { CONTROL_LINE_MAX + 1, 1000000 };

START_TEST(request_that_is_too_long_is_answered_and_ends_the_client)
{
	char *line = malloc(long_lines[_i] + 1);
	int fd = served_connect();

	ck_assert_ptr_nonnull(line);
	memset(line, 'a', long_lines[_i]);
	line[long_lines[_i]] = '\n';
	(void)served_say_bytes(fd, line, long_lines[_i] + 1);
	served_hear(fd, "error: usage: the request is too long\n\n");
	served_hear_end(fd);
	free(line);
}
END_TEST

START_TEST(garbage_is_answered_by_errors_only)
{
	unsigned char noise[4096];
	uint32_t state = 12345; /* any start will do */
	int fd = served_connect();
	size_t n_lines = 0;
	char buf[100];

	for (size_t i = 0; i < sizeof(noise); i++) {
		state = state * 1664525 + 1013904223;
		noise[i] = i % 64 == 63 ? '\n' : (unsigned char)(state >> 24);
		n_lines += noise[i] == '\n';
	}
	ck_assert_int_eq(served_say_bytes(fd, noise, sizeof(noise)), 0);
	for (size_t i = 0; i < n_lines; i++) {
		size_t len = 0;

		do
			ck_assert_uint_eq(served_hear_bytes(fd, buf + len, 1), 1);
		while (++len < 2 || memcmp(buf + len - 2, "\n\n", 2) != 0);
		ck_assert_mem_eq(buf, "error: usage: ", 14);
	}
	served_say(fd, "show count\n");
	served_hear(fd, "RUNS: 1\n\n");
	(void)close(fd);
}
END_TEST

Suite *
suite_server(void)
{
	Suite *s = suite_create("server");
	TCase *tc = tcase_create("requests");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, served_set_up, served_tear_down);
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

	return s;
}
