#include "client/options.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "suites.h"

#define ARGS_MAX 8
#define CHECK    "check [--age-warning D] [--age-critical D]"

static char *err_text;
static struct options op;

static void
tear_down(void)
{
	free(err_text);
	err_text = NULL;
}

static int
read_args(const char *const *args)
{
	static char copies[ARGS_MAX][64];
	char *argv[ARGS_MAX + 1] = { NULL };
	size_t len;
	FILE *err = open_memstream(&err_text, &len);
	int argc = 0, rc;

	for (; args[argc] != NULL; argc++) {
		(void)snprintf(copies[argc], sizeof(copies[argc]), "%s", args[argc]);
		argv[argc] = copies[argc];
	}
	rc = options_read(&op, argc, argv, err);
	(void)fclose(err);
	return rc;
}

#define READ(...) read_args((const char *const[]){ "mqbridgectl", __VA_ARGS__, NULL })

START_TEST(options_that_are_absent_have_their_presets)
{
	ck_assert_int_eq(READ("show", "status"), 0);
	ck_assert_str_eq(op.socket, "/run/mqbridge/control");
	ck_assert_ptr_nonnull(strstr(op.config, "/mqbridge/mqbridge.conf"));
	ck_assert(!op.as_json && !op.yes && !op.help && !op.version && !op.complete);
	ck_assert_uint_eq(op.watch_ms, 0);
	ck_assert_int_eq(op.first, 1);
}
END_TEST

START_TEST(options_stand_anywhere)
{
	ck_assert_int_eq(READ("check", "--age-warning", "1.5s", "--json",
			     "--age-critical=2m", "--config", "/c"),
	    0);
	ck_assert(op.as_json);
	ck_assert_uint_eq(op.limits.age_warning_ms, 1500);
	ck_assert_uint_eq(op.limits.age_critical_ms, 120000);
	ck_assert_str_eq(op.config, "/c");
	ck_assert_int_eq(op.first, 7);
}
END_TEST

START_TEST(words_behind_two_dashes_are_no_options)
{
	ck_assert_int_eq(READ("--watch", "200ms", "--", "send", "--json"), 0);
	ck_assert_uint_eq(op.watch_ms, 200);
	ck_assert(!op.as_json);
	ck_assert_int_eq(op.first, 4);
}
END_TEST

static const struct fault_row {
	const char *option, *value;
	const char *err; /* begins so */
} fault_rows[] = {
	{ "--watch", "2", "mqbridgectl: --watch wants a duration" },
	{ "--watch", "99ms", "mqbridgectl: --watch wants a duration" },
	{ "--watch", "-1s", "mqbridgectl: --watch wants a duration" },
	{ "--age-warning", "", "mqbridgectl: --age-warning wants a duration" },
	{ "--age-critical", "soon", "mqbridgectl: --age-critical wants a duration" },
	{ "--age", "1s", "mqbridgectl: --age is not an option" },
	{ "--frob", "1s", "mqbridgectl: --frob is not an option" },
	{ "--json=1", "x", "mqbridgectl: --json=1 is not an option" },
	{ "-xy", "x", "mqbridgectl: -x is not an option" },
	{ "show", "--socket", "mqbridgectl: --socket wants a value" },
};

START_TEST(options_that_are_wrong_are_refused)
{
	const struct fault_row *row = &fault_rows[_i];

	ck_assert_int_eq(READ(row->option, row->value), 2);
	ck_assert_uint_ge(strlen(err_text), strlen(row->err));
	ck_assert_mem_eq(err_text, row->err, strlen(row->err));
}
END_TEST

START_TEST(options_that_are_wrong_leave_the_words_where_they_are)
{
	ck_assert_int_eq(READ("--frob", "--age-warning", "soon", "check"), 2);
	ck_assert_int_eq(op.first, 4);
	ck_assert_int_eq(READ("check", "--socket", "/s", "--frob", "--json"), 2);
	ck_assert_int_eq(op.first, 5);
	ck_assert_str_eq(op.socket, "/s");
	ck_assert(!op.as_json); /* behind the fault */
}
END_TEST

static const struct fit_row {
	const char *option, *value, *option2, *value2;
	const char *words;
	const char *err; /* NULL: they fit */
} fit_rows[] = {
	{ "--age-warning", "1s", "--age-critical", "1s", CHECK, NULL },
	{ "--age-warning", "2s", "--age-critical", "1s", CHECK,
	    "--age-critical must not be below --age-warning" },
	{ "--age-warning", "2s", "--json", "--yes", "show status",
	    "--age-warning is only for \"check\"" },
	{ "--json", "--yes", "--age-critical", "2s", NULL,
	    "--age-critical is only for \"check\"" },
	{ "--config", "/c", "--json", "--yes", CHECK,
	    "--config is only for \"doctor\"" },
	{ "--config", "/c", "--json", "--yes", "doctor [--config FILE]", NULL },
	{ "--json", "--yes", "--socket", "/s", "show status", NULL },
};

START_TEST(options_of_another_command_are_refused)
{
	const struct fit_row *row = &fit_rows[_i];
	size_t len;
	FILE *err;
	int rc;

	ck_assert_int_eq(READ(row->option, row->value, row->option2, row->value2), 0);
	free(err_text);
	err = open_memstream(&err_text, &len);
	rc = options_fit(&op, row->words, err);
	(void)fclose(err);
	ck_assert_int_eq(rc, row->err == NULL ? 0 : 2);
	if (row->err != NULL)
		ck_assert_ptr_nonnull(strstr(err_text, row->err));
}
END_TEST

START_TEST(help_names_every_option)
{
	static const char *const names[] = { "--socket", "--json", "--yes", "--watch",
		"--age-warning", "--age-critical", "--config", "--help", "--version" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		ck_assert(strstr(options_help, names[i]) != NULL ||
			  strstr(options_usage, names[i]) != NULL);
}
END_TEST

Suite *
suite_options(void)
{
	Suite *s = suite_create("options");
	TCase *tc = tcase_create("options");

	tcase_add_checked_fixture(tc, NULL, tear_down);
	tcase_add_test(tc, options_that_are_absent_have_their_presets);
	tcase_add_test(tc, options_stand_anywhere);
	tcase_add_test(tc, words_behind_two_dashes_are_no_options);
	tcase_add_loop_test(
	    tc, options_that_are_wrong_are_refused, 0, ARRAY_LEN(fault_rows));
	tcase_add_test(tc, options_that_are_wrong_leave_the_words_where_they_are);
	tcase_add_loop_test(
	    tc, options_of_another_command_are_refused, 0, ARRAY_LEN(fit_rows));
	tcase_add_test(tc, help_names_every_option);
	suite_add_tcase(s, tc);
	return s;
}
