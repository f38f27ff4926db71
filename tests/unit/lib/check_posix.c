/* What only POSIX queues have. */
#include "lib/ipcq.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <string.h>

#include "private_ipc.h"
#include "suites.h"

#define READWRITE (IPCQ_READ | IPCQ_WRITE)

struct slot {
	int64_t type;
	char body[64];
};

static const struct ipcq_create tiny = {
	.max_messages = 4, .message_size = 64, .mode = 0600
};

static struct ipcq *
make(const char *uri, const struct ipcq_create *create)
{
	struct ipcq *q = NULL;

	ck_assert_int_eq(ipcq_open(&q, uri, READWRITE | IPCQ_CREATE, create), 0);
	return q;
}

START_TEST(unlinked_queue_is_told_as_removed)
{
	struct ipcq *q = make("posix:/q", &tiny);
	struct ipcq_attributes at;

	ck_assert_int_eq(ipcq_send(q, "left", 4, 0, 0), 0);
	ck_assert_int_eq(ipcq_remove("posix:/q"), 0);
	ck_assert_int_eq(ipcq_attributes(q, &at), 0);
	ck_assert_int_eq(at.removed, 1);
	ck_assert_uint_eq(at.messages, 1);
	ipcq_close(q);
}
END_TEST

START_TEST(name_of_255_bytes_makes_that_queue)
{
	char uri[300] = "posix:/";
	struct ipcq *q;
	mqd_t mqd;

	memset(uri + 7, '%', 255);
	q = make(uri, &tiny);
	mqd = mq_open(uri + 6, O_RDWR);
	ck_assert_int_ge(mqd, 0);
	(void)mq_close(mqd);
	ipcq_close(q);
}
END_TEST

START_TEST(higher_priority_is_received_first)
{
	struct ipcq *q = make("posix:/q", &tiny);
	struct slot in = { 0 };

	ck_assert_int_eq(ipcq_send(q, "a", 1, 0, 0), 0);
	ck_assert_int_eq(ipcq_send(q, "b", 1, 32767, 0), 0);
	ck_assert_int_eq(ipcq_receive_slot(q, in.body, 64, 99, 0), 1);
	ck_assert_int_eq(in.type, 32767);
	ck_assert_int_eq(in.body[0], 'b');
	ipcq_close(q);
}
END_TEST

/* The recovery of a ring tests the low half against a value that is no priority. */
START_TEST(receiving_leaves_the_high_half_of_the_type)
{
	struct ipcq *q = make("posix:/q", &tiny);
	struct slot in = { .type = INT64_C(0x123456789abcdef0) };

	ck_assert_int_eq(ipcq_send(q, "a", 1, 5, 0), 0);
	ck_assert_int_eq(ipcq_receive_slot(q, in.body, 64, 0, 0), 1);
	ck_assert_int_eq(in.type, INT64_C(0x1234567800000005));
	ipcq_close(q);
}
END_TEST

START_TEST(sending_reads_the_low_half_of_the_type)
{
	struct ipcq *q = make("posix:/q", &tiny);
	struct slot out = { .type = INT64_C(0x1234567800000005) };
	struct slot in = { 0 };

	ck_assert_int_eq(ipcq_send_slot(q, out.body, 1, 0), 0);
	ck_assert_int_eq(ipcq_receive_slot(q, in.body, 64, 0, 0), 1);
	ck_assert_int_eq(in.type, 5);
	ipcq_close(q);
}
END_TEST

START_TEST(space_below_message_size_returns_emsgsize)
{
	struct ipcq *q = make("posix:/q", &tiny);
	struct slot in = { 0 };

	ck_assert_int_eq(ipcq_send(q, "a", 1, 5, 0), 0);
	ck_assert_int_eq(ipcq_receive_slot(q, in.body, 63, 0, 0), -EMSGSIZE);
	ck_assert_int_eq(ipcq_receive_slot(q, in.body, 64, 0, 0), 1);
	ipcq_close(q);
}
END_TEST

START_TEST(descriptor_can_be_polled_and_does_not_block)
{
	struct ipcq *q = make("posix:/q", &tiny);
	struct pollfd pfd = { .fd = ipcq_fd(q), .events = POLLIN };

	ck_assert_int_ne(fcntl(pfd.fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(pfd.fd, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_eq(poll(&pfd, 1, 0), 0);
	ck_assert_int_eq(ipcq_send(q, "a", 1, 5, 0), 0);
	ck_assert_int_eq(poll(&pfd, 1, 0), 1);
	ck_assert_int_eq(ipcq_wait(q, 0, 0, NULL), -EOPNOTSUPP);
	ipcq_close(q);
}
END_TEST

START_TEST(one_number_alone_takes_the_default_of_the_other)
{
	struct ipcq_create create = tiny;
	struct ipcq_attributes at;
	struct ipcq *q;

	create.max_messages = 0;
	q = make("posix:/q", &create);
	ck_assert_int_eq(ipcq_attributes(q, &at), 0);
	ck_assert_uint_eq(at.max_messages, 10);
	ck_assert_uint_eq(at.message_size, 64);
	ipcq_close(q);
	create = tiny;
	create.message_size = 0;
	create.max_messages = 1;
	q = make("posix:/r", &create);
	ck_assert_int_eq(ipcq_attributes(q, &at), 0);
	ck_assert_uint_eq(at.max_messages, 1);
	ck_assert_uint_eq(at.message_size, 8192);
	ipcq_close(q);
}
END_TEST

START_TEST(attributes_beyond_any_limit_return_einval)
{
	struct ipcq_create create = tiny;
	struct ipcq *q = NULL;

	create.max_messages = UINT64_MAX;
	ck_assert_int_eq(
	    ipcq_open(&q, "posix:/q", READWRITE | IPCQ_CREATE, &create), -EINVAL);
	create.max_messages = 100000;
	ck_assert_int_eq(
	    ipcq_open(&q, "posix:/q", READWRITE | IPCQ_CREATE, &create), -EINVAL);
	ck_assert_int_eq(ipcq_open(&q, "posix:/q", IPCQ_READ, NULL), -ENOENT);
}
END_TEST

START_TEST(direction_not_asked_for_returns_ebadf)
{
	struct ipcq *q = make("posix:/q", &tiny);
	struct ipcq *reader = NULL;
	struct ipcq *writer = NULL;
	struct slot in = { 0 };

	ck_assert_int_eq(ipcq_open(&reader, "posix:/q", IPCQ_READ, NULL), 0);
	ck_assert_int_eq(ipcq_open(&writer, "posix:/q", IPCQ_WRITE, NULL), 0);
	ck_assert_int_eq(ipcq_send(reader, "", 0, 0, 0), -EBADF);
	ck_assert_int_eq(ipcq_receive_slot(writer, in.body, 64, 0, 0), -EBADF);
	ipcq_close(reader);
	ipcq_close(writer);
	ipcq_close(q);
}
END_TEST

Suite *
suite_posix(void)
{
	Suite *s = suite_create("posix");
	TCase *tc = tcase_create("posix");

	if (!private_ipc_possible("posix"))
		return s;
	tcase_add_checked_fixture(tc, private_ipc_enter, NULL);
	tcase_add_test(tc, unlinked_queue_is_told_as_removed);
	tcase_add_test(tc, name_of_255_bytes_makes_that_queue);
	tcase_add_test(tc, higher_priority_is_received_first);
	tcase_add_test(tc, receiving_leaves_the_high_half_of_the_type);
	tcase_add_test(tc, sending_reads_the_low_half_of_the_type);
	tcase_add_test(tc, space_below_message_size_returns_emsgsize);
	tcase_add_test(tc, descriptor_can_be_polled_and_does_not_block);
	tcase_add_test(tc, one_number_alone_takes_the_default_of_the_other);
	tcase_add_test(tc, attributes_beyond_any_limit_return_einval);
	tcase_add_test(tc, direction_not_asked_for_returns_ebadf);
	suite_add_tcase(s, tc);
	return s;
}
