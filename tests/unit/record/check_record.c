#include "record/record.h"

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "suites.h"

#define ROOM 64 /* bytes of body in the tests' record */

static union {
	struct record rec;
	uint8_t bytes[RECORD_HEADER + ROOM];
} slot;
static struct record *const rec = &slot.rec;
static const uint32_t seed = 7;

static void
setup(void)
{
	memset(&slot, RECORD_PAD, sizeof(slot));
	rec->length = 11;
	rec->flags = RECORD_RECOVERED;
	rec->reserved = 0;
	rec->number = 42;
	rec->captured_ns = 1000;
	rec->state = 0;
	rec->reserved2 = 0;
	rec->type = 5;
	memcpy(rec->body, "hello world", 11);
	record_seal(rec, seed);
}

START_TEST(layout_is_as_documented)
{
	ck_assert_uint_eq(offsetof(struct record, length), 0);
	ck_assert_uint_eq(offsetof(struct record, flags), 4);
	ck_assert_uint_eq(offsetof(struct record, reserved), 6);
	ck_assert_uint_eq(offsetof(struct record, number), 8);
	ck_assert_uint_eq(offsetof(struct record, captured_ns), 16);
	ck_assert_uint_eq(offsetof(struct record, header_crc), 24);
	ck_assert_uint_eq(offsetof(struct record, body_crc), 28);
	ck_assert_uint_eq(offsetof(struct record, state), 32);
	ck_assert_uint_eq(offsetof(struct record, reserved2), 36);
	ck_assert_uint_eq(offsetof(struct record, type), 40);
	ck_assert_uint_eq(offsetof(struct record, body), 48);
}
END_TEST

/* Computed once by an implementation of CRC-32C that is not ours. */
START_TEST(seal_of_known_record_is_golden)
{
	const struct id id = { "0123456789abcdef" };

	ck_assert_uint_eq(record_seed(&id), UINT32_C(0x42d3119e));
	record_seal(rec, UINT32_C(0x42d3119e));
	ck_assert_uint_eq(rec->body_crc, UINT32_C(0x77e22f65));
	ck_assert_uint_eq(rec->header_crc, UINT32_C(0x502424a3));
}
END_TEST

START_TEST(stride_is_header_and_body_rounded_up)
{
	ck_assert_uint_eq(record_stride(0), 48);
	ck_assert_uint_eq(record_stride(1), 56);
	ck_assert_uint_eq(record_stride(8), 56);
	ck_assert_uint_eq(record_stride(9), 64);
	ck_assert_uint_eq(record_stride(UINT32_MAX), UINT64_C(0x100000030));
}
END_TEST

START_TEST(check_of_sealed_record_succeeds)
{
	ck_assert_int_eq(record_check(rec, sizeof(slot), seed), 0);
	ck_assert_int_eq(record_check(rec, record_stride(11), seed), 0);
	ck_assert_int_eq(record_check_header(rec, seed), 0);
}
END_TEST

/* One test a byte of header and body: state alone may change. */
START_TEST(check_after_change_of_byte_fails)
{
	bool is_state = _i >= 32 && _i < 36;

	slot.bytes[_i] ^= 0x10;
	ck_assert_int_eq(
	    record_check(rec, sizeof(slot), seed), is_state ? 0 : -EBADMSG);
	if (_i < RECORD_HEADER)
		ck_assert_int_eq(
		    record_check_header(rec, seed), is_state ? 0 : -EBADMSG);
}
END_TEST

START_TEST(check_with_other_seed_fails)
{
	ck_assert_int_eq(record_check(rec, sizeof(slot), seed + 1), -EBADMSG);
	ck_assert_int_eq(record_check_header(rec, seed + 1), -EBADMSG);
}
END_TEST

START_TEST(check_of_unsealed_record_returns_enodata)
{
	rec->header_crc = RECORD_CRC_UNSET;
	ck_assert_int_eq(record_check(rec, sizeof(slot), seed), -ENODATA);
	ck_assert_int_eq(record_check_header(rec, seed), -EBADMSG);
}
END_TEST

/* One record in 2^32 has the checksum that stands for "none"; with this type ours
 * has. */
START_TEST(check_of_seal_equal_to_unset_succeeds)
{
	rec->type = INT64_C(0x3531931f00000005);
	record_seal(rec, seed);
	ck_assert_uint_eq(rec->header_crc, RECORD_CRC_UNSET);
	ck_assert_int_eq(record_check(rec, sizeof(slot), seed), 0);
	ck_assert_int_eq(record_check_header(rec, seed), 0);
}
END_TEST

START_TEST(check_beyond_available_fails)
{
	ck_assert_int_eq(record_check(rec, record_stride(11) - 1, seed), -EBADMSG);
	ck_assert_int_eq(record_check(rec, RECORD_HEADER - 1, seed), -EBADMSG);
	ck_assert_int_eq(record_check(rec, 0, seed), -EBADMSG);
	rec->length = RECORD_LENGTH_NONE;
	ck_assert_int_eq(record_check(rec, UINT64_MAX, seed), -EBADMSG);
	ck_assert_int_eq(record_check_header(rec, seed), -EBADMSG);
}
END_TEST

static const struct recovered {
	uint32_t end; /* bytes that are not the pad */
	uint32_t max, usual, want;
} recovered[] = {
	{ 0, 64, 0, 0 },
	{ 1, 64, 0, 1 },
	{ 7, 64, 0, 7 },
	{ 8, 64, 0, 8 },
	{ 9, 64, 0, 9 },
	{ 64, 64, 0, 64 },
	{ 63, 64, 0, 63 },
	{ 3, 3, 0, 3 },
	{ 0, 0, 0, 0 },
	{ 63, 64, 64, 64 },
	{ 56, 64, 64, 64 },
	{ 55, 64, 64, 55 },
	{ 60, 64, 32, 60 },
	{ 0, 64, 8, 8 },
	{ 0, 64, 9, 0 },
	{ 10, 12, 16, 10 },
};

START_TEST(recovered_length_is_end_or_usual)
{
	const struct recovered *row = &recovered[_i];
	uint8_t body[ROOM];

	memset(body, RECORD_PAD, sizeof(body));
	memset(body, 'x', row->end);
	if (row->end > 2)
		body[row->end - 2] = RECORD_PAD; /* the pad inside is content */
	ck_assert_uint_eq(
	    record_recovered_length(body, row->max, row->usual), row->want);
}
END_TEST

Suite *
suite_record(void)
{
	Suite *suite = suite_create("record");
	TCase *tc = tcase_create("record");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, layout_is_as_documented);
	tcase_add_test(tc, seal_of_known_record_is_golden);
	tcase_add_test(tc, stride_is_header_and_body_rounded_up);
	tcase_add_test(tc, check_of_sealed_record_succeeds);
	tcase_add_loop_test(
	    tc, check_after_change_of_byte_fails, 0, RECORD_HEADER + 11);
	tcase_add_test(tc, check_with_other_seed_fails);
	tcase_add_test(tc, check_of_unsealed_record_returns_enodata);
	tcase_add_test(tc, check_of_seal_equal_to_unset_succeeds);
	tcase_add_test(tc, check_beyond_available_fails);
	tcase_add_loop_test(
	    tc, recovered_length_is_end_or_usual, 0, (int)ARRAY_LEN(recovered));
	suite_add_tcase(suite, tc);
	return suite;
}
