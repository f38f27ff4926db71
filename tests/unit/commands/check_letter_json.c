#include "commands/letter_json.h"

#include <check.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "control/text.h"
#include "record/record.h"
#include "spool/deadletter.h"
#include "suites.h"

static struct record record = { .length = 3, .number = 17, .type = 5 };

static struct deadletter
letter(void)
{
	return (struct deadletter){ .ring = { { 1 } },
		.number = 17,
		.stream = { { 0x3f, 0xa9, 0xc1, 0xd2 } },
		.reason = DEAD_TOO_BIG,
		.flags = DEAD_RECEIVED,
		.uri = "posix:/a\xff\"b",
		.label = "hub/a",
		.route = "",
		.detail = "300 bytes",
		.rec = &record };
}

/* The line of a letter whose body is given in pieces of that size. */
static json_t *
line_of(const uint8_t *bytes, size_t len, size_t piece, bool is_text)
{
	struct letter_body lb = { .is_text = is_text };
	struct deadletter dt = letter();
	size_t strange = 0;
	struct text out;
	json_t *line;

	text_init(&out, 1 << 20);
	letter_put_begin(&out, "edge-1", &dt, is_text);
	for (size_t at = 0; at < len; at += piece)
		letter_put_body(
		    &out, &lb, bytes + at, len - at < piece ? len - at : piece, false);
	letter_put_body(&out, &lb, NULL, 0, true);
	letter_put_end(&out);
	ck_assert_int_eq(out.rc, 0);
	ck_assert_int_eq(out.bytes[out.len - 1], '\n');
	ck_assert_ptr_eq(memchr(out.bytes, '\n', out.len), out.bytes + out.len - 1);
	for (size_t i = 0; i < out.len - 1; i++)
		strange += out.bytes[i] < ' ' || out.bytes[i] > '~';
	ck_assert_uint_eq(strange, 0);
	line = json_loadb(out.bytes, out.len, 0, NULL);
	ck_assert_ptr_nonnull(line);
	text_done(&out);
	return line;
}

static const char *
member(const json_t *line, const char *name)
{
	return json_string_value(json_object_get(line, name));
}

START_TEST(line_tells_all_that_is_known)
{
	json_t *line = line_of((const uint8_t *)"abc", 3, 3, true);

	ck_assert_str_eq(member(line, "id"), "17-3fa9c1d2");
	ck_assert_str_eq(member(line, "host"), "edge-1");
	ck_assert_str_eq(member(line, "reason"), "too-big");
	ck_assert_str_eq(member(line, "queue"), "posix:/a\\xff\"b");
	ck_assert_str_eq(member(line, "encoding"), "utf-8");
	ck_assert_str_eq(member(line, "body"), "abc");
	ck_assert_str_eq(member(line, "file"),
	    "01000000000000000000000000000000-00000000000000000017-"
	    "3fa9c1d2000000000000000000000000");
	ck_assert(json_is_null(json_object_get(line, "route")));
	ck_assert_str_eq(
	    json_string_value(json_array_get(json_object_get(line, "flags"), 0)),
	    "received");
	json_decref(line);
}
END_TEST

static const char text[] = "a\xc3\xb6\xe2\x9c\x93\xf0\x9f\x98\x80\"\\\n\x1b\xc2\x9bz"
			   "\xf0\x9f\x98\x80\xe2\x9c\x93\xc3\xb6";

START_TEST(text_is_whole_in_pieces_of_any_size)
{
	json_t *line =
	    line_of((const uint8_t *)text, sizeof(text) - 1, (size_t)_i, true);

	ck_assert_str_eq(member(line, "body"), text);
	json_decref(line);
}
END_TEST

START_TEST(bytes_are_whole_in_pieces_of_any_size)
{
	static const char encoded[] = "AAECA/8F+QcICQo=";
	static const uint8_t bytes[] = { 0, 1, 2, 3, 255, 5, 249, 7, 8, 9, 10 };
	json_t *line = line_of(bytes, sizeof(bytes), (size_t)_i, false);

	ck_assert_str_eq(member(line, "encoding"), "base64");
	ck_assert_str_eq(member(line, "body"), encoded);
	json_decref(line);
}
END_TEST

START_TEST(line_without_a_body_has_an_empty_one)
{
	json_t *line = line_of(NULL, 0, 1, _i == 0);

	ck_assert_str_eq(member(line, "body"), "");
	json_decref(line);
}
END_TEST

START_TEST(largest_pieces_go_through)
{
	uint8_t *bytes = malloc(3 * LETTER_PIECE);
	json_t *line;

	ck_assert_ptr_nonnull(bytes);
	memset(bytes, 0x1b, 3 * LETTER_PIECE); /* six characters for each */
	line = line_of(bytes, 3 * LETTER_PIECE, LETTER_PIECE, true);
	ck_assert_uint_eq(
	    json_string_length(json_object_get(line, "body")), 3 * LETTER_PIECE);
	json_decref(line);
	free(bytes);
}
END_TEST

Suite *
suite_letter_json(void)
{
	Suite *su = suite_create("letter_json");
	TCase *tc = tcase_create("letter_json");

	tcase_add_test(tc, line_tells_all_that_is_known);
	tcase_add_loop_test(
	    tc, text_is_whole_in_pieces_of_any_size, 1, (int)sizeof(text));
	tcase_add_loop_test(tc, bytes_are_whole_in_pieces_of_any_size, 1, 13);
	tcase_add_loop_test(tc, line_without_a_body_has_an_empty_one, 0, 2);
	tcase_add_test(tc, largest_pieces_go_through);
	suite_add_tcase(su, tc);
	return su;
}
