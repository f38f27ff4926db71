#include "base/credentials.h"

#include <check.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suites.h"

#define OTHER_GROUP 54321 /* of nobody else */

static int fds[2];
static struct ucred cred;

static void
set_up(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	ck_assert_int_eq(credentials_read(&cred, fds[0]), 0);
}

static void
tear_down(void)
{
	(void)close(fds[0]);
	(void)close(fds[1]);
}

START_TEST(credentials_of_a_socket_are_those_of_its_process)
{
	ck_assert_uint_eq(cred.uid, geteuid());
	ck_assert_uint_eq(cred.gid, getegid());
	ck_assert_int_eq(cred.pid, getpid());
	ck_assert(credentials_are_ours(&cred));
	cred.uid = geteuid() + 1;
	ck_assert(!credentials_are_ours(&cred));
	cred.uid = 0;
	ck_assert(credentials_are_ours(&cred));
	ck_assert_int_lt(credentials_read(&cred, -1), 0);
}
END_TEST

START_TEST(list_with_the_user_or_its_group_has_it)
{
	const uid_t users[] = { 77777, cred.uid };
	const gid_t groups[] = { 77777, cred.gid };
	struct credentials_list cl = { .users = users };

	ck_assert(!credentials_listed(fds[0], &cred, &cl));
	cl.n_users = 1;
	ck_assert(!credentials_listed(fds[0], &cred, &cl));
	cl.n_users = 2;
	ck_assert(credentials_listed(fds[0], &cred, &cl));
	cl = (struct credentials_list){ .groups = groups, .n_groups = 2 };
	ck_assert(credentials_listed(fds[0], &cred, &cl));
}
END_TEST

/* In a child, as the groups of a process do not come back. */
static int
ask_as_member(void)
{
	const gid_t group = OTHER_GROUP;
	const struct credentials_list cl = { .groups = &group, .n_groups = 1 };
	int pair[2];

	if (credentials_listed(fds[0], &cred, &cl))
		return 2;
	if (setgroups(1, &group) != 0)
		return 77;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return 3;
	return credentials_listed(pair[0], &cred, &cl) ? 0 : 1;
}

START_TEST(list_with_a_supplementary_group_has_its_members)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(ask_as_member());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		(void)printf("SKIP list_with_a_supplementary_group_has_its_members: "
			     "setgroups() is not permitted\n");
	else
		ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

Suite *
suite_credentials(void)
{
	Suite *s = suite_create("credentials");
	TCase *tc = tcase_create("credentials");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, credentials_of_a_socket_are_those_of_its_process);
	tcase_add_test(tc, list_with_the_user_or_its_group_has_it);
	tcase_add_test(tc, list_with_a_supplementary_group_has_its_members);
	suite_add_tcase(s, tc);
	return s;
}
