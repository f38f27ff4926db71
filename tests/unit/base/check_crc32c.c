#include "base/crc32c.h"

#include <check.h>
#include <string.h>

#include "suites.h"

#define LONGEST 200

static uint8_t bytes[LONGEST + 8];

static void
fill_bytes(void)
{
	uint32_t x = 12345;

	for (size_t i = 0; i < sizeof(bytes); i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(x >> 24);
	}
}

/* One bit at a time, straight from the definition. */
static uint32_t
crc32c_by_bits(const uint8_t *at, size_t len)
{
	uint32_t crc = 0xffffffff;

	for (; len > 0; len--) {
		crc ^= *at++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
	}
	return ~crc;
}

START_TEST(crc_of_check_string_is_known_value)
{
	ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xe3069283);
	ck_assert_uint_eq(crc32c_portable(0, "123456789", 9), 0xe3069283);
}
END_TEST

/* RFC 3720, B.4: 32 bytes of zeroes, of ones, counting up. */
START_TEST(crc_of_iscsi_examples_is_known_value)
{
	uint8_t block[32];

	memset(block, 0, sizeof(block));
	ck_assert_uint_eq(crc32c(0, block, sizeof(block)), 0x8a9136aa);
	memset(block, 0xff, sizeof(block));
	ck_assert_uint_eq(crc32c(0, block, sizeof(block)), 0x62a8ab43);
	for (uint8_t i = 0; i < sizeof(block); i++)
		block[i] = i;
	ck_assert_uint_eq(crc32c(0, block, sizeof(block)), 0x46dd794e);
}
END_TEST

START_TEST(crc_of_any_length_and_alignment_agrees_with_definition)
{
	fill_bytes();
	for (size_t at = 0; at < 8; at++) {
		uint32_t want = crc32c_by_bits(bytes + at, (size_t)_i);

		ck_assert_uint_eq(crc32c(0, bytes + at, (size_t)_i), want);
		ck_assert_uint_eq(crc32c_portable(0, bytes + at, (size_t)_i), want);
	}
}
END_TEST

START_TEST(crc_of_two_parts_equals_crc_of_whole)
{
	uint32_t first;

	fill_bytes();
	first = crc32c(0, bytes, (size_t)_i);
	ck_assert_uint_eq(crc32c(first, bytes + _i, (size_t)(LONGEST - _i)),
	    crc32c(0, bytes, LONGEST));
	first = crc32c_portable(0, bytes, (size_t)_i);
	ck_assert_uint_eq(crc32c_portable(first, bytes + _i, (size_t)(LONGEST - _i)),
	    crc32c(0, bytes, LONGEST));
}
END_TEST

Suite *
suite_crc32c(void)
{
	Suite *s = suite_create("crc32c");
	TCase *tc = tcase_create("crc32c");

	tcase_add_test(tc, crc_of_check_string_is_known_value);
	tcase_add_test(tc, crc_of_iscsi_examples_is_known_value);
	tcase_add_loop_test(
	    tc, crc_of_any_length_and_alignment_agrees_with_definition, 0, 80);
	tcase_add_loop_test(tc, crc_of_two_parts_equals_crc_of_whole, 0, 20);
	suite_add_tcase(s, tc);
	return s;
}
