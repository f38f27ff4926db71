/* An overflow log whose disk fails or is full. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk_steps.h"
#include "log_fixture.h"
#include "spool/log_private.h"
#include "spool/names.h"
#include "suites.h"

#define MAX 1000

static struct log_lab lab;
static uint64_t numbers[MAX];

static void
setup(void)
{
	log_lab_start(&lab, UINT64_C(1) << 30, LOG_SYNC_NEVER);
}

static void
teardown(void)
{
	log_lab_stop(&lab);
}

static bool
is_segment(const char *name)
{
	return strncmp(name, "segment-", 8) == 0;
}

/* Files on the disk. */
static size_t
segments(void)
{
	int fd = log_lab_dir(&lab);
	struct names nm;
	size_t n;

	ck_assert_int_eq(names_list(&nm, fd, is_segment), 0);
	n = nm.n;
	names_done(&nm);
	(void)close(fd);
	return n;
}

static size_t
file_bytes(const char *name)
{
	int fd = log_lab_dir(&lab);
	struct stat st;

	ck_assert_int_eq(fstatat(fd, name, &st, 0), 0);
	(void)close(fd);
	return (size_t)st.st_size;
}

START_TEST(write_without_space_changes_nothing_and_goes_on_later)
{
	static const int errors[] = { ENOSPC, EDQUOT };
	struct log_numbers nb;

	ck_assert_int_eq(log_lab_put(&lab, 1, 5, 0, 40), 0);
	disk_steps_fail(DISK_PWRITEV, 0, 2, errors[_i]);
	ck_assert_int_eq(log_lab_put(&lab, 6, 5, 0, 40), -errors[_i]);
	nb = log_lab_numbers(&lab);
	ck_assert_uint_eq(nb.waiting, 5);
	ck_assert_str_ne(nb.failed, "");
	ck_assert_int_eq(log_lab_put(&lab, 6, 5, 3, 40), -errors[_i]);
	ck_assert_int_eq(log_lab_put(&lab, 6, 5, 0, 40), 0);
	nb = log_lab_numbers(&lab);
	ck_assert_str_eq(nb.failed, "");
	ck_assert_uint_eq(nb.segments, 1);
	log_lab_power_cut(&lab);
	ck_assert_uint_eq(log_lab_open(&lab), 10);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MAX), 10);
}
END_TEST

static void
on_done(void *owner, const struct log_item *items, size_t count, int rc)
{
	(void)items;
	(void)count;
	*(int *)owner = rc;
}

/* All that was in its segment is settled while more is on its way there. */
START_TEST(write_without_space_keeps_no_segment_that_is_settled)
{
	struct record *rec = log_lab_record(&lab, 2, 0, 40);
	const struct log_item item = { .rec = rec };
	uint64_t place;
	int rc = 1;

	ck_assert_int_eq(log_lab_put(&lab, 1, 1, 0, 40), 0);
	ck_assert_ptr_nonnull(log_lab_peek(&lab, &place));
	log_pop(lab.log);
	log_lab_wait(&lab);
	disk_steps_fail(DISK_PWRITEV, 0, 1, ENOSPC);
	ck_assert_int_eq(log_append(lab.log, &item, 1, on_done, &rc), 0);
	log_settle(lab.log, place);
	log_lab_wait(&lab);
	free(rec);
	ck_assert_int_eq(rc, -ENOSPC);
	ck_assert_uint_eq(log_lab_numbers(&lab).bytes, 0);
}
END_TEST

START_TEST(file_whose_write_failed_is_not_written_again)
{
	ck_assert_int_eq(log_lab_put(&lab, 1, 5, 0, 40), 0);
	disk_steps_fail(DISK_PWRITEV, 0, 1, EIO);
	ck_assert_int_eq(log_lab_put(&lab, 6, 5, 0, 40), -EIO);
	ck_assert_int_eq(log_lab_put(&lab, 6, 5, 0, 40), 0);
	ck_assert_uint_eq(log_lab_numbers(&lab).segments, 2);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MAX), 10);
	for (uint64_t i = 0; i < 10; i++)
		ck_assert_uint_eq(numbers[i], i + 1);
}
END_TEST

/* Ask for what goes next until the disk has failed: nothing comes, and nothing is given up. */
static void
assert_unreadable(void)
{
	uint64_t place;

	log_save_cursors(lab.log);
	log_lab_wait(&lab);
	ck_assert_ptr_null(log_peek(lab.log, &place));
	log_lab_wait(&lab);
	ck_assert_ptr_null(log_peek(lab.log, &place));
	ck_assert_str_ne(log_lab_numbers(&lab).failed, "");
	ck_assert_uint_eq(log_lab_numbers(&lab).waiting, 5);
}

START_TEST(disk_that_cannot_be_read_for_a_while_loses_nothing)
{
	ck_assert_int_eq(log_lab_put(&lab, 1, 5, 0, 40), 0);
	disk_steps_fail(DISK_PREAD, 0, UINT_MAX, EIO);
	assert_unreadable();
	disk_steps_fail(DISK_PREAD, 1, UINT_MAX, EIO); /* not all of it */
	assert_unreadable();
	disk_steps_fail(DISK_PREAD, 0, 0, 0);
	log_save_cursors(lab.log);
	log_lab_wait(&lab);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MAX), 5);
	ck_assert_str_eq(log_lab_numbers(&lab).failed, "");
	ck_assert_uint_eq(lab.log->segments[0]->unreadable_ms, 0);
}
END_TEST

START_TEST(blocks_that_cannot_be_read_for_long_are_damage_but_a_disk_is_not)
{
	struct log_damage dm;

	ck_assert_int_eq(log_lab_put(&lab, 1, 5, 0, 40), 0);
	disk_steps_fail(DISK_PREAD, 0, UINT_MAX, EIO);
	assert_unreadable();
	lab.log->segments[0]->unreadable_ms = 1; /* long ago */
	assert_unreadable();
	ck_assert(!log_damage(lab.log, &dm));
	/* Something of the file can be read. */
	disk_steps_fail(DISK_PREAD, 1, UINT_MAX, EIO);
	log_save_cursors(lab.log);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MAX), 0);
	disk_steps_fail(DISK_PREAD, 0, 0, 0);
	ck_assert(log_damage(lab.log, &dm));
	ck_assert_uint_eq(dm.records, 5);
}
END_TEST

/* Reading a higher priority all the time does not make it wait for ever. */
START_TEST(segment_that_cannot_be_read_is_given_up_while_another_is_read)
{
	struct log_damage dm;
	uint64_t place;

	ck_assert_int_eq(log_lab_put(&lab, 1, 5, 0, 40), 0);
	ck_assert_ptr_nonnull(log_lab_peek(&lab, &place));
	log_pop(lab.log);
	log_lab_wait(&lab);
	log_lab_crash(&lab);
	(void)log_lab_open(&lab);
	ck_assert_int_eq(log_place_sent(lab.log, place), 0);
	disk_steps_fail(DISK_PREAD, 0, UINT_MAX, EIO);
	ck_assert_ptr_null(log_at(lab.log, place));
	log_lab_wait(&lab);
	ck_assert_uint_ne(lab.log->segments[0]->unreadable_ms, 0);
	lab.log->segments[0]->unreadable_ms = 1; /* long ago */
	disk_steps_fail(DISK_PREAD, 0, 0, 0);
	log_save_cursors(lab.log);
	ck_assert_int_eq(log_lab_put(&lab, 6, 5, 7, 40), 0);
	ck_assert_ptr_nonnull(log_lab_peek(&lab, &(uint64_t){ 0 }));
	log_lab_wait(&lab);
	disk_steps_fail(DISK_PREAD, 1, UINT_MAX, EIO); /* something can be read */
	ck_assert_ptr_null(log_at(lab.log, place));
	log_lab_wait(&lab);
	disk_steps_fail(DISK_PREAD, 0, 0, 0);
	ck_assert(log_lost(lab.log, place));
	ck_assert(log_damage(lab.log, &dm));
	ck_assert_uint_eq(dm.records, 5);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MAX), 5);
}
END_TEST

/* Of a file whose end cannot be read after a power cut, wherever that begins. */
START_TEST(start_cuts_off_nothing_that_cannot_be_read)
{
	static const char name[] = "segment-0000000000000001";
	uint64_t replayed;
	size_t len;

	ck_assert_int_eq(log_lab_put(&lab, 1, 4, 0, 40), 0);
	ck_assert_int_eq(log_lab_put(&lab, 5, 3, 0, 40), 0);
	len = file_bytes(name);
	for (unsigned after = 0; after < 20; after++) {
		log_lab_power_cut(&lab);
		disk_steps_fail(DISK_PREAD, after, UINT_MAX, EIO);
		(void)!log_lab_try_open(&lab, &replayed);
		disk_steps_fail(DISK_PREAD, 0, 0, 0);
		ck_assert_uint_eq(file_bytes(name), len);
	}
	log_lab_power_cut(&lab);
	ck_assert_uint_eq(log_lab_open(&lab), 7);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MAX), 7);
}
END_TEST

START_TEST(failed_sync_of_a_batch_is_tried_with_another_file)
{
	unsigned syncs;

	log_configure(lab.log, UINT64_C(1) << 30, LOG_SYNC_ALWAYS, NULL, NULL);
	ck_assert_int_eq(log_lab_put(&lab, 1, 5, 0, 40), 0);
	disk_steps_fail(DISK_SYNC, 0, 1, EIO);
	ck_assert_int_eq(log_lab_put(&lab, 6, 5, 0, 40), -EIO);
	ck_assert_uint_eq(log_lab_numbers(&lab).sync_failures, 1);
	syncs = disk_steps_calls(DISK_SYNC);
	ck_assert_int_eq(log_lab_put(&lab, 6, 5, 0, 40), 0);
	/* The new file and the directory. */
	ck_assert_uint_eq(disk_steps_calls(DISK_SYNC) - syncs, 2);
	ck_assert_uint_eq(log_lab_numbers(&lab).segments, 2);
	/* What could not be synced does not stay in the first. */
	log_lab_power_cut(&lab);
	ck_assert_uint_eq(log_lab_open(&lab), 10);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MAX), 10);
}
END_TEST

START_TEST(failed_sync_in_an_interval_is_told_and_never_repeated)
{
	unsigned syncs;

	log_configure(lab.log, UINT64_C(1) << 30, LOG_SYNC_INTERVAL, NULL, NULL);
	ck_assert_int_eq(log_lab_put(&lab, 1, 5, 0, 40), 0);
	disk_steps_fail(DISK_SYNC, 0, 1, EIO);
	log_sync(lab.log);
	log_lab_wait(&lab);
	ck_assert(!log_synced(lab.log));
	ck_assert_str_ne(log_lab_numbers(&lab).failed, "");
	ck_assert_uint_eq(log_lab_numbers(&lab).sync_failures, 1);
	ck_assert_int_eq(log_lab_put(&lab, 6, 5, 0, 40), 0);
	ck_assert_uint_eq(log_lab_numbers(&lab).segments, 2);
	syncs = disk_steps_calls(DISK_SYNC);
	log_sync(lab.log);
	log_lab_wait(&lab);
	/* The other file; the cursors with their directory. */
	ck_assert_uint_eq(disk_steps_calls(DISK_SYNC) - syncs, 3);
	ck_assert(!log_synced(lab.log));
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MAX), 10);
	log_lab_wait(&lab);
	ck_assert_str_eq(log_lab_numbers(&lab).failed, "");
	log_sync(lab.log);
	log_lab_wait(&lab);
	ck_assert(log_synced(lab.log));
}
END_TEST

START_TEST(unlink_that_fails_is_tried_in_the_next_interval)
{
	ck_assert_int_eq(log_lab_put(&lab, 1, 5, 0, 40), 0);
	log_lab_crash(&lab);
	(void)log_lab_open(&lab);
	disk_steps_fail(DISK_UNLINK, 0, 1, EROFS);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MAX), 5);
	log_lab_wait(&lab);
	ck_assert_uint_eq(segments(), 1);
	log_save_cursors(lab.log);
	log_lab_wait(&lab);
	ck_assert_uint_eq(segments(), 0);
}
END_TEST

START_TEST(reserve_of_the_file_system_is_kept)
{
	log_lab_crash(&lab);
	lab.env.reserve_bytes = UINT64_MAX / 2;
	(void)log_lab_open(&lab);
	ck_assert_int_eq(log_lab_put(&lab, 1, 5, 0, 40), -ENOSPC);
	ck_assert_str_ne(log_lab_numbers(&lab).failed, "");
	log_lab_wait(&lab);
	ck_assert_uint_eq(log_lab_numbers(&lab).segments, 0);
	log_lab_crash(&lab);
	lab.env.reserve_bytes = 0;
	lab.env.reserve_percent = 1;
	(void)log_lab_open(&lab);
	ck_assert_int_eq(log_lab_put(&lab, 1, 5, 0, 40), 0);
}
END_TEST

static bool
is_any(const char *name)
{
	return name[0] != '.';
}

static size_t
files(int dir_fd)
{
	struct names nm;
	size_t n;

	ck_assert_int_eq(names_list(&nm, dir_fd, is_any), 0);
	n = nm.n;
	names_done(&nm);
	return n;
}

/* Nothing of it is on the disk before something is appended, which fails while it cannot be. */
START_TEST(created_log_waits_for_no_disk_and_begins_with_the_first_batch)
{
	struct state_dirs other;

	log_lab_crash(&lab);
	state_dirs_make(&other);
	lab.env.state_fd = other.state_fd;
	lab.env.runtime_fd = other.runtime_fd;
	ck_assert_int_eq(log_create(&lab.log, &lab.env, &lab.spec), 0);
	ck_assert_uint_eq(files(other.state_fd), 0);
	log_close(lab.log); /* without a trace */
	ck_assert_uint_eq(files(other.runtime_fd), 0);

	ck_assert_int_eq(log_try(other.state_fd), 0);
	ck_assert_int_eq(unlinkat(other.state_fd, "logs", AT_REMOVEDIR), 0);
	ck_assert_int_eq(log_create(&lab.log, &lab.env, &lab.spec), 0);
	state_put(other.state_fd, "logs", "", 0); /* no directory */
	ck_assert_int_eq(log_try(other.state_fd), -ENOTDIR);
	ck_assert_int_eq(log_lab_put(&lab, 1, 10, 0, 100), -ENOTDIR);
	log_save_cursors(lab.log);
	log_sync(lab.log);
	log_lab_wait(&lab);
	ck_assert(log_synced(lab.log)); /* there is nothing */
	ck_assert_int_eq(unlinkat(other.state_fd, "logs", 0), 0);
	ck_assert_int_eq(log_lab_put(&lab, 1, 10, 0, 100), 0);

	lab.id = *log_id(lab.log);
	log_lab_wait(&lab);
	log_lab_crash(&lab);
	ck_assert_uint_eq(log_lab_open(&lab), 0);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MAX), 10);
	log_lab_wait(&lab);
	log_close(lab.log);
	lab.log = NULL;
	state_dirs_remove(&other);
}
END_TEST

/* Fill a small disk and empty it, again and again: nothing is lost, nothing stays. */
START_TEST(full_disk_loses_nothing)
{
	char path[128], text[ID_TEXT];
	uint64_t put_next = 1, got_next = 1;

	if (getenv("MQBRIDGE_NAMESPACE") == NULL)
		return; /* nothing may be mounted */
	log_lab_crash(&lab);
	(void)snprintf(path, sizeof(path), "%s/logs", lab.dirs.state);
	ck_assert_int_eq(mount("none", path, "tmpfs", 0, "size=1m"), 0);
	(void)id_format(text, &lab.id);
	ck_assert_int_eq(log_create(&lab.log, &lab.env, &lab.spec), 0);
	lab.id = *log_id(lab.log);
	for (int round = 0; round < 4; round++) {
		while (log_lab_put(&lab, put_next, 30, round % 3, 2000) == 0)
			put_next += 30;
		ck_assert_int_eq(lab.rc, -ENOSPC);
		if (round % 4 == 0) {
			log_lab_wait(&lab);
			log_lab_crash(&lab);
			ck_assert_uint_eq(log_lab_open(&lab), 0);
		}
		ck_assert_uint_eq(log_lab_numbers(&lab).waiting, put_next - got_next);
		got_next += log_lab_drain(&lab, numbers, MAX);
		ck_assert_uint_eq(got_next, put_next);
		for (int i = 0; i < 300 && log_lab_numbers(&lab).segments > 0; i++) {
			(void)usleep(10000);
			log_save_cursors(lab.log);
			log_lab_wait(&lab);
		}
	}
	ck_assert_uint_gt(put_next, 4 * 300);
	log_lab_wait(&lab);
	log_lab_crash(&lab);
	ck_assert_int_eq(umount(path), 0);
}
END_TEST

Suite *
suite_log_disk(void)
{
	Suite *su = suite_create("log_disk");
	TCase *tc = tcase_create("disk");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(
	    tc, write_without_space_changes_nothing_and_goes_on_later, 0, 2);
	tcase_add_test(tc, write_without_space_keeps_no_segment_that_is_settled);
	tcase_add_test(tc, file_whose_write_failed_is_not_written_again);
	tcase_add_test(tc, failed_sync_of_a_batch_is_tried_with_another_file);
	tcase_add_test(tc, failed_sync_in_an_interval_is_told_and_never_repeated);
	tcase_add_test(tc, unlink_that_fails_is_tried_in_the_next_interval);
	tcase_add_test(tc, disk_that_cannot_be_read_for_a_while_loses_nothing);
	tcase_add_test(
	    tc, blocks_that_cannot_be_read_for_long_are_damage_but_a_disk_is_not);
	tcase_add_test(
	    tc, segment_that_cannot_be_read_is_given_up_while_another_is_read);
	tcase_add_test(tc, start_cuts_off_nothing_that_cannot_be_read);
	tcase_add_test(tc, reserve_of_the_file_system_is_kept);
	tcase_add_test(
	    tc, created_log_waits_for_no_disk_and_begins_with_the_first_batch);
	tcase_add_test(tc, full_disk_loses_nothing);
	suite_add_tcase(su, tc);
	return su;
}
