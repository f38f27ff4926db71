#include "metrics/metrics_line.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "control/text.h"
#include "suites.h"

static struct text out;

static void
setup(void)
{
	text_init(&out, 4096);
}

static void
teardown(void)
{
	text_done(&out);
}

static void
assert_out(const char *expected)
{
	text_put(&out, "", 1);
	ck_assert_int_eq(out.rc, 0);
	ck_assert_str_eq(out.bytes, expected);
}

START_TEST(label_with_special_characters_is_escaped)
{
	metrics_put_label(&out, "queue", "a\\b\"c\nd e");
	assert_out("queue=\"a\\\\b\\\"c\\nd e\"");
}
END_TEST

START_TEST(label_that_is_not_utf8_is_quoted)
{
	metrics_put_label(&out, "queue", "a\xff");
	assert_out("queue=\"a\\\\xff\"");
}
END_TEST

START_TEST(label_that_is_empty_stays_empty)
{
	char *label = metrics_label("to", "");

	ck_assert_str_eq(label, "to=\"\"");
	free(label);
}
END_TEST

START_TEST(sample_has_all_its_labels)
{
	metrics_put_sample(&out, &(struct metrics_sample){ .name = "n",
				     .suffix = "_bucket",
				     .labels = "route=\"r\"",
				     .label = "le",
				     .value = "+Inf" });
	metrics_put_count(&out, 7);
	assert_out("n_bucket{route=\"r\",le=\"+Inf\"} 7\n");
}
END_TEST

START_TEST(sample_without_labels_has_no_braces)
{
	metrics_put_sample(
	    &out, &(struct metrics_sample){ .name = "n", .suffix = "_total" });
	metrics_put_count(&out, UINT64_MAX);
	assert_out("n_total 18446744073709551615\n");
}
END_TEST

static const struct {
	uint64_t ns;
	const char *text;
} times[] = {
	{ 0, "0.0\n" },
	{ 1, "0.000000001\n" },
	{ 100000000, "0.1\n" },
	{ 1000000000, "1.0\n" },
	{ 1000000001, "1.000000001\n" },
	{ 12034050000, "12.03405\n" },
	{ UINT64_C(1790000000123000000), "1790000000.123\n" },
};

START_TEST(nanoseconds_are_written_as_exact_seconds)
{
	metrics_put_ns(&out, times[_i].ns);
	assert_out(times[_i].text);
}
END_TEST

Suite *
suite_metrics_line(void)
{
	Suite *s = suite_create("metrics_line");
	TCase *tc = tcase_create("metrics_line");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, label_with_special_characters_is_escaped);
	tcase_add_test(tc, label_that_is_not_utf8_is_quoted);
	tcase_add_test(tc, label_that_is_empty_stays_empty);
	tcase_add_test(tc, sample_has_all_its_labels);
	tcase_add_test(tc, sample_without_labels_has_no_braces);
	tcase_add_loop_test(
	    tc, nanoseconds_are_written_as_exact_seconds, 0, ARRAY_LEN(times));
	suite_add_tcase(s, tc);
	return s;
}
