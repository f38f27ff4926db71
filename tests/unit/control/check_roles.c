#include "control/roles.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "suites.h"

#define STRANGER 54321 /* a user and a group of nobody else */

static const uid_t users[] = { 1, STRANGER };
static const gid_t groups[] = { 1, STRANGER };

static int listening, ours; /* of a socket without a name in the file system */

static void
set_up(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(sa_family_t);

	listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listening, (struct sockaddr *)&addr, len), 0);
	ck_assert_int_eq(listen(listening, 1), 0);
	len = sizeof(addr);
	ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&addr, &len), 0);
	ours = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(ours, (struct sockaddr *)&addr, len), 0);
}

static void
tear_down(void)
{
	(void)close(listening);
	(void)close(ours);
}

/* The role of a client that connects as the stranger; 0: we may not become one. */
static enum control_role
role_of_stranger(const struct control_roles *ro)
{
	struct control_caller caller = { 0 };
	struct sockaddr_un addr;
	socklen_t len = sizeof(addr);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int accepted;

	ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&addr, &len), 0);
	(void)close(accept(listening, NULL, NULL));
	if (setegid(STRANGER) != 0)
		return 0;
	if (seteuid(STRANGER) != 0) {
		ck_assert_int_eq(setegid(getgid()), 0);
		return 0;
	}
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, len), 0);
	ck_assert_int_eq(seteuid(getuid()), 0);
	ck_assert_int_eq(setegid(getgid()), 0);
	accepted = accept(listening, NULL, NULL);
	ck_assert_int_eq(roles_identify(&caller, ro, accepted), 0);
	ck_assert_uint_eq(caller.uid, STRANGER);
	ck_assert_int_eq(caller.pid, getpid());
	(void)close(fd);
	(void)close(accepted);
	return caller.role;
}

static const struct role_row {
	struct control_roles roles;
	enum control_role role;
} role_rows[] = {
	{ { { NULL, 0, NULL, 0 }, { NULL, 0, NULL, 0 }, NULL }, CONTROL_VIEWER },
	{ { { users, 1, groups, 1 }, { users, 1, groups, 1 }, NULL }, CONTROL_VIEWER },
	{ { { users, 2, NULL, 0 }, { NULL, 0, NULL, 0 }, NULL }, CONTROL_OPERATOR },
	{ { { NULL, 0, groups, 2 }, { NULL, 0, NULL, 0 }, NULL }, CONTROL_OPERATOR },
	{ { { NULL, 0, NULL, 0 }, { users, 2, NULL, 0 }, NULL }, CONTROL_ADMIN },
	{ { { users, 2, NULL, 0 }, { NULL, 0, groups, 2 }, NULL }, CONTROL_ADMIN },
};

START_TEST(role_of_a_user_is_the_highest_that_is_configured)
{
	const struct role_row *row = &role_rows[_i];
	struct control_roles copied;
	enum control_role role;

	ck_assert_int_eq(roles_copy(&copied, &row->roles), 0);
	role = role_of_stranger(&copied);
	roles_done(&copied);
	if (role == 0)
		(void)fprintf(stderr, "SKIP roles: no other user is permitted\n");
	else
		ck_assert_int_eq(role, row->role);
}
END_TEST

START_TEST(role_of_our_own_user_is_admin)
{
	const struct control_roles none = { 0 };
	struct control_caller caller;
	int fd = accept(listening, NULL, NULL);

	ck_assert_int_eq(roles_identify(&caller, &none, fd), 0);
	ck_assert_int_eq(caller.role, CONTROL_ADMIN);
	ck_assert_uint_eq(caller.uid, geteuid());
	ck_assert_uint_eq(caller.gid, getegid());
	(void)close(fd);
}
END_TEST

START_TEST(copy_of_nothing_is_empty)
{
	struct control_roles ro = { .operators.n_users = 9 };

	ck_assert_int_eq(roles_copy(&ro, NULL), 0);
	ck_assert_uint_eq(ro.operators.n_users, 0);
	roles_done(&ro);
	roles_done(&ro);
}
END_TEST

START_TEST(explanation_names_the_role_and_the_key)
{
	const struct control_caller caller = { .uid = 1000, .role = CONTROL_OPERATOR };
	char why[CONTROL_WHY_MAX];

	roles_explain(why, sizeof(why), "purge ROUTE [yes]", CONTROL_ADMIN, &caller);
	ck_assert_str_eq(why,
	    "\"purge ROUTE [yes]\" is for the role admin here, which the key admins of"
	    " mqbridge.conf gives; uid 1000 is operator");
	ck_assert_str_eq(roles_name(CONTROL_VIEWER), "viewer");
}
END_TEST

Suite *
suite_roles(void)
{
	Suite *s = suite_create("roles");
	TCase *tc = tcase_create("roles");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, role_of_a_user_is_the_highest_that_is_configured, 0,
	    sizeof(role_rows) / sizeof(role_rows[0]));
	tcase_add_test(tc, role_of_our_own_user_is_admin);
	tcase_add_test(tc, copy_of_nothing_is_empty);
	tcase_add_test(tc, explanation_names_the_role_and_the_key);
	suite_add_tcase(s, tc);
	return s;
}
