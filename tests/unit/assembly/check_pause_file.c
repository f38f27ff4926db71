#include "assembly/pause_file.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "suites.h"

#define HEADER 32
#define ENTRY  288

static const struct pause some[] = {
	{ PAUSE_ROUTE, false, 1000, 1700000000000000001, "orders" },
	{ PAUSE_PEER, false, 0, -1, "hub" },
	{ PAUSE_ROUTE, true, 4294967294U, 0, "with blank \xc3\xa9" },
};

static char directory[] = "/tmp/check_pause_file.XXXXXX";
static int dir_fd;
static char *bytes;
static size_t len;
static struct pause *got;
static size_t n_got;

static void
setup(void)
{
	memcpy(directory + sizeof(directory) - 7, "XXXXXX", 7);
	ck_assert_ptr_nonnull(mkdtemp(directory));
	dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir_fd, 0);
	bytes = pause_encode(some, ARRAY_LEN(some), &len);
	ck_assert_ptr_nonnull(bytes);
	got = NULL;
}

static void
teardown(void)
{
	DIR *dir = fdopendir(dir_fd);
	struct dirent *entry;

	rewinddir(dir);
	while ((entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	(void)closedir(dir);
	(void)rmdir(directory);
	free(bytes);
	free(got);
}

static void
assert_same(const struct pause *a, const struct pause *b)
{
	ck_assert_int_eq(a->kind, b->kind);
	ck_assert_int_eq(a->drained, b->drained);
	ck_assert_uint_eq(a->uid, b->uid);
	ck_assert_int_eq(a->wall_ns, b->wall_ns);
	ck_assert_str_eq(a->name, b->name);
}

static void
decode(int rc, size_t n)
{
	free(got);
	ck_assert_int_eq(pause_decode(&got, &n_got, bytes, len), rc);
	ck_assert_uint_eq(n_got, n);
}

START_TEST(what_is_encoded_is_decoded)
{
	ck_assert_uint_eq(len, HEADER + ARRAY_LEN(some) * ENTRY);
	decode(0, ARRAY_LEN(some));
	for (size_t i = 0; i < ARRAY_LEN(some); i++)
		assert_same(&got[i], &some[i]);
}
END_TEST

START_TEST(empty_list_is_a_header)
{
	free(bytes);
	bytes = pause_encode(some, 0, &len);
	ck_assert_uint_eq(len, HEADER);
	decode(0, 0);
}
END_TEST

START_TEST(each_flipped_bit_costs_one_entry_at_most)
{
	size_t at = (size_t)_i;

	bytes[at] ^= 4;
	decode(-EBADMSG, at < HEADER ? 3 : 2);
	for (size_t i = 0, k = 0; i < ARRAY_LEN(some); i++) {
		if (at < HEADER || i != (at - HEADER) / ENTRY)
			assert_same(&got[k++], &some[i]);
	}
}
END_TEST

START_TEST(short_file_keeps_whole_entries)
{
	len = (size_t)_i;
	decode(-EBADMSG, len < HEADER ? 0 : (len - HEADER) / ENTRY);
}
END_TEST

START_TEST(later_version_is_not_guessed_at)
{
	uint32_t crc;

	bytes[8] = 2;
	crc = crc32c(0, bytes, HEADER - 4);
	memcpy(bytes + HEADER - 4, &crc, sizeof(crc));
	decode(-ENOTSUP, 0);
}
END_TEST

/* An entry that passes its checksum and is none all the same. */
START_TEST(entry_that_means_nothing_is_left_out)
{
	uint32_t crc;

	if (_i == 0)
		bytes[HEADER] = 3; /* no such kind */
	else
		memset(bytes + HEADER + 24, 'x', PAUSE_NAME); /* no NUL */
	crc = crc32c(0, bytes + HEADER, ENTRY - 4);
	memcpy(bytes + HEADER + ENTRY - 4, &crc, sizeof(crc));
	decode(-EBADMSG, 2);
	ck_assert_str_eq(got[0].name, "hub");
}
END_TEST

static struct pause_report
load(size_t n)
{
	struct pause_report report;

	free(got);
	ck_assert_int_eq(pause_file_load(&got, &n_got, dir_fd, &report), 0);
	ck_assert_uint_eq(n_got, n);
	return report;
}

START_TEST(absent_file_is_no_fault)
{
	struct pause_report report = load(0);

	ck_assert_ptr_null(report.fault);
}
END_TEST

START_TEST(damaged_file_is_kept_under_another_name_and_mended)
{
	struct pause_report report;
	char *kept;
	size_t kept_len;

	bytes[HEADER + 30] ^= 1;
	ck_assert_int_eq(file_replace(dir_fd, PAUSE_FILE, bytes, len, 0), 0);
	report = load(2);
	ck_assert_ptr_nonnull(report.fault);
	ck_assert_int_eq(report.rc, 0);
	ck_assert_int_eq(strncmp(report.kept, "pauses.damaged-", 15), 0);
	ck_assert_int_eq(file_read(&kept, &kept_len, dir_fd, report.kept, 1 << 20), 0);
	ck_assert_mem_eq(kept, bytes, len);
	free(kept);
	report = load(2);
	ck_assert_ptr_null(report.fault);
}
END_TEST

START_TEST(foreign_file_is_set_aside)
{
	static const char text[] = "somebody else's file, longer than a header of ours";
	struct pause_report report;

	ck_assert_int_eq(file_replace(dir_fd, PAUSE_FILE, text, sizeof(text), 0), 0);
	report = load(0);
	ck_assert_int_eq(strncmp(report.kept, "pauses.damaged-", 15), 0);
	ck_assert_int_eq(faccessat(dir_fd, report.kept, F_OK, 0), 0);
	ck_assert_int_eq(faccessat(dir_fd, PAUSE_FILE, F_OK, 0), -1);
}
END_TEST

Suite *
suite_pause_file(void)
{
	Suite *su = suite_create("pause_file");
	TCase *tc = tcase_create("pause_file");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_is_encoded_is_decoded);
	tcase_add_test(tc, empty_list_is_a_header);
	tcase_add_loop_test(
	    tc, each_flipped_bit_costs_one_entry_at_most, 0, HEADER + 3 * ENTRY);
	tcase_add_loop_test(tc, short_file_keeps_whole_entries, 0, HEADER + 3 * ENTRY);
	tcase_add_test(tc, later_version_is_not_guessed_at);
	tcase_add_loop_test(tc, entry_that_means_nothing_is_left_out, 0, 2);
	tcase_add_test(tc, absent_file_is_no_fault);
	tcase_add_test(tc, damaged_file_is_kept_under_another_name_and_mended);
	tcase_add_test(tc, foreign_file_is_set_aside);
	suite_add_tcase(su, tc);
	return su;
}
