#include "client/ask.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compiler.h"
#include "control/text.h"
#include "suites.h"

#define SILENCE_MS  50
#define PATIENCE_MS 20000

static int pair[2]; /* the client's end and the daemon's */
static struct text answer;
static FILE *pieces;
static char *pieces_text;
static size_t pieces_len;

static void
wait_for_answers(long ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	ck_assert_int_eq(
	    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
}

static void
set_up(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	wait_for_answers(SILENCE_MS);
	text_init(&answer, ASK_ANSWER_MAX);
	pieces = open_memstream(&pieces_text, &pieces_len);
	ck_assert_ptr_nonnull(pieces);
}

static void
tear_down(void)
{
	(void)close(pair[0]);
	(void)close(pair[1]);
	text_done(&answer);
	(void)fclose(pieces);
	free(pieces_text);
}

static int
exchange_for(const char *line, bool as_json)
{
	struct ask ask = {
		.line = line, .len = strlen(line), .as_json = as_json, .pieces = pieces
	};
	int rc = ask_exchange(&answer, pair[0], &ask);

	ck_assert_int_eq(fflush(pieces), 0);
	return rc;
}

/* The answer is there before it is asked for, which the client cannot tell. */
static int
exchange(const char *reply)
{
	ck_assert_int_eq(write(pair[1], reply, strlen(reply)), (ssize_t)strlen(reply));
	return exchange_for("show status", false);
}

START_TEST(exchange_sends_the_line_and_takes_the_answer)
{
	char line[20] = "";

	ck_assert_int_eq(exchange("NAME\nedge\n\n"), 0);
	ck_assert_uint_eq(answer.len, 0);
	ck_assert_str_eq(pieces_text, "NAME\nedge\n");
	ck_assert_int_eq(read(pair[1], line, sizeof(line)), 12);
	ck_assert_str_eq(line, "show status\n");
}
END_TEST

START_TEST(exchange_with_an_empty_answer_is_done)
{
	ck_assert_int_eq(exchange("\n"), 0);
	ck_assert_uint_eq(answer.len, 0);
}
END_TEST

START_TEST(exchange_with_a_silent_daemon_times_out)
{
	ck_assert_int_eq(exchange("NAME\n"), -ETIMEDOUT);
}
END_TEST

START_TEST(exchange_with_half_an_answer_fails)
{
	ck_assert_int_eq(shutdown(pair[0], SHUT_WR), 0);
	ck_assert_int_eq(write(pair[1], "NAME\n", 5), 5);
	ck_assert_int_eq(shutdown(pair[1], SHUT_WR), 0);
	/* Sending fails as well, and must neither raise SIGPIPE nor hide the rest. */
	ck_assert_int_eq(exchange_for("show", false), -ECONNRESET);
	ck_assert_str_eq(pieces_text, "NAME\n");
}
END_TEST

START_TEST(exchange_with_a_daemon_that_hung_up_takes_its_reason)
{
	ck_assert_int_eq(write(pair[1], "error: why\n\n", 12), 12);
	(void)close(pair[1]);
	pair[1] = -1;
	ck_assert_int_eq(exchange_for("show", false), 0);
	ck_assert_mem_eq(answer.bytes, "error: why\n", 11);
}
END_TEST

START_TEST(exchange_with_an_endless_answer_is_cut)
{
	text_done(&answer);
	text_init(&answer, 100);
	ck_assert_int_eq(
	    exchange(
		"error: 0123456789012345678901234567890123456789012345678901234567890"
		"0123456789012345678901234567890123456789"),
	    -EFBIG);
}
END_TEST

#define PIECE  "{\"id\": \"17-3fa9c1d2\"}\n"
#define PIECES 100000 /* more than any answer may have in memory */

static void *
say_pieces(void *arg)
{
	(void)arg;
	for (int i = 0; i < PIECES; i++) {
		if (send(pair[1], PIECE, strlen(PIECE), MSG_NOSIGNAL) < 0)
			break;
	}
	(void)send(pair[1], "\n", 1, MSG_NOSIGNAL);
	return NULL;
}

START_TEST(exchange_in_pieces_writes_all_and_keeps_nothing)
{
	pthread_t thread;

	wait_for_answers(PATIENCE_MS); /* for the thread */
	text_done(&answer);
	text_init(&answer, 32768);
	ck_assert_int_eq(pthread_create(&thread, NULL, say_pieces, NULL), 0);
	ck_assert_int_eq(exchange_for("export", true), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(answer.len, 0);
	ck_assert_int_eq(fflush(pieces), 0);
	ck_assert_uint_eq(pieces_len, strlen(PIECE) * PIECES);
	for (size_t at = 0; at < pieces_len; at += strlen(PIECE))
		ck_assert_mem_eq(pieces_text + at, PIECE, strlen(PIECE));
}
END_TEST

START_TEST(exchange_in_pieces_that_breaks_off_fails)
{
	ck_assert_int_eq(write(pair[1], PIECE PIECE "{\"i", 2 * strlen(PIECE) + 3),
	    (ssize_t)(2 * strlen(PIECE) + 3));
	ck_assert_int_eq(shutdown(pair[1], SHUT_WR), 0);
	ck_assert_int_eq(exchange_for("export", true), -ECONNRESET);
	ck_assert_int_eq(fflush(pieces), 0);
	ck_assert_uint_eq(pieces_len, 2 * strlen(PIECE) + 3);
}
END_TEST

#define DOCUMENT "{\"schema\": \"org.mqbridge/1\", \"items\": []}\n"

/* A daemon that goes on after its pieces, and what of it is kept. */
static const struct kept_row {
	bool as_json;
	const char *said, *kept, *shown;
} kept_rows[] = {
	{ true, PIECE DOCUMENT "\n", DOCUMENT, PIECE },
	{ true, PIECE PIECE "\n", "", PIECE PIECE },
	{ true, "error: too many clients\n\n", "error: too many clients\n", "" },
	{ true, "nonsense\n\n", "nonsense\n", "" },
	{ true, "{\n\n", "", "{\n" },
	{ false, "one\nerror: late\n\n", "error: late\n", "one\n" },
	{ false, "e\nerror\nw\n\n", "", "e\nerror\nw\n" },
	{ false, "NAME\nx\nwarning: old\n\n", "warning: old\n", "NAME\nx\n" },
	{ false, PIECE "\n", "", PIECE },
};

START_TEST(exchange_keeps_what_is_no_piece)
{
	const struct kept_row *row = &kept_rows[_i];

	for (const char *at = row->said; *at != '\0'; at++)
		ck_assert_int_eq(write(pair[1], at, 1), 1);
	ck_assert_int_eq(exchange_for("x", row->as_json), 0);
	ck_assert_uint_eq(answer.len, strlen(row->kept));
	if (answer.len > 0)
		ck_assert_mem_eq(answer.bytes, row->kept, answer.len);
	ck_assert_str_eq(pieces_text, row->shown);
}
END_TEST

static int n_asked;

static bool
answer_when_asked_twice(void *owner)
{
	(void)owner;
	if (++n_asked == 2)
		ck_assert_int_eq(write(pair[1], "x\n\n", 3), 3);
	return true;
}

START_TEST(exchange_with_a_daemon_that_is_alive_waits_on)
{
	struct ask ask = { .line = "x",
		.len = 1,
		.pieces = pieces,
		.is_alive = answer_when_asked_twice };

	ck_assert_int_eq(ask_exchange(&answer, pair[0], &ask), 0);
	ck_assert_int_eq(n_asked, 2);
}
END_TEST

START_TEST(exchange_of_a_document_is_not_in_pieces)
{
	ck_assert_int_eq(
	    write(pair[1], DOCUMENT "\n", sizeof(DOCUMENT)), (ssize_t)sizeof(DOCUMENT));
	ck_assert_int_eq(exchange_for("show status json", true), 0);
	ck_assert_uint_eq(answer.len, strlen(DOCUMENT));
	ck_assert_int_eq(fflush(pieces), 0);
	ck_assert_uint_eq(pieces_len, 0);
}
END_TEST

START_TEST(connect_to_no_socket_fails)
{
	char name[200];
	int fd = -1;

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(ask_connect(&fd, name, SILENCE_MS), -ENAMETOOLONG);
	ck_assert_int_eq(ask_connect(&fd, "/no/such/socket", SILENCE_MS), -ENOENT);
	ck_assert_int_eq(fd, -1);
}
END_TEST

Suite *
suite_ask(void)
{
	Suite *s = suite_create("ask");
	TCase *tc = tcase_create("ask");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, exchange_sends_the_line_and_takes_the_answer);
	tcase_add_test(tc, exchange_with_an_empty_answer_is_done);
	tcase_add_test(tc, exchange_with_a_silent_daemon_times_out);
	tcase_add_test(tc, exchange_with_half_an_answer_fails);
	tcase_add_test(tc, exchange_with_a_daemon_that_hung_up_takes_its_reason);
	tcase_add_test(tc, exchange_with_an_endless_answer_is_cut);
	tcase_add_test(tc, exchange_in_pieces_writes_all_and_keeps_nothing);
	tcase_add_test(tc, exchange_in_pieces_that_breaks_off_fails);
	tcase_add_loop_test(
	    tc, exchange_keeps_what_is_no_piece, 0, ARRAY_LEN(kept_rows));
	tcase_add_test(tc, exchange_with_a_daemon_that_is_alive_waits_on);
	tcase_add_test(tc, exchange_of_a_document_is_not_in_pieces);
	tcase_add_test(tc, connect_to_no_socket_fails);
	suite_add_tcase(s, tc);
	return s;
}
