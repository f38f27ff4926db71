#include "net/dial.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/event.h>

#include "base/clock.h"
#include "net/address.h"
#include "net_loop.h"
#include "suites.h"

static struct result {
	int calls;
	int rc;
	char why[1024];
	bool cancel; /* itself, inside of the callback */
} result;

static struct dial *dial;
static struct address address;
static struct evdns_base *dns;
static struct evdns_server_port *server;
static int server_asked;

static void
on_done(void *owner, int fd_or_error, const char *why)
{
	struct result *re = owner;

	re->calls++;
	re->rc = fd_or_error;
	(void)snprintf(re->why, sizeof(re->why), "%s", why);
	if (re->cancel)
		dial_cancel(dial);
}

static void
setup(void)
{
	net_loop_setup();
	memset(&result, 0, sizeof(result));
	memset(&address, 0, sizeof(address));
	address.kind = ADDRESS_TCP;
	(void)snprintf(address.host, sizeof(address.host), "127.0.0.1");
	dial = NULL;
	dns = NULL;
	server = NULL;
	server_asked = 0;
}

static void
teardown(void)
{
	if (result.calls == 1 && result.rc >= 0)
		(void)close(result.rc);
	net_loop_turn();
	net_loop_turn();
	if (dns != NULL)
		evdns_base_free(dns, 1);
	if (server != NULL)
		evdns_close_server_port(server);
	net_loop_teardown();
}

static void
start(unsigned timeout_ms)
{
	struct dial_spec spec = { .address = &address,
		.timeout_ms = timeout_ms,
		.on_done = on_done,
		.owner = &result };

	ck_assert_int_eq(dial_start(&dial, net_loop, dns, &spec), 0);
	ck_assert_int_eq(result.calls, 0); /* never from within */
}

static void
finish(int rc, const char *why)
{
	net_loop_until(net_loop_int_set, &result.calls);
	net_loop_turn();
	ck_assert_int_eq(result.calls, 1);
	ck_assert_msg(strstr(result.why, why) != NULL, "\"%s\"", result.why);
	if (rc < 0) {
		ck_assert_int_eq(result.rc, rc);
		return;
	}
	ck_assert_int_ge(result.rc, 0);
	ck_assert_str_eq(result.why, "");
	ck_assert_int_ne(fcntl(result.rc, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_ne(fcntl(result.rc, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(send(result.rc, "x", 1, 0), 1);
}

/* A port of which connections are neither accepted nor refused: the queue of the
 * listening socket is full, so the kernel drops what more comes. */
static int silent[8];

static void
make_silent_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	silent[0] = net_loop_listen(&address.port, 0);
	sa.sin_port = htons(address.port);
	for (int i = 1; i < 8; i++) {
		silent[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(silent[i], (struct sockaddr *)&sa, sizeof(sa));
	}
}

static void
close_silent_port(void)
{
	for (int i = 0; i < 8; i++)
		(void)close(silent[i]);
}

START_TEST(number_is_connected)
{
	int listening = net_loop_listen(&address.port, 1);

	start(5000);
	finish(0, "");
	(void)close(listening);
}
END_TEST

START_TEST(localhost_needs_no_dns_and_tries_both_families)
{
	int listening = net_loop_listen(&address.port, 1); /* IPv4 alone */

	(void)snprintf(address.host, sizeof(address.host), "localhost");
	start(5000);
	finish(0, "");
	(void)close(listening);
}
END_TEST

START_TEST(refused_number_is_told_with_its_address)
{
	char want[64];

	(void)close(net_loop_listen(&address.port, 1));
	start(5000);
	(void)snprintf(
	    want, sizeof(want), "127.0.0.1:%u: Connection refused", address.port);
	finish(-ECONNREFUSED, want);
}
END_TEST

START_TEST(refused_localhost_tells_every_address)
{
	char want[64];

	(void)snprintf(address.host, sizeof(address.host), "localhost");
	(void)close(net_loop_listen(&address.port, 1));
	start(5000);
	(void)snprintf(
	    want, sizeof(want), "; 127.0.0.1:%u: Connection refused", address.port);
	finish(-ECONNREFUSED, want);
	ck_assert_msg(strncmp(result.why, "[::1]:", 6) == 0, "%s", result.why);
}
END_TEST

START_TEST(silent_address_times_out)
{
	uint64_t begin = clock_monotonic_ms();

	make_silent_port();
	start(300);
	finish(-ETIMEDOUT, "Connection timed out");
	ck_assert_uint_ge(clock_monotonic_ms() - begin, 290);
	ck_assert_uint_lt(clock_monotonic_ms() - begin, 5000);
	close_silent_port();
}
END_TEST

START_TEST(cancel_while_connecting_calls_nothing)
{
	make_silent_port();
	start(100);
	net_loop_turn();
	net_loop_turn();
	dial_cancel(dial);
	dial_cancel(NULL);
	dial = NULL;
	/* Another one with the same timeout ends after the first would have. */
	start(100);
	finish(-ETIMEDOUT, "timed out");
	close_silent_port();
}
END_TEST

START_TEST(cancel_before_the_first_turn_calls_nothing)
{
	int listening = net_loop_listen(&address.port, 1);

	start(5000);
	dial_cancel(dial);
	for (int i = 0; i < 5; i++)
		net_loop_turn();
	ck_assert_int_eq(result.calls, 0);
	(void)close(listening);
}
END_TEST

START_TEST(cancel_inside_the_callback_is_harmless)
{
	(void)close(net_loop_listen(&address.port, 1));
	result.cancel = true;
	start(5000);
	finish(-ECONNREFUSED, "refused");
}
END_TEST

START_TEST(unix_path_is_connected)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.kind = ADDRESS_UNIX;
	(void)snprintf(address.path, sizeof(address.path), "%s", net_loop_path("sock"));
	memcpy(un.sun_path, address.path, sizeof(un.sun_path));
	ck_assert_int_eq(bind(listening, (struct sockaddr *)&un, sizeof(un)), 0);
	ck_assert_int_eq(listen(listening, 1), 0);
	start(5000);
	finish(0, "");
	(void)close(listening);
}
END_TEST

START_TEST(absent_unix_path_is_told)
{
	address.kind = ADDRESS_UNIX;
	(void)snprintf(address.path, sizeof(address.path), "/nonexistent/link");
	start(5000);
	finish(-ENOENT, "/nonexistent/link: No such file or directory");
}
END_TEST

/* Our own network, in which the kernel has one port to give out. */
static bool
leave_one_port(uint16_t port)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd, ports;
	bool good;

	if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ports = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY | O_CLOEXEC);
	good = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &lo) == 0 && ports >= 0 &&
	       dprintf(ports, "%u %u\n", port, port) > 0;
	(void)close(fd);
	(void)close(ports);
	return good;
}

START_TEST(port_that_answers_itself_is_refused)
{
	address.port = 20001;
	if (!leave_one_port(address.port)) {
		(void)printf("SKIP dial: no network namespace\n");
		return;
	}
	start(5000);
	finish(-ECONNREFUSED, "127.0.0.1:20001: Connection refused");
}
END_TEST

/* The name server: "here.example" is 127.0.0.1, "silent.example" gets no answer, others
 * do not exist. */
static void
on_question(struct evdns_server_request *rq, void *arg)
{
	uint32_t number = htonl(INADDR_LOOPBACK);
	const struct evdns_server_question *qu = rq->questions[0];

	(void)arg;
	server_asked++;
	if (strcasecmp(qu->name, "silent.example") == 0) {
		(void)evdns_server_request_drop(rq);
		return;
	}
	if (strcasecmp(qu->name, "here.example") != 0) {
		(void)evdns_server_request_respond(rq, DNS_ERR_NOTEXIST);
		return;
	}
	if (qu->type == EVDNS_TYPE_A)
		(void)evdns_server_request_add_a_reply(rq, qu->name, 1, &number, 60);
	(void)evdns_server_request_respond(rq, 0);
}

static void
use_dns(const char *host)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	server = evdns_add_server_port_with_base(net_loop, fd, 0, on_question, NULL);
	ck_assert_ptr_nonnull(server);
	dns = evdns_base_new(net_loop, 0);
	ck_assert_ptr_nonnull(dns);
	ck_assert_int_eq(evdns_base_nameserver_sockaddr_add(
			     dns, (struct sockaddr *)&sa, sizeof(sa), 0),
	    0);
	(void)snprintf(address.host, sizeof(address.host), "%s", host);
}

START_TEST(name_is_resolved_and_connected)
{
	int listening = net_loop_listen(&address.port, 1);

	use_dns("here.example");
	start(5000);
	finish(0, "");
	(void)close(listening);
}
END_TEST

START_TEST(name_without_address_is_told)
{
	use_dns("absent.example");
	address.port = 7411;
	start(5000);
	finish(-ENONET, "no address for absent.example");
}
END_TEST

START_TEST(name_without_server_is_told)
{
	(void)snprintf(address.host, sizeof(address.host), "hub.example.net");
	address.port = 7411;
	start(5000);
	finish(-ENONET, "no address for hub.example.net: no name server");
}
END_TEST

START_TEST(silent_name_server_times_out)
{
	use_dns("silent.example");
	address.port = 7411;
	start(200);
	finish(-ENONET, "no address for silent.example: Connection timed out");
	ck_assert_int_gt(server_asked, 0);
}
END_TEST

START_TEST(cancel_while_resolving_calls_nothing)
{
	use_dns("silent.example");
	address.port = 7411;
	start(5000);
	net_loop_until(net_loop_int_set, &server_asked);
	dial_cancel(dial);
	for (int i = 0; i < 5; i++)
		net_loop_turn();
	ck_assert_int_eq(result.calls, 0);
}
END_TEST

static void
add_dns_tests(Suite *su)
{
	TCase *tc = tcase_create("dns");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, name_is_resolved_and_connected);
	tcase_add_test(tc, name_without_address_is_told);
	tcase_add_test(tc, name_without_server_is_told);
	tcase_add_test(tc, silent_name_server_times_out);
	tcase_add_test(tc, cancel_while_resolving_calls_nothing);
	suite_add_tcase(su, tc);
}

Suite *
suite_dial(void)
{
	Suite *su = suite_create("dial");
	TCase *tc = tcase_create("dial");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, number_is_connected);
	tcase_add_test(tc, localhost_needs_no_dns_and_tries_both_families);
	tcase_add_test(tc, refused_number_is_told_with_its_address);
	tcase_add_test(tc, refused_localhost_tells_every_address);
	tcase_add_test(tc, silent_address_times_out);
	tcase_add_test(tc, cancel_while_connecting_calls_nothing);
	tcase_add_test(tc, cancel_before_the_first_turn_calls_nothing);
	tcase_add_test(tc, cancel_inside_the_callback_is_harmless);
	tcase_add_test(tc, unix_path_is_connected);
	tcase_add_test(tc, absent_unix_path_is_told);
	tcase_add_test(tc, port_that_answers_itself_is_refused);
	suite_add_tcase(su, tc);
	add_dns_tests(su);
	return su;
}
