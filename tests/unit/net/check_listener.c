#include "net/listener.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "net/address.h"
#include "net/tcpsock.h"
#include "net_loop.h"
#include "suites.h"

#define NOBODY 65534
#define GROUP  54321 /* of nobody else here */
#define CAP    3

/* What the listener called. */
static struct calls {
	int accepted, refused, listened;
	int fd[16];
	char why[256];
	bool close_in_accept;
} calls;

static struct listener *ls;
static struct address address;
static struct listener_spec spec;

static void
on_accept(void *owner, int fd)
{
	struct calls *ca = owner;

	ck_assert_int_lt(ca->accepted, 16);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ca->fd[ca->accepted++] = fd;
	if (ca->close_in_accept)
		listener_close(ls);
}

static void
on_refuse(void *owner, const char *why)
{
	struct calls *ca = owner;

	ca->refused++;
	(void)snprintf(ca->why, sizeof(ca->why), "%s", why);
}

static void
on_listen(void *owner)
{
	struct calls *ca = owner;

	ca->listened++;
}

static const struct listener_ops ops = { on_accept, on_refuse, on_listen };

static void
setup(void)
{
	net_loop_setup();
	memset(&calls, 0, sizeof(calls));
	memset(&address, 0, sizeof(address));
	address.kind = ADDRESS_TCP;
	(void)snprintf(address.host, sizeof(address.host), "127.0.0.1");
	spec = (struct listener_spec){ .address = &address,
		.mode = 0666,
		.max_strangers = CAP,
		.ops = &ops,
		.owner = &calls };
	ls = NULL;
}

static void
teardown(void)
{
	for (int i = 0; i < calls.accepted; i++)
		(void)close(calls.fd[i]);
	listener_close(ls);
	net_loop_teardown();
}

static void
use_unix(void)
{
	address.kind = ADDRESS_UNIX;
	(void)snprintf(address.path, sizeof(address.path), "%s", net_loop_path("sock"));
}

static void
open_tcp(void)
{
	ck_assert_int_eq(listener_open(&ls, net_loop, &spec), 0);
	ck_assert_uint_ne(listener_port(ls), 0);
}

static int
connect_unix(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	memcpy(un.sun_path, address.path, sizeof(un.sun_path));
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

START_TEST(tcp_connection_is_accepted)
{
	int far;

	open_tcp();
	far = net_loop_connect(listener_port(ls));
	net_loop_until(net_loop_int_set, &calls.accepted);
	ck_assert_int_eq(send(calls.fd[0], "hi", 2, 0), 2);
	(void)close(far);
}
END_TEST

START_TEST(localhost_listens_on_loopback)
{
	(void)snprintf(address.host, sizeof(address.host), "localhost");
	open_tcp();
	(void)close(net_loop_connect(listener_port(ls)));
	net_loop_until(net_loop_int_set, &calls.accepted);
}
END_TEST

START_TEST(ipv6_listener_takes_ipv6_alone)
{
	struct address v4 = { .kind = ADDRESS_TCP, .host = "0.0.0.0" };
	struct listener *other = NULL;
	int rc;

	(void)snprintf(address.host, sizeof(address.host), "::");
	rc = listener_open(&ls, net_loop, &spec);
	if (rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL)
		return; /* no IPv6 here */
	ck_assert_int_eq(rc, 0);
	/* The same port of IPv4 is still free. */
	v4.port = listener_port(ls);
	spec.address = &v4;
	ck_assert_int_eq(listener_open(&other, net_loop, &spec), 0);
	listener_close(other);
}
END_TEST

START_TEST(host_name_is_refused)
{
	(void)snprintf(address.host, sizeof(address.host), "hub.example.net");
	ck_assert_int_eq(listener_open(&ls, net_loop, &spec), -EINVAL);
	ck_assert_ptr_null(ls);
}
END_TEST

START_TEST(port_in_use_is_refused)
{
	struct listener *other = NULL;

	open_tcp();
	address.port = listener_port(ls);
	ck_assert_int_eq(listener_open(&other, net_loop, &spec), -EADDRINUSE);
	ck_assert_ptr_null(other);
}
END_TEST

static bool
cap_is_reached(const void *arg)
{
	(void)arg;
	return calls.accepted >= CAP;
}

static bool
cap_is_passed(const void *arg)
{
	(void)arg;
	return calls.accepted > CAP;
}

START_TEST(strangers_above_the_cap_wait_until_one_is_done)
{
	int far[CAP + 2];

	open_tcp();
	for (int i = 0; i < CAP + 2; i++)
		far[i] = net_loop_connect(listener_port(ls));
	net_loop_until(cap_is_reached, NULL);
	net_loop_turn();
	net_loop_turn();
	ck_assert_int_eq(calls.accepted, CAP);
	listener_done(ls);
	net_loop_until(cap_is_passed, NULL);
	net_loop_turn();
	ck_assert_int_eq(calls.accepted, CAP + 1);
	ck_assert_int_eq(calls.refused, 0);
	for (int i = 0; i < CAP + 2; i++)
		(void)close(far[i]);
}
END_TEST

START_TEST(listener_closed_inside_accept_calls_nothing_more)
{
	int a, b;

	open_tcp();
	calls.close_in_accept = true;
	a = net_loop_connect(listener_port(ls));
	b = net_loop_connect(listener_port(ls));
	net_loop_until(net_loop_int_set, &calls.accepted);
	net_loop_turn();
	ck_assert_int_eq(calls.accepted, 1);
	ls = NULL;
	(void)close(a);
	(void)close(b);
}
END_TEST

START_TEST(shortage_of_descriptors_pauses_and_ends)
{
	struct rlimit was, none;
	int far;

	open_tcp();
	far = net_loop_connect(listener_port(ls));
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = (rlim_t)far + 1; /* the next descriptor is above it */
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	net_loop_until(net_loop_int_set, &calls.refused);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
	ck_assert_msg(
	    strstr(calls.why, "Too many open files") != NULL, "%s", calls.why);
	net_loop_turn();
	ck_assert_int_eq(calls.accepted, 0); /* it does not spin */
	ck_assert_int_eq(calls.refused, 1);
	net_loop_until(net_loop_int_set, &calls.accepted);
	(void)close(far);
}
END_TEST

static const mode_t umasks[] = { 0, 022, 0777 };

START_TEST(unix_socket_file_has_its_mode_under_any_umask)
{
	struct stat file;
	mode_t was = umask(umasks[_i]);

	use_unix();
	spec.mode = 0660;
	ck_assert_int_eq(listener_open(&ls, net_loop, &spec), 0);
	(void)umask(was);
	ck_assert_int_eq(stat(address.path, &file), 0);
	ck_assert_uint_eq(file.st_mode & 07777, 0660);
	ck_assert_uint_eq(listener_port(ls), 0);
}
END_TEST

START_TEST(unix_socket_file_goes_with_the_listener)
{
	use_unix();
	ck_assert_int_eq(listener_open(&ls, net_loop, &spec), 0);
	listener_close(ls);
	listener_close(ls); /* once more does nothing */
	ls = NULL;
	ck_assert_int_eq(access(address.path, F_OK), -1);
}
END_TEST

START_TEST(unix_socket_file_of_another_listener_stays)
{
	struct listener *newer = NULL;

	use_unix();
	ck_assert_int_eq(listener_open(&ls, net_loop, &spec), 0);
	ck_assert_int_eq(unlink(address.path), 0);
	ck_assert_int_eq(listener_open(&newer, net_loop, &spec), 0);
	listener_close(ls);
	ls = newer;
	ck_assert_int_eq(access(address.path, F_OK), 0);
}
END_TEST

START_TEST(stale_unix_socket_is_replaced)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	use_unix();
	memcpy(un.sun_path, address.path, sizeof(un.sun_path));
	ck_assert_int_eq(bind(dead, (struct sockaddr *)&un, sizeof(un)), 0);
	(void)close(dead);
	ck_assert_int_eq(access(address.path, F_OK), 0);
	ck_assert_int_eq(listener_open(&ls, net_loop, &spec), 0);
	(void)close(connect_unix());
	net_loop_until(net_loop_int_set, &calls.accepted);
}
END_TEST

START_TEST(living_unix_socket_is_not_replaced)
{
	struct listener *other = NULL;

	use_unix();
	ck_assert_int_eq(listener_open(&ls, net_loop, &spec), 0);
	ck_assert_int_eq(listener_open(&other, net_loop, &spec), -EADDRINUSE);
	ck_assert_ptr_null(other);
	(void)close(connect_unix());
	net_loop_until(net_loop_int_set, &calls.accepted);
}
END_TEST

START_TEST(file_that_is_no_socket_is_not_replaced)
{
	int fd;

	use_unix();
	fd = open(address.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	ck_assert_int_eq(listener_open(&ls, net_loop, &spec), -EEXIST);
	ck_assert_int_eq(access(address.path, F_OK), 0);
}
END_TEST

START_TEST(adopted_socket_accepts_and_keeps_its_file)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	use_unix();
	memcpy(un.sun_path, address.path, sizeof(un.sun_path));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(listener_adopt(&ls, net_loop, fd, &spec), 0);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	(void)close(connect_unix());
	net_loop_until(net_loop_int_set, &calls.accepted);
	listener_close(ls);
	ls = NULL;
	ck_assert_int_eq(access(address.path, F_OK), 0);
}
END_TEST

START_TEST(adopted_socket_of_another_kind_is_refused_and_closed)
{
	uint16_t port;
	int fd = net_loop_listen(&port, 1);

	use_unix();
	ck_assert_int_eq(listener_adopt(&ls, net_loop, fd, &spec), -EINVAL);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	fd = socket(AF_INET, SOCK_STREAM, 0); /* does not listen */
	address.kind = ADDRESS_TCP;
	ck_assert_int_eq(listener_adopt(&ls, net_loop, fd, &spec), -EINVAL);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	ck_assert_ptr_null(ls);
}
END_TEST

/* Connect as somebody else and wait for the end of the connection. */
static pid_t
connect_as(uid_t uid, gid_t gid, size_t n_groups, const gid_t *groups)
{
	pid_t pid = fork();
	char byte;
	int fd;

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	if (setgroups(n_groups, groups) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0)
		_exit(2);
	fd = connect_unix();
	if (fd < 0)
		_exit(3);
	(void)!recv(fd, &byte, 1, 0);
	_exit(0);
}

static void
check_exit(pid_t pid)
{
	int status = -1;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static const struct who {
	uid_t uid;
	gid_t gid, extra; /* extra 0: none */
	bool by_user, by_group, allowed;
} whos[] = {
	{ NOBODY, NOBODY, 0, false, false, false }, /* nothing is listed */
	{ 0, 0, 0, false, false, true },            /* root always may */
	{ NOBODY, NOBODY, 0, true, false, true },
	{ NOBODY, NOBODY, 0, false, true, false },
	{ NOBODY, GROUP, 0, false, true, true },
	{ NOBODY, NOBODY, GROUP, false, true, true }, /* a supplementary group */
	{ NOBODY - 1, NOBODY, 0, true, true, false },
};

START_TEST(unix_peer_is_judged_by_its_credentials)
{
	static const uid_t users[] = { NOBODY };
	static const gid_t groups[] = { 12345, GROUP };
	const struct who *wh = &whos[_i];
	pid_t pid;

	/* Root of a user namespace cannot become anybody. */
	if (geteuid() != 0 || setgroups(0, NULL) != 0) {
		(void)printf("SKIP listener: cannot become another user\n");
		return;
	}
	use_unix();
	spec.users = users;
	spec.n_users = wh->by_user ? 1 : 0;
	spec.groups = groups;
	spec.n_groups = wh->by_group ? 2 : 0;
	ck_assert_int_eq(listener_open(&ls, net_loop, &spec), 0);
	pid = connect_as(wh->uid, wh->gid, wh->extra != 0, &wh->extra);
	net_loop_until(
	    net_loop_int_set, wh->allowed ? &calls.accepted : &calls.refused);
	ck_assert_int_eq(calls.accepted, wh->allowed);
	ck_assert_int_eq(calls.refused, !wh->allowed);
	if (!wh->allowed)
		ck_assert_msg(strstr(calls.why, "uid 6553") != NULL, "%s", calls.why);
	for (int i = 0; i < calls.accepted; i++)
		(void)close(calls.fd[i]);
	calls.accepted = 0;
	check_exit(pid);
}
END_TEST

/* Somebody else, who wants to listen there. */
static int
listen_at(const char *host, uint16_t port)
{
	struct address at = { .kind = ADDRESS_TCP, .port = port };

	(void)snprintf(at.host, sizeof(at.host), "%s", host);
	return tcpsock_listen(&at, 1);
}

/* At a port that was chosen before, as the kernel lets go of one that it chose. */
static uint16_t
open_at_port(void)
{
	open_tcp();
	address.port = listener_port(ls);
	listener_close(ls);
	net_loop_turn();
	open_tcp();
	return address.port;
}

START_TEST(silent_listener_leaves_room_and_listens_again)
{
	uint16_t port = open_at_port();
	int far, wide;

	far = net_loop_connect(port);
	net_loop_until(net_loop_int_set, &calls.accepted);
	ck_assert_int_eq(listen_at("0.0.0.0", port), -EADDRINUSE);
	listener_silence(ls);
	ck_assert_uint_ne(listener_silent_since_ms(ls), 0);
	wide = listen_at("0.0.0.0", port);
	ck_assert_int_ge(wide, 0);
	(void)close(wide);
	ck_assert_int_eq(listener_listen(ls), 0);
	ck_assert_uint_eq(listener_silent_since_ms(ls), 0);
	/* The connection that was there goes on, and there are new ones. */
	ck_assert_int_eq(write(calls.fd[0], "x", 1), 1);
	(void)close(far);
	(void)close(calls.fd[0]);
	calls.accepted = 0;
	far = net_loop_connect(port);
	net_loop_until(net_loop_int_set, &calls.accepted);
	(void)close(far);
	ck_assert_int_eq(calls.listened, 0);
}
END_TEST

START_TEST(silent_listener_tries_until_address_is_free)
{
	uint16_t port = open_at_port();
	int far, other;

	listener_silence(ls);
	other = listen_at("0.0.0.0", port);
	ck_assert_int_ge(other, 0);
	ck_assert_int_eq(listener_listen(ls), -EADDRINUSE);
	ck_assert_uint_ne(listener_silent_since_ms(ls), 0);
	(void)close(other);
	net_loop_until(net_loop_int_set, &calls.listened);
	far = net_loop_connect(port);
	net_loop_until(net_loop_int_set, &calls.accepted);
	(void)close(far);
}
END_TEST

static void
add_unix_tests(Suite *su)
{
	TCase *tc = tcase_create("unix");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, unix_socket_file_has_its_mode_under_any_umask, 0,
	    (int)ARRAY_LEN(umasks));
	tcase_add_test(tc, unix_socket_file_goes_with_the_listener);
	tcase_add_test(tc, unix_socket_file_of_another_listener_stays);
	tcase_add_test(tc, stale_unix_socket_is_replaced);
	tcase_add_test(tc, living_unix_socket_is_not_replaced);
	tcase_add_test(tc, file_that_is_no_socket_is_not_replaced);
	tcase_add_test(tc, adopted_socket_accepts_and_keeps_its_file);
	tcase_add_test(tc, adopted_socket_of_another_kind_is_refused_and_closed);
	tcase_add_loop_test(
	    tc, unix_peer_is_judged_by_its_credentials, 0, (int)ARRAY_LEN(whos));
	suite_add_tcase(su, tc);
}

Suite *
suite_listener(void)
{
	Suite *su = suite_create("listener");
	TCase *tc = tcase_create("tcp");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, tcp_connection_is_accepted);
	tcase_add_test(tc, localhost_listens_on_loopback);
	tcase_add_test(tc, ipv6_listener_takes_ipv6_alone);
	tcase_add_test(tc, host_name_is_refused);
	tcase_add_test(tc, port_in_use_is_refused);
	tcase_add_test(tc, strangers_above_the_cap_wait_until_one_is_done);
	tcase_add_test(tc, listener_closed_inside_accept_calls_nothing_more);
	tcase_add_test(tc, silent_listener_leaves_room_and_listens_again);
	tcase_add_test(tc, silent_listener_tries_until_address_is_free);
	tcase_add_test(tc, shortage_of_descriptors_pauses_and_ends);
	suite_add_tcase(su, tc);
	add_unix_tests(su);
	return su;
}
