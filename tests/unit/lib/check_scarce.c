/* When there is no signal left, or no room to queue one: what needs none goes on, what
 * needs one says so, and nothing waits for ever. */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "lib/ipcq.h"
#include "private_ipc.h"
#include "suites.h"

#define READWRITE (IPCQ_READ | IPCQ_WRITE)
#define POSIX     "posix:/scarce"
#define SYSV      "sysv:0x5ca2ce"
#define SIZE      64
#define MS        1000000 /* nanoseconds */
#define DEADLINE  20      /* seconds */
#define QUIET_MS  20      /* how long nothing is to happen */

static const struct ipcq_options now = { .flags = IPCQ_NOWAIT };
static const struct ipcq_options timed = { .flags = IPCQ_TIMED, .timeout_ns = 5 * MS };

static struct ipcq *queue;
static char buf[IPCQ_HEAD + SIZE];
static struct ipcq_message got;
static sem_t called;
static atomic_int handled;

static void
open_queue(const char *uri)
{
	struct ipcq_create create = {
		.max_messages = 2, .message_size = SIZE, .max_bytes = 2 * SIZE
	};

	ck_assert_int_eq(ipcq_open(&queue, uri, READWRITE | IPCQ_CREATE, &create), 0);
	(void)sem_init(&called, 0, 0);
}

static void
close_queue(void)
{
	ipcq_close(queue);
	queue = NULL;
}

static void
send_one(void)
{
	ck_assert_int_eq(ipcq_send(queue, "A", 1, 1, IPCQ_NOWAIT), 0);
}

static ssize_t
receive_now(void)
{
	return ipcq_receive(queue, buf, sizeof(buf), &now, &got);
}

static void
on_signal(int sig)
{
	(void)sig;
	(void)atomic_fetch_add(&handled, 1);
}

/* But for the one that valgrind has for itself, and ignores. */
static void
use_realtime_signals(void (*handler)(int sig))
{
	const struct sigaction sa = { .sa_handler = handler };
	struct sigaction old;

	for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++) {
		if (sigaction(sig, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			(void)sigaction(sig, &sa, NULL);
	}
}

static void
limit_pending(rlim_t signals)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_SIGPENDING, &limit), 0);
	limit.rlim_cur = signals < limit.rlim_max ? signals : limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_SIGPENDING, &limit), 0);
}

/* 0: somebody else handles every real-time signal; 1: none more may be pending. */
static void
make_scarce(int what)
{
	if (what == 0)
		use_realtime_signals(on_signal);
	else
		limit_pending(0);
}

/* Before a test ends, as Check makes a timer then. */
static void
make_plenty(int what)
{
	if (what == 0)
		use_realtime_signals(SIG_DFL);
	else
		limit_pending(RLIM_INFINITY);
}

static void
on_message(struct ipcq *q, void *arg)
{
	(void)q;
	(void)arg;
	(void)sem_post(&called);
}

static int
notify_callback(void)
{
	const struct ipcq_notification what = { .how = IPCQ_NOTIFY_CALLBACK,
		.callback = on_message };

	return ipcq_notify(queue, &what);
}

static void
wait_called(void)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += DEADLINE;
	ck_assert_int_eq(sem_clockwait(&called, CLOCK_MONOTONIC, &until), 0);
}

/* ---- timeouts ------------------------------------------------------------------------- */

START_TEST(timed_sysv_call_returns_enobufs)
{
	char body[SIZE] = { 0 };

	open_queue(SYSV);
	make_scarce(_i);
	ck_assert_int_eq(ipcq_receive(queue, buf, sizeof(buf), &timed, &got), -ENOBUFS);
	send_one(); /* what need not wait needs no signal */
	ck_assert_int_eq(ipcq_receive(queue, buf, sizeof(buf), &timed, &got), 1);
	ck_assert_int_eq(ipcq_send(queue, body, SIZE, 1, IPCQ_NOWAIT), 0);
	ck_assert_int_eq(ipcq_send_with(queue, body, SIZE, 1, &timed), 0);
	ck_assert_int_eq(ipcq_send_with(queue, body, SIZE, 1, &timed), -ENOBUFS);
	ck_assert_int_eq(ipcq_size(queue), 2);
	make_plenty(_i);
	ck_assert_int_eq(ipcq_send_with(queue, body, SIZE, 1, &timed), -ETIMEDOUT);
}
END_TEST

START_TEST(timed_posix_call_needs_no_signal)
{
	open_queue(POSIX);
	make_scarce(_i);
	ck_assert_int_eq(
	    ipcq_receive(queue, buf, sizeof(buf), &timed, &got), -ETIMEDOUT);
	send_one();
	send_one();
	ck_assert_int_eq(ipcq_send_with(queue, "A", 1, 1, &timed), -ETIMEDOUT);
	make_plenty(_i);
}
END_TEST

/* ---- being told ----------------------------------------------------------------------- */

START_TEST(sysv_thread_is_refused_and_the_queue_goes_on)
{
	open_queue(SYSV);
	make_scarce(_i);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(ipcq_poll_fd(queue), -ENOBUFS);
		ck_assert_int_eq(notify_callback(), -ENOBUFS);
	}
	send_one();
	ck_assert_int_eq(receive_now(), 1);
	make_plenty(_i);
	ck_assert_int_eq(notify_callback(), 0);
	send_one();
	wait_called();
}
END_TEST

START_TEST(posix_callback_needs_no_signal)
{
	open_queue(POSIX);
	make_scarce(_i);
	ck_assert_int_eq(notify_callback(), 0);
	send_one();
	wait_called();
	ck_assert_int_eq(receive_now(), 1);
	ck_assert_int_eq(notify_callback(), 0);
	ck_assert_int_eq(ipcq_notify_cancel(queue), 0);
	make_plenty(_i);
}
END_TEST

/* The limit is one of all processes of a user, so it may be reached at any time. */
START_TEST(sysv_thread_is_stopped_when_no_signal_can_be_queued)
{
	open_queue(SYSV);
	for (int i = 0; i < 5; i++) {
		struct pollfd pfd = { .events = POLLIN };

		pfd.fd = ipcq_poll_fd(queue);
		ck_assert_int_ge(pfd.fd, 0);
		ck_assert_int_eq(poll(&pfd, 1, QUIET_MS), 0); /* it waits by now */
		limit_pending(0);
		ck_assert_int_eq(ipcq_size(queue), 0);
		ck_assert_int_eq(
		    ipcq_receive(queue, buf, sizeof(buf), &timed, &got), -ENOBUFS);
		close_queue();
		limit_pending(RLIM_INFINITY);
		open_queue(SYSV);
	}
}
END_TEST

/* ---- signals that tell, which only POSIX has -------------------------------------------- */

START_TEST(notifying_signal_may_be_one_in_use)
{
	const struct ipcq_notification what = { .how = IPCQ_NOTIFY_SIGNAL,
		.signal = SIGRTMIN + 1 };

	open_queue(POSIX);
	make_scarce(0);
	ck_assert_int_eq(ipcq_notify(queue, &what), 0);
	send_one(); /* its own process gets it before the call ends */
	ck_assert_int_eq(atomic_load(&handled), 1);
}
END_TEST

static const struct {
	int offset; /* from SIGRTMIN; -1: SIGUSR1 */
	int comes;
} signals[] = { { -1, 1 }, { 2, 0 } };

/* The kernel's rule for signals that it cannot queue. */
START_TEST(signal_without_room_is_as_documented)
{
	int sig = signals[_i].comes ? SIGUSR1 : SIGRTMIN + signals[_i].offset;
	const struct ipcq_notification what = {
		.how = IPCQ_NOTIFY_SIGNAL, .signal = sig, .arg = &called
	};
	const struct timespec quiet = { .tv_nsec = QUIET_MS * MS };
	siginfo_t info = { 0 };
	sigset_t set;

	open_queue(POSIX);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, sig);
	ck_assert_int_eq(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	limit_pending(0);
	ck_assert_int_eq(ipcq_notify(queue, &what), 0);
	send_one();
	ck_assert_int_eq(
	    sigtimedwait(&set, &info, &quiet), signals[_i].comes ? sig : -1);
	ck_assert_ptr_null(info.si_value.sival_ptr);
	ck_assert_int_eq(receive_now(), 1);
	limit_pending(RLIM_INFINITY);
	ck_assert_int_eq(ipcq_notify(queue, &what), 0); /* the first one has ended */
	send_one();
	ck_assert_int_eq(sigtimedwait(&set, &info, &quiet), sig);
	ck_assert_ptr_eq(info.si_value.sival_ptr, &called);
}
END_TEST

Suite *
suite_scarce(void)
{
	Suite *suite = suite_create("scarce");
	TCase *tc = tcase_create("scarce");

	if (!private_ipc_possible("scarce"))
		return suite;
	tcase_add_checked_fixture(tc, private_ipc_enter, close_queue);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, timed_sysv_call_returns_enobufs, 0, 2);
	tcase_add_loop_test(tc, timed_posix_call_needs_no_signal, 0, 2);
	tcase_add_loop_test(tc, sysv_thread_is_refused_and_the_queue_goes_on, 0, 2);
	tcase_add_loop_test(tc, posix_callback_needs_no_signal, 0, 2);
	tcase_add_test(tc, sysv_thread_is_stopped_when_no_signal_can_be_queued);
	tcase_add_test(tc, notifying_signal_may_be_one_in_use);
	tcase_add_loop_test(tc, signal_without_room_is_as_documented, 0, 2);
	suite_add_tcase(suite, tc);
	return suite;
}
