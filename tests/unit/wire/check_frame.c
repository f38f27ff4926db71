#include "wire/frame.h"

#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "record/record.h"
#include "suites.h"

#define BIG 8192

static uint8_t first[BIG], second[BIG];

START_TEST(frame_into_too_small_buffer_returns_0)
{
	struct frame_hello he = { .heartbeat_ms = 1, .name = frame_text("name") };
	size_t size = frame_encode_hello(first, BIG, &he);

	ck_assert_uint_gt(size, 0);
	for (size_t room = 0; room < size; room++) {
		uint8_t *buf = malloc(room > 0 ? room : 1);

		ck_assert_ptr_nonnull(buf);
		ck_assert_uint_eq(frame_encode_hello(buf, room, &he), 0);
		free(buf);
	}
	ck_assert_uint_eq(frame_encode_hello(second, size, &he), size);
}
END_TEST

START_TEST(header_extension_is_skipped)
{
	static const uint8_t bytes[] = { 16, 0, 0, 0, FRAME_PING, 0xff, 8, 0, 9, 0, 0,
		0, 1, 2, 3, 4, 'e', 'x', 't', 'r', 'a', 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8,
		'n' };
	struct frame fr;
	uint64_t number;
	size_t size;

	ck_assert_int_eq(frame_decode(&fr, &size, bytes, sizeof(bytes), 16), 0);
	ck_assert_uint_eq(size, sizeof(bytes) - 1);
	ck_assert_uint_eq(fr.flags, 0xff);
	ck_assert_uint_eq(fr.channel, 9);
	ck_assert_int_eq(frame_decode_number(&number, &fr), 0);
	ck_assert_uint_eq(number, UINT64_C(0x0807060504030201));
}
END_TEST

static const struct extension_case {
	uint8_t length, extension;
	int rc;
} extension_cases[] = {
	{ 8, 8, 0 },
	{ 16, 8, 0 },
	{ 7, 8, -EBADMSG },  /* above the length */
	{ 16, 4, -EBADMSG }, /* would move records off their alignment */
	{ 16, 9, -EBADMSG },
};

START_TEST(header_extension_keeps_its_rules)
{
	const struct extension_case *ec = &extension_cases[_i];
	const uint8_t bytes[64] = { ec->length, 0, 0, 0, FRAME_PING, 0, ec->extension };
	struct frame fr;
	size_t size;

	ck_assert_int_eq(frame_decode(&fr, &size, bytes, sizeof(bytes), 4096), ec->rc);
}
END_TEST

START_TEST(header_with_length_above_limit_is_refused_before_the_payload)
{
	static const uint8_t bytes[FRAME_HEADER] = { 1, 2, 0, 0, FRAME_HELLO };
	struct frame fr;
	size_t size;

	ck_assert_int_eq(
	    frame_decode(&fr, &size, bytes, sizeof(bytes), FRAME_HELLO_MAX), -EBADMSG);
	ck_assert_int_eq(
	    frame_decode(&fr, &size, bytes, sizeof(bytes), FRAME_HELLO_MAX + 1),
	    -EAGAIN);
}
END_TEST

START_TEST(hello_of_longest_name_fits_stranger_limit)
{
	char name[FRAME_NAME_MAX + 2];
	struct frame_hello he = { .heartbeat_ms = 1 };
	struct frame fr;
	size_t size, got;

	memset(name, 'n', sizeof(name));
	name[FRAME_NAME_MAX] = '\0';
	he.name = frame_text(name);
	size = frame_encode_hello(first, BIG, &he);
	ck_assert_int_eq(frame_decode(&fr, &got, first, size, FRAME_HELLO_MAX), 0);
	name[FRAME_NAME_MAX] = 'n';
	name[FRAME_NAME_MAX + 1] = '\0';
	he.name = frame_text(name);
	ck_assert_uint_eq(frame_encode_hello(first, BIG, &he), 0);
}
END_TEST

START_TEST(hello_with_other_magic_is_refused)
{
	struct frame_hello he = { .heartbeat_ms = 1, .name = frame_text("name") };
	size_t size = frame_encode_hello(first, BIG, &he);
	struct frame fr = { .payload = first + FRAME_HEADER,
		.length = (uint32_t)(size - FRAME_HEADER) };

	ck_assert_int_eq(frame_decode_hello(&he, &fr), 0);
	first[FRAME_HEADER] ^= 1;
	ck_assert_int_eq(frame_decode_hello(&he, &fr), -EBADMSG);
}
END_TEST

START_TEST(hello_with_heartbeat_out_of_bounds_is_refused)
{
	static const uint32_t bad[] = { 0, FRAME_HEARTBEAT_MAX_MS + 1, UINT32_MAX };
	struct frame_hello he = { .heartbeat_ms = bad[_i] };
	struct frame fr;
	size_t got, size = frame_encode_hello(first, BIG, &he);

	ck_assert_int_eq(frame_decode(&fr, &got, first, size, FRAME_HELLO_MAX), 0);
	ck_assert_int_eq(frame_decode_hello(&he, &fr), -EBADMSG);
}
END_TEST

START_TEST(text_with_nul_is_refused_both_ways)
{
	struct frame_close cl = { .text = { .bytes = "a\0b", .length = 3 } };
	struct frame fr;
	size_t size;

	ck_assert_uint_eq(frame_encode_close(first, BIG, &cl), 0);
	cl.text = frame_text("a.b");
	size = frame_encode_close(first, BIG, &cl);
	first[size - 2] = '\0';
	ck_assert_int_eq(frame_decode(&fr, &size, first, size, 4096), 0);
	ck_assert_int_eq(frame_decode_close(&cl, &fr), -EBADMSG);
}
END_TEST

START_TEST(text_above_bound_is_refused)
{
	struct frame_close cl = { .code = 1 };
	struct frame fr = { .payload = first, .length = 4 + FRAME_TEXT_MAX };

	memset(first, 'x', sizeof(first));
	first[2] = FRAME_TEXT_MAX;
	first[3] = 0;
	ck_assert_int_eq(frame_decode_close(&cl, &fr), 0);
	first[2] = 0;
	first[3] = 1; /* FRAME_TEXT_MAX + 1 */
	fr.length++;
	ck_assert_int_eq(frame_decode_close(&cl, &fr), -EBADMSG);
}
END_TEST

START_TEST(reason_above_bound_is_cut_at_a_character)
{
	char text[FRAME_TEXT_MAX + 8];
	struct frame_close cl = { .code = 1 };
	struct frame fr;
	size_t size;

	memset(text, 'x', sizeof(text));
	memcpy(text + FRAME_TEXT_MAX - 2, "\xe2\x82\xac!", 5); /* 3 bytes, "!", NUL */
	cl.text = frame_text(text);
	size = frame_encode_close(first, BIG, &cl);
	ck_assert_int_eq(frame_decode(&fr, &size, first, size, 4096), 0);
	ck_assert_int_eq(frame_decode_close(&cl, &fr), 0);
	ck_assert_uint_eq(cl.text.length, FRAME_TEXT_MAX - 2);
}
END_TEST

START_TEST(opened_with_too_many_rejects_is_refused)
{
	struct frame_opened od = { .rejects = FRAME_REJECTS_MAX };
	struct frame fr = { .payload = first + FRAME_HEADER };
	size_t size = frame_encode_opened(first, BIG, 1, &od);

	ck_assert_uint_le(size, FRAME_ENCODE_MAX);
	fr.length = (uint32_t)(size - FRAME_HEADER);
	ck_assert_int_eq(frame_decode_opened(&od, &fr), 0);
	memset(first + size, 0, 10);
	first[FRAME_HEADER + 22] = FRAME_REJECTS_MAX + 1;
	fr.length += 10;
	ck_assert_int_eq(frame_decode_opened(&od, &fr), -EBADMSG);
	od.rejects = FRAME_REJECTS_MAX + 1;
	ck_assert_uint_eq(frame_encode_opened(first, BIG, 1, &od), 0);
}
END_TEST

START_TEST(open_of_longest_names_fits_encode_max)
{
	static char longest[FRAME_URI_MAX + 1];
	struct frame_open op = { .next = 1 };

	memset(longest, 'u', FRAME_URI_MAX);
	op.uri = frame_text(longest);
	op.route = op.source = op.entry = frame_text(longest + 256);
	op.take = frame_text(longest + FRAME_URI_MAX - FRAME_TAKE_MAX);
	ck_assert_uint_gt(frame_encode_open(first, FRAME_ENCODE_MAX, 1, &op), 0);
	op.take = frame_text(longest + FRAME_URI_MAX - FRAME_TAKE_MAX - 1);
	ck_assert_uint_eq(frame_encode_open(first, FRAME_ENCODE_MAX, 1, &op), 0);
}
END_TEST

static const struct data_case {
	uint64_t first_seq;
	uint32_t count, length;
	int rc;
} data_cases[] = {
	{ 1, 1, 48, 0 },
	{ 1, 2, 96, 0 },
	{ UINT64_MAX - 1, 1, 48, 0 },
	{ 0, 1, 48, -EBADMSG },              /* no such sequence */
	{ 1, 0, 48, -EBADMSG },              /* no record */
	{ 1, 2, 88, -EBADMSG },              /* no room for two headers */
	{ 1, 1, 52, -EBADMSG },              /* not padded */
	{ UINT64_MAX, 1, 48, -EBADMSG },     /* the next sequence overflows */
	{ UINT64_MAX - 1, 2, 96, -EBADMSG }, /* the same */
	{ 1, UINT32_MAX, 48, -EBADMSG },
};

START_TEST(data_is_decoded_only_if_its_rules_hold)
{
	const struct data_case *dc = &data_cases[_i];
	struct frame_data da = {
		.first_seq = dc->first_seq, .count = dc->count, .length = dc->length
	};
	struct frame fr = { .payload = first + FRAME_HEADER,
		.length = FRAME_DATA_HEADER + dc->length };

	memset(first, 0, 1024);
	ck_assert_uint_eq(
	    frame_encode_data(first, BIG, 1, &da), FRAME_HEADER + FRAME_DATA_HEADER);
	ck_assert_int_eq(frame_decode_data(&da, &fr), dc->rc);
}
END_TEST

static const struct chunk_case {
	uint64_t seq;
	uint32_t total, offset, length;
	int rc;
} chunk_cases[] = {
	{ 1, 48, 0, 48, 0 }, { 1, 48, 47, 1, 0 },
	{ 1, RECORD_BODY_MAX + RECORD_HEADER, 8, 1000, 0 }, { 0, 48, 0, 48, -EBADMSG },
	{ UINT64_MAX, 48, 0, 48, -EBADMSG },
	{ 1, 40, 0, 40, -EBADMSG },                    /* below a header */
	{ 1, 52, 0, 48, -EBADMSG },                    /* not a stride */
	{ 1, 48, 0, 0, -EBADMSG },                     /* empty */
	{ 1, 48, 48, 1, -EBADMSG },                    /* begins behind the end */
	{ 1, 48, 40, 9, -EBADMSG },                    /* ends behind the end */
	{ 1, 48, UINT32_MAX, 2, -EBADMSG },            /* the sum overflows */
	{ 1, UINT32_MAX & ~7U, 0, 1000, -EBADMSG },    /* above any record */
	{ 1, RECORD_BODY_MAX + 56, 0, 1000, -EBADMSG } /* the same by one step */
};

START_TEST(chunk_is_decoded_only_if_its_rules_hold)
{
	const struct chunk_case *cc = &chunk_cases[_i];
	struct frame_chunk ch = { .seq = cc->seq,
		.total = cc->total,
		.offset = cc->offset,
		.length = cc->length };
	struct frame fr = { .payload = first + FRAME_HEADER,
		.length = FRAME_CHUNK_HEADER + cc->length };

	memset(first, 0, 2048);
	ck_assert_uint_eq(
	    frame_encode_chunk(first, BIG, 1, &ch), FRAME_HEADER + FRAME_CHUNK_HEADER);
	ck_assert_int_eq(frame_decode_chunk(&ch, &fr), cc->rc);
}
END_TEST

START_TEST(data_above_frame_limit_is_not_encoded)
{
	struct frame_data da = { .first_seq = 1,
		.count = 1,
		.length = FRAME_PAYLOAD_MAX - FRAME_DATA_HEADER };
	struct frame_chunk ch = { .seq = 1,
		.total = 1 << 20,
		.length = FRAME_PAYLOAD_MAX - FRAME_CHUNK_HEADER };

	ck_assert_uint_gt(frame_encode_data(first, BIG, 1, &da), 0);
	da.length++;
	ck_assert_uint_eq(frame_encode_data(first, BIG, 1, &da), 0);
	da.length = UINT32_MAX;
	ck_assert_uint_eq(frame_encode_data(first, BIG, 1, &da), 0);
	ck_assert_uint_gt(frame_encode_chunk(first, BIG, 1, &ch), 0);
	ch.length++;
	ck_assert_uint_eq(frame_encode_chunk(first, BIG, 1, &ch), 0);
}
END_TEST

START_TEST(text_copy_is_cut_and_terminated)
{
	char buf[4] = "zzz";

	ck_assert_str_eq(frame_text_copy(buf, 4, frame_text("abcdef")), "abc");
	ck_assert_str_eq(frame_text_copy(buf, 4, frame_text("")), "");
	ck_assert_str_eq(frame_text_copy(buf, 1, frame_text("x")), "");
	ck_assert_ptr_eq(frame_text_copy(buf, 0, frame_text("x")), buf);
}
END_TEST

Suite *
suite_frame(void)
{
	Suite *su = suite_create("frame");
	TCase *tc = tcase_create("frame");

	tcase_add_test(tc, frame_into_too_small_buffer_returns_0);
	tcase_add_test(tc, header_extension_is_skipped);
	tcase_add_loop_test(
	    tc, header_extension_keeps_its_rules, 0, (int)ARRAY_LEN(extension_cases));
	tcase_add_test(
	    tc, header_with_length_above_limit_is_refused_before_the_payload);
	tcase_add_test(tc, hello_of_longest_name_fits_stranger_limit);
	tcase_add_test(tc, hello_with_other_magic_is_refused);
	tcase_add_loop_test(tc, hello_with_heartbeat_out_of_bounds_is_refused, 0, 3);
	tcase_add_test(tc, text_with_nul_is_refused_both_ways);
	tcase_add_test(tc, text_above_bound_is_refused);
	tcase_add_test(tc, reason_above_bound_is_cut_at_a_character);
	tcase_add_test(tc, opened_with_too_many_rejects_is_refused);
	tcase_add_test(tc, open_of_longest_names_fits_encode_max);
	tcase_add_loop_test(
	    tc, data_is_decoded_only_if_its_rules_hold, 0, (int)ARRAY_LEN(data_cases));
	tcase_add_loop_test(tc, chunk_is_decoded_only_if_its_rules_hold, 0,
	    (int)ARRAY_LEN(chunk_cases));
	tcase_add_test(tc, data_above_frame_limit_is_not_encoded);
	tcase_add_test(tc, text_copy_is_cut_and_terminated);
	suite_add_tcase(su, tc);
	return su;
}
