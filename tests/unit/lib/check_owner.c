/* Queues of one user in the hands of another: needs ids beside our own. */
#include <check.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/ipcq.h"
#include "private_ipc.h"
#include "suites.h"

#define READWRITE (IPCQ_READ | IPCQ_WRITE)
#define OWNER     7
#define GROUP     9
#define STRANGER  8

static const char *const uris[] = { "posix:/owner", "sysv:0x0113" };
static const char *uri;

static struct ipcq *
make(int i, mode_t mode)
{
	struct ipcq_create create = { .set = IPCQ_SET_MODE,
		.max_messages = 2,
		.message_size = 16,
		.mode = mode };
	struct ipcq *q = NULL;

	uri = uris[i];
	ck_assert_int_eq(ipcq_open(&q, uri, READWRITE | IPCQ_CREATE, &create), 0);
	return q;
}

static int
become(uid_t uid, gid_t gid)
{
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}

/* What act answers, 0 or -errno, as that user in a process of its own. */
static int
as(uid_t uid, gid_t gid, int (*act)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		int rc = become(uid, gid);

		_exit(rc < 0 ? 255 : -act());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static int
open_and_close(unsigned flags)
{
	struct ipcq *q = NULL;
	int rc = ipcq_open(&q, uri, flags, NULL);

	ipcq_close(q);
	return rc;
}

static int
read_it(void)
{
	return open_and_close(IPCQ_READ);
}

static int
write_it(void)
{
	return open_and_close(IPCQ_WRITE);
}

static int
remove_it(void)
{
	return ipcq_remove(uri);
}

static int
change_it(const struct ipcq_change *change)
{
	struct ipcq *q = NULL;
	int rc = ipcq_open(&q, uri, IPCQ_READ, NULL);

	if (rc == 0)
		rc = ipcq_change(q, change);
	ipcq_close(q);
	return rc;
}

static int
change_mode(void)
{
	const struct ipcq_change change = { .set = IPCQ_SET_MODE, .mode = 0606 };

	return change_it(&change);
}

static int
change_mode_and_owner(void)
{
	const struct ipcq_change change = {
		.set = IPCQ_SET_MODE | IPCQ_SET_OWNER, .mode = 0604, .owner = STRANGER
	};

	return change_it(&change);
}

START_TEST(change_gives_the_queue_away)
{
	struct ipcq *q = make(_i, 0600);
	struct ipcq_change change = { .set = IPCQ_SET_OWNER, .owner = OWNER };
	struct ipcq_attributes at;

	ck_assert_int_eq(as(OWNER, OWNER, read_it), -EACCES);
	ck_assert_int_eq(ipcq_change(q, &change), 0);
	ck_assert_int_eq(ipcq_attributes(q, &at), 0);
	ck_assert_uint_eq(at.owner, OWNER);
	ck_assert_uint_eq(at.group, getegid());
	ck_assert_uint_eq(at.mode, 0600);
	ck_assert_int_eq(as(OWNER, OWNER, read_it), 0);
	ck_assert_int_eq(as(STRANGER, GROUP, read_it), -EACCES);

	change = (struct ipcq_change){
		.set = IPCQ_SET_GROUP | IPCQ_SET_MODE, .group = GROUP, .mode = 0640
	};
	ck_assert_int_eq(ipcq_change(q, &change), 0);
	ck_assert_int_eq(ipcq_attributes(q, &at), 0);
	ck_assert_uint_eq(at.owner, OWNER);
	ck_assert_uint_eq(at.group, GROUP);
	ck_assert_uint_eq(at.mode, 0640);
	ck_assert_int_eq(as(STRANGER, GROUP, read_it), 0);
	ck_assert_int_eq(as(STRANGER, GROUP, write_it), -EACCES);
	ck_assert_int_eq(as(STRANGER, STRANGER, read_it), -EACCES);
	ipcq_close(q);
}
END_TEST

START_TEST(stranger_may_neither_change_nor_remove)
{
	struct ipcq *q = make(_i, 0666);
	struct ipcq_attributes at;
	int rc;

	ck_assert_int_eq(as(STRANGER, STRANGER, write_it), 0);
	ck_assert_int_eq(as(STRANGER, STRANGER, change_mode), -EPERM);
	rc = as(STRANGER, STRANGER, remove_it);
	ck_assert_int_eq(ipcq_reason(rc), IPCQ_NOT_PERMITTED);
	ck_assert_int_eq(ipcq_attributes(q, &at), 0);
	ck_assert_uint_eq(at.mode, 0666);
	ck_assert_int_eq(at.removed, 0);
	ipcq_close(q);
}
END_TEST

/* An owner may give a System V queue away, msgctl(2), but a POSIX one not, chown(2). */
START_TEST(change_is_made_as_a_whole_or_not_at_all)
{
	struct ipcq *q = make(_i, 0640);
	struct ipcq_change change = { .set = IPCQ_SET_OWNER, .owner = OWNER };
	struct ipcq_attributes at;
	int posix = ipcq_kind(q) == IPCQ_POSIX;

	ck_assert_int_eq(ipcq_change(q, &change), 0);
	ck_assert_int_eq(as(OWNER, OWNER, change_mode_and_owner), posix ? -EPERM : 0);
	ck_assert_int_eq(ipcq_attributes(q, &at), 0);
	ck_assert_uint_eq(at.owner, posix ? OWNER : STRANGER);
	ck_assert_uint_eq(at.mode, posix ? 0640 : 0604);
	ipcq_close(q);
}
END_TEST

static int
other_user_possible(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(become(OWNER, GROUP) == 0 ? 0 : 1);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0)
		return 1;
	(void)fprintf(stderr, "SKIP owner: there is no second user to be here\n");
	return 0;
}

Suite *
suite_owner(void)
{
	Suite *suite = suite_create("owner");
	TCase *tc = tcase_create("owner");

	if (!private_ipc_possible("owner") || !other_user_possible())
		return suite;
	tcase_add_checked_fixture(tc, private_ipc_enter, NULL);
	tcase_add_loop_test(tc, change_gives_the_queue_away, 0, 2);
	tcase_add_loop_test(tc, stranger_may_neither_change_nor_remove, 0, 2);
	tcase_add_loop_test(tc, change_is_made_as_a_whole_or_not_at_all, 0, 2);
	suite_add_tcase(suite, tc);
	return suite;
}
