/* All queues, the limits, and the classes of errors. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/compiler.h"
#include "lib/ipcq.h"
#include "private_ipc.h"
#include "suites.h"

#define READWRITE (IPCQ_READ | IPCQ_WRITE)

static struct ipcq *
make(const char *uri)
{
	struct ipcq_create create = { .set = IPCQ_SET_MODE,
		.max_messages = 3,
		.message_size = 40,
		.mode = 0640 };
	struct ipcq *q = NULL;

	ck_assert_int_eq(ipcq_open(&q, uri, READWRITE | IPCQ_CREATE, &create), 0);
	return q;
}

/* Root of its own mount namespace may use a private instance of the file system; under
 * valgrind, which does not know fsopen(2), the mounted one. */
static void
setup(void)
{
	private_ipc_enter();
	private_ipc_own_mounts();
	ck_assert_int_eq(mount("none", PRIVATE_IPC_MOUNT, "mqueue", 0, NULL), 0);
}

START_TEST(sysv_list_has_every_queue)
{
	struct ipcq *private_queue = make(IPCQ_PRIVATE);
	struct ipcq *keyed = make("sysv:0xffffffff");
	struct ipcq_listed *list = NULL;

	ck_assert_int_eq(ipcq_send(keyed, "four", 4, 1, 0), 0);
	ck_assert_int_eq(ipcq_list(&list, IPCQ_SYSV), 2);
	ck_assert_str_eq(list[0].uri, "sysv:0xffffffff");
	ck_assert_uint_eq(list[0].key, 0xffffffff);
	ck_assert_uint_eq(list[0].attributes.messages, 1);
	ck_assert_uint_eq(list[0].attributes.bytes, 4);
	ck_assert_uint_eq(list[0].attributes.mode, 0640);
	ck_assert_int_eq(list[0].last_sender, getpid());
	ck_assert_int_eq(list[0].last_receiver, 0);
	ck_assert_int_gt(list[0].last_send_s, 0);
	ck_assert_str_eq(list[1].uri, ipcq_uri(private_queue));
	ck_assert_uint_ne(list[1].known & IPCQ_KNOWN_PARTIES, 0);
	ipcq_list_free(list);
	ipcq_close(keyed);
	ipcq_close(private_queue);
}
END_TEST

START_TEST(posix_list_has_every_queue)
{
	struct ipcq_notification none = { .how = IPCQ_NOTIFY_NONE };
	struct ipcq *second = make("posix:/b c:%");
	struct ipcq *first = make("posix:/a");
	struct ipcq_listed *list = NULL;
	ssize_t count;

	ck_assert_int_eq(ipcq_send(first, "four", 4, 1, 0), 0);
	ck_assert_int_eq(ipcq_notify(second, &none), 0);
	count = ipcq_list(&list, IPCQ_POSIX);
	ck_assert_int_eq(count, 2);
	ck_assert_str_eq(list[0].uri, "posix:/a");
	ck_assert_uint_eq(list[0].attributes.messages, 1);
	ck_assert_uint_eq(list[0].attributes.max_messages, 3);
	ck_assert_uint_eq(list[0].attributes.message_size, 40);
	ck_assert_uint_eq(list[0].attributes.mode, 0640);
	ck_assert_uint_eq(list[0].attributes.bytes, 4);
	ck_assert_str_eq(list[1].uri, "posix:/b c:%");
	ck_assert_int_eq(list[1].notify_pid, getpid());
	ipcq_list_free(list);
	ipcq_close(first);
	ipcq_close(second);
	ck_assert_int_eq(ipcq_remove("posix:/a"), 0);
	ck_assert_int_eq(ipcq_remove("posix:/b c:%"), 0);
	ck_assert_int_eq(ipcq_list(&list, IPCQ_POSIX), 0);
	ipcq_list_free(list);
}
END_TEST

START_TEST(limits_have_value_use_and_line)
{
	struct ipcq *posix = make("posix:/a");
	struct ipcq *sysv = make("sysv:1");
	struct rlimit limit = { 5000, 5000 };
	struct ipcq_limit rows[IPCQ_LIMITS];

	ck_assert_int_eq(setrlimit(RLIMIT_MSGQUEUE, &limit), 0);
	ck_assert_int_eq(ipcq_limits(rows, ~IPCQ_LIMITS_CHARGED), -EINVAL);
	ck_assert_int_eq(ipcq_limits(rows, IPCQ_LIMITS_CHARGED), IPCQ_LIMITS);
	ck_assert_str_eq(rows[0].name, "fs.mqueue.queues_max");
	ck_assert_uint_eq(rows[0].used, 1);
	ck_assert_str_eq(rows[0].raise, "sysctl -w fs.mqueue.queues_max=512");
	ck_assert_str_eq(rows[5].name, "RLIMIT_MSGQUEUE");
	ck_assert_uint_eq(rows[5].value, 5000);
	ck_assert_uint_eq(rows[5].used, 3 * (40 + 48 + 48));
	ck_assert_ptr_eq(strstr(rows[5].raise, "LimitMSGQUEUE=10000 "), rows[5].raise);
	ck_assert_ptr_nonnull(strstr(rows[5].raise, "prlimit --msgqueue=10000 "));
	ck_assert_str_eq(rows[6].name, "kernel.msgmni");
	ck_assert_uint_eq(rows[6].used, 1);
	ck_assert_str_eq(rows[7].raise, "sysctl -w kernel.msgmax=16384");
	ipcq_close(posix);
	ipcq_close(sysv);
}
END_TEST

START_TEST(limits_leave_a_notification_alone)
{
	const struct ipcq_notification what = { .how = IPCQ_NOTIFY_NONE };
	struct ipcq *q = make("posix:/a");
	struct ipcq_limit rows[IPCQ_LIMITS];

	ck_assert_int_eq(ipcq_notify(q, &what), 0);
	ck_assert_int_eq(ipcq_limits(rows, 0), IPCQ_LIMITS);
	ck_assert_uint_eq(rows[0].used, 1);
	ck_assert_uint_eq(rows[5].used, UINT64_MAX);
	ck_assert_int_eq(ipcq_notify(q, &what), -EBUSY); /* it is still there */
	ck_assert_int_eq(ipcq_limits(rows, IPCQ_LIMITS_CHARGED), IPCQ_LIMITS);
	ck_assert_int_eq(ipcq_notify(q, &what), 0);
	ipcq_close(q);
}
END_TEST

static void
write_limit(const char *name, const char *value)
{
	FILE *file = fopen(name, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_gt(fprintf(file, "%s", value), 0);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(line_that_raises_a_preset_raises_its_limit)
{
	struct ipcq_limit rows[IPCQ_LIMITS];

	write_limit("/proc/sys/fs/mqueue/msg_max", "5");
	ck_assert_int_eq(ipcq_limits(rows, 0), IPCQ_LIMITS);
	ck_assert_str_eq(rows[3].name, "fs.mqueue.msg_default");
	ck_assert_str_eq(
	    rows[3].raise, "sysctl -w fs.mqueue.msg_default=20 fs.mqueue.msg_max=20");
	ck_assert_str_eq(rows[4].raise,
	    "sysctl -w fs.mqueue.msgsize_default=16384 fs.mqueue.msgsize_max=16384");
	write_limit("/proc/sys/fs/mqueue/msg_max", "30");
	ck_assert_int_eq(ipcq_limits(rows, 0), IPCQ_LIMITS);
	ck_assert_str_eq(rows[3].raise, "sysctl -w fs.mqueue.msg_default=20");
}
END_TEST

static const struct {
	int rc;
	enum ipcq_reason reason;
} reasons[] = {
	{ 0, IPCQ_DONE },
	{ 7, IPCQ_DONE },
	{ -EINVAL, IPCQ_INVALID },
	{ -ENAMETOOLONG, IPCQ_INVALID },
	{ -EPERM, IPCQ_NOT_PERMITTED },
	{ -EMFILE, IPCQ_NO_RESOURCES },
	{ -EBADF, IPCQ_BAD_HANDLE },
	{ -EINTR, IPCQ_INTERRUPTED },
	{ -E2BIG, IPCQ_TOO_BIG },
	{ -EAGAIN, IPCQ_WOULD_WAIT },
	{ -ETIMEDOUT, IPCQ_TIMED_OUT },
	{ -ENOENT, IPCQ_NOT_THERE },
	{ -EEXIST, IPCQ_THERE_ALREADY },
	{ -EIDRM, IPCQ_REMOVED },
	{ -EBUSY, IPCQ_BUSY },
	{ -EOPNOTSUPP, IPCQ_NOT_SUPPORTED },
};

START_TEST(errors_have_a_class)
{
	ck_assert_int_eq(ipcq_reason(reasons[_i].rc), reasons[_i].reason);
}
END_TEST

Suite *
suite_list(void)
{
	Suite *suite = suite_create("list");
	TCase *tc = tcase_create("queues");
	TCase *pure = tcase_create("reasons");

	tcase_add_loop_test(pure, errors_have_a_class, 0, ARRAY_LEN(reasons));
	suite_add_tcase(suite, pure);
	if (!private_ipc_possible("list"))
		return suite;
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, sysv_list_has_every_queue);
	tcase_add_test(tc, posix_list_has_every_queue);
	tcase_add_test(tc, limits_have_value_use_and_line);
	tcase_add_test(tc, limits_leave_a_notification_alone);
	tcase_add_test(tc, line_that_raises_a_preset_raises_its_limit);
	suite_add_tcase(suite, tc);
	return suite;
}
