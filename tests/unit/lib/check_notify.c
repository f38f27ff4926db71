/* Several callbacks of one handle at once, and queues that are gone. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#include "lib/ipcq.h"
#include "private_ipc.h"
#include "suites.h"

#define READWRITE (IPCQ_READ | IPCQ_WRITE)
#define SIZE      16
#define DEADLINE  20 /* seconds */

static const char *const uris[] = { "posix:/notify", "sysv:0x404" };

static struct ipcq *queue;
static sem_t begun;
static sem_t ended;
static pthread_barrier_t both; /* callbacks */
static atomic_int calls;
static int first_closes;

static void
open_queue(int i)
{
	const struct ipcq_create create = { .max_messages = 2, .message_size = SIZE };

	ck_assert_int_eq(
	    ipcq_open(&queue, uris[i], READWRITE | IPCQ_CREATE, &create), 0);
	(void)sem_init(&begun, 0, 0);
	(void)sem_init(&ended, 0, 0);
	(void)pthread_barrier_init(&both, NULL, 2);
}

static void
close_queue(void)
{
	ipcq_close(queue);
	queue = NULL;
}

static void
wait_for(sem_t *event)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += DEADLINE;
	ck_assert_int_eq(sem_clockwait(event, CLOCK_MONOTONIC, &until), 0);
}

static void
cancel_together(struct ipcq *q, void *arg)
{
	const struct ipcq_notification again = { .how = IPCQ_NOTIFY_CALLBACK,
		.callback = cancel_together };
	int first = atomic_fetch_add(&calls, 1) == 0;

	(void)arg;
	if (first) {
		ck_assert_int_eq(ipcq_notify(q, &again), 0);
		(void)sem_post(&begun);
	}
	(void)pthread_barrier_wait(&both);
	if (first && first_closes)
		ipcq_close(q);
	else
		ck_assert_int_eq(ipcq_notify_cancel(q), 0);
	(void)sem_post(&ended);
}

/* Each is a running callback, for which the other one would have to wait. */
START_TEST(two_callbacks_may_cancel_at_once)
{
	const struct ipcq_notification what = { .how = IPCQ_NOTIFY_CALLBACK,
		.callback = cancel_together };
	const struct ipcq_options now = { .flags = IPCQ_NOWAIT };
	char buf[IPCQ_HEAD + SIZE];
	struct ipcq_message got;
	struct ipcq *other = NULL;

	first_closes = _i >= 2;
	open_queue(_i % 2);
	ck_assert_int_eq(ipcq_open(&other, uris[_i % 2], READWRITE, NULL), 0);
	ck_assert_int_eq(ipcq_notify(queue, &what), 0);
	ck_assert_int_eq(ipcq_send(other, "a", 1, 1, 0), 0);
	wait_for(&begun);
	ck_assert_int_eq(ipcq_receive(other, buf, sizeof(buf), &now, &got), 1);
	ck_assert_int_eq(ipcq_send(other, "b", 1, 1, 0), 0);
	wait_for(&ended);
	wait_for(&ended);
	if (first_closes)
		queue = NULL;
	close_queue(); /* waits for both */
	ck_assert_int_eq(atomic_load(&calls), 2);
	ipcq_close(other);
}
END_TEST

static void
never(struct ipcq *q, void *arg)
{
	(void)q;
	(void)arg;
	ck_abort_msg("called for a queue that was gone before");
}

/* Else a callback that registers again would come again and again. */
START_TEST(notify_at_a_removed_queue_returns_eidrm)
{
	const struct ipcq_notification what = { .how = IPCQ_NOTIFY_CALLBACK,
		.callback = never };

	open_queue(1);
	ck_assert_int_eq(ipcq_remove(uris[1]), 0);
	ck_assert_int_eq(ipcq_notify(queue, &what), -EIDRM);
}
END_TEST

Suite *
suite_notify(void)
{
	Suite *suite = suite_create("notify");
	TCase *tc = tcase_create("notify");

	if (!private_ipc_possible("notify"))
		return suite;
	tcase_add_checked_fixture(tc, private_ipc_enter, close_queue);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, two_callbacks_may_cancel_at_once, 0, 4);
	tcase_add_test(tc, notify_at_a_removed_queue_returns_eidrm);
	suite_add_tcase(suite, tc);
	return suite;
}
