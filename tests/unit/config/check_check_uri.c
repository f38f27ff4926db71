#include "config/check_uri.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "lib/ipcq.h"
#include "suites.h"

static const struct {
	const char *text;
	int kind; /* 0: refused */
} uris[] = {
	{ "posix:/orders", CONF_POSIX },
	{ "posix:/a b:c@d%e#f \xc3\xbc", CONF_POSIX },
	{ "sysv:1", CONF_SYSV },
	{ "sysv:0xffffffff", CONF_SYSV },
	{ "sysv:4294967295", CONF_SYSV },
	{ "sysv:/srv/app#7", CONF_SYSV },
	{ "sysv:/srv/a#b#0xff", CONF_SYSV },
	{ "", 0 },
	{ "orders", 0 },
	{ "posix:", 0 },
	{ "posix:/", 0 },
	{ "posix:orders", 0 },
	{ "posix:/a/b", 0 },
	{ "sysv:", 0 },
	{ "sysv:0", 0 },
	{ "sysv:-1", 0 },
	{ "sysv:0x100000000", 0 },
	{ "sysv:1 ", 0 },
	{ "sysv:/srv/app", 0 },
	{ "sysv:/srv/app#", 0 },
	{ "sysv:/srv/app#0", 0 },
	{ "sysv:/srv/app#256", 0 },
};

START_TEST(uri_is_judged_as_the_library_does)
{
	enum conf_kind kind = 0;
	enum ipcq_kind other = 0;
	const char *why = check_uri(&kind, uris[_i].text);

	ck_assert_int_eq(why == NULL, uris[_i].kind != 0);
	ck_assert_int_eq(kind, uris[_i].kind);
	ck_assert_int_eq(ipcq_parse(uris[_i].text, &other) == 0, uris[_i].kind != 0);
	ck_assert_int_eq(other == IPCQ_SYSV, kind == CONF_SYSV);
}
END_TEST

START_TEST(uri_by_id_is_refused)
{
	enum conf_kind kind = 0;

	ck_assert_ptr_nonnull(check_uri(&kind, "sysv:id:0"));
	ck_assert_int_eq(kind, 0);
}
END_TEST

START_TEST(uri_has_bounds)
{
	enum conf_kind kind = 0;
	char name[600];
	char text[600];

	memset(name, 'n', sizeof(name));
	(void)snprintf(text, sizeof(text), "posix:/%.255s", name);
	ck_assert_ptr_null(check_uri(&kind, text));
	(void)snprintf(text, sizeof(text), "posix:/%.256s", name);
	ck_assert_ptr_nonnull(check_uri(&kind, text));
	/* "sysv:/" and "#1" have 8 bytes. */
	(void)snprintf(text, sizeof(text), "sysv:/%.503s#1", name);
	ck_assert_ptr_null(check_uri(&kind, text));
	(void)snprintf(text, sizeof(text), "sysv:/%.504s#1", name);
	ck_assert_ptr_nonnull(check_uri(&kind, text));
}
END_TEST

START_TEST(uri_of_one_key_in_two_spellings_is_the_same)
{
	ck_assert(check_uri_same("sysv:16", "sysv:0x10"));
	ck_assert(check_uri_same("posix:/a", "posix:/a"));
	ck_assert(check_uri_same("sysv:/a#1", "sysv:/a#1"));
	ck_assert(!check_uri_same("sysv:16", "sysv:17"));
	ck_assert(!check_uri_same("posix:/a", "posix:/A"));
	ck_assert(!check_uri_same("sysv:/a#1", "sysv:1"));
}
END_TEST

Suite *
suite_check_uri(void)
{
	Suite *s = suite_create("check_uri");
	TCase *tc = tcase_create("uri");

	tcase_add_loop_test(tc, uri_is_judged_as_the_library_does, 0, ARRAY_LEN(uris));
	tcase_add_test(tc, uri_by_id_is_refused);
	tcase_add_test(tc, uri_has_bounds);
	tcase_add_test(tc, uri_of_one_key_in_two_spellings_is_the_same);
	suite_add_tcase(s, tc);
	return s;
}
