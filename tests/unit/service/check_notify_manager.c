#include "service/notify.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "suites.h"

#ifdef HAVE_LIBSYSTEMD
static int manager_fd;
static int passed_fd; /* with what was heard last; -1: none */

/* The service manager listens at a name of the abstract namespace, which needs no file. */
static void
setup(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t before = offsetof(struct sockaddr_un, sun_path);
	char name[64];
	int len = snprintf(name, sizeof(name), "@mqb-notify-%d", (int)getpid());

	memcpy(un.sun_path, name, (size_t)len);
	un.sun_path[0] = '\0';
	manager_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(manager_fd, 0);
	ck_assert_int_eq(
	    bind(manager_fd, (struct sockaddr *)&un, (socklen_t)(before + (size_t)len)),
	    0);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
}

static void
teardown(void)
{
	(void)close(manager_fd);
}

/* The next that the manager reads, "" for none. */
static const char *
hear(void)
{
	static char text[256];
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	ssize_t n = recvmsg(manager_fd, &mh, MSG_CMSG_CLOEXEC);

	text[n > 0 ? n : 0] = '\0';
	passed_fd = -1;
	if (n > 0 && mh.msg_controllen > 0)
		memcpy(&passed_fd, CMSG_DATA(&control.head), sizeof(passed_fd));
	return text;
}

/* More than the socket takes, and all of it may be lost. */
static void
fill(void)
{
	for (int i = 0; i < 1000; i++)
		notify_alive();
}

static void
hear_all_signs_of_life(void)
{
	int n = 0;

	while (n < 1000 && strcmp(hear(), "WATCHDOG=1") == 0)
		n++;
	ck_assert_int_gt(n, 0);
	ck_assert_int_lt(n, 1000);
}

START_TEST(notify_to_a_manager_that_reads_arrives_at_once)
{
	notify_ready();
	ck_assert_str_eq(hear(), "READY=1");
	notify_stopping();
	ck_assert_str_eq(hear(), "STOPPING=1\nSTATUS=stopping");
	notify_retry();
	ck_assert_str_eq(hear(), "");
}
END_TEST

START_TEST(notify_to_a_full_manager_arrives_later_in_order)
{
	fill();
	notify_ready();
	notify_status("one");
	notify_extend(1);
	notify_reloading();
	notify_status("two");
	notify_ready();
	hear_all_signs_of_life();
	notify_retry();
	ck_assert_int_eq(strncmp(hear(), "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
	ck_assert_str_eq(hear(), "STATUS=two");
	ck_assert_str_eq(hear(), "READY=1");
	ck_assert_str_eq(hear(), "");
}
END_TEST

START_TEST(notify_behind_what_waits_comes_after_it)
{
	fill();
	notify_ready();
	hear_all_signs_of_life();
	notify_stopping();
	ck_assert_str_eq(hear(), "READY=1");
	ck_assert_str_eq(hear(), "STOPPING=1\nSTATUS=stopping");
}
END_TEST

START_TEST(notify_of_a_descriptor_closed_meanwhile_passes_it)
{
	struct stat wanted, got;
	int pair[2];

	ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
	ck_assert_int_eq(fstat(pair[0], &wanted), 0);
	fill();
	notify_forget("x");
	notify_keep("x", pair[0]);
	(void)close(pair[0]);
	hear_all_signs_of_life();
	notify_retry();
	ck_assert_str_eq(hear(), "FDNAME=x\nFDSTOREREMOVE=1");
	ck_assert_int_eq(passed_fd, -1);
	ck_assert_str_eq(hear(), "FDNAME=x\nFDSTORE=1\nFDPOLL=0");
	ck_assert_int_ge(passed_fd, 0);
	ck_assert_int_eq(fstat(passed_fd, &got), 0);
	ck_assert_uint_eq(got.st_ino, wanted.st_ino);
	(void)close(passed_fd);
	(void)close(pair[1]);
}
END_TEST

START_TEST(notify_of_a_descriptor_to_forget_passes_it_not)
{
	int pair[2];
	char byte;

	ck_assert_int_eq(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0);
	fill();
	notify_keep("x", pair[1]);
	notify_forget("x");
	(void)close(pair[1]);
	ck_assert_int_eq(read(pair[0], &byte, 1), 0); /* its last copy is closed */
	hear_all_signs_of_life();
	notify_retry();
	ck_assert_str_eq(hear(), "FDNAME=x\nFDSTOREREMOVE=1");
	ck_assert_str_eq(hear(), "");
	(void)close(pair[0]);
}
END_TEST

START_TEST(notify_without_a_manager_keeps_nothing)
{
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", "@mqb-notify-nobody", 1), 0);
	notify_ready();
	ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0);
	notify_status("one");
	teardown();
	setup();
	notify_retry();
	ck_assert_str_eq(hear(), "");
}
END_TEST
#endif

Suite *
suite_notify_manager(void)
{
	Suite *s = suite_create("notify_manager");
#ifdef HAVE_LIBSYSTEMD
	TCase *tc = tcase_create("notify_manager");

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, notify_to_a_manager_that_reads_arrives_at_once);
	tcase_add_test(tc, notify_to_a_full_manager_arrives_later_in_order);
	tcase_add_test(tc, notify_behind_what_waits_comes_after_it);
	tcase_add_test(tc, notify_of_a_descriptor_closed_meanwhile_passes_it);
	tcase_add_test(tc, notify_of_a_descriptor_to_forget_passes_it_not);
	tcase_add_test(tc, notify_without_a_manager_keeps_nothing);
	suite_add_tcase(s, tc);
#endif
	return s;
}
