/* Being told of messages: the descriptor of ipcq_poll_fd() and ipcq_notify(). */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/ipcq.h"
#include "private_ipc.h"
#include "suites.h"

#define READWRITE (IPCQ_READ | IPCQ_WRITE)
#define SIZE      64
#define MS        1000000 /* nanoseconds */
#define DEADLINE  20      /* seconds */
#define QUIET_MS  30      /* how long nothing is to happen */

static const char *const uris[] = { "posix:/watch", "sysv:0x4d51" };
static const struct ipcq_options now = { .flags = IPCQ_NOWAIT };

static struct ipcq *queue;
static char buf[IPCQ_HEAD + SIZE];
static struct ipcq_message got;
static sem_t called;
static atomic_int calls;

static void
open_queue(int i)
{
	struct ipcq_create create = { .max_messages = 4, .message_size = SIZE };

	ck_assert_int_eq(
	    ipcq_open(&queue, uris[i], READWRITE | IPCQ_CREATE, &create), 0);
	(void)sem_init(&called, 0, 0);
}

static void
close_queue(void)
{
	ipcq_close(queue);
	queue = NULL;
}

static void
send_text(const char *text, int64_t type)
{
	ck_assert_int_eq(ipcq_send(queue, text, strlen(text), type, 0), 0);
}

static ssize_t
receive_now(void)
{
	return ipcq_receive(queue, buf, sizeof(buf), &now, &got);
}

static int
readable(int fd, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, timeout_ms);
}

static void
wait_called(void)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += DEADLINE;
	ck_assert_int_eq(sem_clockwait(&called, CLOCK_MONOTONIC, &until), 0);
}

/* ---- the descriptor ----------------------------------------------------------------- */

START_TEST(poll_fd_is_readable_while_there_are_messages)
{
	int fd;

	open_queue(_i);
	fd = ipcq_poll_fd(queue);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ipcq_poll_fd(queue), fd);
	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(receive_now(), -EAGAIN);
		ck_assert_int_eq(readable(fd, 0), 0);
		send_text("one", 1);
		send_text("", 1);
		ck_assert_int_eq(readable(fd, DEADLINE * 1000), 1);
		ck_assert_int_eq(receive_now(), 3);
		ck_assert_int_eq(readable(fd, DEADLINE * 1000), 1);
		ck_assert_int_eq(receive_now(), 0);
	}
}
END_TEST

START_TEST(message_without_body_is_kept_for_the_handle)
{
	const struct ipcq_options timed = { .flags = IPCQ_TIMED, .timeout_ns = MS };
	struct ipcq_options how = { .flags = IPCQ_NOWAIT, .select = 8 };
	int fd;

	open_queue(1);
	fd = ipcq_poll_fd(queue);
	send_text("", 7);
	ck_assert_int_eq(readable(fd, DEADLINE * 1000), 1);
	ck_assert_int_eq(ipcq_receive(queue, buf, sizeof(buf), &how, &got), -EAGAIN);
	ck_assert_int_eq(readable(fd, 0), 1);
	send_text("lower", 3);
	how.select = -7;
	ck_assert_int_eq(ipcq_receive(queue, buf, sizeof(buf), &how, &got), 5);
	ck_assert_int_eq(ipcq_receive(queue, buf, sizeof(buf), &how, &got), 0);
	ck_assert_int_eq(got.type, 7);
	ck_assert_int_eq(
	    ipcq_receive(queue, buf, sizeof(buf), &timed, &got), -ETIMEDOUT);
	ck_assert_int_eq(readable(fd, 0), 0);
}
END_TEST

/* Also while the thread has it from the kernel and has not said so yet. */
START_TEST(kept_message_is_seen_by_peek_and_counted)
{
	struct ipcq *other = NULL;
	int fd;

	open_queue(1);
	ck_assert_int_eq(ipcq_open(&other, uris[1], READWRITE, NULL), 0);
	fd = ipcq_poll_fd(queue);
	ck_assert_int_ge(fd, 0);
	for (int64_t type = 1; type <= 50; type++) {
		ck_assert_int_eq(ipcq_size(queue), 0);
		ck_assert_int_eq(ipcq_peek(queue, buf, sizeof(buf), 0, &got), -EAGAIN);
		ck_assert_int_eq(readable(fd, 1), 0); /* now the thread waits */
		send_text("", type);
		ck_assert_int_eq(ipcq_size(queue), 1);
		ck_assert_int_eq(ipcq_peek(queue, buf, sizeof(buf), 0, &got), 0);
		ck_assert_int_eq(got.type, type);
		send_text("second", type + 1);
		ck_assert_int_eq(ipcq_peek(queue, buf, sizeof(buf), 1, &got), 6);
		ck_assert_int_eq(got.type, type + 1);
		ck_assert_int_eq(ipcq_peek(queue, buf, IPCQ_HEAD, 0, &got), 0);
		ck_assert_int_eq(ipcq_peek(queue, buf, sizeof(buf), 2, &got), -EAGAIN);
		ck_assert_int_eq(ipcq_size(queue), 2);
		ck_assert_int_eq(receive_now(), 0);
		ck_assert_int_eq(got.type, type);
		ck_assert_int_eq(receive_now(), 6);
		ck_assert_int_eq(receive_now(), -EAGAIN); /* the thread waits again */
	}
	ck_assert_int_eq(ipcq_size(other), 0);
	ipcq_close(other);
}
END_TEST

START_TEST(closing_puts_a_kept_message_back)
{
	open_queue(1);
	ck_assert_int_ge(ipcq_poll_fd(queue), 0);
	send_text("", 9);
	ck_assert_int_eq(readable(ipcq_poll_fd(queue), DEADLINE * 1000), 1);
	close_queue();
	open_queue(1);
	ck_assert_int_eq(ipcq_size(queue), 1);
	ck_assert_int_eq(receive_now(), 0);
	ck_assert_int_eq(got.type, 9);
}
END_TEST

static void *
send_later(void *arg)
{
	const struct timespec pause = { .tv_nsec = 20 * MS };

	(void)nanosleep(&pause, NULL);
	ck_assert_int_eq(ipcq_send(queue, arg, strlen(arg), 5, 0), 0);
	return NULL;
}

/* The thread that waits must not take what a waiting receiver is to get. */
START_TEST(receiver_waits_beside_the_descriptor)
{
	char texts[][5] = { "", "body" };
	pthread_t thread;

	open_queue(1);
	ck_assert_int_ge(ipcq_poll_fd(queue), 0);
	for (int i = 0; i < 10; i++) {
		char *text = texts[i % 2];

		ck_assert_int_eq(pthread_create(&thread, NULL, send_later, text), 0);
		ck_assert_int_eq(ipcq_receive(queue, buf, sizeof(buf), NULL, &got),
		    (ssize_t)strlen(text));
		ck_assert_int_eq(got.type, 5);
		(void)pthread_join(thread, NULL);
	}
}
END_TEST

START_TEST(removal_makes_the_descriptor_readable)
{
	int fd;

	open_queue(1);
	fd = ipcq_poll_fd(queue);
	ck_assert_int_eq(readable(fd, QUIET_MS), 0);
	ck_assert_int_eq(ipcq_remove(uris[1]), 0);
	ck_assert_int_eq(readable(fd, DEADLINE * 1000), 1);
	ck_assert_int_eq(receive_now(), -EIDRM);
}
END_TEST

/* ---- callbacks ---------------------------------------------------------------------- */

static void
count_call(struct ipcq *q, void *arg)
{
	ck_assert_ptr_eq(arg, &calls);
	ck_assert_ptr_eq(q, queue);
	(void)atomic_fetch_add(&calls, 1);
	(void)sem_post(&called);
}

/* Re-arms first, so that nothing that comes meanwhile is missed. */
static void
rearm_and_drain(struct ipcq *q, void *arg)
{
	const struct ipcq_notification again = {
		.how = IPCQ_NOTIFY_CALLBACK, .callback = rearm_and_drain, .arg = arg
	};
	char room[IPCQ_HEAD + SIZE];
	struct ipcq_message msg;

	ck_assert_int_eq(ipcq_notify(q, &again), 0);
	while (ipcq_receive(q, room, sizeof(room), &now, &msg) >= 0) {
		(void)atomic_fetch_add(&calls, 1);
		(void)sem_post(&called);
	}
}

static void
close_inside(struct ipcq *q, void *arg)
{
	(void)arg;
	ipcq_close(q);
	(void)sem_post(&called);
}

static int
notify(ipcq_notify_fn *callback)
{
	const struct ipcq_notification what = {
		.how = IPCQ_NOTIFY_CALLBACK, .callback = callback, .arg = &calls
	};

	return ipcq_notify(queue, &what);
}

START_TEST(callback_comes_once_for_a_registration)
{
	open_queue(_i);
	ck_assert_int_eq(notify(count_call), 0);
	ck_assert_int_eq(notify(count_call), -EBUSY);
	send_text("A", 1);
	wait_called();
	ck_assert_int_eq(receive_now(), 1);
	send_text("B", 1);
	ck_assert_int_eq(receive_now(), 1);
	close_queue(); /* no callback runs after this */
	ck_assert_int_eq(atomic_load(&calls), 1);
}
END_TEST

START_TEST(callback_registers_again)
{
	open_queue(_i);
	ck_assert_int_eq(notify(rearm_and_drain), 0);
	for (int i = 0; i < 100; i++) {
		send_text(i % 2 == 0 ? "A" : "", 1);
		wait_called();
	}
	ck_assert_int_eq(ipcq_notify_cancel(queue), 0);
	ck_assert_int_eq(atomic_load(&calls), 100);
}
END_TEST

START_TEST(cancelled_callback_does_not_come)
{
	open_queue(_i);
	ck_assert_int_eq(ipcq_notify_cancel(queue), 0);
	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(notify(count_call), 0);
		ck_assert_int_eq(ipcq_notify_cancel(queue), 0);
	}
	send_text("A", 1);
	close_queue();
	ck_assert_int_eq(atomic_load(&calls), 0);
}
END_TEST

START_TEST(callback_may_close_its_queue)
{
	struct ipcq *other = NULL;

	open_queue(_i);
	ck_assert_int_eq(ipcq_open(&other, uris[_i], IPCQ_WRITE, NULL), 0);
	ck_assert_int_eq(notify(close_inside), 0);
	ck_assert_int_eq(ipcq_send(other, "A", 1, 1, 0), 0);
	wait_called();
	queue = NULL;
	ipcq_close(other);
}
END_TEST

START_TEST(child_has_no_threads_of_its_parent)
{
	int status = -1;
	pid_t pid;

	open_queue(1);
	ck_assert_int_ge(ipcq_poll_fd(queue), 0);
	ck_assert_int_eq(notify(count_call), 0);
	pid = fork();
	if (pid == 0) {
		ipcq_close(queue);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	send_text("A", 1);
	wait_called();
}
END_TEST

/* ---- signal, none, impossible ones ---------------------------------------------------- */

START_TEST(signal_carries_its_value)
{
	struct ipcq_notification what = {
		.how = IPCQ_NOTIFY_SIGNAL, .signal = SIGUSR1, .arg = &calls
	};
	const struct timespec limit = { .tv_sec = DEADLINE };
	siginfo_t info;
	sigset_t set;

	open_queue(0);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	ck_assert_int_eq(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	ck_assert_int_eq(ipcq_notify(queue, &what), 0);
	ck_assert_int_eq(ipcq_notify(queue, &what), -EBUSY);
	send_text("A", 1);
	ck_assert_int_eq(sigtimedwait(&set, &info, &limit), SIGUSR1);
	ck_assert_ptr_eq(info.si_value.sival_ptr, &calls);
	what.how = IPCQ_NOTIFY_NONE;
	ck_assert_int_eq(ipcq_notify(queue, &what), 0);
	ck_assert_int_eq(notify(count_call), -EBUSY);
	ck_assert_int_eq(ipcq_notify_cancel(queue), 0);
	ck_assert_int_eq(notify(count_call), 0);
}
END_TEST

START_TEST(impossible_notifications_are_refused)
{
	struct ipcq_notification what = { .how = IPCQ_NOTIFY_SIGNAL,
		.signal = SIGUSR1 };

	open_queue(1);
	ck_assert_int_eq(ipcq_notify(queue, &what), -EOPNOTSUPP);
	what.how = IPCQ_NOTIFY_NONE;
	ck_assert_int_eq(ipcq_notify(queue, &what), -EOPNOTSUPP);
	ck_assert_int_eq(notify(NULL), -EINVAL);
	close_queue();
	ck_assert_int_eq(ipcq_open(&queue, uris[1], IPCQ_WRITE, NULL), 0);
	ck_assert_int_eq(notify(count_call), -EBADF);
	ck_assert_int_eq(ipcq_poll_fd(queue), -EBADF);
}
END_TEST

Suite *
suite_watch(void)
{
	Suite *suite = suite_create("watch");
	TCase *tc = tcase_create("watch");

	if (!private_ipc_possible("watch"))
		return suite;
	tcase_add_checked_fixture(tc, private_ipc_enter, close_queue);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, poll_fd_is_readable_while_there_are_messages, 0, 2);
	tcase_add_test(tc, message_without_body_is_kept_for_the_handle);
	tcase_add_test(tc, kept_message_is_seen_by_peek_and_counted);
	tcase_add_test(tc, closing_puts_a_kept_message_back);
	tcase_add_test(tc, receiver_waits_beside_the_descriptor);
	tcase_add_test(tc, removal_makes_the_descriptor_readable);
	tcase_add_loop_test(tc, callback_comes_once_for_a_registration, 0, 2);
	tcase_add_loop_test(tc, callback_registers_again, 0, 2);
	tcase_add_loop_test(tc, cancelled_callback_does_not_come, 0, 2);
	tcase_add_loop_test(tc, callback_may_close_its_queue, 0, 2);
	tcase_add_test(tc, child_has_no_threads_of_its_parent);
	tcase_add_test(tc, signal_carries_its_value);
	tcase_add_test(tc, impossible_notifications_are_refused);
	suite_add_tcase(suite, tc);
	return suite;
}
