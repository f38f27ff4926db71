/* Where the list of POSIX queues comes from: a private instance of the file system, or
 * what is mounted at /dev/mqueue. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/ipcq.h"
#include "private_ipc.h"
#include "suites.h"

static struct ipcq_listed *list;

static void
setup(void)
{
	private_ipc_enter();
	private_ipc_own_mounts();
}

static void
teardown(void)
{
	ipcq_list_free(list);
}

static void
mount_at_place(const char *kind)
{
	ck_assert_int_eq(mount("none", PRIVATE_IPC_MOUNT, kind, 0, NULL), 0);
}

/* Another one than what is mounted belongs to, which goes on. */
static void
enter_another_namespace(void)
{
	ck_assert_int_ge(open("/proc/self/ns/ipc", O_RDONLY | O_CLOEXEC), 0);
	ck_assert_int_eq(unshare(CLONE_NEWIPC), 0);
}

/* From now on as somebody who may mount nothing. */
static void
drop_capabilities(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	ck_assert_int_eq(syscall(SYS_capset, &header, none), 0);
}

static void
make(const char *uri)
{
	struct ipcq_create create = { .max_messages = 2, .message_size = 16 };
	struct ipcq *q = NULL;

	ck_assert_int_eq(ipcq_open(&q, uri, IPCQ_WRITE | IPCQ_CREATE, &create), 0);
	ck_assert_int_eq(ipcq_send(q, "four", 4, 1, 0), 0);
	ipcq_close(q);
}

START_TEST(mount_of_this_namespace_is_the_list)
{
	mount_at_place("mqueue");
	make("posix:/a");
	make("posix:/b c");
	drop_capabilities();
	ck_assert_int_eq(ipcq_list(&list, IPCQ_POSIX), 2);
	ck_assert_str_eq(list[0].uri, "posix:/a");
	ck_assert_str_eq(list[1].uri, "posix:/b c");
	ck_assert_uint_eq(list[1].attributes.messages, 1);
	ck_assert_uint_eq(list[1].attributes.bytes, 4);
	ck_assert_uint_eq(list[1].attributes.max_messages, 2);
}
END_TEST

START_TEST(empty_mount_of_this_namespace_has_no_queues)
{
	mount_at_place("mqueue");
	drop_capabilities();
	ck_assert_int_eq(ipcq_list(&list, IPCQ_POSIX), 0);
	make("posix:/a");
	ck_assert_int_eq(ipcq_list(&list, IPCQ_POSIX), 1); /* looking left nothing */
}
END_TEST

/* Nothing at all, and nothing here but queues there, with or without the same name. */
START_TEST(mount_of_another_namespace_is_refused)
{
	mount_at_place("mqueue");
	if (_i > 0)
		make("posix:/a");
	enter_another_namespace();
	if (_i > 1)
		make("posix:/a");
	drop_capabilities();
	ck_assert_int_eq(ipcq_list(&list, IPCQ_POSIX), -EOPNOTSUPP);
	ck_assert_ptr_null(list); /* written on success only */
	make("posix:/b");
	ck_assert_int_eq(ipcq_list(&list, IPCQ_POSIX), -EOPNOTSUPP);
}
END_TEST

START_TEST(no_mount_is_no_list)
{
	mount_at_place("tmpfs");
	make("posix:/a");
	drop_capabilities();
	ck_assert_int_eq(ipcq_list(&list, IPCQ_POSIX), -EOPNOTSUPP);
}
END_TEST

START_TEST(private_instance_needs_no_mount)
{
	int context = (int)syscall(SYS_fsopen, "mqueue", FSOPEN_CLOEXEC);

	if (context < 0) {
		(void)fprintf(stderr, "SKIP mounted: no fsopen(2) here\n");
		return;
	}
	(void)close(context);
	mount_at_place(_i == 0 ? "tmpfs" : "mqueue");
	enter_another_namespace();
	ck_assert_int_eq(ipcq_list(&list, IPCQ_POSIX), 0);
	make("posix:/a");
	ck_assert_int_eq(ipcq_list(&list, IPCQ_POSIX), 1);
	ck_assert_str_eq(list[0].uri, "posix:/a");
}
END_TEST

Suite *
suite_mounted(void)
{
	Suite *suite = suite_create("mounted");
	TCase *tc = tcase_create("mounted");

	if (!private_ipc_possible("mounted"))
		return suite;
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, mount_of_this_namespace_is_the_list);
	tcase_add_test(tc, empty_mount_of_this_namespace_has_no_queues);
	tcase_add_loop_test(tc, mount_of_another_namespace_is_refused, 0, 3);
	tcase_add_test(tc, no_mount_is_no_list);
	tcase_add_loop_test(tc, private_instance_needs_no_mount, 0, 2);
	suite_add_tcase(suite, tc);
	return suite;
}
