#include "service/activation.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "net/address.h"
#include "net/tcpsock.h"
#include "net/unixsock.h"
#include "suites.h"

/* Below it Check has descriptors of its own. */
#define FIRST 50

static struct activation *at;
static struct sockaddr_un manager; /* NOTIFY_SOCKET */
static char path[64];
static int manager_fd, n_passed, fd;
static char names[256];
static unsigned n_refused;

static void
see(void *owner, const struct log_line *ln)
{
	(void)owner;
	n_refused += ln->id == EVENT_SOCKET_REFUSED;
}

static void
setup(void)
{
	log_setup(LOG_LEVEL_ERROR, LOG_STYLE_PLAIN);
	log_observe(see, NULL);
	(void)snprintf(path, sizeof(path), "/tmp/mqb-activation-%d", (int)getpid());
	(void)unlink(path);
	manager.sun_family = AF_UNIX;
	(void)snprintf(manager.sun_path, sizeof(manager.sun_path), "%s.notify", path);
	(void)unlink(manager.sun_path);
	manager_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(manager_fd, 0);
	/* Out of the way of what is passed. */
	ck_assert_int_eq(dup3(manager_fd, 100, O_CLOEXEC), 100);
	(void)close(manager_fd);
	manager_fd = 100;
	ck_assert_int_eq(
	    bind(manager_fd, (struct sockaddr *)&manager, sizeof(manager)), 0);
}

static void
teardown(void)
{
	activation_free(at);
	(void)unlink(path);
	(void)unlink(manager.sun_path);
	log_observe(NULL, NULL);
}

static struct address
address_of(const char *text)
{
	struct address ad = { 0 };

	ck_assert_int_eq(address_parse(&ad, text), 0);
	return ad;
}

static struct address
unix_address(void)
{
	struct address ad = { .kind = ADDRESS_UNIX };

	(void)snprintf(ad.path, sizeof(ad.path), "%s", path);
	return ad;
}

/* Takes over the descriptor. */
static void
pass(int listening, const char *name)
{
	int place = FIRST + n_passed++;

	ck_assert_int_ge(listening, 0);
	if (listening != place) {
		ck_assert_int_eq(dup2(listening, place), place);
		(void)close(listening);
	}
	if (n_passed > 1)
		(void)strncat(names, ":", sizeof(names) - strlen(names) - 1);
	(void)strncat(names, name, sizeof(names) - strlen(names) - 1);
}

static int
listening_tcp(const char *text, struct address *ret)
{
	struct sockaddr_in v4 = { 0 };
	socklen_t len = sizeof(v4);
	struct address ad = address_of(text);
	int got;

	ad.port = 0;
	got = tcpsock_listen(&ad, 1);
	ck_assert_int_ge(got, 0);
	ck_assert_int_eq(getsockname(got, (struct sockaddr *)&v4, &len), 0);
	ad.port = ntohs(v4.sin_port);
	*ret = ad;
	return got;
}

static int
listening_unix(void)
{
	struct stat st;

	return unixsock_listen(path, 0600, 1, &st);
}

static void
begin(bool with_manager)
{
	char number[32];

	(void)snprintf(number, sizeof(number), "%d", (int)getpid());
	ck_assert_int_eq(setenv("LISTEN_PID", number, 1), 0);
	(void)snprintf(number, sizeof(number), "%d", n_passed);
	ck_assert_int_eq(setenv("LISTEN_FDS", number, 1), 0);
	ck_assert_int_eq(setenv("LISTEN_FDNAMES", names, 1), 0);
	if (with_manager)
		ck_assert_int_eq(setenv("NOTIFY_SOCKET", manager.sun_path, 1), 0);
	else
		ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0);
	ck_assert_int_eq(activation_new(&at, FIRST), 0);
	ck_assert_ptr_null(getenv("LISTEN_FDS"));
}

#ifdef HAVE_LIBSYSTEMD
/* The next that the manager was told, with a descriptor or without. */
static const char *
told(int *ret_fd)
{
	static char text[512];
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(manager_fd, &msg, 0);
	struct cmsghdr *head = n < 0 ? NULL : CMSG_FIRSTHDR(&msg);

	*ret_fd = -1;
	if (head != NULL && head->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(head), sizeof(*ret_fd));
	text[n < 0 ? 0 : n] = '\0';
	return text;
}
#endif

static const struct activation_file file = { .mode = 0600 };

START_TEST(socket_is_found_by_name_and_address)
{
	struct address one, two;

	pass(listening_tcp("tcp://127.0.0.1:1", &one), "listener-one");
	pass(listening_unix(), "control");
	pass(listening_tcp("tcp://127.0.0.1:1", &two), "listener");
	begin(true);
	fd = activation_listen(at, ACTIVATION_LISTENER, &two, &file);
	ck_assert_int_eq(fd, FIRST + 2);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	struct address ad = unix_address();
	ck_assert_int_eq(activation_take(at, ACTIVATION_LISTENER, &ad), -ENOENT);
	ck_assert_int_eq(activation_take(at, ACTIVATION_CONTROL, &ad), FIRST + 1);
	ck_assert_int_eq(activation_take(at, ACTIVATION_CONTROL, &ad), -ENOENT);
	ck_assert_int_eq(activation_take(at, ACTIVATION_LISTENER, &one), FIRST);
	ck_assert_uint_eq(activation_finish(at), 0);
	ck_assert_uint_eq(n_refused, 0);
}
END_TEST

START_TEST(socket_that_nothing_names_is_a_fault)
{
	struct address one, other = address_of("tcp://127.0.0.2:7411");

	pass(listening_tcp("tcp://127.0.0.1:1", &one), "listener");
	pass(listening_unix(), "mqbridge.socket");
	pass(socket(AF_INET, SOCK_STREAM, 0), "metrics");
	begin(true);
	ck_assert_int_eq(activation_take(at, ACTIVATION_LISTENER, &other), -ENOENT);
	ck_assert_uint_eq(activation_finish(at), 3);
	ck_assert_uint_eq(n_refused, 3);
	ck_assert_int_eq(fcntl(FIRST, F_GETFD), -1); /* closed */
}
END_TEST

START_TEST(passed_socket_that_was_given_up_is_taken_again)
{
	struct address ad;
	int second;

	pass(listening_tcp("tcp://127.0.0.1:1", &ad), "listener");
	begin(true);
	fd = activation_listen(at, ACTIVATION_LISTENER, &ad, &file);
	ck_assert_int_eq(fd, FIRST);
	ck_assert_uint_eq(activation_finish(at), 0);
	for (int i = 0; i < 3; i++) {
		(void)close(fd);
		/* That its unit listens and nobody answers is told. */
		activation_forget(at, ACTIVATION_LISTENER, &ad);
		ck_assert_uint_eq(n_refused, (unsigned)i + 1);
		fd = activation_listen(at, ACTIVATION_LISTENER, &ad, &file);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
		second = activation_take(at, ACTIVATION_LISTENER, &ad);
		ck_assert_int_eq(second, -ENOENT);
	}
	(void)close(fd);
}
END_TEST

START_TEST(sockets_for_another_process_are_not_touched)
{
	struct address one;

	pass(listening_tcp("tcp://127.0.0.1:1", &one), "listener");
	ck_assert_int_eq(setenv("LISTEN_PID", "1", 1), 0);
	ck_assert_int_eq(setenv("LISTEN_FDS", "1", 1), 0);
	ck_assert_int_eq(setenv("LISTEN_FDNAMES", "listener", 1), 0);
	ck_assert_int_eq(activation_new(&at, FIRST), 0);
	ck_assert_int_eq(activation_take(at, ACTIVATION_LISTENER, &one), -ENOENT);
	ck_assert_uint_eq(activation_finish(at), 0);
	ck_assert_int_ne(fcntl(FIRST, F_GETFD), -1);
}
END_TEST

START_TEST(without_a_manager_the_caller_makes_its_own)
{
	struct address ad = unix_address();

	begin(false);
	ck_assert_int_eq(
	    activation_listen(at, ACTIVATION_LISTENER, &ad, &file), -ENOENT);
	ck_assert_int_eq(
	    activation_listen(NULL, ACTIVATION_LISTENER, &ad, &file), -ENOENT);
}
END_TEST

#ifdef HAVE_LIBSYSTEMD
START_TEST(new_socket_is_given_to_the_manager)
{
	struct address ad = unix_address();
	struct stat st;
	int copy;

	begin(true);
	fd = activation_listen(at, ACTIVATION_CONTROL, &ad, &file);
	ck_assert_int_ge(fd, 0);
	ck_assert_str_eq(told(&copy), "FDNAME=kept-control\nFDSTORE=1\nFDPOLL=0");
	ck_assert_int_ge(copy, 0);
	/* Its end leaves the file, for the copy listens on. */
	(void)close(fd);
	ck_assert_int_eq(lstat(path, &st), 0);
	activation_forget(at, ACTIVATION_CONTROL, &ad);
	ck_assert_str_eq(told(&copy), "FDNAME=kept-control\nFDSTOREREMOVE=1");
	ck_assert_int_eq(lstat(path, &st), -1);
}
END_TEST

START_TEST(kept_socket_is_taken_back)
{
	struct address ad = unix_address(), gone = address_of("tcp://127.0.0.9:7411");
	struct address tcp;
	struct stat st;
	int copy;

	pass(listening_unix(), "kept-listener-x");
	pass(listening_tcp("tcp://127.0.0.1:1", &tcp), "kept-listener-y");
	begin(true);
	ck_assert_int_eq(activation_listen(at, ACTIVATION_LISTENER, &ad,
			     &(struct activation_file){ .mode = 0640 }),
	    FIRST);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0640);
	ck_assert_int_eq(activation_take(at, ACTIVATION_LISTENER, &gone), -ENOENT);
	/* What the configuration names no more is no fault, and kept no longer. */
	ck_assert_uint_eq(activation_finish(at), 0);
	ck_assert_str_eq(told(&copy), "FDNAME=kept-listener-y\nFDSTOREREMOVE=1");
}
END_TEST

START_TEST(socket_of_metrics_is_kept_as_the_others_are)
{
	struct address ad = unix_address(), tcp;
	const char *name;
	int copy;

	pass(listening_tcp("tcp://127.0.0.1:1", &tcp), "kept-metrics-1-127.0.0.1");
	begin(true);
	ck_assert_int_eq(activation_listen(at, ACTIVATION_METRICS, &tcp, &file), FIRST);
	fd = activation_listen(at, ACTIVATION_METRICS, &ad, &file);
	ck_assert_int_ge(fd, 0);
	name = strstr(told(&copy), "FDNAME=kept-metrics-/");
	ck_assert_ptr_nonnull(name);
	ck_assert_int_ge(copy, 0);
	(void)close(copy);
	(void)close(fd);
	activation_forget(at, ACTIVATION_METRICS, &ad);
	name = told(&copy);
	ck_assert_ptr_nonnull(strstr(name, "FDNAME=kept-metrics-/"));
	ck_assert_ptr_nonnull(strstr(name, "\nFDSTOREREMOVE=1"));
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(kept_socket_without_its_file_is_made_anew)
{
	struct address ad = unix_address();

	pass(listening_unix(), "kept-control");
	ck_assert_int_eq(unlink(path), 0);
	begin(true);
	fd = activation_listen(at, ACTIVATION_CONTROL, &ad, &file);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_ne(fd, FIRST);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(name_of_a_kept_socket_is_one_that_systemd_takes)
{
	struct address ad = address_of("tcp://[::1]:7411");
	const char *name;
	int copy;

	begin(true);
	ad.port = 0;
	fd = activation_listen(at, ACTIVATION_LISTENER, &ad, &file);
	if (fd == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT)
		return; /* a host without IPv6 */
	ck_assert_int_ge(fd, 0);
	name = strstr(told(&copy), "FDNAME=");
	ck_assert_ptr_nonnull(name);
	ck_assert_str_eq(name, "FDNAME=kept-listener-0-%3a%3a1\nFDSTORE=1\nFDPOLL=0");
}
END_TEST
#endif

Suite *
suite_activation(void)
{
	Suite *s = suite_create("activation");
	TCase *tc = tcase_create("activation");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, socket_is_found_by_name_and_address);
	tcase_add_test(tc, socket_that_nothing_names_is_a_fault);
	tcase_add_test(tc, passed_socket_that_was_given_up_is_taken_again);
	tcase_add_test(tc, sockets_for_another_process_are_not_touched);
	tcase_add_test(tc, without_a_manager_the_caller_makes_its_own);
#ifdef HAVE_LIBSYSTEMD
	tcase_add_test(tc, new_socket_is_given_to_the_manager);
	tcase_add_test(tc, kept_socket_is_taken_back);
	tcase_add_test(tc, socket_of_metrics_is_kept_as_the_others_are);
	tcase_add_test(tc, kept_socket_without_its_file_is_made_anew);
	tcase_add_test(tc, name_of_a_kept_socket_is_one_that_systemd_takes);
#endif
	suite_add_tcase(s, tc);
	return s;
}
