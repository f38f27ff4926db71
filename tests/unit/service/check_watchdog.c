#include "service/watchdog.h"

#include <check.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "service/patience.h"
#include "suites.h"

#ifdef HAVE_LIBSYSTEMD
static struct sockaddr_un manager;
static int manager_fd;
static struct event_base *base;

static void
setup(void)
{
	manager.sun_family = AF_UNIX;
	(void)snprintf(manager.sun_path, sizeof(manager.sun_path),
	    "/tmp/mqb-watchdog-%d", (int)getpid());
	(void)unlink(manager.sun_path);
	manager_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(manager_fd, 0);
	ck_assert_int_eq(
	    bind(manager_fd, (struct sockaddr *)&manager, sizeof(manager)), 0);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", manager.sun_path, 1), 0);
	ck_assert_int_eq(unsetenv("WATCHDOG_PID"), 0);
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
}

static void
teardown(void)
{
	event_base_free(base);
	(void)close(manager_fd);
	(void)unlink(manager.sun_path);
}

/* What the manager is told within the time, "" nothing. */
static const char *
told(int ms)
{
	static char text[256];
	struct pollfd pf = { .fd = manager_fd, .events = POLLIN };
	ssize_t n = -1;

	if (poll(&pf, 1, ms) > 0)
		n = recv(manager_fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

START_TEST(watchdog_is_fed_while_the_loop_turns)
{
	struct watchdog *wd;

	ck_assert_int_eq(setenv("WATCHDOG_USEC", "20000", 1), 0);
	ck_assert_int_eq(watchdog_new(&wd, base), 0);
	ck_assert_ptr_nonnull(wd);
	ck_assert_str_eq(told(100), ""); /* it does not turn */
	for (int i = 0; i < 1000; i++) {
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
		if (strcmp(told(0), "WATCHDOG=1") == 0)
			break;
		ck_assert_int_lt(i, 999);
	}
	watchdog_free(wd);
}
END_TEST

/* The descriptor of this process that is an epoll. */
static int
epoll_of_loop(void)
{
	char path[64], target[64];

	for (int fd = 0; fd < 1024; fd++) {
		ssize_t n;

		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (strcmp(target, "anon_inode:[eventpoll]") == 0)
			return fd;
	}
	return -1;
}

static void
count_turns(evutil_socket_t fd, short what, void *arg)
{
	int *n = arg;

	(void)fd;
	(void)what;
	++*n;
}

/* The loop turns and its timers are called, but no message would come any more. */
START_TEST(watchdog_is_not_fed_when_only_timers_are_called)
{
	const struct timeval tick = { .tv_usec = 10000 }; /* as often as it is fed */
	struct watchdog *wd;
	struct event *ticks;
	int n = 0, deaf, fd = epoll_of_loop();

	ck_assert_int_eq(setenv("WATCHDOG_USEC", "20000", 1), 0);
	ck_assert_int_eq(watchdog_new(&wd, base), 0);
	ticks = event_new(base, -1, EV_PERSIST, count_turns, &n);
	ck_assert_ptr_nonnull(ticks);
	ck_assert_int_eq(event_add(ticks, &tick), 0);
	ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
	deaf = epoll_create1(EPOLL_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(dup3(deaf, fd, O_CLOEXEC), fd);
	for (n = 0; n < 10;)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert_str_eq(told(0), "");
	watchdog_free(wd);
	event_free(ticks);
	(void)close(deaf);
}
END_TEST

START_TEST(watchdog_without_a_manager_is_none)
{
	struct watchdog *wd;

	ck_assert_int_eq(unsetenv("WATCHDOG_USEC"), 0);
	ck_assert_int_eq(watchdog_new(&wd, base), 0);
	ck_assert_ptr_null(wd);
	watchdog_free(wd);
}
END_TEST

START_TEST(patience_is_asked_for_while_there_is_work)
{
	uint64_t end_ms = clock_monotonic_ms() + 20000;
	struct patience *pt;
	const char *text = "";

	ck_assert_int_eq(patience_begin(&pt), 0);
	while (text[0] == '\0' && clock_monotonic_ms() < end_ms)
		text = told(0);
	patience_end(pt);
	ck_assert_str_eq(text, "EXTEND_TIMEOUT_USEC=30000000");
}
END_TEST

START_TEST(patience_is_not_asked_for_by_who_hangs)
{
	struct patience *pt;

	ck_assert_int_eq(patience_begin(&pt), 0);
	ck_assert_str_eq(told(2 * PATIENCE_LOOK_MS + 500), "");
	patience_end(pt);
}
END_TEST

START_TEST(patience_without_a_manager_is_none)
{
	struct patience *pt;

	ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0);
	ck_assert_int_eq(patience_begin(&pt), 0);
	ck_assert_ptr_null(pt);
	patience_end(pt);
}
END_TEST
#endif

Suite *
suite_watchdog(void)
{
	Suite *s = suite_create("watchdog");
#ifdef HAVE_LIBSYSTEMD
	TCase *tc = tcase_create("watchdog");

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, watchdog_is_fed_while_the_loop_turns);
	tcase_add_test(tc, watchdog_is_not_fed_when_only_timers_are_called);
	tcase_add_test(tc, watchdog_without_a_manager_is_none);
	tcase_add_test(tc, patience_is_asked_for_while_there_is_work);
	tcase_add_test(tc, patience_is_not_asked_for_by_who_hangs);
	tcase_add_test(tc, patience_without_a_manager_is_none);
	suite_add_tcase(s, tc);
#endif
	return s;
}
