/* Bodies that are larger than a message: for both kinds of queue. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "lib/ipcq.h"
#include "private_ipc.h"
#include "suites.h"

#define SIZE   16   /* of a message */
#define LENGTH 1003 /* of the body: no multiple of it */
#define MS     1000000

static const char *const uris[] = { "posix:/batch", "sysv:0xba7c" };

static struct ipcq *queue;
static char body[LENGTH];
static char together[LENGTH];

/* One message of SIZE bytes fits into the System V queue, four into the POSIX one. */
static void
open_queue(int i)
{
	const struct ipcq_create create = {
		.max_messages = 4, .message_size = SIZE, .max_bytes = SIZE
	};

	ck_assert_int_eq(
	    ipcq_open(&queue, uris[i], IPCQ_READ | IPCQ_WRITE | IPCQ_CREATE, &create),
	    0);
	for (size_t at = 0; at < sizeof(body); at++)
		body[at] = (char)(at % 251);
}

static void
close_queue(void)
{
	ipcq_close(queue);
}

/* All pieces of the body: how many they were. */
static void *
receive_pieces(void *arg)
{
	char buf[IPCQ_HEAD + SIZE];
	struct ipcq_message got;
	size_t at = 0;
	int *count = arg;

	while (at < sizeof(together)) {
		ssize_t len = ipcq_receive(queue, buf, sizeof(buf), NULL, &got);

		if (len <= 0 || got.type != 3 || (size_t)len > sizeof(together) - at)
			return NULL;
		memcpy(together + at, got.body, got.length);
		at += got.length;
		(*count)++;
	}
	return NULL;
}

START_TEST(pieces_put_together_are_the_body)
{
	struct ipcq_batch batch = { .body = body, .length = LENGTH, .type = 3 };
	pthread_t thread;
	int count = 0;

	open_queue(_i);
	ck_assert_int_eq(pthread_create(&thread, NULL, receive_pieces, &count), 0);
	ck_assert_int_eq(ipcq_send_all(queue, &batch, NULL), 0);
	(void)pthread_join(thread, NULL);
	ck_assert_mem_eq(together, body, LENGTH);
	ck_assert_uint_eq(batch.sent_bytes, LENGTH);
	ck_assert_uint_eq(batch.sent_messages, (LENGTH + SIZE - 1) / SIZE);
	ck_assert_int_eq(count, (int)batch.sent_messages);
}
END_TEST

START_TEST(timeout_is_that_of_all_pieces)
{
	const struct ipcq_options how = { .flags = IPCQ_TIMED, .timeout_ns = 30 * MS };
	struct ipcq_batch batch = { .body = body, .length = LENGTH, .type = 3 };
	int64_t begun = clock_monotonic_ns();
	int fit = _i == 0 ? 4 : 1;

	open_queue(_i);
	ck_assert_int_eq(ipcq_send_all(queue, &batch, &how), -ETIMEDOUT);
	ck_assert_int_ge(clock_monotonic_ns() - begun, 30 * MS);
	ck_assert_uint_eq(batch.sent_messages, fit);
	ck_assert_uint_eq(batch.sent_bytes, fit * SIZE);
	ck_assert_int_eq(ipcq_size(queue), fit);
}
END_TEST

Suite *
suite_batch(void)
{
	Suite *suite = suite_create("batch");
	TCase *tc = tcase_create("batch");

	if (!private_ipc_possible("batch"))
		return suite;
	tcase_add_checked_fixture(tc, private_ipc_enter, close_queue);
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, pieces_put_together_are_the_body, 0, 2);
	tcase_add_loop_test(tc, timeout_is_that_of_all_pieces, 0, 2);
	suite_add_tcase(suite, tc);
	return suite;
}
