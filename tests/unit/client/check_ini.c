#include "client/ini.h"

#include <check.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suites.h"

static char top[] = "/tmp/check_ini.XXXXXX";
static char first[64], second[64];
static const char *dirs[] = { first, second, NULL };
static const struct ini in = { "a.conf", dirs };
static char value[64];

static void
put(const char *dir, const char *name, const char *text)
{
	char path[200];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/a.conf.d", dir);
	(void)mkdir(path, 0700);
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	(void)fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

static void
set_up(void)
{
	memset(top + sizeof(top) - 7, 'X', 6);
	ck_assert_ptr_nonnull(mkdtemp(top));
	(void)snprintf(first, sizeof(first), "%s/etc", top);
	(void)snprintf(second, sizeof(second), "%s/usr", top);
	ck_assert_int_eq(mkdir(first, 0700), 0);
	ck_assert_int_eq(mkdir(second, 0700), 0);
	value[0] = '\0';
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *place)
{
	(void)st;
	(void)kind;
	(void)place;
	return remove(path);
}

static void
tear_down(void)
{
	ck_assert_int_eq(nftw(top, remove_one, 4, FTW_DEPTH | FTW_PHYS), 0);
}

static const char *
value_of(const char *key)
{
	return ini_read(value, sizeof(value), &in, key) == 0 ? value : NULL;
}

START_TEST(setting_that_nobody_has_is_none)
{
	ck_assert_int_eq(ini_read(value, sizeof(value), &in, "User"), -ENOENT);
	put(first, "a.conf", "[Service]\n#User=x\nUserX=y\nUser\n");
	ck_assert_int_eq(ini_read(value, sizeof(value), &in, "User"), -ENOENT);
	ck_assert_str_eq(value, "");
}
END_TEST

START_TEST(last_assignment_counts_without_its_blanks)
{
	put(first, "a.conf", "User=a\n  User = b c \t\r\nOther=d");
	ck_assert_str_eq(value_of("User"), "b c");
	ck_assert_str_eq(value_of("Other"), "d");
}
END_TEST

START_TEST(file_of_the_first_directory_hides_the_other)
{
	put(second, "a.conf", "User=second\nOther=x\n");
	ck_assert_str_eq(value_of("User"), "second");
	put(first, "a.conf", "User=first\n");
	ck_assert_str_eq(value_of("User"), "first");
	ck_assert_ptr_null(value_of("Other"));
}
END_TEST

START_TEST(drop_ins_count_in_the_order_of_their_names)
{
	put(first, "a.conf", "User=main\n");
	put(first, "a.conf.d/20.conf", "User=twenty\n");
	put(second, "a.conf.d/10.conf", "User=ten\nOther=ten\n");
	put(second, "a.conf.d/30.conf.disabled", "User=thirty\n");
	ck_assert_str_eq(value_of("User"), "twenty");
	ck_assert_str_eq(value_of("Other"), "ten");
}
END_TEST

START_TEST(drop_in_of_the_first_directory_hides_one_of_its_name)
{
	put(second, "a.conf.d/10.conf", "User=second\nOther=x\n");
	put(first, "a.conf.d/10.conf", "User=first\n");
	ck_assert_str_eq(value_of("User"), "first");
	ck_assert_ptr_null(value_of("Other"));
}
END_TEST

Suite *
suite_ini(void)
{
	Suite *s = suite_create("ini");
	TCase *tc = tcase_create("ini");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, setting_that_nobody_has_is_none);
	tcase_add_test(tc, last_assignment_counts_without_its_blanks);
	tcase_add_test(tc, file_of_the_first_directory_hides_the_other);
	tcase_add_test(tc, drop_ins_count_in_the_order_of_their_names);
	tcase_add_test(tc, drop_in_of_the_first_directory_hides_one_of_its_name);
	suite_add_tcase(s, tc);
	return s;
}
