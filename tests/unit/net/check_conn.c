#include "net/conn.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_loop.h"
#include "suites.h"

#define ECHO_BYTES ((size_t)8 << 20) /* more than the sockets hold */

/* A connection that sends back what it gets. */
struct echo {
	struct conn *cn;
	int fd; /* of cn */
	char buf[65536];
	size_t used, sent;
	int readable, writable; /* calls */
	int ended;              /* -errno */
	bool kill;              /* itself, inside of the first callback */
};

static struct echo echo;

static void
echo_flush(struct echo *ec)
{
	while (ec->sent < ec->used) {
		struct iovec iov[2] = { { ec->buf + ec->sent, 1 },
			{ ec->buf + ec->sent + 1, ec->used - ec->sent - 1 } };
		ssize_t n = conn_writev(ec->cn, iov, 2);

		if (n < 0) {
			if (n != -EAGAIN)
				ec->ended = (int)n;
			break;
		}
		ec->sent += (size_t)n;
	}
	if (ec->sent == ec->used)
		ec->sent = ec->used = 0;
	conn_want_write(ec->cn, ec->used > 0);
	conn_want_read(ec->cn, ec->used == 0);
}

static bool
echo_kills_itself(struct echo *ec)
{
	if (!ec->kill)
		return false;
	conn_kill(ec->cn);
	/* Still there until the next turn, but dead. */
	ck_assert_int_eq(conn_read(ec->cn, ec->buf, 1), -ECONNRESET);
	conn_want_read(ec->cn, true);
	conn_want_write(ec->cn, true);
	conn_kill(ec->cn);
	return true;
}

static void
echo_on_readable(void *owner)
{
	struct echo *ec = owner;
	ssize_t n;

	ec->readable++;
	if (echo_kills_itself(ec))
		return;
	n = conn_read(ec->cn, ec->buf, sizeof(ec->buf));
	if (n == -EAGAIN)
		return;
	if (n < 0) {
		ec->ended = (int)n;
		conn_want_read(ec->cn, false);
		return;
	}
	ec->used = (size_t)n;
	echo_flush(ec);
}

static void
echo_on_writable(void *owner)
{
	struct echo *ec = owner;

	ec->writable++;
	if (!echo_kills_itself(ec))
		echo_flush(ec);
}

static const struct conn_ops echo_ops = { echo_on_readable, echo_on_writable };

/* The other end of an echo over loopback, blocking. */
static int
start_echo(void)
{
	uint16_t port;
	int listening = net_loop_listen(&port, 1);
	int far = net_loop_connect(port);
	int near = accept(listening, NULL, NULL);

	ck_assert_int_ge(near, 0);
	(void)close(listening);
	ck_assert_int_eq(conn_new(&echo.cn, net_loop, near, &echo_ops, &echo), 0);
	echo.fd = near;
	return far;
}

static void
setup(void)
{
	net_loop_setup();
	memset(&echo, 0, sizeof(echo));
}

struct transfer {
	int fd;
	size_t sent, got;
	bool good;
};

static char
pattern(size_t at)
{
	return (char)(at * 7 + at / 251);
}

static void
push(struct transfer *tr)
{
	char buf[5000];
	ssize_t n;

	do {
		size_t left = ECHO_BYTES - tr->sent;

		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = pattern(tr->sent + i);
		n = send(
		    tr->fd, buf, left < sizeof(buf) ? left : sizeof(buf), MSG_DONTWAIT);
		tr->sent += n > 0 ? (size_t)n : 0;
	} while (n > 0);
}

static void
pull(struct transfer *tr)
{
	char buf[5000];
	ssize_t n;

	while ((n = recv(tr->fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			tr->good = tr->good && buf[i] == pattern(tr->got + (size_t)i);
		tr->got += (size_t)n;
	}
}

/* Pull only when the echo cannot go on, so that it has to wait for being writable. */
static bool
transfer_is_done(const void *arg)
{
	struct transfer *tr = *(struct transfer *const *)arg;

	push(tr);
	if (echo.used > 0 || tr->sent == ECHO_BYTES)
		pull(tr);
	return tr->got == ECHO_BYTES;
}

START_TEST(echo_of_more_than_the_sockets_hold_is_exact)
{
	struct transfer tr = { .fd = start_echo(), .good = true };
	struct transfer *arg = &tr;

	net_loop_until(transfer_is_done, &arg);
	ck_assert(tr.good);
	ck_assert_int_gt(echo.writable, 0);
	ck_assert_int_eq(echo.ended, 0);
	conn_kill(echo.cn);
	(void)close(tr.fd);
}
END_TEST

static bool
echo_read(const void *arg)
{
	const struct echo *ec = arg;

	return ec->readable > 0 && ec->used == 0;
}

START_TEST(half_closed_connection_ends_reading_and_still_writes)
{
	int far = start_echo();
	char buf[8] = "";
	struct iovec iov = { (char[]){ "late" }, 4 };

	ck_assert_int_eq(send(far, "hello", 5, 0), 5);
	ck_assert_int_eq(shutdown(far, SHUT_WR), 0);
	net_loop_until(net_loop_int_set, &echo.ended);
	ck_assert_int_eq(echo.ended, -ECONNRESET);
	ck_assert_int_eq(conn_writev(echo.cn, &iov, 1), 4);
	conn_kill(echo.cn);
	ck_assert_int_eq(recv(far, buf, 5, MSG_WAITALL), 5);
	ck_assert_str_eq(buf, "hello");
	ck_assert_int_eq(recv(far, buf, 5, MSG_WAITALL), 4);
	ck_assert_int_eq(memcmp(buf, "late", 4), 0);
	(void)close(far);
}
END_TEST

START_TEST(reset_connection_fails_to_read)
{
	int far = start_echo();
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	ck_assert_int_eq(setsockopt(far, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	(void)close(far);
	net_loop_until(net_loop_int_set, &echo.ended);
	ck_assert_int_eq(echo.ended, -ECONNRESET);
	conn_kill(echo.cn);
}
END_TEST

static bool
writing_fails(const void *arg)
{
	struct iovec iov = { (char[]){ "x" }, 1 };
	ssize_t n = conn_writev(echo.cn, &iov, 1);

	(void)arg;
	return n == -EPIPE || n == -ECONNRESET;
}

START_TEST(writing_to_a_closed_connection_fails_without_signal)
{
	int far = start_echo();

	(void)close(far);
	net_loop_until(writing_fails, NULL);
	conn_kill(echo.cn);
}
END_TEST

static bool
echo_was_called(const void *arg)
{
	(void)arg;
	return echo.readable + echo.writable > 0;
}

START_TEST(kill_inside_own_callback_calls_nothing_more)
{
	int far = start_echo();
	char byte;

	echo.kill = true;
	conn_want_write(echo.cn, true); /* both would be called on the same turn */
	ck_assert_int_eq(send(far, "hello", 5, 0), 5);
	net_loop_until(echo_was_called, NULL);
	net_loop_turn();
	net_loop_turn();
	ck_assert_int_eq(echo.readable + echo.writable, 1);
	ck_assert_int_le(recv(far, &byte, 1, 0), 0); /* closed at once */
	(void)close(far);
}
END_TEST

START_TEST(kill_with_unread_input_delivers_the_last_output)
{
	int far = start_echo();
	struct iovec iov = { (char[]){ "bye" }, 3 };
	char buf[8];

	ck_assert_int_eq(send(far, "unread", 6, 0), 6);
	ck_assert_int_eq(conn_writev(echo.cn, &iov, 1), 3);
	conn_kill(echo.cn);
	ck_assert_int_eq(recv(far, buf, sizeof(buf), MSG_WAITALL), 3);
	ck_assert_int_eq(memcmp(buf, "bye", 3), 0);
	ck_assert_int_eq(recv(far, buf, sizeof(buf), 0), 0); /* an end, no reset */
	(void)close(far);
}
END_TEST

START_TEST(paused_reading_resumes)
{
	int far = start_echo();

	conn_want_read(echo.cn, false);
	ck_assert_int_eq(send(far, "hello", 5, 0), 5);
	net_loop_turn();
	ck_assert_int_eq(echo.readable, 0);
	conn_want_read(echo.cn, true);
	net_loop_until(echo_read, &echo);
	conn_kill(echo.cn);
	(void)close(far);
}
END_TEST

START_TEST(tcp_connection_has_its_options)
{
	int far = start_echo();
	struct sockaddr_in sa = { 0 };
	socklen_t len = sizeof(sa);
	char want[64];
	int value = 0, fd = echo.fd;

	ck_assert_int_eq(getsockname(far, (struct sockaddr *)&sa, &len), 0);
	(void)snprintf(want, sizeof(want), "127.0.0.1:%u", ntohs(sa.sin_port));
	ck_assert_str_eq(conn_name(echo.cn), want);
	len = sizeof(value);
	ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
	ck_assert_int_ne(value, 0);
	ck_assert_int_eq(
	    getsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, &len), 0);
	ck_assert_int_gt(value, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	conn_kill(echo.cn);
	(void)close(far);
}
END_TEST

START_TEST(unix_connection_is_named_with_credentials)
{
	char want[64];
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(conn_new(&echo.cn, net_loop, pair[0], &echo_ops, &echo), 0);
	(void)snprintf(
	    want, sizeof(want), "unix (uid %u, pid %d)", geteuid(), getpid());
	ck_assert_str_eq(conn_name(echo.cn), want);
	conn_kill(echo.cn);
	(void)close(pair[1]);
}
END_TEST

START_TEST(descriptor_that_is_no_socket_is_refused_and_closed)
{
	int fds[2];
	struct conn *cn = NULL;

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(conn_new(&cn, net_loop, fds[0], &echo_ops, &echo), -ENOTSOCK);
	ck_assert_ptr_null(cn);
	ck_assert_int_eq(fcntl(fds[0], F_GETFD), -1);
	(void)close(fds[1]);
	conn_kill(NULL);
}
END_TEST

Suite *
suite_conn(void)
{
	Suite *su = suite_create("conn");
	TCase *tc = tcase_create("conn");

	tcase_add_checked_fixture(tc, setup, net_loop_teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, echo_of_more_than_the_sockets_hold_is_exact);
	tcase_add_test(tc, half_closed_connection_ends_reading_and_still_writes);
	tcase_add_test(tc, reset_connection_fails_to_read);
	tcase_add_test(tc, writing_to_a_closed_connection_fails_without_signal);
	tcase_add_test(tc, kill_inside_own_callback_calls_nothing_more);
	tcase_add_test(tc, kill_with_unread_input_delivers_the_last_output);
	tcase_add_test(tc, paused_reading_resumes);
	tcase_add_test(tc, tcp_connection_has_its_options);
	tcase_add_test(tc, unix_connection_is_named_with_credentials);
	tcase_add_test(tc, descriptor_that_is_no_socket_is_refused_and_closed);
	suite_add_tcase(su, tc);
	return su;
}
