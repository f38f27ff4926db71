/* One handle with a thread that waits, in several hands. */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/ipcq.h"
#include "private_ipc.h"
#include "suites.h"

#define READWRITE   (IPCQ_READ | IPCQ_WRITE)
#define SYSV        "sysv:0x54a2ed"
#define POSIX       "posix:/shared"
#define SIZE        16
#define PER_SENDER  300
#define SENDERS     2
#define RECEIVERS   2
#define DEADLINE_MS 20000

/* The thread sanitizer knows no threads in the child of a process that has some. */
#ifdef __SANITIZE_THREAD__
#define THREADS_AFTER_FORK 0
#else
#define THREADS_AFTER_FORK 1
#endif

static const struct ipcq_options now = { .flags = IPCQ_NOWAIT };

static struct ipcq *queue;
static atomic_int seen[SENDERS * PER_SENDER + 1]; /* by type */
static atomic_int received;
static atomic_int wrong;

static struct ipcq *
open_queue(const char *uri)
{
	const struct ipcq_create create = {
		.max_messages = 4, .message_size = SIZE, .max_bytes = 4 * SIZE
	};
	struct ipcq *q = NULL;

	ck_assert_int_eq(ipcq_open(&q, uri, READWRITE | IPCQ_CREATE, &create), 0);
	return q;
}

static int
readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, DEADLINE_MS);
}

static ssize_t
receive_now(struct ipcq *q, int64_t *ret_type)
{
	char buf[IPCQ_HEAD + SIZE];
	struct ipcq_message got = { 0 };
	ssize_t len = ipcq_receive(q, buf, sizeof(buf), &now, &got);

	*ret_type = got.type;
	return len;
}

/* Every second one has no body: the thread that waits takes some of those. */
static void *
send_types(void *arg)
{
	int64_t first = 1 + (intptr_t)arg * PER_SENDER;

	for (int64_t type = first; type < first + PER_SENDER; type++) {
		if (ipcq_send(queue, "body", type % 2 == 0 ? 4 : 0, type, 0) < 0)
			(void)atomic_fetch_add(&wrong, 1);
	}
	return NULL;
}

static void *
receive_types(void *arg)
{
	const struct ipcq_options how = { .flags = IPCQ_TIMED, .timeout_ns = 1000000 };
	char buf[IPCQ_HEAD + SIZE];
	struct ipcq_message got;

	while (atomic_load(&received) < SENDERS * PER_SENDER) {
		ssize_t len = ipcq_receive(queue, buf, sizeof(buf), &how, &got);

		if (len == -ETIMEDOUT)
			continue;
		if (len < 0 || len != (got.type % 2 == 0 ? 4 : 0)) {
			(void)atomic_fetch_add(&wrong, 1);
			continue;
		}
		(void)atomic_fetch_add(&seen[got.type], 1);
		(void)atomic_fetch_add(&received, 1);
	}
	return arg;
}

static void *
look(void *arg)
{
	char buf[IPCQ_HEAD + SIZE];
	struct ipcq_message got;

	while (atomic_load(&received) < SENDERS * PER_SENDER) {
		ssize_t len = ipcq_peek(queue, buf, sizeof(buf), 0, &got);

		if (len < 0 ? len != -EAGAIN : len != (got.type % 2 == 0 ? 4 : 0))
			(void)atomic_fetch_add(&wrong, 1);
		if (ipcq_size(queue) < 0)
			(void)atomic_fetch_add(&wrong, 1);
	}
	return arg;
}

START_TEST(threads_share_a_watched_handle)
{
	void *(*const mains[])(
	    void *) = { send_types, send_types, receive_types, receive_types, look };
	pthread_t threads[SENDERS + RECEIVERS + 1];

	queue = open_queue(SYSV);
	ck_assert_int_ge(ipcq_poll_fd(queue), 0);
	for (intptr_t i = 0; i < SENDERS + RECEIVERS + 1; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, mains[i], (void *)i), 0);
	for (int i = 0; i < SENDERS + RECEIVERS + 1; i++)
		(void)pthread_join(threads[i], NULL);
	ck_assert_int_eq(atomic_load(&wrong), 0);
	for (int type = 1; type <= SENDERS * PER_SENDER; type++)
		ck_assert_int_eq(atomic_load(&seen[type]), 1);
	ipcq_close(queue);
}
END_TEST

/* In the child: what the parent's thread holds stays the parent's. */
static int
watch_in_child(void)
{
	int64_t type = 0;
	int fd;

	if (ipcq_size(queue) != 0 || receive_now(queue, &type) != -EAGAIN)
		return 1;
	fd = ipcq_poll_fd(queue);
	if (fd < 0 || receive_now(queue, &type) != -EAGAIN)
		return 2;
	if (ipcq_send(queue, "", 0, 8, 0) != 0 || readable(fd) != 1)
		return 3;
	if (ipcq_size(queue) != 1 || receive_now(queue, &type) != 0 || type != 8)
		return 4;
	ipcq_close(queue);
	return 0;
}

START_TEST(child_watches_by_itself)
{
	int64_t type = 0;
	int status = -1;
	pid_t pid;
	int fd;

	queue = open_queue(SYSV);
	fd = ipcq_poll_fd(queue);
	ck_assert_int_eq(ipcq_send(queue, "", 0, 7, 0), 0);
	ck_assert_int_eq(readable(fd), 1);
	pid = fork();
	if (pid == 0)
		_exit(watch_in_child());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(receive_now(queue, &type), 0);
	ck_assert_int_eq(type, 7);
	ck_assert_int_eq(receive_now(queue, &type), -EAGAIN);
	ipcq_close(queue);
}
END_TEST

START_TEST(one_epoll_serves_both_kinds)
{
	struct ipcq *queues[] = { open_queue(POSIX), open_queue(SYSV) };
	int set = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event;
	int64_t type = 0;

	ck_assert_int_ge(set, 0);
	for (uint32_t i = 0; i < 2; i++) {
		event = (struct epoll_event){ .events = EPOLLIN, .data = { .u32 = i } };
		ck_assert_int_eq(
		    epoll_ctl(set, EPOLL_CTL_ADD, ipcq_poll_fd(queues[i]), &event), 0);
		ck_assert_int_eq(receive_now(queues[i], &type), -EAGAIN);
	}
	for (uint32_t i = 0; i < 20; i++) {
		ck_assert_int_eq(epoll_wait(set, &event, 1, 0), 0);
		ck_assert_int_eq(ipcq_send(queues[i % 2], "x", 1, 1, 0), 0);
		ck_assert_int_eq(epoll_wait(set, &event, 1, DEADLINE_MS), 1);
		ck_assert_uint_eq(event.data.u32, i % 2);
		ck_assert_int_eq(receive_now(queues[i % 2], &type), 1);
		ck_assert_int_eq(receive_now(queues[i % 2], &type), -EAGAIN);
	}
	(void)close(set);
	ipcq_close(queues[0]);
	ipcq_close(queues[1]);
}
END_TEST

Suite *
suite_shared(void)
{
	Suite *suite = suite_create("shared");
	TCase *tc = tcase_create("shared");

	if (!private_ipc_possible("shared"))
		return suite;
	tcase_add_checked_fixture(tc, private_ipc_enter, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, threads_share_a_watched_handle);
	if (THREADS_AFTER_FORK)
		tcase_add_test(tc, child_watches_by_itself);
	else
		(void)fprintf(stderr, "SKIP shared: no thread after fork here\n");
	tcase_add_test(tc, one_epoll_serves_both_kinds);
	suite_add_tcase(suite, tc);
	return suite;
}
