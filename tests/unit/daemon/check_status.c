#include "daemon/status.h"

#include <check.h>

#include "base/compiler.h"
#include "suites.h"

static const struct {
	uint64_t count, ms;
	const char *text;
} rates[] = {
	{ 0, 2000, "0/s" },
	{ 5, 0, "0/s" },
	{ 1999, 2000, "999/s" },
	{ 2000, 2000, "1.0k/s" },
	{ 2468, 2000, "1.2k/s" },
	{ 19999, 2000, "9.9k/s" },
	{ 20000, 2000, "10k/s" },
	{ 1999999, 2000, "999k/s" },
	{ 3000000, 2000, "1.5M/s" },
	{ 2000000000, 1, "2000G/s" },
};

START_TEST(rate_is_short)
{
	char buf[32];

	ck_assert_str_eq(status_rate(buf, sizeof(buf), rates[_i].count, rates[_i].ms),
	    rates[_i].text);
}
END_TEST

Suite *
suite_status(void)
{
	Suite *s = suite_create("status");
	TCase *tc = tcase_create("rate");

	tcase_add_loop_test(tc, rate_is_short, 0, (int)ARRAY_LEN(rates));
	suite_add_tcase(s, tc);
	return s;
}
