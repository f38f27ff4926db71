#include "lib/uri.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <unistd.h>

#include "base/compiler.h"
#include "suites.h"

static struct uri u;

static const char *const posix_names[] = {
	"/orders",
	"/with space",
	"/a:b@c%d#e",
	"/\xc3\xbcml\xc3\xa4ut \xe2\x82\xac",
	"/posix:",
	"/\x01\xff",
};

START_TEST(posix_name_any_bytes_arrive_exactly)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "posix:%s", posix_names[_i]);
	ck_assert_int_eq(uri_parse(&u, text), 0);
	ck_assert_int_eq(u.form, URI_POSIX);
	ck_assert_int_eq(uri_kind(&u), IPCQ_POSIX);
	ck_assert_str_eq(u.path, posix_names[_i]);
}
END_TEST

START_TEST(posix_name_of_255_bytes_is_the_longest)
{
	char text[300] = "posix:/";

	memset(text + 7, 'n', 255);
	ck_assert_int_eq(uri_parse(&u, text), 0);
	ck_assert_uint_eq(strlen(u.path), 256);
	text[7 + 255] = 'n';
	ck_assert_int_eq(uri_parse(&u, text), -ENAMETOOLONG);
}
END_TEST

static const struct {
	const char *text;
	uint32_t key;
} keys[] = {
	{ "sysv:1", 1 },
	{ "sysv:0x4d51", 0x4d51 },
	{ "sysv:19793", 19793 },
	{ "sysv:0x80000000", 0x80000000 },
	{ "sysv:0xFFffFFff", 0xffffffff },
	{ "sysv:4294967295", 0xffffffff },
};

START_TEST(key_of_32_bits_is_taken)
{
	key_t key = 0;

	ck_assert_int_eq(uri_parse(&u, keys[_i].text), 0);
	ck_assert_int_eq(u.form, URI_KEY);
	ck_assert_uint_eq(u.key, keys[_i].key);
	ck_assert_int_eq(uri_key(&key, &u), 0);
	ck_assert_uint_eq((uint32_t)key, keys[_i].key);
}
END_TEST

START_TEST(id_zero_and_largest_are_taken)
{
	ck_assert_int_eq(uri_parse(&u, "sysv:id:0"), 0);
	ck_assert_int_eq(u.form, URI_ID);
	ck_assert_int_eq(u.id, 0);
	ck_assert_int_eq(uri_parse(&u, "sysv:id:2147483647"), 0);
	ck_assert_int_eq(u.id, 2147483647);
}
END_TEST

START_TEST(ftok_path_splits_at_last_hash)
{
	ck_assert_int_eq(uri_parse(&u, "sysv:/srv/a#b c#7"), 0);
	ck_assert_int_eq(u.form, URI_FTOK);
	ck_assert_int_eq(uri_kind(&u), IPCQ_SYSV);
	ck_assert_str_eq(u.path, "/srv/a#b c");
	ck_assert_int_eq(u.project, 7);
	ck_assert_int_eq(uri_parse(&u, "sysv:/srv/app#255"), 0);
	ck_assert_int_eq(u.project, 255);
}
END_TEST

START_TEST(ftok_key_is_that_of_libc)
{
	key_t key = 0;

	ck_assert_int_eq(uri_parse(&u, "sysv:/proc/self#200"), 0);
	ck_assert_int_eq(uri_key(&key, &u), 0);
	ck_assert_int_eq(key, ftok("/proc/self", 200));
	ck_assert_int_eq(uri_parse(&u, "sysv:/not/there#200"), 0);
	ck_assert_int_eq(uri_key(&key, &u), -ENOENT);
}
END_TEST

static const char *const invalid[] = {
	"",
	"orders",
	"/orders",
	"posix",
	"posix:",
	"posix:/",
	"posix:orders",
	"posix:/a/b",
	"posix:/a/",
	"POSIX:/a",
	" posix:/a",
	"sysv:",
	"sysv:0",
	"sysv:0x0",
	"sysv:0x",
	"sysv:-1",
	"sysv:+1",
	"sysv: 1",
	"sysv:1 ",
	"sysv:0x100000000",
	"sysv:4294967296",
	"sysv:4294967297",
	"sysv:99999999999999999999999",
	"sysv:12a",
	"sysv:id:",
	"sysv:id:-1",
	"sysv:id:2147483648",
	"sysv:id:4294967296",
	"sysv:/srv/app",
	"sysv:/srv/app#",
	"sysv:/srv/app#0",
	"sysv:/srv/app#256",
	"sysv:/srv/app#7 ",
	"sysv:srv/app#7",
	"tcp://host:1",
};

START_TEST(other_form_returns_einval)
{
	enum ipcq_kind kind = 0;

	ck_assert_int_eq(ipcq_parse(invalid[_i], &kind), -EINVAL);
	ck_assert_int_eq(kind, 0);
}
END_TEST

START_TEST(name_beyond_the_maximum_is_too_long)
{
	char *text = malloc(IPCQ_URI_MAX + 10);

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', IPCQ_URI_MAX + 9);
	text[IPCQ_URI_MAX + 9] = '\0';
	memcpy(text, "sysv:/", 6);
	ck_assert_int_eq(uri_parse(&u, text), -ENAMETOOLONG);
	memcpy(text + IPCQ_URI_MAX - 3, "#1", 3);
	ck_assert_int_eq(uri_parse(&u, text), 0);
	ck_assert_uint_eq(strlen(u.path), IPCQ_URI_MAX - 3 - 5);
	free(text);
}
END_TEST

Suite *
suite_uri(void)
{
	Suite *s = suite_create("uri");
	TCase *tc = tcase_create("parse");

	tcase_add_loop_test(
	    tc, posix_name_any_bytes_arrive_exactly, 0, ARRAY_LEN(posix_names));
	tcase_add_test(tc, posix_name_of_255_bytes_is_the_longest);
	tcase_add_loop_test(tc, key_of_32_bits_is_taken, 0, ARRAY_LEN(keys));
	tcase_add_test(tc, id_zero_and_largest_are_taken);
	tcase_add_test(tc, ftok_path_splits_at_last_hash);
	tcase_add_test(tc, ftok_key_is_that_of_libc);
	tcase_add_loop_test(tc, other_form_returns_einval, 0, ARRAY_LEN(invalid));
	tcase_add_test(tc, name_beyond_the_maximum_is_too_long);
	suite_add_tcase(s, tc);
	return s;
}
