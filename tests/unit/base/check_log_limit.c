#include "base/log_limit.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suites.h"

static struct log_limit *limit;
static char buf[LOG_LINE_MAX];

static void
setup(void)
{
	limit = calloc(1, sizeof(*limit));
	ck_assert_ptr_nonnull(limit);
}

static void
teardown(void)
{
	free(limit);
}

static struct log_line
plain(const char *text)
{
	return (
	    struct log_line){ .level = LOG_LEVEL_ERROR, .area = "link", .text = text };
}

static struct log_line
dead_letter(const char *route, const char *text)
{
	return (struct log_line){ .id = EVENT_DEAD_LETTER,
		.level = LOG_LEVEL_WARN,
		.area = "endpoint",
		.fields = { .route = route, .reason = "too-large" },
		.text = text };
}

/* How many of n such lines are written. */
static unsigned
pass(struct log_line ln, unsigned n, uint64_t now_ms)
{
	unsigned written = 0;

	for (unsigned i = 0; i < n; i++)
		written += log_limit_pass(limit, &ln, now_ms);
	return written;
}

START_TEST(same_line_is_told_with_its_count_after_the_time)
{
	struct log_line ln = { 0 };

	ck_assert_uint_eq(pass(plain("disk is full"), 125, 1000), LOG_LIMIT_FIRST);
	ck_assert(!log_limit_due(limit, &ln, buf, 1000 + LOG_LIMIT_MS - 1, false));
	ck_assert(log_limit_due(limit, &ln, buf, 1000 + LOG_LIMIT_MS, false));
	ck_assert_str_eq(
	    ln.text, "disk is full ... repeated 120 times in the last 10 s");
	ck_assert_int_eq(ln.level, LOG_LEVEL_ERROR);
	ck_assert_str_eq(ln.area, "link");
	ck_assert_uint_eq(ln.repeated, 120);
	ck_assert(!log_limit_due(limit, &ln, buf, 1000 + LOG_LIMIT_MS, false));
}
END_TEST

START_TEST(line_that_goes_on_is_only_counted)
{
	struct log_line ln = { 0 };

	(void)pass(plain("x"), 20, 0);
	ck_assert(log_limit_due(limit, &ln, buf, 10000, false));
	ck_assert_uint_eq(pass(plain("x"), 7, 10001), 0);
	ck_assert(log_limit_due(limit, &ln, buf, 20000, false));
	ck_assert_uint_eq(ln.repeated, 7);
}
END_TEST

START_TEST(line_after_silence_is_written_again)
{
	struct log_line ln = { 0 };

	(void)pass(plain("x"), 20, 0);
	ck_assert(log_limit_due(limit, &ln, buf, 10000, false));
	ck_assert_uint_eq(pass(plain("x"), 1, 20000), 1);
	(void)pass(plain("y"), LOG_LIMIT_FIRST, 0);
	ck_assert_uint_eq(pass(plain("y"), 1, 9999), 0);
	(void)pass(plain("z"), LOG_LIMIT_FIRST, 0);
	ck_assert_uint_eq(pass(plain("z"), 1, 10000), 1);
}
END_TEST

START_TEST(other_object_is_never_hidden)
{
	(void)pass(dead_letter("a", "too large"), 50, 0);
	ck_assert_uint_eq(pass(dead_letter("b", "too large"), 1, 0), 1);
	(void)pass(plain("queue q1 is gone"), 50, 0);
	ck_assert_uint_eq(pass(plain("queue q2 is gone"), 1, 0), 1);
}
END_TEST

START_TEST(fields_are_not_run_together)
{
	struct log_line one = dead_letter("a", "x"), other = dead_letter("", "x");

	other.fields.peer = "a";
	(void)pass(one, 50, 0);
	ck_assert_uint_eq(pass(other, 1, 0), 1);
}
END_TEST

START_TEST(event_alike_but_for_numbers_is_the_same)
{
	struct log_line ln = { 0 };
	char text[64];
	unsigned written = 0;

	for (unsigned i = 0; i < 30; i++) {
		(void)snprintf(text, sizeof(text), "message %u is too large", i * 7);
		written += pass(dead_letter("a", text), 1, i);
	}
	ck_assert_uint_eq(written, LOG_LIMIT_FIRST);
	ck_assert(log_limit_due(limit, &ln, buf, 10000, false));
	ck_assert_str_eq(
	    ln.text, "message 203 is too large ... repeated 25 times in the last 10 s");
	ck_assert_int_eq(ln.id, EVENT_DEAD_LETTER);
	ck_assert_str_eq(ln.fields.route, "a");
	ck_assert_ptr_null(ln.fields.queue);
	ck_assert_str_eq(ln.fields.reason, "too-large");
}
END_TEST

START_TEST(end_tells_what_is_not_due)
{
	struct log_line ln = { 0 };

	(void)pass(plain("x"), LOG_LIMIT_FIRST + 1, 0);
	ck_assert(log_limit_due(limit, &ln, buf, 2500, true));
	ck_assert_str_eq(ln.text, "x ... repeated 1 times in the last 3 s");
	ck_assert(!log_limit_due(limit, &ln, buf, 2500, true));
}
END_TEST

START_TEST(newest_line_is_told_last)
{
	struct log_line ln = { 0 };

	(void)pass(plain("lost"), 9, 0);
	(void)pass(plain("found"), 9, 0);
	(void)pass(plain("lost"), 1, 0);
	ck_assert(log_limit_due(limit, &ln, buf, 10000, false));
	ck_assert_int_eq(strncmp(ln.text, "found ", 6), 0);
	ck_assert(log_limit_due(limit, &ln, buf, 10000, false));
	ck_assert_int_eq(strncmp(ln.text, "lost ", 5), 0);
}
END_TEST

START_TEST(count_is_not_pushed_out_by_other_lines)
{
	struct log_line ln = { 0 };
	char text[32];

	(void)pass(plain("x"), 50, 0);
	for (unsigned i = 0; i < 5 * LOG_LIMIT_LINES; i++) {
		(void)snprintf(text, sizeof(text), "line %u", i);
		ck_assert_uint_eq(pass(plain(text), 1, i), 1);
	}
	ck_assert(log_limit_due(limit, &ln, buf, 10000, false));
	ck_assert_uint_eq(ln.repeated, 50 - LOG_LIMIT_FIRST);
}
END_TEST

START_TEST(what_cannot_be_remembered_is_written)
{
	char text[LOG_LIMIT_KEY + 2];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_uint_eq(pass(plain(text), 50, 0), 50);
	for (unsigned i = 0; i < LOG_LIMIT_LINES; i++) {
		(void)snprintf(text, sizeof(text), "line %u", i);
		(void)pass(plain(text), LOG_LIMIT_FIRST + 1, 0);
	}
	ck_assert_uint_eq(pass(plain("one more"), 50, 0), 50);
}
END_TEST

Suite *
suite_log_limit(void)
{
	Suite *s = suite_create("log_limit");
	TCase *tc = tcase_create("log_limit");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, same_line_is_told_with_its_count_after_the_time);
	tcase_add_test(tc, line_that_goes_on_is_only_counted);
	tcase_add_test(tc, line_after_silence_is_written_again);
	tcase_add_test(tc, other_object_is_never_hidden);
	tcase_add_test(tc, fields_are_not_run_together);
	tcase_add_test(tc, event_alike_but_for_numbers_is_the_same);
	tcase_add_test(tc, end_tells_what_is_not_due);
	tcase_add_test(tc, newest_line_is_told_last);
	tcase_add_test(tc, count_is_not_pushed_out_by_other_lines);
	tcase_add_test(tc, what_cannot_be_remembered_is_written);
	suite_add_tcase(s, tc);
	return s;
}
