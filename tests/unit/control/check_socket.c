#include "control/socket.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/compiler.h"
#include "suites.h"

static char dir[] = "/tmp/check_socket.XXXXXX";
static char path[sizeof(dir) + 10];
static struct control_socket listening;

static void
set_up(void)
{
	memset(dir + sizeof(dir) - 7, 'X', 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/control", dir);
	listening.fd = -1;
}

static void
tear_down(void)
{
	control_socket_close(&listening, path);
	(void)unlink(path);
	(void)rmdir(dir);
}

static const mode_t umasks[] = { 0, 022, 077, 0777 };

START_TEST(socket_under_any_umask_has_the_exact_mode)
{
	mode_t before = umask(umasks[_i]);
	struct stat st;

	ck_assert_int_eq(control_socket_open(&listening, path, 0660, NULL), 0);
	(void)umask(before);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_int_eq(st.st_mode & 07777, 0660);
}
END_TEST

/* What keeps the mode narrow between bind(2) and chmod(2) is the kernel's to give. */
START_TEST(socket_file_takes_the_mode_of_the_descriptor)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mode_t before = umask(0);
	struct stat st;

	memcpy(addr.sun_path, path, sizeof(path));
	ck_assert_int_eq(fchmod(fd, 0660), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	(void)umask(before);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0660);
	(void)close(fd);
}
END_TEST

START_TEST(socket_that_nobody_listens_to_is_replaced)
{
	struct control_socket stale;

	ck_assert_int_eq(control_socket_open(&stale, path, 0660, NULL), 0);
	(void)close(stale.fd);
	ck_assert_int_eq(control_socket_open(&listening, path, 0660, NULL), 0);
}
END_TEST

START_TEST(socket_that_is_listened_to_is_left_alone)
{
	struct control_socket second = { .fd = -1 };
	struct stat st;

	ck_assert_int_eq(control_socket_open(&listening, path, 0660, NULL), 0);
	ck_assert_int_eq(control_socket_open(&second, path, 0660, NULL), -EADDRINUSE);
	ck_assert_int_eq(second.fd, -1);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_ino, listening.ino);
}
END_TEST

START_TEST(file_in_the_place_of_the_socket_is_left_alone)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	ck_assert_int_eq(control_socket_open(&listening, path, 0660, NULL), -ENOTSOCK);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(close_leaves_the_socket_of_another)
{
	struct control_socket first;
	int fd;

	ck_assert_int_eq(control_socket_open(&first, path, 0660, NULL), 0);
	/* The first inode stays in use, or the second could get the same number. */
	fd = open(path, O_PATH | O_CLOEXEC);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(control_socket_open(&listening, path, 0660, NULL), 0);
	control_socket_close(&first, path);
	ck_assert_int_eq(access(path, F_OK), 0);
	control_socket_close(&listening, path);
	ck_assert_int_ne(access(path, F_OK), 0);
	(void)close(fd);
}
END_TEST

START_TEST(path_without_room_or_place_fails)
{
	char name[200];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(
	    control_socket_open(&listening, name, 0660, NULL), -ENAMETOOLONG);
	ck_assert_int_eq(control_socket_open(&listening, "", 0660, NULL), -EINVAL);
	ck_assert_int_eq(
	    control_socket_open(&listening, "/no/such/dir/control", 0660, NULL),
	    -ENOENT);
	ck_assert_int_eq(listening.fd, -1);
}
END_TEST

Suite *
suite_socket(void)
{
	Suite *s = suite_create("socket");
	TCase *tc = tcase_create("socket");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(
	    tc, socket_under_any_umask_has_the_exact_mode, 0, ARRAY_LEN(umasks));
	tcase_add_test(tc, socket_file_takes_the_mode_of_the_descriptor);
	tcase_add_test(tc, socket_that_nobody_listens_to_is_replaced);
	tcase_add_test(tc, socket_that_is_listened_to_is_left_alone);
	tcase_add_test(tc, file_in_the_place_of_the_socket_is_left_alone);
	tcase_add_test(tc, close_leaves_the_socket_of_another);
	tcase_add_test(tc, path_without_room_or_place_fails);
	suite_add_tcase(s, tc);
	return s;
}
