/* Every call for both kinds of queue: the loop tests run once with each. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/ipcq.h"
#include "private_ipc.h"
#include "suites.h"

#define READWRITE (IPCQ_READ | IPCQ_WRITE)
#define SIZE      64
#define MS        1000000 /* nanoseconds */

static const char *const uris[] = { "posix:/calls", "sysv:0x4d51" };

static struct ipcq *queue;
static char buf[IPCQ_HEAD + SIZE];
static struct ipcq_message got;

static struct ipcq_create
small(void)
{
	return (struct ipcq_create){
		.max_messages = 4, .message_size = SIZE, .max_bytes = 4 * SIZE
	};
}

static void
open_queue(int i)
{
	struct ipcq_create create = small();

	ck_assert_int_eq(
	    ipcq_open(&queue, uris[i], READWRITE | IPCQ_CREATE, &create), 0);
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
	ck_assert_int_eq(ipcq_send(queue, text, strlen(text), type, IPCQ_NOWAIT), 0);
}

static void
expect(const char *text, int64_t type, int64_t select)
{
	const struct ipcq_options how = { .flags = IPCQ_NOWAIT, .select = select };

	ck_assert_int_eq(
	    ipcq_receive(queue, buf, sizeof(buf), &how, &got), (ssize_t)strlen(text));
	ck_assert_int_eq(got.type, type);
	ck_assert_int_eq(memcmp(got.body, text, strlen(text)), 0);
}

static void
fill(void)
{
	char body[SIZE] = { 0 };

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(ipcq_send(queue, body, SIZE, 1, IPCQ_NOWAIT), 0);
}

/* The dialogue of mood.mqueue's manual, with the priority it drops. */
START_TEST(posix_receive_gives_highest_priority_first)
{
	open_queue(0);
	send_text("A", 1);
	send_text("B", 2);
	send_text("C", 3);
	send_text("D", 3);
	expect("C", 3, 0);
	expect("D", 3, 0);
	expect("B", 2, 0);
	expect("A", 1, 0);
}
END_TEST

/* The dialogue of ipcqueue's manual: types 2, 0, 0, 0 come out B, A, C, D. */
START_TEST(sysv_receive_chooses_by_type)
{
	open_queue(1);
	send_text("A", 1);
	send_text("B", 2);
	send_text("C", 1);
	send_text("D", 3);
	expect("B", 2, 2);
	expect("A", 1, 0);
	expect("C", 1, 0);
	expect("D", 3, 0);
	send_text("x", 9);
	send_text("y", 4);
	send_text("z", 5);
	expect("y", 4, -8);
	expect("z", 5, INT64_MIN);
	expect("x", 9, INT64_MIN);
}
END_TEST

START_TEST(sysv_receive_except_truncate_and_peek)
{
	struct ipcq_options how = { IPCQ_NOWAIT | IPCQ_EXCEPT, 0, 1 };

	open_queue(1);
	send_text("one", 1);
	send_text("twenty-two", 2);
	ck_assert_int_eq(ipcq_peek(queue, buf, sizeof(buf), 1, &got), 10);
	ck_assert_int_eq(got.type, 2);
	ck_assert_int_eq(ipcq_peek(queue, buf, sizeof(buf), 2, &got), -EAGAIN);
	ck_assert_int_eq(ipcq_peek(queue, buf, IPCQ_HEAD + 2, 1, &got), -E2BIG);
	ck_assert_uint_eq(got.length, 10);
	how.flags |= IPCQ_TRUNCATE;
	ck_assert_int_eq(ipcq_receive(queue, buf, IPCQ_HEAD + 6, &how, &got), 6);
	ck_assert_int_eq(memcmp(got.body, "twenty", 6), 0);
	ck_assert_int_eq(ipcq_size(queue), 1);
	how.select = 0;
	ck_assert_int_eq(ipcq_receive(queue, buf, sizeof(buf), &how, &got), -EINVAL);
}
END_TEST

START_TEST(posix_cannot_select_nor_peek)
{
	struct ipcq_options how = { IPCQ_NOWAIT, 0, 1 };

	open_queue(0);
	send_text("A", 1);
	ck_assert_int_eq(
	    ipcq_receive(queue, buf, sizeof(buf), &how, &got), -EOPNOTSUPP);
	how = (struct ipcq_options){ .flags = IPCQ_TRUNCATE };
	ck_assert_int_eq(
	    ipcq_receive(queue, buf, sizeof(buf), &how, &got), -EOPNOTSUPP);
	ck_assert_int_eq(ipcq_peek(queue, buf, sizeof(buf), 0, &got), -EOPNOTSUPP);
	ck_assert_int_eq(ipcq_id(queue), -EOPNOTSUPP);
	expect("A", 1, 0);
}
END_TEST

START_TEST(small_buffer_leaves_the_message_and_tells_the_length)
{
	open_queue(_i);
	send_text("twelve bytes", 3);
	ck_assert_int_eq(ipcq_receive(queue, buf, IPCQ_HEAD + 5, NULL, &got), -E2BIG);
	ck_assert_uint_eq(got.length, _i == 0 ? SIZE : 12);
	ck_assert_int_eq(ipcq_size(queue), 1);
	ck_assert_int_eq(ipcq_receive(queue, buf, IPCQ_HEAD - 1, NULL, &got), -EINVAL);
	expect("twelve bytes", 3, 0);
}
END_TEST

START_TEST(timeout_is_waited_for_and_not_longer)
{
	const struct ipcq_options how = { .flags = IPCQ_TIMED, .timeout_ns = 60 * MS };
	const struct ipcq_options now = { .flags = IPCQ_TIMED };
	int64_t begun;

	open_queue(_i);
	begun = clock_monotonic_ns();
	ck_assert_int_eq(ipcq_receive(queue, buf, sizeof(buf), &how, &got), -ETIMEDOUT);
	ck_assert_int_ge(clock_monotonic_ns() - begun, 60 * MS);
	ck_assert_int_eq(ipcq_receive(queue, buf, sizeof(buf), &now, &got), -ETIMEDOUT);
	fill();
	begun = clock_monotonic_ns();
	ck_assert_int_eq(ipcq_send_with(queue, "x", 1, 1, &how), -ETIMEDOUT);
	ck_assert_int_ge(clock_monotonic_ns() - begun, 60 * MS);
	ck_assert_int_eq(ipcq_send_with(queue, "x", 1, 1, &now), -ETIMEDOUT);
	ck_assert_int_eq(ipcq_size(queue), 4);
}
END_TEST

static void *
send_later(void *arg)
{
	const struct timespec pause = { .tv_nsec = 30 * MS };

	(void)nanosleep(&pause, NULL);
	ck_assert_int_eq(ipcq_send(arg, "late", 4, 2, 0), 0);
	return NULL;
}

START_TEST(timed_receive_gets_what_comes_meanwhile)
{
	const struct ipcq_options how = { .flags = IPCQ_TIMED,
		.timeout_ns = UINT64_MAX };
	pthread_t thread;

	open_queue(_i);
	ck_assert_int_eq(pthread_create(&thread, NULL, send_later, queue), 0);
	ck_assert_int_eq(ipcq_receive(queue, buf, sizeof(buf), &how, &got), 4);
	ck_assert_int_eq(got.type, 2);
	(void)pthread_join(thread, NULL);
}
END_TEST

static void *
receive_later(void *arg)
{
	const struct timespec pause = { .tv_nsec = 30 * MS };
	char room[IPCQ_HEAD + SIZE];
	struct ipcq_message msg;

	(void)nanosleep(&pause, NULL);
	ck_assert_int_eq(ipcq_receive(arg, room, sizeof(room), NULL, &msg), SIZE);
	return NULL;
}

START_TEST(waiting_send_goes_on_when_there_is_room)
{
	const struct ipcq_options how = { .flags = IPCQ_TIMED,
		.timeout_ns = UINT64_MAX };
	pthread_t thread;

	open_queue(_i);
	fill();
	ck_assert_int_eq(pthread_create(&thread, NULL, receive_later, queue), 0);
	ck_assert_int_eq(ipcq_send_with(queue, "x", 1, 1, &how), 0);
	(void)pthread_join(thread, NULL);
	ck_assert_int_eq(ipcq_size(queue), 4);
}
END_TEST

/* ---- signals ------------------------------------------------------------------------ */

static atomic_int alarms;

static void
on_alarm(int sig)
{
	(void)sig;
	(void)atomic_fetch_add(&alarms, 1);
}

/* Signals every millisecond, some 200 times in each test. */
static void
storm(int on)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct itimerval it = { { 0, on ? 1000 : 0 }, { 0, on ? 1000 : 0 } };

	ck_assert_int_eq(sigaction(SIGALRM, &sa, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &it, NULL), 0);
}

/* A wait that began anew after each signal would take as long as the storm. */
static void
assert_took_100_ms(int64_t begun)
{
	int64_t took = clock_monotonic_ns() - begun;

	ck_assert_int_ge(took, 100 * MS);
	ck_assert_int_lt(took, INT64_C(3000) * MS);
}

START_TEST(signal_storm_does_not_change_the_timeout)
{
	const struct ipcq_options how = { .flags = IPCQ_TIMED, .timeout_ns = 100 * MS };
	int64_t begun = clock_monotonic_ns();

	open_queue(_i);
	storm(1);
	ck_assert_int_eq(ipcq_receive(queue, buf, sizeof(buf), &how, &got), -ETIMEDOUT);
	assert_took_100_ms(begun);
	fill();
	begun = clock_monotonic_ns();
	ck_assert_int_eq(ipcq_send_with(queue, "x", 1, 1, &how), -ETIMEDOUT);
	assert_took_100_ms(begun);
	storm(0);
	ck_assert_int_gt(atomic_load(&alarms), 10);
}
END_TEST

START_TEST(interruptible_call_answers_eintr)
{
	const struct ipcq_options how = { .flags = IPCQ_INTERRUPTIBLE };
	const struct ipcq_options timed = { .flags = IPCQ_INTERRUPTIBLE | IPCQ_TIMED,
		.timeout_ns = UINT64_MAX };

	open_queue(_i);
	storm(1);
	ck_assert_int_eq(ipcq_receive(queue, buf, sizeof(buf), &how, &got), -EINTR);
	ck_assert_int_eq(ipcq_receive(queue, buf, sizeof(buf), &timed, &got), -EINTR);
	fill();
	ck_assert_int_eq(ipcq_send(queue, "x", 1, 1, IPCQ_INTERRUPTIBLE), -EINTR);
	ck_assert_int_eq(ipcq_send_with(queue, "x", 1, 1, &timed), -EINTR);
	storm(0);
}
END_TEST

/* ---- the handle --------------------------------------------------------------------- */

START_TEST(blocking_mode_changes_at_run_time)
{
	const struct ipcq_options timed = { .flags = IPCQ_TIMED, .timeout_ns = MS };
	struct ipcq *other = NULL;

	open_queue(_i);
	ck_assert_int_eq(ipcq_blocking(queue), 1);
	ipcq_set_blocking(queue, 0);
	ck_assert_int_eq(ipcq_blocking(queue), 0);
	ck_assert_int_eq(ipcq_receive(queue, buf, sizeof(buf), NULL, &got), -EAGAIN);
	ck_assert_int_eq(
	    ipcq_receive(queue, buf, sizeof(buf), &timed, &got), -ETIMEDOUT);
	fill();
	ck_assert_int_eq(ipcq_send(queue, "x", 1, 1, 0), -EAGAIN);
	ck_assert_int_eq(ipcq_send_with(queue, "x", 1, 1, NULL), -EAGAIN);
	ck_assert_int_eq(
	    ipcq_open(&other, uris[_i], IPCQ_WRITE | IPCQ_NONBLOCK, NULL), 0);
	ck_assert_int_eq(ipcq_blocking(other), 0);
	ck_assert_uint_eq(ipcq_flags(other), IPCQ_WRITE);
	ck_assert_int_eq(ipcq_send(other, "x", 1, 1, 0), -EAGAIN);
	ck_assert_int_eq(ipcq_receive(other, buf, sizeof(buf), NULL, &got), -EBADF);
	ipcq_close(other);
	ck_assert_int_eq(ipcq_open(&other, uris[_i], IPCQ_READ, NULL), 0);
	ck_assert_int_eq(ipcq_send(other, "x", 1, 1, 0), -EBADF);
	ipcq_close(other);
}
END_TEST

START_TEST(change_sets_owner_group_mode_and_bytes)
{
	struct ipcq_change change = { .set = IPCQ_SET_MODE, .mode = 0640 };
	struct ipcq_attributes at;

	open_queue(_i);
	ck_assert_int_eq(ipcq_change(queue, &change), 0);
	change = (struct ipcq_change){ .set = IPCQ_SET_MAX_BYTES, .max_bytes = 100 };
	ck_assert_int_eq(ipcq_change(queue, &change), _i == 0 ? -EOPNOTSUPP : 0);
	ck_assert_int_eq(ipcq_attributes(queue, &at), 0);
	ck_assert_uint_eq(at.mode, 0640);
	ck_assert_uint_eq(at.max_bytes, _i == 0 ? 4 * SIZE : 100);
	change = (struct ipcq_change){ .set = IPCQ_SET_OWNER | IPCQ_SET_GROUP,
		.owner = getuid(),
		.group = getgid() };
	ck_assert_int_eq(ipcq_change(queue, &change), 0);
	change = (struct ipcq_change){ .set = IPCQ_SET_MODE, .mode = 01000 };
	ck_assert_int_eq(ipcq_change(queue, &change), -EINVAL);
	change = (struct ipcq_change){ .set = 0x10 };
	ck_assert_int_eq(ipcq_change(queue, &change), -EINVAL);
}
END_TEST

START_TEST(closing_keeps_the_queue_and_removing_keeps_the_handle)
{
	open_queue(_i);
	send_text("kept", 1);
	close_queue();
	open_queue(_i);
	expect("kept", 1, 0);
	ck_assert_int_eq(ipcq_remove(uris[_i]), 0);
	ck_assert_int_eq(ipcq_remove(uris[_i]), -ENOENT);
	if (_i == 0)
		send_text("orphan", 1);
	else
		ck_assert_int_eq(ipcq_send(queue, "x", 1, 1, 0), -EIDRM);
}
END_TEST

START_TEST(private_queue_is_found_by_its_id)
{
	struct ipcq *other = NULL;

	ck_assert_int_eq(ipcq_open(&queue, IPCQ_PRIVATE, READWRITE, NULL), -EINVAL);
	ck_assert_int_eq(
	    ipcq_open(&queue, IPCQ_PRIVATE, READWRITE | IPCQ_CREATE, NULL), 0);
	ck_assert_int_eq(ipcq_id(queue), 0); /* the first of a namespace, and valid */
	ck_assert_str_eq(ipcq_uri(queue), "sysv:id:0");
	ck_assert_int_eq(ipcq_open(&other, "sysv:id:0", READWRITE, NULL), 0);
	send_text("A", 1);
	ck_assert_int_eq(ipcq_size(other), 1);
	ipcq_close(other);
	ck_assert_int_eq(ipcq_remove(IPCQ_PRIVATE), -EINVAL);
	ck_assert_int_eq(ipcq_remove(ipcq_uri(queue)), 0);
}
END_TEST

static const char *const keys[] = { "sysv:1", "sysv:0x7fffffff", "sysv:0x80000000",
	"sysv:0xffffffff", "sysv:4294967295" };

START_TEST(keys_of_32_bits_work)
{
	ck_assert_int_eq(ipcq_open(&queue, keys[_i], READWRITE | IPCQ_CREATE, NULL), 0);
	send_text("A", 1);
	close_queue();
	ck_assert_int_eq(ipcq_open(&queue, keys[_i], READWRITE, NULL), 0);
	expect("A", 1, 0);
	ck_assert_int_eq(ipcq_remove(keys[_i]), 0);
}
END_TEST

START_TEST(send_all_tells_how_far_it_came)
{
	char body[5 * SIZE + 1];
	struct ipcq_batch batch = { .body = body, .length = sizeof(body), .type = 2 };
	const struct ipcq_options how = { .flags = IPCQ_NOWAIT };
	uint64_t piece;
	struct ipcq_attributes at;

	memset(body, 'b', sizeof(body));
	open_queue(_i);
	ck_assert_int_eq(ipcq_attributes(queue, &at), 0);
	piece = at.message_size;
	ck_assert_int_eq(ipcq_send_all(queue, &batch, &how), -EAGAIN);
	ck_assert_uint_eq(batch.sent_messages, 4 * SIZE / piece);
	ck_assert_uint_eq(batch.sent_bytes, 4 * SIZE);
	while (ipcq_size(queue) > 0) {
		char room[IPCQ_HEAD + 4 * SIZE];

		ck_assert_int_eq(ipcq_receive(queue, room, sizeof(room), &how, &got),
		    (ssize_t)piece);
	}
	ck_assert_int_eq(ipcq_send_all(queue, &batch, &how), 0);
	ck_assert_uint_eq(batch.sent_bytes, sizeof(body));
	batch = (struct ipcq_batch){ .type = 2 };
	while (ipcq_size(queue) > 0) {
		char room[IPCQ_HEAD + 4 * SIZE];

		ck_assert_int_ge(
		    ipcq_receive(queue, room, sizeof(room), &how, &got), 1);
	}
	ck_assert_int_eq(ipcq_send_all(queue, &batch, NULL), 0);
	ck_assert_uint_eq(batch.sent_messages, 1);
	expect("", 2, 0);
}
END_TEST

/* ---- removal while waiting ----------------------------------------------------------- */

static void *
remove_later(void *arg)
{
	const struct timespec pause = { .tv_nsec = 30 * MS };

	(void)nanosleep(&pause, NULL);
	ck_assert_int_eq(ipcq_remove(arg), 0);
	return NULL;
}

START_TEST(removal_ends_a_waiting_call)
{
	const struct ipcq_options timed = { .flags = IPCQ_TIMED,
		.timeout_ns = UINT64_MAX };
	char uri[] = "sysv:0x4d51";
	pthread_t thread;

	open_queue(1);
	if (_i >= 2)
		fill();
	ck_assert_int_eq(pthread_create(&thread, NULL, remove_later, uri), 0);
	if (_i < 2)
		ck_assert_int_eq(ipcq_receive(queue, buf, sizeof(buf),
				     _i == 0 ? NULL : &timed, &got),
		    -EIDRM);
	else
		ck_assert_int_eq(
		    ipcq_send_with(queue, "x", 1, 1, _i == 2 ? NULL : &timed), -EIDRM);
	(void)pthread_join(thread, NULL);
	ck_assert_int_eq(ipcq_receive(queue, buf, sizeof(buf), NULL, &got), -EIDRM);
}
END_TEST

/* ---- several at once ------------------------------------------------------------------ */

#define THREADS 4
#define EACH    500

static atomic_long sum;

static void *
send_many(void *arg)
{
	const struct ipcq_options timed = { .flags = IPCQ_TIMED,
		.timeout_ns = UINT64_MAX };

	(void)arg;
	for (int i = 1; i <= EACH; i++)
		ck_assert_int_eq(ipcq_send_with(queue, &i, sizeof(i), 1 + i % 3,
				     i % 2 == 0 ? NULL : &timed),
		    0);
	return NULL;
}

static void *
receive_many(void *arg)
{
	const struct ipcq_options timed = { .flags = IPCQ_TIMED,
		.timeout_ns = UINT64_MAX };
	char room[IPCQ_HEAD + SIZE];
	struct ipcq_message msg;
	int value;

	(void)arg;
	for (int i = 1; i <= EACH; i++) {
		ck_assert_int_eq(ipcq_receive(queue, room, sizeof(room),
				     i % 2 == 0 ? NULL : &timed, &msg),
		    sizeof(value));
		memcpy(&value, msg.body, sizeof(value));
		(void)atomic_fetch_add(&sum, value);
	}
	return NULL;
}

START_TEST(four_threads_share_one_handle)
{
	pthread_t threads[2 * THREADS];

	open_queue(_i);
	for (int i = 0; i < 2 * THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
				     i < THREADS ? send_many : receive_many, NULL),
		    0);
	for (int i = 0; i < 2 * THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	ck_assert_int_eq(atomic_load(&sum), (long)THREADS * EACH * (EACH + 1) / 2);
	ck_assert_int_eq(ipcq_size(queue), 0);
}
END_TEST

START_TEST(child_goes_on_with_the_handle)
{
	int status = -1;
	pid_t pid;

	open_queue(_i);
	pid = fork();
	if (pid == 0)
		_exit(ipcq_send(queue, "child", 5, 1, 0) == 0 ? 0 : 1);
	ck_assert_int_eq(ipcq_receive(queue, buf, sizeof(buf), NULL, &got), 5);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

static TCase *
posix_and_sysv(void)
{
	TCase *tc = tcase_create("both");

	tcase_add_checked_fixture(tc, private_ipc_enter, close_queue);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(
	    tc, small_buffer_leaves_the_message_and_tells_the_length, 0, 2);
	tcase_add_loop_test(tc, timeout_is_waited_for_and_not_longer, 0, 2);
	tcase_add_loop_test(tc, timed_receive_gets_what_comes_meanwhile, 0, 2);
	tcase_add_loop_test(tc, waiting_send_goes_on_when_there_is_room, 0, 2);
	tcase_add_loop_test(tc, signal_storm_does_not_change_the_timeout, 0, 2);
	tcase_add_loop_test(tc, interruptible_call_answers_eintr, 0, 2);
	tcase_add_loop_test(tc, blocking_mode_changes_at_run_time, 0, 2);
	tcase_add_loop_test(tc, change_sets_owner_group_mode_and_bytes, 0, 2);
	tcase_add_loop_test(
	    tc, closing_keeps_the_queue_and_removing_keeps_the_handle, 0, 2);
	tcase_add_loop_test(tc, send_all_tells_how_far_it_came, 0, 2);
	tcase_add_loop_test(tc, four_threads_share_one_handle, 0, 2);
	tcase_add_loop_test(tc, child_goes_on_with_the_handle, 0, 2);
	return tc;
}

Suite *
suite_calls(void)
{
	Suite *suite = suite_create("calls");
	TCase *tc = tcase_create("one");

	if (!private_ipc_possible("calls"))
		return suite;
	tcase_add_checked_fixture(tc, private_ipc_enter, close_queue);
	tcase_add_test(tc, posix_receive_gives_highest_priority_first);
	tcase_add_test(tc, sysv_receive_chooses_by_type);
	tcase_add_test(tc, sysv_receive_except_truncate_and_peek);
	tcase_add_test(tc, posix_cannot_select_nor_peek);
	tcase_add_test(tc, private_queue_is_found_by_its_id);
	tcase_add_loop_test(tc, keys_of_32_bits_work, 0, 5);
	tcase_add_loop_test(tc, removal_ends_a_waiting_call, 0, 4);
	suite_add_tcase(suite, tc);
	suite_add_tcase(suite, posix_and_sysv());
	return suite;
}
