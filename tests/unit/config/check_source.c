#include "config/source.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/fault.h"
#include "loading.h"
#include "suites.h"

static struct source src;
static struct fault_list faults;

static void
teardown(void)
{
	source_done(&src);
	fault_done(&faults);
	loading_teardown();
}

static void
expect_place(size_t line, const char *file, int file_line)
{
	struct conf_place at = source_place(&src, line);

	ck_assert_str_eq(at.file, loading_path(file));
	ck_assert_int_eq(at.line, file_line);
}

START_TEST(text_without_include_is_unchanged)
{
	static const char text[] = "a = 1; # c\n// d\n/* e\n */ s = \"x\\\"\ny\";\n\tb";

	loading_write("a", text);
	ck_assert_int_eq(source_read(&src, loading_path("a"), &faults), 0);
	ck_assert_str_eq(src.text, text);
	ck_assert_uint_eq(src.n_lines, 6);
	expect_place(6, "a", 6);
	expect_place(99, "a", 6);
	ck_assert_int_eq(source_place(&src, 0).line, 0);
}
END_TEST

START_TEST(include_is_put_in_place_and_keeps_its_lines)
{
	loading_write("a", "a = 1;\n  @include \"b\" # tail\nz = 1;\n");
	loading_write("b", "b = 1;\n@include \"c\"\nb2 = 1;");
	loading_write("c", "\nc = 1;\n");
	ck_assert_int_eq(source_read(&src, loading_path("a"), &faults), 0);
	ck_assert_str_eq(src.text,
	    "a = 1;\n  \nb = 1;\n\n\nc = 1;\n\n\nb2 = 1;\n # tail\n"
	    "z = 1;\n");
	expect_place(1, "a", 1);
	expect_place(3, "b", 1);
	expect_place(6, "c", 2);
	expect_place(9, "b", 3);
	expect_place(10, "a", 2);
	expect_place(11, "a", 3);
}
END_TEST

START_TEST(include_on_the_first_line_keeps_the_lines)
{
	loading_write("a", "@include \"b\"\nz = 1;\n");
	loading_write("b", "b = 1;\n");
	ck_assert_int_eq(source_read(&src, loading_path("a"), &faults), 0);
	ck_assert_str_eq(src.text, "\nb = 1;\n\n\nz = 1;\n");
	expect_place(2, "b", 1);
	expect_place(5, "a", 2);
}
END_TEST

START_TEST(include_is_no_include_where_it_is_text)
{
	static const char text[] = "# @include \"none\"\n/*\n@include \"none\"\n*/\n"
				   "s = \"\n@include \\\"none\\\"\n\";\n";

	loading_write("a", text);
	ck_assert_int_eq(source_read(&src, loading_path("a"), &faults), 0);
	ck_assert_str_eq(src.text, text);
	ck_assert_int_eq(fault_count(&faults), 0);
}
END_TEST

START_TEST(fault_in_include_is_told_of_that_file)
{
	loading_write("b", "\n\nx = 1;");
	loading_text("name = \"n\";\n@include \"b\"\ny = 1;");
	ck_assert_int_eq(loading.count, 2);
	ck_assert_str_eq(loading.faults[0], "b:3: x: there is no such key");
	ck_assert_str_eq(loading.faults[1], "a.conf:3: y: there is no such key");
	loading_write("b", "\nx = ;");
	loading_text("name = \"n\";\n@include \"b\"\ny = 1;");
	ck_assert_int_eq(loading.count, 1);
	ck_assert_str_eq(loading.faults[0], "b:2: syntax: syntax error");
}
END_TEST

START_TEST(include_by_absolute_path_and_in_a_list)
{
	char text[600];

	loading_write("q", "{ name = \"q\"; uri = \"posix:/q\"; }");
	(void)snprintf(text, sizeof(text),
	    "name = \"n\";\nqueues = (\n@include \"%s\"\n);", loading_path("q"));
	loading_text(text);
	ck_assert_msg(loading.count == 0, "%s", loading.faults[0]);
	ck_assert_str_eq(loading.cf->queues[0].place.file, loading_path("q"));
	ck_assert_int_eq(loading.cf->queues[0].place.line, 1);
}
END_TEST

/* The rest is looked at too, but nothing that a missing entry would make wrong. */
START_TEST(include_that_is_missing_is_told_with_the_rest)
{
	loading_text("@include \"none\"\nname = 5;\n  @include \".\"\n"
		     "routes = ( { name = \"r\"; from = \"q\"; to = \"r\"; } );\n");
	ck_assert_int_eq(loading.count, 3);
	ck_assert_ptr_nonnull(strstr(loading.faults[0], "a.conf:1: @include: "));
	ck_assert_ptr_nonnull(strstr(loading.faults[0], "No such file"));
	ck_assert_ptr_nonnull(strstr(loading.faults[1], "a.conf:2: name: "));
	ck_assert_ptr_nonnull(strstr(loading.faults[2], "a.conf:3: @include: "));
	ck_assert_ptr_nonnull(strstr(loading.faults[2], "Is a directory"));
}
END_TEST

START_TEST(include_of_itself_is_a_fault)
{
	loading_text("name = \"n\";\n@include \"a.conf\"\n");
	ck_assert_int_eq(loading.count, 1);
	ck_assert_str_eq(loading.faults[0],
	    "a.conf:2: @include: more than 10 files include one another");
}
END_TEST

static const char *const not_includes[] = { "@include", "@include \"b", "@include b",
	"@include\"b\"", "@include \"\"", "@includes \"b\"", "@include \"b\n\"" };

START_TEST(include_of_another_form_is_a_fault)
{
	loading_write("b", "name = \"n\";");
	loading_text(not_includes[_i]);
	ck_assert_int_eq(loading.count, 1);
	ck_assert_str_eq(loading.faults[0],
	    "a.conf:1: @include: must be written as @include \"FILE\"");
}
END_TEST

START_TEST(byte_zero_is_a_fault)
{
	int fd;

	loading_text("name = \"n\";\n");
	fd = open(loading_path("a.conf"), O_WRONLY | O_APPEND | O_CLOEXEC);
	ck_assert_int_eq(write(fd, "\0x = 1;", 7), 7);
	ck_assert_int_eq(close(fd), 0);
	loading_load("a.conf");
	ck_assert_int_eq(loading.count, 1);
	ck_assert_ptr_nonnull(strstr(loading.faults[0], "byte 0"));
}
END_TEST

START_TEST(file_of_more_than_a_mebibyte_is_a_fault)
{
	char *text = malloc(SOURCE_FILE_MAX + 2);

	ck_assert_ptr_nonnull(text);
	memset(text, '\n', SOURCE_FILE_MAX + 1);
	text[SOURCE_FILE_MAX + 1] = '\0';
	loading_text(text);
	ck_assert_int_eq(loading.count, 1);
	ck_assert_ptr_nonnull(strstr(loading.faults[0], "larger than 1 MiB"));
	text[SOURCE_FILE_MAX] = '\0';
	loading_write("big", text);
	loading_text("@include \"big\"\n@include \"big\"\n@include \"big\"\n"
		     "@include \"big\"\n@include \"big\"\nname = \"n\";");
	ck_assert_int_eq(loading.count, 1);
	ck_assert_ptr_nonnull(strstr(loading.faults[0], "larger than 4 MiB"));
	free(text);
}
END_TEST

START_TEST(brackets_nested_too_deep_are_a_fault)
{
	char text[10000] = "x = ";

	memset(text + 4, '(', sizeof(text) - 5);
	loading_text(text);
	ck_assert_int_eq(loading.count, 1);
	ck_assert_ptr_nonnull(strstr(loading.faults[0], "nested too deep"));
}
END_TEST

START_TEST(wrapped_integers_are_found_by_line_and_value)
{
	loading_write("a",
	    "a = 1; b = 4294967297; c = 2147483647; d = -2147483648;\n"
	    "e = 0x80000000; f = 4294967297L; g = 1.5; h4294967297 = 1;\n"
	    "i =\n 2147483648; j = 99999999999999999999L;");
	ck_assert_int_eq(source_read(&src, loading_path("a"), &faults), 0);
	ck_assert_uint_eq(src.n_wides, 4);
	ck_assert(source_is_wrapped(&src, 1, 1));
	ck_assert(!source_is_wrapped(&src, 1, INT32_MAX));
	ck_assert(source_is_wrapped(&src, 2, INT32_MIN));
	ck_assert(!source_is_wrapped(&src, 2, 4294967297));
	ck_assert(source_is_wrapped(&src, 3, INT32_MIN));
	ck_assert(source_is_wrapped(&src, 4, INT32_MIN));
	ck_assert(source_is_wrapped(&src, 4, INT64_MAX));
}
END_TEST

Suite *
suite_source(void)
{
	Suite *s = suite_create("source");
	TCase *tc = tcase_create("read");

	tcase_add_checked_fixture(tc, loading_setup, teardown);
	tcase_add_test(tc, text_without_include_is_unchanged);
	tcase_add_test(tc, include_is_put_in_place_and_keeps_its_lines);
	tcase_add_test(tc, include_on_the_first_line_keeps_the_lines);
	tcase_add_test(tc, include_is_no_include_where_it_is_text);
	tcase_add_test(tc, fault_in_include_is_told_of_that_file);
	tcase_add_test(tc, include_by_absolute_path_and_in_a_list);
	tcase_add_test(tc, include_that_is_missing_is_told_with_the_rest);
	tcase_add_test(tc, include_of_itself_is_a_fault);
	tcase_add_loop_test(
	    tc, include_of_another_form_is_a_fault, 0, ARRAY_LEN(not_includes));
	tcase_add_test(tc, byte_zero_is_a_fault);
	tcase_add_test(tc, file_of_more_than_a_mebibyte_is_a_fault);
	tcase_add_test(tc, brackets_nested_too_deep_are_a_fault);
	tcase_add_test(tc, wrapped_integers_are_found_by_line_and_value);
	suite_add_tcase(s, tc);
	return s;
}
