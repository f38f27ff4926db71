#include "web/web.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "control/command.h"
#include "control/text.h"
#include "suites.h"
#include "web/document.h"
#include "web/visits.h"

#define DEADLINE_MS 15000
#define ANSWER_SIZE (1 << 20)
#define PIECES      3

static struct event_base *loop;
static struct web *web;
static uint16_t port;
static int runs; /* of the command */
static char answer[ANSWER_SIZE];
static size_t answer_len;

/* ---- what is served --------------------------------------------------------------- */

static int
run_status(void *context, struct control_reply *reply)
{
	(void)context;
	runs++;
	if (reply->caller == NULL || reply->caller->role != CONTROL_VIEWER)
		return -EPERM;
	reply->kind = "status";
	return json_array_append_new(reply->items, json_pack("{s:i}", "runs", runs));
}

static int
run_refused(void *context, struct control_reply *reply)
{
	(void)context;
	reply->error = "there are none";
	return -ENOENT;
}

/* Answers on a later turn. */
static struct event *later_event;

static void
later_gone(void *owner)
{
	(void)owner;
	event_free(later_event);
}

static const struct control_later later_ops = { .gone = later_gone };

static void
on_later(evutil_socket_t fd, short what, void *arg)
{
	struct control_reply *reply = arg;

	(void)fd;
	(void)what;
	reply->kind = "queues";
	event_free(later_event);
	control_reply_end(reply, 0);
}

static int
run_later(void *context, struct control_reply *reply)
{
	struct timeval tv = { 0, 20000 };

	(void)context;
	later_event = evtimer_new(loop, on_later, reply);
	ck_assert_int_eq(event_add(later_event, &tv), 0);
	reply->later = &later_ops;
	return CONTROL_LATER;
}

static const struct control_column columns[] = {
	{ "runs", "RUNS" },
	{ NULL, NULL },
};

static const struct control_command commands[] = {
	{ .words = "show status",
	    .role = CONTROL_VIEWER,
	    .help = "runs",
	    .columns = columns,
	    .run = run_status },
	{ .words = "show queues",
	    .role = CONTROL_VIEWER,
	    .help = "later",
	    .columns = columns,
	    .run = run_later },
	{ .words = "show peers",
	    .role = CONTROL_VIEWER,
	    .help = "refused",
	    .columns = columns,
	    .run = run_refused },
	{ .words = "show routes",
	    .role = CONTROL_OPERATOR,
	    .help = "not for viewers",
	    .columns = columns,
	    .run = run_status },
};

struct work {
	int pieces;
};

static int
begin_work(void **ret, void *context)
{
	struct work *wk = calloc(1, sizeof(*wk));

	(void)context;
	if (wk == NULL)
		return -ENOMEM;
	*ret = wk;
	return 0;
}

static int
put_work(void *work, struct text *out)
{
	struct work *wk = work;
	char line[32];

	(void)snprintf(line, sizeof(line), "piece_total %d\n", ++wk->pieces);
	text_puts(out, line);
	return wk->pieces < PIECES;
}

static const struct document_maker maker = { begin_work, put_work, free, NULL };

static unsigned
choose(const char *accept)
{
	return accept != NULL && strstr(accept, "open") != NULL;
}

/* ---- a client in the same loop ------------------------------------------------------ */

static void
open_at(const char *address)
{
	static const char *const names[] = { "bridge.example" };
	const struct web_spec spec = { .address = address,
		.fd = -1,
		.names = names,
		.n_names = ARRAY_LEN(names),
		.name = "edge",
		.commands = commands,
		.n_commands = ARRAY_LEN(commands),
		.metrics = { &maker, &maker },
		.metrics_type = { "text/plain", "text/open" },
		.metrics_choose = choose };

	ck_assert_int_eq(web_open(&web, loop, &spec), 0);
}

/* A port that was free a moment ago. */
static uint16_t
find_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	(void)close(fd);
	return ntohs(sa.sin_port);
}

static void
setup(void)
{
	char address[64];

	(void)signal(SIGPIPE, SIG_IGN);
	loop = event_base_new();
	ck_assert_ptr_nonnull(loop);
	runs = 0;
	port = find_port();
	(void)snprintf(address, sizeof(address), "http://127.0.0.1:%u", port);
	open_at(address);
}

static void
teardown(void)
{
	web_close(web);
	(void)event_base_loop(loop, EVLOOP_NONBLOCK);
	event_base_free(loop);
}

static int
dial(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static void
say(int fd, const char *text)
{
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (int)strlen(text));
}

static int
dial_saying(const char *text)
{
	int fd = dial();

	say(fd, text);
	return fd;
}

static void
turn(void)
{
	struct timeval tv = { 0, 5000 };

	(void)event_base_loopexit(loop, &tv);
	(void)event_base_loop(loop, EVLOOP_ONCE);
}

/* Is all of an answer there? */
static bool
is_whole(void)
{
	const char *end = strstr(answer, "\r\n\r\n");
	const char *length = strcasestr(answer, "\r\nContent-Length: ");

	return end != NULL && length != NULL && length < end &&
	       answer_len >=
		   (size_t)(end + 4 - answer) +
		       strtoul(length + strlen("\r\nContent-Length: "), NULL, 10);
}

/* Until an answer is there, or the other side hung up: then false. */
static bool
listen_to(int fd)
{
	uint64_t end = clock_monotonic_ms() + DEADLINE_MS;

	answer_len = 0;
	answer[0] = '\0';
	while (!is_whole()) {
		ssize_t n;

		ck_assert_msg(clock_monotonic_ms() < end, "no answer");
		turn();
		n = recv(fd, answer + answer_len, ANSWER_SIZE - 1 - answer_len,
		    MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return false;
		answer_len += n > 0 ? (size_t)n : 0;
		answer[answer_len] = '\0';
	}
	return true;
}

static void
ask(const char *path)
{
	char text[256];
	int fd = dial();

	(void)snprintf(text, sizeof(text),
	    "GET %s HTTP/1.1\r\nHost: localhost:7412\r\n\r\n", path);
	say(fd, text);
	ck_assert(listen_to(fd));
	(void)close(fd);
}

static void
expect(const char *part)
{
	ck_assert_msg(
	    strstr(answer, part) != NULL, "no \"%s\" in: %.600s", part, answer);
}

/* ---- tests -------------------------------------------------------------------------- */

START_TEST(page_is_sent_with_a_policy_that_allows_nothing_else)
{
	ask("/");
	expect("HTTP/1.1 200 OK\r\n");
	expect("Content-Type: text/html; charset=utf-8\r\n");
	expect("Content-Security-Policy: default-src 'none'; script-src 'sha256-");
	expect("frame-ancestors 'none'");
	expect("X-Content-Type-Options: nosniff\r\n");
	expect("Referrer-Policy: no-referrer\r\n");
	expect("Cache-Control: no-store\r\n");
	expect("<noscript>");
	ck_assert_ptr_null(strstr(answer, "Access-Control"));
}
END_TEST

START_TEST(answer_is_that_of_the_command_without_the_line_at_its_end)
{
	ask("/api/1/status");
	expect("200 OK");
	expect("Content-Type: application/json\r\n");
	expect("\"name\": \"edge\", \"kind\": \"status\", \"items\": [{\"runs\": 1}]");
	ck_assert_str_eq(answer + answer_len - 2, "}\n");
}
END_TEST

static const struct {
	const char *path, *status, *part;
} answered[] = {
	{ "/api/1/queues", "200", "\"kind\": \"queues\"" }, /* later */
	{ "/api/1/routes", "403", "not-permitted" },
	{ "/api/1/peers", "404", "there are none" },
};

START_TEST(answer_has_the_status_of_what_the_command_says)
{
	char status[32];

	ask(answered[_i].path);
	(void)snprintf(status, sizeof(status), "HTTP/1.1 %s ", answered[_i].status);
	expect(status);
	expect(answered[_i].part);
}
END_TEST

START_TEST(many_who_ask_at_once_cost_one_run)
{
	int fds[8];

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = dial_saying(
		    "GET /api/1/status HTTP/1.1\r\nHost: localhost\r\n\r\n");
	}
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		ck_assert(listen_to(fds[i]));
		expect("{\"runs\": 1}");
		(void)close(fds[i]);
	}
	ck_assert_int_eq(runs, 1);
}
END_TEST

START_TEST(metrics_are_put_together_from_pieces)
{
	ask("/metrics");
	expect("Content-Type: text/plain\r\n");
	expect("\r\n\r\npiece_total 1\npiece_total 2\npiece_total 3\n");
}
END_TEST

START_TEST(metrics_have_the_form_that_is_asked_for)
{
	int fd = dial_saying(
	    "GET /metrics?x=y HTTP/1.1\r\nHost: [::1]\r\nAccept: open\r\n\r\n");

	ck_assert(listen_to(fd));
	expect("Content-Type: text/open\r\n");
	(void)close(fd);
}
END_TEST

START_TEST(head_is_answered_without_the_bytes)
{
	int fd = dial_saying(
	    "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
	    "\r\n");
	char byte;

	ck_assert(!listen_to(fd));
	expect("HTTP/1.1 200 OK\r\n");
	expect("Content-Length: 42\r\n");
	ck_assert_str_eq(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
	ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
	(void)close(fd);
}
END_TEST

START_TEST(requests_on_one_connection_are_answered_in_order)
{
	int fd = dial_saying(
	    "GET /api/1/status HTTP/1.1\r\nHost: localhost\r\n\r\n"
	    "GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n"
	    "GET /api/1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
	    "\r\n");

	answer_len = 0;
	for (ssize_t n = 1; n > 0;) {
		turn();
		n = recv(fd, answer + answer_len, ANSWER_SIZE - 1 - answer_len,
		    MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			n = 1;
		else if (n > 0)
			answer_len += (size_t)n;
	}
	answer[answer_len] = '\0';
	ck_assert_ptr_nonnull(
	    strstr(strstr(strstr(answer, "200 OK"), "404 "), "200 OK"));
	(void)close(fd);
}
END_TEST

static const struct {
	const char *request, *status;
} refused[] = {
	{ "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", "404" },
	{ "GET /api/1/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "404" },
	{ "GET /api/1/config HTTP/1.1\r\nHost: localhost\r\n\r\n", "404" },
	{ "GET /../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", "404" },
	{ "GET //localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "400" },
	{ "GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "400" },
	{ "GET / HTTP/1.1\r\n\r\n", "421" },
	{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", "421" },
	{ "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421" },
	{ "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", "421" },
	{ "GET / HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n\r\n", "421" },
	{ "GET /api/1/status HTTP/1.1\r\nHost: evil.example:7412\r\n\r\n", "421" },
	{ "POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", "405" },
	{ "DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", "405" },
	{ "OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n",
	    "405" },
};

START_TEST(request_for_what_is_not_served_is_refused)
{
	char status[32];
	int fd = dial_saying(refused[_i].request);

	ck_assert(listen_to(fd));
	(void)snprintf(status, sizeof(status), "HTTP/1.1 %s ", refused[_i].status);
	expect(status);
	ck_assert_ptr_null(strstr(answer, "Access-Control"));
	(void)close(fd);
}
END_TEST

static const char *const broken[] = {
	"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
	"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello",
	"BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n",
	"GET / HTTP/9.9\r\n\r\n",
	" GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
	"GET / HTTP/1.1\r\nno colon\r\n\r\n",
	"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
};

START_TEST(request_that_is_broken_harms_nobody)
{
	int fd = dial_saying(broken[_i]);

	(void)shutdown(fd, SHUT_WR);
	if (listen_to(fd))
		ck_assert_ptr_null(strstr(answer, " 200 "));
	(void)close(fd);
	ask("/");
	expect("200 OK");
}
END_TEST

START_TEST(header_without_an_end_is_hung_up_on)
{
	char rubbish[4096];
	uint64_t end = clock_monotonic_ms() + VISITS_FIRST_MS / 2;
	int fd = dial();
	char byte;

	memset(rubbish, 'a', sizeof(rubbish));
	say(fd, "GET / HTTP/1.1\r\nX: ");
	/* Until it is reset, or ended before its time is over. */
	while (send(fd, rubbish, sizeof(rubbish), MSG_DONTWAIT | MSG_NOSIGNAL) > 0 ||
	       errno == EAGAIN) {
		ck_assert_msg(clock_monotonic_ms() < end, "it is still there");
		turn();
		if (recv(fd, &byte, 1, MSG_DONTWAIT) == 0)
			break;
	}
	(void)close(fd);
}
END_TEST

START_TEST(new_client_gets_the_place_of_one_that_is_silent)
{
	int fds[3 * VISITS_MAX];

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = dial();
		say(fds[i], "GET / HT");
		turn();
	}
	ask("/api/1/status");
	expect("200 OK");
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		(void)close(fds[i]);
}
END_TEST

START_TEST(client_that_leaves_before_its_answer_is_forgotten)
{
	int fd = dial_saying("GET /api/1/queues HTTP/1.1\r\nHost: localhost\r\n\r\n");

	turn();
	(void)close(fd);
	ask("/api/1/queues");
	expect("200 OK");
}
END_TEST

START_TEST(closing_with_a_request_that_waits_leaves_nothing)
{
	int fd = dial_saying("GET /api/1/queues HTTP/1.1\r\nHost: localhost\r\n\r\n");

	turn();
	turn();
	web_close(web);
	web = NULL;
	turn();
	(void)close(fd);
}
END_TEST

START_TEST(socket_of_unix_serves_the_same_and_is_removed)
{
	char path[] = "/tmp/mqbridge-web-XXXXXX";
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char address[128];
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(path));
	web_close(web);
	(void)snprintf(address, sizeof(address), "unix://%s/web", path);
	open_at(address);
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/web", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	say(fd, "GET /api/1/status HTTP/1.1\r\nHost: localhost\r\n\r\n");
	ck_assert(listen_to(fd));
	expect("200 OK");
	(void)close(fd);
	web_close(web);
	web = NULL;
	ck_assert_int_eq(rmdir(path), 0); /* it is empty */
}
END_TEST

Suite *
suite_web(void)
{
	Suite *su = suite_create("web");
	TCase *tc = tcase_create("web");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, page_is_sent_with_a_policy_that_allows_nothing_else);
	tcase_add_test(tc, answer_is_that_of_the_command_without_the_line_at_its_end);
	tcase_add_loop_test(tc, answer_has_the_status_of_what_the_command_says, 0,
	    (int)ARRAY_LEN(answered));
	tcase_add_test(tc, many_who_ask_at_once_cost_one_run);
	tcase_add_test(tc, metrics_are_put_together_from_pieces);
	tcase_add_test(tc, metrics_have_the_form_that_is_asked_for);
	tcase_add_test(tc, head_is_answered_without_the_bytes);
	tcase_add_test(tc, requests_on_one_connection_are_answered_in_order);
	tcase_add_loop_test(
	    tc, request_for_what_is_not_served_is_refused, 0, (int)ARRAY_LEN(refused));
	tcase_add_loop_test(
	    tc, request_that_is_broken_harms_nobody, 0, (int)ARRAY_LEN(broken));
	tcase_add_test(tc, header_without_an_end_is_hung_up_on);
	tcase_add_test(tc, new_client_gets_the_place_of_one_that_is_silent);
	tcase_add_test(tc, client_that_leaves_before_its_answer_is_forgotten);
	tcase_add_test(tc, closing_with_a_request_that_waits_leaves_nothing);
	tcase_add_test(tc, socket_of_unix_serves_the_same_and_is_removed);
	suite_add_tcase(su, tc);
	return su;
}
