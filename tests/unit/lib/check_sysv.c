/* What only System V queues have. */
#include "lib/ipcq.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "private_ipc.h"
#include "suites.h"

#define URI       "sysv:0x4d51"
#define READWRITE (IPCQ_READ | IPCQ_WRITE)
#define DEADLINE  10 /* seconds */

struct slot {
	int64_t type;
	char body[64];
};

static const struct ipcq_create tiny = { .max_bytes = 100, .mode = 0600 };

static struct ipcq *q;

static void
setup(void)
{
	private_ipc_enter();
	ck_assert_int_eq(ipcq_open(&q, URI, READWRITE | IPCQ_CREATE, &tiny), 0);
}

static uint64_t
waiting(void)
{
	struct ipcq_attributes at;

	ck_assert_int_eq(ipcq_attributes(q, &at), 0);
	return at.messages;
}

/* Until the process sleeps in the only call that it makes. */
static void
wait_asleep(pid_t pid)
{
	time_t end = time(NULL) + DEADLINE;
	char path[64];
	char state = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	while (state != 'S' && time(NULL) < end) {
		file = fopen(path, "r");
		ck_assert_ptr_nonnull(file);
		ck_assert_int_eq(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
		(void)fclose(file);
	}
	ck_assert_int_eq(state, 'S');
}

/* Start the call in a process of its own, which ends with its -errno. */
static pid_t
start(int (*call)(void))
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(-call());
	wait_asleep(pid);
	return pid;
}

static int
result(pid_t pid)
{
	int status = 0;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static int
call_receive(void)
{
	struct slot in;

	return (int)ipcq_receive_slot(q, in.body, 64, 0, 0);
}

static int
call_wait(void)
{
	int64_t type;

	return ipcq_wait(q, 0, 0, &type);
}

static int
call_send(void)
{
	char body[100] = { 0 };

	return ipcq_send(q, body, sizeof(body), 1, 0);
}

START_TEST(removal_while_waiting_returns_eidrm)
{
	pid_t receiver = start(call_receive);
	pid_t waiter = start(call_wait);

	ck_assert_int_eq(ipcq_remove(URI), 0);
	ck_assert_int_eq(result(receiver), -EIDRM);
	ck_assert_int_eq(result(waiter), -EIDRM);
}
END_TEST

START_TEST(removal_while_sending_returns_eidrm)
{
	pid_t sender;

	ck_assert_int_eq(ipcq_send(q, "1", 1, 1, 0), 0);
	sender = start(call_send);
	ck_assert_int_eq(ipcq_remove(URI), 0);
	ck_assert_int_eq(result(sender), -EIDRM);
}
END_TEST

START_TEST(calls_on_a_removed_queue_say_so)
{
	struct ipcq_attributes at;
	struct slot in = { .type = 1 };

	ck_assert_int_eq(ipcq_remove(URI), 0);
	ck_assert_int_eq(ipcq_send(q, "1", 1, 1, 0), -EIDRM);
	ck_assert_int_eq(ipcq_send_slot(q, in.body, 1, IPCQ_NOWAIT), -EIDRM);
	ck_assert_int_eq(ipcq_receive_slot(q, in.body, 64, 0, 0), -EINVAL);
	ck_assert_int_eq(ipcq_wait(q, 0, 0, &in.type), -EINVAL);
	ck_assert_int_eq(ipcq_attributes(q, &at), -EIDRM);
}
END_TEST

START_TEST(wait_leaves_a_message_with_a_body)
{
	int64_t type = -5;
	struct slot in = { 0 };

	ck_assert_int_eq(ipcq_send(q, "1", 1, 7, 0), 0);
	ck_assert_int_eq(ipcq_wait(q, 0, 0, &type), 0);
	ck_assert_int_eq(type, -5);
	ck_assert_int_eq(ipcq_receive_slot(q, in.body, 64, 0, IPCQ_NOWAIT), 1);
	ck_assert_int_eq(in.type, 7);
}
END_TEST

START_TEST(wait_takes_a_message_without_body)
{
	int64_t type = -5;

	ck_assert_int_eq(ipcq_send(q, NULL, 0, INT64_MAX, 0), 0);
	ck_assert_int_eq(ipcq_wait(q, 0, 0, &type), 1);
	ck_assert_int_eq(type, INT64_MAX);
	ck_assert_uint_eq(waiting(), 0);
}
END_TEST

START_TEST(wait_heeds_the_selection)
{
	int64_t type = -5;

	ck_assert_int_eq(ipcq_send(q, "1", 1, 7, 0), 0);
	ck_assert_int_eq(ipcq_send(q, "", 0, 8, 0), 0);
	ck_assert_int_eq(ipcq_wait(q, 7, IPCQ_EXCEPT, &type), 1);
	ck_assert_int_eq(type, 8);
	ck_assert_int_eq(ipcq_wait(q, -7, 0, &type), 0);
	ck_assert_int_eq(ipcq_wait(q, 7, 0, &type), 0);
	ck_assert_int_eq(ipcq_wait(q, 7, IPCQ_NOWAIT, &type), -EINVAL);
}
END_TEST

START_TEST(message_larger_than_the_space_stays)
{
	struct slot in = { .type = -5 };

	ck_assert_int_eq(ipcq_send(q, "12345", 5, 7, 0), 0);
	ck_assert_int_eq(ipcq_receive_slot(q, in.body, 4, 0, 0), -E2BIG);
	ck_assert_int_eq(in.type, -5);
	ck_assert_uint_eq(waiting(), 1);
	ck_assert_int_eq(ipcq_receive_slot(q, in.body, 5, 0, 0), 5);
	ck_assert_mem_eq(in.body, "12345", 5);
}
END_TEST

static const struct {
	int64_t select;
	unsigned flags;
	int64_t first; /* of the types 3, 1, 2; 0: none */
} selections[] = {
	{ 0, 0, 3 },
	{ 2, 0, 2 },
	{ 4, 0, 0 },
	{ -2, 0, 1 },
	{ 3, IPCQ_EXCEPT, 1 },
};

START_TEST(receive_heeds_the_selection)
{
	struct slot in = { 0 };
	ssize_t len;

	ck_assert_int_eq(ipcq_send(q, "", 0, 3, 0), 0);
	ck_assert_int_eq(ipcq_send(q, "", 0, 1, 0), 0);
	ck_assert_int_eq(ipcq_send(q, "", 0, 2, 0), 0);
	len = ipcq_receive_slot(
	    q, in.body, 64, selections[_i].select, selections[_i].flags | IPCQ_NOWAIT);
	ck_assert_int_eq(len, selections[_i].first == 0 ? -EAGAIN : 0);
	ck_assert_int_eq(in.type, selections[_i].first);
}
END_TEST

START_TEST(message_without_body_fits_a_byte_full_queue)
{
	char body[100] = { 0 };

	ck_assert_int_eq(ipcq_send(q, body, 100, 1, 0), 0);
	ck_assert_int_eq(ipcq_send(q, body, 1, 1, IPCQ_NOWAIT), -EAGAIN);
	ck_assert_int_eq(ipcq_send(q, NULL, 0, 1, IPCQ_NOWAIT), 0);
	ck_assert_uint_eq(waiting(), 2);
}
END_TEST

/* The kernel would let this sender wait for ever: below msgmax, above msg_qbytes. */
START_TEST(message_above_queue_bytes_returns_emsgsize)
{
	char body[101] = { 0 };

	ck_assert_int_eq(ipcq_send(q, body, 101, 1, 0), -EMSGSIZE);
	ck_assert_int_eq(ipcq_send(q, body, 101, 1, IPCQ_NOWAIT), -EMSGSIZE);
	ck_assert_int_eq(ipcq_send(q, body, 100, 1, IPCQ_NOWAIT), 0);
}
END_TEST

START_TEST(message_above_the_stack_buffer_arrives)
{
	struct ipcq_create create = { 0 };
	char *body = malloc(10000);
	char *in = malloc(10008);
	FILE *file;

	ck_assert_ptr_nonnull(body);
	ck_assert_ptr_nonnull(in);
	file = fopen("/proc/sys/kernel/msgmax", "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_gt(fprintf(file, "10000"), 0);
	ck_assert_int_eq(fclose(file), 0);
	ipcq_close(q);
	q = NULL;
	ck_assert_int_eq(ipcq_open(&q, "sysv:5", READWRITE | IPCQ_CREATE, &create), 0);
	memset(body, 'x', 10000);
	ck_assert_int_eq(ipcq_send(q, body, 10000, 3, 0), 0);
	ck_assert_int_eq(ipcq_receive_slot(q, in + 8, 10000, 0, 0), 10000);
	ck_assert_int_eq(in[0], 3);
	ck_assert_mem_eq(in + 8, body, 10000);
	ck_assert_int_eq(ipcq_send(q, body, 10001, 3, 0), -EMSGSIZE);
	free(body);
	free(in);
}
END_TEST

START_TEST(id_opens_the_queue_also_id_zero)
{
	struct ipcq *other = NULL;
	char uri[32];
	int id = ipcq_id(q);

	/* The first queue of a namespace has id 0. */
	ck_assert_int_eq(id, 0);
	(void)snprintf(uri, sizeof(uri), "sysv:id:%d", id);
	ck_assert_int_eq(ipcq_open(&other, uri, READWRITE, NULL), 0);
	ck_assert_int_eq(ipcq_send(other, "1", 1, 7, 0), 0);
	ck_assert_uint_eq(waiting(), 1);
	ipcq_close(other);
	ck_assert_int_eq(
	    ipcq_open(&other, uri, IPCQ_READ | IPCQ_CREATE, NULL), -EINVAL);
	ck_assert_int_eq(ipcq_open(&other, "sysv:id:77", IPCQ_READ, NULL), -ENOENT);
	ck_assert_int_eq(ipcq_remove(uri), 0);
	ck_assert_int_eq(ipcq_remove(uri), -ENOENT);
}
END_TEST

START_TEST(attributes_beyond_limits_return_an_error)
{
	struct ipcq_create create = tiny;
	struct ipcq *other = NULL;

	create.max_bytes = 1000000; /* above kernel.msgmnb, without CAP_SYS_RESOURCE */
	ck_assert_int_eq(
	    ipcq_open(&other, "sysv:9", READWRITE | IPCQ_CREATE, &create), -EPERM);
	create.max_bytes = UINT64_C(1) << 40;
	ck_assert_int_eq(
	    ipcq_open(&other, "sysv:9", READWRITE | IPCQ_CREATE, &create), -EINVAL);
	ck_assert_int_eq(ipcq_open(&other, "sysv:9", IPCQ_READ, NULL), -ENOENT);
}
END_TEST

Suite *
suite_sysv(void)
{
	Suite *s = suite_create("sysv");
	TCase *tc = tcase_create("sysv");

	if (!private_ipc_possible("sysv"))
		return s;
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, removal_while_waiting_returns_eidrm);
	tcase_add_test(tc, removal_while_sending_returns_eidrm);
	tcase_add_test(tc, calls_on_a_removed_queue_say_so);
	tcase_add_test(tc, wait_leaves_a_message_with_a_body);
	tcase_add_test(tc, wait_takes_a_message_without_body);
	tcase_add_test(tc, wait_heeds_the_selection);
	tcase_add_test(tc, message_larger_than_the_space_stays);
	tcase_add_loop_test(tc, receive_heeds_the_selection, 0, ARRAY_LEN(selections));
	tcase_add_test(tc, message_without_body_fits_a_byte_full_queue);
	tcase_add_test(tc, message_above_queue_bytes_returns_emsgsize);
	tcase_add_test(tc, message_above_the_stack_buffer_arrives);
	tcase_add_test(tc, id_opens_the_queue_also_id_zero);
	tcase_add_test(tc, attributes_beyond_limits_return_an_error);
	suite_add_tcase(s, tc);
	return s;
}
