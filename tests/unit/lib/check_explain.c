#include "lib/ipcq.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/compiler.h"
#include "lib/limits.h"
#include "private_ipc.h"
#include "suites.h"

#define READWRITE (IPCQ_READ | IPCQ_WRITE)

static char buf[1000];

static void
write_limit(const char *path, const char *value)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_gt(fprintf(file, "%s", value), 0);
	ck_assert_int_eq(fclose(file), 0);
}

/* Make the queue, which must fail with rc, and explain that. */
static void
make_failing(const char *uri, const struct ipcq_create *create, int rc)
{
	struct ipcq *q = NULL;

	ck_assert_int_eq(ipcq_open(&q, uri, READWRITE | IPCQ_CREATE, create), rc);
	ck_assert_ptr_eq(ipcq_explain(buf, sizeof(buf), uri, create, rc), buf);
}

static void
expect(const char *part)
{
	ck_assert_msg(strstr(buf, part) != NULL, "\"%s\" is not in: %s", part, buf);
}

START_TEST(explain_msgqueue_limit_tells_the_line)
{
	struct ipcq_create create = { .max_messages = 4, .message_size = 64 };
	struct rlimit limit = { 100, 100 };

	ck_assert_int_eq(setrlimit(RLIMIT_MSGQUEUE, &limit), 0);
	make_failing("posix:/orders", &create, -EMFILE);
	expect("posix:/orders: 4 messages of 64 bytes");
	expect("640 bytes, and RLIMIT_MSGQUEUE allows 100 bytes");
	expect("LimitMSGQUEUE=740 ");
	expect("prlimit --msgqueue=740 ");
}
END_TEST

/* The kernel's own charge: the queue just fits into it, and not into one byte less. */
START_TEST(charge_is_that_of_the_kernel)
{
	struct ipcq_create create = { .max_messages = 7, .message_size = 100 };
	uint64_t charge = limits_posix_charge(7, 100);
	struct rlimit limit = { 0, RLIM_INFINITY };
	struct ipcq *q = NULL;

	ck_assert_int_eq(getrlimit(RLIMIT_MSGQUEUE, &limit), 0);
	limit.rlim_cur = charge - 1;
	ck_assert_int_eq(setrlimit(RLIMIT_MSGQUEUE, &limit), 0);
	ck_assert_int_eq(
	    ipcq_open(&q, "posix:/q", READWRITE | IPCQ_CREATE, &create), -EMFILE);
	limit.rlim_cur = charge;
	ck_assert_int_eq(setrlimit(RLIMIT_MSGQUEUE, &limit), 0);
	ck_assert_int_eq(
	    ipcq_open(&q, "posix:/q", READWRITE | IPCQ_CREATE, &create), 0);
	ipcq_close(q);
	ck_assert_uint_eq(limits_posix_charge(UINT64_MAX, 2), UINT64_MAX);
	ck_assert_uint_eq(limits_posix_charge(1, UINT64_MAX), UINT64_MAX);
}
END_TEST

START_TEST(explain_descriptor_limit_tells_the_line)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 3; /* valgrind wants the other one to stay */
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	(void)ipcq_explain(buf, sizeof(buf), "posix:/orders", NULL, -EMFILE);
	limit.rlim_cur = limit.rlim_max; /* tools that watch the end need some */
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	/* No descriptor is free below 3: all three are this process's own. */
	expect("all 3 descriptors");
	expect("LimitNOFILE=6 ");
}
END_TEST

START_TEST(explain_number_of_posix_queues_tells_the_line)
{
	write_limit("/proc/sys/fs/mqueue/queues_max", "0");
	/* CAP_SYS_RESOURCE of the outermost namespace only would help. */
	make_failing("posix:/orders", NULL, -ENOSPC);
	expect("fs.mqueue.queues_max allows 0 ");
	expect("sysctl -w fs.mqueue.queues_max=1");
}
END_TEST

static const struct {
	uint64_t messages;
	uint64_t size;
	const char *parts[3];
} posix_cases[] = {
	{ 11, 8,
	    { "max_messages 11 ", "allows 10;", "sysctl -w fs.mqueue.msg_max=11" } },
	{ 2, 8193,
	    { "message_size 8193 ", "allows 8192;",
		"sysctl -w fs.mqueue.msgsize_max=8193" } },
	{ 11, 8193,
	    { "11 messages of 8193 bytes", "msgsize_max 8192;",
		"sysctl -w fs.mqueue.msg_max=11 fs.mqueue.msgsize_max=8193" } },
	{ 65537, 8193, { "max_messages 65537 ", "65536 is the most", "Linux" } },
	{ 2, 16777217, { "message_size 16777217 ", "16777216 is the most", "Linux" } },
};

START_TEST(explain_posix_attributes_tells_the_line)
{
	struct ipcq_create create = { 0 };

	create.max_messages = posix_cases[_i].messages;
	create.message_size = posix_cases[_i].size;
	make_failing("posix:/orders", &create, -EINVAL);
	for (size_t i = 0; i < 3; i++)
		expect(posix_cases[_i].parts[i]);
}
END_TEST

START_TEST(explain_number_of_sysv_queues_tells_the_line)
{
	write_limit("/proc/sys/kernel/msgmni", "0");
	make_failing("sysv:1", NULL, -ENOSPC);
	expect("kernel.msgmni allows 0 ");
	expect("sysctl -w kernel.msgmni=1");
}
END_TEST

START_TEST(explain_sysv_bytes_tells_the_line)
{
	struct ipcq_create create = { 0 };

	create.max_bytes = 20000;
	make_failing("sysv:1", &create, -EPERM);
	expect("max_bytes 20000 ");
	expect("kernel.msgmnb allows 16384;");
	expect("sysctl -w kernel.msgmnb=20000");
	create.max_bytes = UINT64_C(1) << 31;
	make_failing("sysv:1", &create, -EINVAL);
	expect("2147483647 is the most");
}
END_TEST

START_TEST(explain_sysv_message_tells_both_limits)
{
	(void)ipcq_explain(buf, sizeof(buf), "sysv:1", NULL, -EMSGSIZE);
	expect("kernel.msgmax, 8192 bytes");
	expect("kernel.msgmnb=");
}
END_TEST

static const struct {
	const char *uri;
	int rc;
	const char *parts[2];
} use_cases[] = {
	{ "posix:/orders", -EMSGSIZE,
	    { "message_size, which is 8 bytes;", "ipcq create --message-size" } },
	{ "posix:/orders", -E2BIG, { "IPCQ_HEAD and 8 bytes", "stays in the queue" } },
	{ "sysv:1", -EMSGSIZE,
	    { "max_bytes of the queue, which is 100;",
		"ipcq set sysv:1 --max-bytes 200" } },
	{ "sysv:1", -E2BIG, { "IPCQ_HEAD and 100 bytes", "stays in the queue" } },
	{ "sysv:2", -EMSGSIZE,
	    { "kernel.msgmax, which is 8192 bytes;",
		"sysctl -w kernel.msgmax=16384" } },
};

START_TEST(explain_use_tells_the_numbers_of_the_queue)
{
	const struct ipcq_create create = { .max_messages = 2,
		.message_size = 8,
		.max_bytes = strcmp(use_cases[_i].uri, "sysv:2") == 0 ? 0 : 100 };
	struct ipcq *q = NULL;

	ck_assert_int_eq(
	    ipcq_open(&q, use_cases[_i].uri, READWRITE | IPCQ_CREATE, &create), 0);
	(void)ipcq_explain(buf, sizeof(buf), use_cases[_i].uri, NULL, use_cases[_i].rc);
	for (size_t i = 0; i < 2; i++)
		expect(use_cases[_i].parts[i]);
	ipcq_close(q);
}
END_TEST

START_TEST(explain_signals_tells_which_are_missing)
{
	struct rlimit limit = { 0, RLIM_INFINITY };

	ck_assert_int_eq(getrlimit(RLIMIT_SIGPENDING, &limit), 0);
	limit.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_SIGPENDING, &limit), 0);
	(void)ipcq_explain(buf, sizeof(buf), "sysv:1", NULL, -ENOBUFS);
	expect("the 3 signals that RLIMIT_SIGPENDING allows");
	expect("LimitSIGPENDING=7 ");
	expect("ulimit -i 7");
	for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++)
		(void)signal(sig, SIG_IGN);
	(void)ipcq_explain(buf, sizeof(buf), "sysv:1", NULL, -ENOBUFS);
	expect("real-time signal");
	expect("SIGRTMIN to SIGRTMAX");
}
END_TEST

START_TEST(explain_long_name_tells_how_long_one_may_be)
{
	char uri[300] = "posix:/";

	memset(uri + strlen("posix:/"), 'n', 256);
	(void)ipcq_explain(buf, sizeof(buf), uri, NULL, -ENAMETOOLONG);
	expect("255 bytes");
}
END_TEST

static const struct {
	const char *uri;
	const char *fill;
} waiting_cases[] = {
	{ "posix:/orders", "; 1 messages are in it now, of 2 at most" },
	{ "sysv:1", "; 1 messages are in it now, with 3 bytes of 100 at most" },
};

START_TEST(explain_waiting_tells_how_full_it_is)
{
	struct ipcq_create create = { .max_messages = 2, .message_size = 8 };
	const char *uri = waiting_cases[_i].uri;
	struct ipcq *q = NULL;

	create.max_bytes = 100;
	ck_assert_int_eq(ipcq_open(&q, uri, READWRITE | IPCQ_CREATE, &create), 0);
	ck_assert_int_eq(ipcq_send(q, "abc", 3, 1, 0), 0);
	ipcq_close(q);
	(void)ipcq_explain(buf, sizeof(buf), uri, NULL, -EAGAIN);
	expect(uri);
	expect(": it would have to wait for room, or for a message to receive");
	expect(waiting_cases[_i].fill);
	(void)ipcq_explain(buf, sizeof(buf), uri, NULL, -ETIMEDOUT);
	expect(": the timeout passed without room, or without a message");
	expect(waiting_cases[_i].fill);
	ck_assert_int_eq(ipcq_remove(uri), 0);
	(void)ipcq_explain(buf, sizeof(buf), uri, NULL, -ETIMEDOUT);
	ck_assert_ptr_null(strchr(buf, ';')); /* nothing is known of it any more */
	(void)ipcq_explain(buf, sizeof(buf), uri, NULL, -EIDRM);
	expect(": the queue was removed, with the messages in it; open it anew");
}
END_TEST

START_TEST(explain_other_failure_is_strerror)
{
	(void)ipcq_explain(buf, sizeof(buf), "posix:/a\nb", NULL, -EACCES);
	ck_assert_str_eq(buf, "posix:/a\\x0ab: Permission denied");
	(void)ipcq_explain(buf, sizeof(buf), "sysv:1", NULL, -EPERM);
	ck_assert_str_eq(buf, "sysv:1: Operation not permitted");
	(void)ipcq_explain(buf, sizeof(buf), "orders", NULL, -EINVAL);
	expect("orders: not the name of a queue");
	memset(buf, 'x', sizeof(buf));
	(void)ipcq_explain(buf, 8, "posix:/orders", NULL, -EACCES);
	ck_assert_uint_eq(strlen(buf), 7);
	ck_assert_int_eq(buf[8], 'x');
}
END_TEST

Suite *
suite_explain(void)
{
	Suite *s = suite_create("explain");
	TCase *tc = tcase_create("explain");

	if (!private_ipc_possible("explain"))
		return s;
	tcase_add_checked_fixture(tc, private_ipc_enter, NULL);
	tcase_add_test(tc, explain_msgqueue_limit_tells_the_line);
	tcase_add_test(tc, charge_is_that_of_the_kernel);
	tcase_add_test(tc, explain_descriptor_limit_tells_the_line);
	tcase_add_test(tc, explain_number_of_posix_queues_tells_the_line);
	tcase_add_loop_test(
	    tc, explain_posix_attributes_tells_the_line, 0, ARRAY_LEN(posix_cases));
	tcase_add_test(tc, explain_number_of_sysv_queues_tells_the_line);
	tcase_add_test(tc, explain_sysv_bytes_tells_the_line);
	tcase_add_loop_test(tc, explain_use_tells_the_numbers_of_the_queue, 0,
	    (int)ARRAY_LEN(use_cases));
	tcase_add_test(tc, explain_signals_tells_which_are_missing);
	tcase_add_test(tc, explain_long_name_tells_how_long_one_may_be);
	tcase_add_test(tc, explain_sysv_message_tells_both_limits);
	tcase_add_loop_test(
	    tc, explain_waiting_tells_how_full_it_is, 0, ARRAY_LEN(waiting_cases));
	tcase_add_test(tc, explain_other_failure_is_strerror);
	suite_add_tcase(s, tc);
	return s;
}
