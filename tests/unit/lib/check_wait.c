/* The signal that ends waiting at a System V queue, beside what the program does with
 * signals. */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>

#include "lib/ipcq.h"
#include "private_ipc.h"
#include "suites.h"

#define READWRITE (IPCQ_READ | IPCQ_WRITE)
#define SIZE      64
#define MS        1000000 /* nanoseconds */
#define TURNS     10
#define QUIET_MS  10 /* by then the thread waits in the kernel */

static const struct ipcq_options timed = { .flags = IPCQ_TIMED, .timeout_ns = 5 * MS };

static struct ipcq *queue;
static char buf[IPCQ_HEAD + SIZE];
static struct ipcq_message got;
static volatile sig_atomic_t handled;

static void
open_queue(void)
{
	ck_assert_int_eq(
	    ipcq_open(&queue, "sysv:0x5161", READWRITE | IPCQ_CREATE, NULL), 0);
}

static void
close_queue(void)
{
	ipcq_close(queue);
	queue = NULL;
}

static void
on_signal(int sig)
{
	(void)sig;
	handled = 1;
}

/* The highest real-time signal whose action is, or is not, the default; but for one that
 * is ignored, as valgrind has one for itself. */
static int
highest(int is_default)
{
	struct sigaction sa;

	for (int sig = SIGRTMAX; sig >= SIGRTMIN; sig--) {
		if (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler != SIG_IGN &&
		    (sa.sa_handler == SIG_DFL) == is_default)
			return sig;
	}
	return 0;
}

static void
block(const sigset_t *set)
{
	ck_assert_int_eq(sigprocmask(SIG_BLOCK, set, NULL), 0);
}

static void
expect_timeout(void)
{
	ck_assert_int_eq(
	    ipcq_receive(queue, buf, sizeof(buf), &timed, &got), -ETIMEDOUT);
}

/* It may be one that the program takes with sigwaitinfo(2). */
START_TEST(blocked_signal_is_left_to_the_program)
{
	int own = highest(1);
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, own);
	block(&set);
	open_queue();
	expect_timeout();
	ck_assert_int_ne(highest(0), 0);
	ck_assert_int_lt(highest(0), own);
	ck_assert_int_eq(highest(1), own);
}
END_TEST

START_TEST(thread_that_blocks_all_signals_can_wait)
{
	sigset_t set;

	(void)sigfillset(&set);
	block(&set);
	open_queue();
	expect_timeout();
	ck_assert_int_ge(ipcq_poll_fd(queue), 0);
}
END_TEST

START_TEST(one_signal_does_for_all_calls)
{
	sigset_t set;
	int chosen;

	open_queue();
	expect_timeout();
	chosen = highest(0);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, chosen);
	block(&set);
	ck_assert_int_ge(ipcq_poll_fd(queue), 0);
	expect_timeout();
	ck_assert_int_eq(highest(0), chosen);
	ck_assert_int_gt(highest(1), 0);
	ck_assert_int_eq(signal(chosen, SIG_DFL) == SIG_ERR, 0);
	ck_assert_int_eq(highest(0), 0); /* no other one was taken */
}
END_TEST

static void (*const actions[])(int sig) = { SIG_DFL, SIG_IGN, on_signal };

/* The thread waits in the kernel, and the program has other ideas of its signal by then. */
START_TEST(thread_ends_though_its_signal_was_reset)
{
	for (int i = 0; i < TURNS; i++) {
		struct pollfd pfd = { .events = POLLIN };

		open_queue();
		pfd.fd = ipcq_poll_fd(queue);
		ck_assert_int_ge(pfd.fd, 0);
		ck_assert_int_eq(poll(&pfd, 1, QUIET_MS), 0);
		ck_assert(signal(highest(0), actions[_i]) != SIG_ERR);
		ck_assert_int_eq(ipcq_size(queue), 0);
		close_queue();
	}
	ck_assert_int_eq(handled, actions[_i] == on_signal);
}
END_TEST

Suite *
suite_wait(void)
{
	Suite *suite = suite_create("wait");
	TCase *tc = tcase_create("wait");

	if (!private_ipc_possible("wait"))
		return suite;
	tcase_add_checked_fixture(tc, private_ipc_enter, close_queue);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, blocked_signal_is_left_to_the_program);
	tcase_add_test(tc, thread_that_blocks_all_signals_can_wait);
	tcase_add_test(tc, one_signal_does_for_all_calls);
	tcase_add_loop_test(tc, thread_ends_though_its_signal_was_reset, 0, 3);
	suite_add_tcase(suite, tc);
	return suite;
}
