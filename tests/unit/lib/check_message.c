/* Where a body to send may lie, and how long it may be: for both kinds of queue. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/compiler.h"
#include "lib/ipcq.h"
#include "private_ipc.h"
#include "suites.h"

#define SIZE 64

static const char *const uris[] = { "posix:/message", "sysv:0x4d51" };

static struct ipcq *queue;
static char buf[IPCQ_HEAD + SIZE];
static struct ipcq_message got;

static void
open_queue(int i, uint64_t messages, uint64_t size)
{
	const struct ipcq_create create = { .max_messages = messages,
		.message_size = size,
		.max_bytes = messages * size };
	unsigned flags = IPCQ_READ | IPCQ_WRITE | IPCQ_CREATE;

	ck_assert_int_eq(ipcq_open(&queue, uris[i], flags, &create), 0);
}

static void
close_queue(void)
{
	ipcq_close(queue);
	queue = NULL;
}

static void
expect_first(int64_t type)
{
	ck_assert_int_eq(ipcq_receive(queue, buf, sizeof(buf), NULL, &got), 5);
	ck_assert_int_eq(got.type, type);
	ck_assert_int_eq(memcmp(got.body, "first", 5), 0);
}

/* Each length has its own way to be copied, or none. */
START_TEST(body_of_each_length_arrives_whole)
{
	static const size_t lengths[] = { 65, 100, 4096, 4097, 8192 };
	static char sent[IPCQ_HEAD + 8192];
	static char large[sizeof(sent)];
	unsigned flags = _i < 2 ? 0 : IPCQ_HEADROOM;

	open_queue(_i % 2, 1, sizeof(large) - IPCQ_HEAD);
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)(i * 7 + i / 256 + 1);
	for (size_t i = 0; i < 65 + ARRAY_LEN(lengths); i++) {
		size_t len = i < 65 ? i : lengths[i - 65];

		memset(large, 0, sizeof(large));
		ck_assert_int_eq(ipcq_send(queue, sent + IPCQ_HEAD, len, 5, flags), 0);
		ck_assert_int_eq(ipcq_receive(queue, large, sizeof(large), NULL, &got),
		    (ssize_t)len);
		ck_assert_int_eq(got.type, 5);
		ck_assert_int_eq(memcmp(got.body, sent + IPCQ_HEAD, len), 0);
	}
}
END_TEST

/* And what was received is sent on from where it is. */
START_TEST(headroom_serves_every_way_to_send)
{
	struct ipcq_options how = { .flags = IPCQ_NOWAIT | IPCQ_HEADROOM };
	struct ipcq_batch batch = { .body = "abc", .length = 3, .type = 1 };
	char slot[IPCQ_HEAD + 10 * SIZE] = "--------first";
	static char huge[IPCQ_HEAD + SIZE * 1000];

	open_queue(_i, 4, SIZE);
	ck_assert_int_eq(
	    ipcq_send(queue, slot + IPCQ_HEAD, 5, 7, IPCQ_HEADROOM | IPCQ_NOWAIT), 0);
	expect_first(7);
	ck_assert_int_eq(ipcq_send_with(queue, got.body, got.length, 8, &how), 0);
	expect_first(8);
	ck_assert_int_eq(
	    ipcq_send(queue, got.body, got.length, got.type, IPCQ_HEADROOM), 0);
	expect_first(8);
	ck_assert_int_eq(
	    ipcq_send(queue, slot + IPCQ_HEAD, 5, -1, IPCQ_HEADROOM), -EINVAL);
	ck_assert_int_eq(
	    ipcq_send(queue, huge + IPCQ_HEAD, 10 * SIZE, 1, IPCQ_HEADROOM), -EMSGSIZE);
	ck_assert_int_eq(ipcq_send_all(queue, &batch, &how), -EINVAL);
	ck_assert_int_eq(ipcq_size(queue), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(
		    ipcq_send(queue, slot + IPCQ_HEAD, SIZE, 1, IPCQ_HEADROOM), 0);
	ck_assert_int_eq(
	    ipcq_send(queue, slot + IPCQ_HEAD, SIZE, 1, IPCQ_HEADROOM | IPCQ_NOWAIT),
	    -EAGAIN);
	ipcq_set_blocking(queue, 0);
	ck_assert_int_eq(
	    ipcq_send(queue, slot + IPCQ_HEAD, SIZE, 1, IPCQ_HEADROOM), -EAGAIN);
}
END_TEST

START_TEST(headroom_before_null_is_refused)
{
	struct ipcq_options how = { .flags = IPCQ_HEADROOM };

	open_queue(_i, 4, SIZE);
	ck_assert_int_eq(ipcq_send(queue, NULL, 0, 1, IPCQ_HEADROOM), -EINVAL);
	ck_assert_int_eq(ipcq_send_with(queue, NULL, 0, 1, &how), -EINVAL);
}
END_TEST

Suite *
suite_message(void)
{
	Suite *s = suite_create("message");
	TCase *tc = tcase_create("message");

	if (!private_ipc_possible("message"))
		return s;
	tcase_add_checked_fixture(tc, private_ipc_enter, close_queue);
	tcase_add_loop_test(tc, body_of_each_length_arrives_whole, 0, 4);
	tcase_add_loop_test(tc, headroom_serves_every_way_to_send, 0, 2);
	tcase_add_loop_test(tc, headroom_before_null_is_refused, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
