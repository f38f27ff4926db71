#include "base/file.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "suites.h"

static char dir_path[] = "/tmp/mqbridge-file-XXXXXX";
static int dir_fd = -1;
static char *text;
static size_t text_len;

static void
make_dir(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir_path));
	dir_fd = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir_fd, 0);
}

static void
remove_dir(void)
{
	static const char *const names[] = { "f", "f.new", "fifo", "aside", "aside-1",
		"aside-2" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlinkat(dir_fd, names[i], 0);
	(void)close(dir_fd);
	free(text);
	text = NULL;
	ck_assert_int_eq(rmdir(dir_path), 0);
	memset(dir_path + strlen(dir_path) - 6, 'X', 6);
}

static void
write_file(const char *name, const void *bytes, size_t len)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(file_write_all(fd, bytes, len), 0);
	ck_assert_int_eq(close(fd), 0);
}

START_TEST(read_of_file_up_to_max_gives_all_bytes)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 100000 };
	size_t size = sizes[_i];
	char *bytes = malloc(size + 1);

	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)(i * 7);
	write_file("f", bytes, size);
	ck_assert_int_eq(file_read(&text, &text_len, dir_fd, "f", size), 0);
	ck_assert_uint_eq(text_len, size);
	ck_assert_mem_eq(text, bytes, size);
	ck_assert_int_eq(text[size], '\0');
	free(bytes);
}
END_TEST

START_TEST(read_of_larger_file_returns_efbig)
{
	static char bytes[10000];

	write_file("f", bytes, sizeof(bytes));
	ck_assert_int_eq(
	    file_read(&text, &text_len, dir_fd, "f", sizeof(bytes) - 1), -EFBIG);
	ck_assert_int_eq(file_read(&text, &text_len, dir_fd, "f", 0), -EFBIG);
	ck_assert_ptr_null(text);
}
END_TEST

/* stat(2) says 0 bytes of such a file. */
START_TEST(read_of_proc_file_gives_its_text)
{
	ck_assert_int_eq(
	    file_read(&text, &text_len, AT_FDCWD, "/proc/self/status", 65536), 0);
	ck_assert_uint_gt(text_len, 0);
	ck_assert_int_eq(strncmp(text, "Name:", 5), 0);
}
END_TEST

START_TEST(read_of_no_file_returns_errno)
{
	ck_assert_int_eq(file_read(&text, &text_len, dir_fd, "f", 10), -ENOENT);
	ck_assert_int_eq(file_read(&text, &text_len, dir_fd, ".", 10), -EISDIR);
	ck_assert_ptr_null(text);
}
END_TEST

START_TEST(read_of_fifo_without_writer_returns_at_once)
{
	ck_assert_int_eq(mkfifoat(dir_fd, "fifo", 0600), 0);
	ck_assert_int_eq(file_read(&text, &text_len, dir_fd, "fifo", 10), 0);
	ck_assert_uint_eq(text_len, 0);
}
END_TEST

START_TEST(pread_past_the_end_returns_enodata)
{
	char bytes[8] = "";
	int fd;

	write_file("f", "0123456789", 10);
	fd = openat(dir_fd, "f", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(file_pread_all(fd, bytes, 4, 6), 0);
	ck_assert_mem_eq(bytes, "6789", 4);
	ck_assert_int_eq(file_pread_all(fd, bytes, 4, 7), -ENODATA);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(write_into_pipe_without_reader_returns_epipe)
{
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(close(ends[0]), 0);
	ck_assert_int_eq(file_write_all(ends[1], "x", 1), -EPIPE);
	ck_assert_int_eq(close(ends[1]), 0);
}
END_TEST

START_TEST(replace_puts_new_content_in_place)
{
	int sync = _i;

	ck_assert_int_eq(file_replace(dir_fd, "f", "old", 3, sync), 0);
	write_file("f.new", "left by a killed writer", 23);
	ck_assert_int_eq(file_replace(dir_fd, "f", "newer", 5, sync), 0);
	ck_assert_int_eq(file_read(&text, &text_len, dir_fd, "f", 100), 0);
	ck_assert_str_eq(text, "newer");
	ck_assert_int_eq(faccessat(dir_fd, "f.new", F_OK, 0), -1);
}
END_TEST

START_TEST(replace_that_fails_keeps_the_old_file)
{
	static char bytes[8192];
	struct rlimit small = { 4096, 4096 };

	write_file("f", "old", 3);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	ck_assert_int_eq(file_replace(dir_fd, "f", bytes, sizeof(bytes), 0), -EFBIG);
	ck_assert_int_eq(file_read(&text, &text_len, dir_fd, "f", 100), 0);
	ck_assert_str_eq(text, "old");
	ck_assert_int_eq(faccessat(dir_fd, "f.new", F_OK, 0), -1);
}
END_TEST

START_TEST(replace_with_too_long_name_returns_enametoolong)
{
	char name[NAME_MAX + 1];

	memset(name, 'n', sizeof(name));
	name[NAME_MAX - 3] = '\0';
	ck_assert_int_eq(file_replace(dir_fd, name, "x", 1, 0), -ENAMETOOLONG);
}
END_TEST

START_TEST(file_set_aside_never_goes_over_another)
{
	static const char *const wanted[] = { "aside", "aside-1", "aside-2" };
	char kept[16], *found;
	size_t len;

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		write_file("f", wanted[i], strlen(wanted[i]));
		(void)snprintf(kept, sizeof(kept), "aside");
		ck_assert_int_eq(file_set_aside(dir_fd, "f", kept, sizeof(kept)), 0);
		ck_assert_str_eq(kept, wanted[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		ck_assert_int_eq(file_read(&found, &len, dir_fd, wanted[i], 100), 0);
		ck_assert_str_eq(found, wanted[i]);
		free(found);
	}
}
END_TEST

START_TEST(file_that_cannot_be_set_aside_stays)
{
	char kept[sizeof("aside")] = "aside";

	ck_assert_int_eq(file_set_aside(dir_fd, "f", kept, sizeof(kept)), -ENOENT);
	write_file("f", "1", 1);
	write_file("aside", "2", 1);
	ck_assert_int_eq(
	    file_set_aside(dir_fd, "f", kept, sizeof(kept)), -ENAMETOOLONG);
	ck_assert_str_eq(kept, "aside");
	ck_assert_int_eq(faccessat(dir_fd, "f", F_OK, 0), 0);
}
END_TEST

START_TEST(tmpfs_is_told_from_other_file_systems)
{
	int shm = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(shm, 0);
	ck_assert_int_ge(proc, 0);
	ck_assert_int_eq(file_is_tmpfs(shm), 1);
	ck_assert_int_eq(file_is_tmpfs(proc), 0);
	ck_assert_int_eq(file_is_tmpfs(-1), -EBADF);
	(void)close(shm);
	(void)close(proc);
}
END_TEST

static void
ignore_signals(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
}

Suite *
suite_file(void)
{
	Suite *s = suite_create("file");
	TCase *tc = tcase_create("file");

	tcase_add_checked_fixture(tc, ignore_signals, NULL);
	tcase_add_checked_fixture(tc, make_dir, remove_dir);
	tcase_add_loop_test(tc, read_of_file_up_to_max_gives_all_bytes, 0, 6);
	tcase_add_test(tc, read_of_larger_file_returns_efbig);
	tcase_add_test(tc, read_of_proc_file_gives_its_text);
	tcase_add_test(tc, read_of_no_file_returns_errno);
	tcase_add_test(tc, read_of_fifo_without_writer_returns_at_once);
	tcase_add_test(tc, pread_past_the_end_returns_enodata);
	tcase_add_test(tc, write_into_pipe_without_reader_returns_epipe);
	tcase_add_loop_test(tc, replace_puts_new_content_in_place, 0, 2);
	tcase_add_test(tc, replace_that_fails_keeps_the_old_file);
	tcase_add_test(tc, replace_with_too_long_name_returns_enametoolong);
	tcase_add_test(tc, file_set_aside_never_goes_over_another);
	tcase_add_test(tc, file_that_cannot_be_set_aside_stays);
	tcase_add_test(tc, tmpfs_is_told_from_other_file_systems);
	suite_add_tcase(s, tc);
	return s;
}
