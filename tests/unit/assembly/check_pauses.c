#include "assembly/pauses.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "spool/disk.h"
#include "suites.h"

static char directory[] = "/tmp/check_pauses.XXXXXX";
static int dir_fd;
static struct disk *disk;
static struct pauses *pauses;
static int told, told_rc;

static void
reopen(void)
{
	pauses_free(pauses);
	ck_assert_int_eq(pauses_open(&pauses, dir_fd, disk), 0);
}

static void
setup(void)
{
	log_setup(LOG_LEVEL_ERROR, LOG_STYLE_PLAIN);
	memcpy(directory + sizeof(directory) - 7, "XXXXXX", 7);
	ck_assert_ptr_nonnull(mkdtemp(directory));
	dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir_fd, 0);
	ck_assert_int_eq(disk_new(&disk), 0);
	pauses = NULL;
	told = 0;
	reopen();
}

static void
teardown(void)
{
	disk_free(disk);
	pauses_free(pauses);
	(void)unlinkat(dir_fd, PAUSE_FILE, 0);
	(void)close(dir_fd);
	(void)rmdir(directory);
}

static struct pause
make(enum pause_kind kind, const char *name, bool drained)
{
	struct pause pa = { .kind = kind, .drained = drained, .uid = 7, .wall_ns = 1 };

	(void)snprintf(pa.name, sizeof(pa.name), "%s", name);
	return pa;
}

static int
set(enum pause_kind kind, const char *name, bool drained)
{
	struct pause pa = make(kind, name, drained);

	return pauses_set(pauses, &pa);
}

static void
on_saved(void *owner, int rc)
{
	(void)owner;
	told++;
	told_rc = rc;
}

static void
collect_until(int wanted)
{
	struct pollfd done = { .fd = disk_fd(disk), .events = POLLIN };

	while (told < wanted) {
		ck_assert_int_gt(poll(&done, 1, 10000), 0);
		disk_collect(disk);
	}
}

static enum pauses_hold
judge(const char *route, const char *peer)
{
	struct pauses_verdict vd;

	pauses_judge(pauses, route, peer, &vd);
	return vd.hold;
}

START_TEST(saved_pauses_are_there_after_a_restart)
{
	ck_assert_int_eq(set(PAUSE_ROUTE, "a", false), 1);
	ck_assert_int_eq(set(PAUSE_PEER, "hub", true), 1);
	ck_assert_int_eq(pauses_save(pauses, on_saved, NULL), 0);
	ck_assert_int_eq(told, 0); /* on a later turn */
	collect_until(1);
	ck_assert_int_eq(told_rc, 0);
	reopen();
	ck_assert_uint_eq(pauses_count(pauses), 2);
	ck_assert_ptr_nonnull(pauses_find(pauses, PAUSE_ROUTE, "a"));
	ck_assert(pauses_find(pauses, PAUSE_PEER, "hub")->drained);
	ck_assert_ptr_null(pauses_find(pauses, PAUSE_PEER, "a"));
}
END_TEST

START_TEST(change_while_the_disk_works_is_saved_too)
{
	ck_assert_int_eq(set(PAUSE_ROUTE, "a", false), 1);
	ck_assert_int_eq(pauses_save(pauses, on_saved, NULL), 0);
	ck_assert_int_eq(set(PAUSE_ROUTE, "b", false), 1);
	ck_assert_int_eq(pauses_save(pauses, on_saved, NULL), 0);
	collect_until(2);
	reopen();
	ck_assert_uint_eq(pauses_count(pauses), 2);
}
END_TEST

static void
on_last_saved(void *owner, int rc)
{
	struct pauses *saved;

	(void)owner;
	told++;
	ck_assert_int_eq(rc, 0);
	ck_assert_int_eq(pauses_open(&saved, dir_fd, disk), 0);
	ck_assert_ptr_nonnull(pauses_find(saved, PAUSE_ROUTE, "c"));
	pauses_free(saved);
}

static void
on_saved_change_again(void *owner, int rc)
{
	(void)owner;
	told++;
	ck_assert_int_eq(rc, 0);
	ck_assert_int_eq(set(PAUSE_ROUTE, "c", false), 1);
	ck_assert_int_eq(pauses_save(pauses, on_last_saved, NULL), 0);
}

START_TEST(change_of_one_who_was_told_is_told_when_it_is_saved)
{
	ck_assert_int_eq(set(PAUSE_ROUTE, "a", false), 1);
	ck_assert_int_eq(pauses_save(pauses, on_saved, NULL), 0);
	ck_assert_int_eq(set(PAUSE_ROUTE, "b", false), 1);
	ck_assert_int_eq(pauses_save(pauses, on_saved_change_again, NULL), 0);
	ck_assert_int_eq(pauses_save(pauses, on_saved, NULL), 0);
	collect_until(4);
}
END_TEST

START_TEST(who_left_is_not_told)
{
	ck_assert_int_eq(pauses_save(pauses, on_saved, &disk), 0);
	ck_assert_int_eq(pauses_save(pauses, on_saved, &told), 0);
	pauses_forget(pauses, &disk);
	collect_until(1);
	ck_assert_int_eq(told, 1);
}
END_TEST

START_TEST(failure_of_the_disk_is_told)
{
	ck_assert_int_eq(mkdirat(dir_fd, PAUSE_FILE, 0700), 0);
	ck_assert_int_eq(pauses_save(pauses, on_saved, NULL), 0);
	collect_until(1);
	ck_assert_int_lt(told_rc, 0);
	ck_assert_int_eq(unlinkat(dir_fd, PAUSE_FILE, AT_REMOVEDIR), 0);
}
END_TEST

START_TEST(second_pause_changes_nothing)
{
	struct pause later = make(PAUSE_ROUTE, "a", false);

	ck_assert_int_eq(set(PAUSE_ROUTE, "a", false), 1);
	later.uid = 8;
	ck_assert_int_eq(pauses_set(pauses, &later), 0);
	ck_assert_uint_eq(pauses_find(pauses, PAUSE_ROUTE, "a")->uid, 7);
	ck_assert(pauses_clear(pauses, PAUSE_ROUTE, "a"));
	ck_assert(!pauses_clear(pauses, PAUSE_ROUTE, "a"));
}
END_TEST

START_TEST(peer_pauses_its_routes)
{
	ck_assert_int_eq(judge("a", "hub"), PAUSES_NONE);
	ck_assert_int_eq(set(PAUSE_PEER, "hub", false), 1);
	ck_assert_int_eq(judge("a", "hub"), PAUSES_PAUSED);
	ck_assert_int_eq(judge("a", NULL), PAUSES_NONE);
	ck_assert_int_eq(judge("hub", NULL), PAUSES_NONE); /* a route of that name */
	ck_assert_int_eq(set(PAUSE_ROUTE, "a", true), 1);
	ck_assert_int_eq(judge("a", "hub"), PAUSES_DRAINED);
}
END_TEST

START_TEST(drain_goes_before_a_pause_while_it_lasts)
{
	ck_assert_int_eq(set(PAUSE_ROUTE, "a", false), 1);
	ck_assert_int_eq(pauses_drain_begin(pauses, PAUSE_PEER, "hub"), 0);
	ck_assert_int_eq(pauses_drain_begin(pauses, PAUSE_PEER, "hub"), -EBUSY);
	ck_assert_int_eq(judge("a", "hub"), PAUSES_DRAINING);
	ck_assert_int_eq(judge("a", "other"), PAUSES_PAUSED);
	ck_assert(pauses_drain_end(pauses, PAUSE_PEER, "hub"));
	ck_assert(!pauses_drain_end(pauses, PAUSE_PEER, "hub"));
	ck_assert_int_eq(judge("a", "hub"), PAUSES_PAUSED);
}
END_TEST

Suite *
suite_pauses(void)
{
	Suite *su = suite_create("pauses");
	TCase *tc = tcase_create("pauses");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, saved_pauses_are_there_after_a_restart);
	tcase_add_test(tc, change_while_the_disk_works_is_saved_too);
	tcase_add_test(tc, change_of_one_who_was_told_is_told_when_it_is_saved);
	tcase_add_test(tc, who_left_is_not_told);
	tcase_add_test(tc, failure_of_the_disk_is_told);
	tcase_add_test(tc, second_pause_changes_nothing);
	tcase_add_test(tc, peer_pauses_its_routes);
	tcase_add_test(tc, drain_goes_before_a_pause_while_it_lasts);
	suite_add_tcase(su, tc);
	return su;
}
