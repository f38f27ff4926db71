#include "base/parse.h"

#include <check.h>
#include <errno.h>

#include "suites.h"

#define UNTOUCHED 4711

struct row {
	const char *text;
	int rc;
	uint64_t value; /* when rc is 0 */
};

static const struct row whole_rows[] = {
	{ "0", 0, 0 },
	{ "007", 0, 7 },
	{ "18446744073709551615", 0, UINT64_MAX },
	{ "18446744073709551616", -ERANGE, 0 },
	{ "99999999999999999999999", -ERANGE, 0 },
	{ "99999999999999999999999x", -EINVAL, 0 },
	{ "0x4d51", 0, 0x4d51 },
	{ "0XfFfF", 0, 0xffff },
	{ "0xffffffffffffffff", 0, UINT64_MAX },
	{ "0x10000000000000000", -ERANGE, 0 },
	{ "", -EINVAL, 0 },
	{ "0x", -EINVAL, 0 },
	{ "x", -EINVAL, 0 },
	{ "-1", -EINVAL, 0 },
	{ "+1", -EINVAL, 0 },
	{ " 1", -EINVAL, 0 },
	{ "1 ", -EINVAL, 0 },
	{ "1.0", -EINVAL, 0 },
	{ "12a", -EINVAL, 0 },
	{ "0x12g", -EINVAL, 0 },
};

static void
assert_result(const struct row *row, int rc, uint64_t value)
{
	ck_assert_msg(rc == row->rc, "\"%s\": %d, not %d", row->text, rc, row->rc);
	if (rc == 0)
		ck_assert_uint_eq(value, row->value);
	else
		ck_assert_uint_eq(value, UNTOUCHED);
}

START_TEST(u64_of_text_is_strict)
{
	uint64_t value = UNTOUCHED;
	int rc = parse_u64(&value, whole_rows[_i].text, 0, UINT64_MAX);

	assert_result(&whole_rows[_i], rc, value);
}
END_TEST

START_TEST(u64_out_of_bounds_returns_erange)
{
	uint64_t value = UNTOUCHED;

	ck_assert_int_eq(parse_u64(&value, "9", 10, 20), -ERANGE);
	ck_assert_int_eq(parse_u64(&value, "21", 10, 20), -ERANGE);
	ck_assert_uint_eq(value, UNTOUCHED);
	ck_assert_int_eq(parse_u64(&value, "10", 10, 20), 0);
	ck_assert_int_eq(parse_u64(&value, "20", 10, 20), 0);
	ck_assert_uint_eq(value, 20);
}
END_TEST

static const struct {
	const char *text;
	int64_t min;
	int rc;
	int64_t value;
} signed_rows[] = {
	{ "9223372036854775807", INT64_MIN, 0, INT64_MAX },
	{ "9223372036854775808", INT64_MIN, -ERANGE, 0 },
	{ "-9223372036854775808", INT64_MIN, 0, INT64_MIN },
	{ "-9223372036854775809", INT64_MIN, -ERANGE, 0 },
	{ "-0x10", -16, 0, -16 },
	{ "-17", -16, -ERANGE, 0 },
	{ "-0", -1, 0, 0 },
	{ "-1", 0, -EINVAL, 0 },
	{ "--1", -5, -EINVAL, 0 },
	{ "-", -5, -EINVAL, 0 },
};

START_TEST(i64_takes_a_sign_only_where_allowed)
{
	int64_t value = UNTOUCHED;
	int rc =
	    parse_i64(&value, signed_rows[_i].text, signed_rows[_i].min, INT64_MAX);

	ck_assert_int_eq(rc, signed_rows[_i].rc);
	ck_assert_int_eq(value, rc == 0 ? signed_rows[_i].value : UNTOUCHED);
}
END_TEST

static const struct row size_rows[] = {
	{ "0", 0, 0 },
	{ "512", 0, 512 },
	{ "512B", 0, 512 },
	{ "64KiB", 0, 65536 },
	{ "8 MiB", 0, 8388608 },
	{ "1GiB", 0, 1073741824 },
	{ "1.5GiB", 0, 1610612736 },
	{ "3GiB", 0, UINT64_C(3221225472) },
	{ "2TiB", 0, UINT64_C(2199023255552) },
	{ "10kB", 0, 10000 },
	{ "5MB", 0, 5000000 },
	{ "1.125kB", 0, 1125 },
	{ "18446744073709551615", 0, UINT64_MAX },
	{ "16777216TiB", -ERANGE, 0 },
	{ "16777215.999TiB", 0, UINT64_MAX - 1099511627775 + 1098412116148 },
	{ "18446744073709551616KiB", -ERANGE, 0 },
	{ "18446744073709551616 kib", -EINVAL, 0 },
	{ "1.5", -EINVAL, 0 },
	{ "1.5B", -EINVAL, 0 },
	{ "1.1234KiB", -EINVAL, 0 },
	{ "1.KiB", -EINVAL, 0 },
	{ ".5KiB", -EINVAL, 0 },
	{ "64kib", -EINVAL, 0 },
	{ "64K", -EINVAL, 0 },
	{ "64  KiB", -EINVAL, 0 },
	{ "64KiB ", -EINVAL, 0 },
	{ "64 ", -EINVAL, 0 },
	{ "-1KiB", -EINVAL, 0 },
	{ "0x10KiB", -EINVAL, 0 },
	{ "KiB", -EINVAL, 0 },
	{ "", -EINVAL, 0 },
};

START_TEST(size_of_text_is_strict)
{
	uint64_t value = UNTOUCHED;
	int rc = parse_size(&value, size_rows[_i].text);

	assert_result(&size_rows[_i], rc, value);
}
END_TEST

static const struct row duration_rows[] = {
	{ "0s", 0, 0 },
	{ "250ms", 0, 250 },
	{ "10s", 0, 10000 },
	{ "1.5s", 0, 1500 },
	{ "1.001s", 0, 1001 },
	{ "5m", 0, 300000 },
	{ "2h", 0, 7200000 },
	{ "1d", 0, 86400000 },
	{ "10 s", 0, 10000 },
	{ "10", -EINVAL, 0 },
	{ "0", -EINVAL, 0 },
	{ "", -EINVAL, 0 },
	{ "1.5ms", -EINVAL, 0 },
	{ "1.0005s", -EINVAL, 0 },
	{ "10S", -EINVAL, 0 },
	{ "10sec", -EINVAL, 0 },
	{ "1m30s", -EINVAL, 0 },
	{ "-1s", -EINVAL, 0 },
	{ "99999999999999999d", -ERANGE, 0 },
};

START_TEST(duration_of_text_is_strict)
{
	uint64_t value = UNTOUCHED;
	int rc = parse_duration(&value, duration_rows[_i].text);

	assert_result(&duration_rows[_i], rc, value);
}
END_TEST

static const struct row mode_rows[] = {
	{ "0660", 0, 0660 },
	{ "660", 0, 0660 },
	{ "0", 0, 0 },
	{ "0777", 0, 0777 },
	{ "1777", -ERANGE, 0 },
	{ "9", -EINVAL, 0 },
	{ "0668", -EINVAL, 0 },
	{ "0x1b0", -EINVAL, 0 },
	{ "", -EINVAL, 0 },
	{ "-660", -EINVAL, 0 },
	{ "u=rw", -EINVAL, 0 },
	{ "7777777777777777777777777", -ERANGE, 0 },
};

START_TEST(mode_of_text_is_strict)
{
	uint32_t value = UNTOUCHED;
	int rc = parse_mode(&value, mode_rows[_i].text);

	assert_result(&mode_rows[_i], rc, value);
}
END_TEST

static const struct {
	uint64_t value;
	const char *size;
	const char *duration;
} format_rows[] = {
	{ 0, "0B", "0ms" },
	{ 1, "1B", "1ms" },
	{ 250, "250B", "250ms" },
	{ 512, "512B", "512ms" },
	{ 1000, "1000B", "1s" },
	{ 1024, "1KiB", "1.0s" },
	{ 1500, "1.4KiB", "1.5s" },
	{ 8193, "8.0KiB", "8.1s" },
	{ 90000, "87.8KiB", "90s" },
	{ 524288, "512KiB", "8.7m" },
	{ 7200000, "6.8MiB", "2h" },
	{ 67108864, "64MiB", "18.6h" },
	{ 1610612736, "1.5GiB", "18.6d" },
	{ UINT64_MAX, "16777215.9TiB", "213503982334.6d" },
};

START_TEST(format_of_value_is_short)
{
	char buf[32];

	ck_assert_ptr_eq(format_size(buf, sizeof(buf), format_rows[_i].value), buf);
	ck_assert_str_eq(buf, format_rows[_i].size);
	ck_assert_ptr_eq(format_duration(buf, sizeof(buf), format_rows[_i].value), buf);
	ck_assert_str_eq(buf, format_rows[_i].duration);
}
END_TEST

#define ADD_ROWS(tc, test, rows)                                                       \
	tcase_add_loop_test(tc, test, 0, (int)(sizeof(rows) / sizeof((rows)[0])))

Suite *
suite_parse(void)
{
	Suite *s = suite_create("parse");
	TCase *tc = tcase_create("parse");

	ADD_ROWS(tc, u64_of_text_is_strict, whole_rows);
	tcase_add_test(tc, u64_out_of_bounds_returns_erange);
	ADD_ROWS(tc, i64_takes_a_sign_only_where_allowed, signed_rows);
	ADD_ROWS(tc, size_of_text_is_strict, size_rows);
	ADD_ROWS(tc, duration_of_text_is_strict, duration_rows);
	ADD_ROWS(tc, mode_of_text_is_strict, mode_rows);
	ADD_ROWS(tc, format_of_value_is_short, format_rows);
	suite_add_tcase(s, tc);
	return s;
}
