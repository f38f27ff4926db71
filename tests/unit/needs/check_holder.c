#include "needs/holder.h"

#include <check.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "suites.h"

static char path[] = "/tmp/check_holder.XXXXXX";
static int fd;

static void
setup(void)
{
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
}

static void
teardown(void)
{
	(void)close(fd);
	(void)unlink(path);
}

START_TEST(holder_of_a_locked_file_is_found)
{
	if (access("/proc/locks", R_OK) != 0)
		return; /* hidden here, and then the daemon does not know either */
	ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
	ck_assert_int_eq(holder_find(path), getpid());
}
END_TEST

START_TEST(holder_of_a_free_file_is_not_known)
{
	ck_assert_int_eq(holder_find(path), 0);
}
END_TEST

START_TEST(holder_of_no_file_is_not_known)
{
	ck_assert_int_eq(holder_find("/nonexistent/lock"), 0);
}
END_TEST

Suite *
suite_holder(void)
{
	Suite *s = suite_create("holder");
	TCase *tc = tcase_create("holder");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, holder_of_a_locked_file_is_found);
	tcase_add_test(tc, holder_of_a_free_file_is_not_known);
	tcase_add_test(tc, holder_of_no_file_is_not_known);
	suite_add_tcase(s, tc);
	return s;
}
