#include <check.h>

#include "base/compiler.h"
#include "spool/anchor.h"
#include "suites.h"

#define BOOT(n)                                                                        \
	{                                                                              \
		{                                                                      \
			n                                                              \
		}                                                                      \
	}

/* The runtime clock that follows from what was saved and the machine's clocks now. */
static const struct resumed {
	struct anchor saved;
	struct anchor now;
	int64_t clock_ns;
} resumed[] = {
	/* One boot: by its clock, whatever the wall clock does. */
	{ { BOOT(1), 100, 5000, 700 }, { BOOT(1), 130, 9000, 0 }, 730 },
	{ { BOOT(1), 100, 5000, 700 }, { BOOT(1), 130, 10, 0 }, 730 },
	/* Another boot: by the wall clock. */
	{ { BOOT(1), 100, 5000, 700 }, { BOOT(2), 3, 5400, 0 }, 1100 },
	/* A boot that is not known is another one. */
	{ { BOOT(0), 100, 5000, 700 }, { BOOT(0), 130, 5001, 0 }, 701 },
	/* Never backwards. */
	{ { BOOT(1), 100, 5000, 700 }, { BOOT(2), 3, 4000, 0 }, 700 },
	{ { BOOT(1), 100, 5000, 700 }, { BOOT(1), 50, 5000, 0 }, 700 },
	/* Times that no clock shows. */
	{ { BOOT(1), -5, -5, -5 }, { BOOT(1), 130, 5000, 0 }, 130 },
	{ { BOOT(1), INT64_MAX, 5000, INT64_MAX }, { BOOT(1), 130, 5000, 0 }, 130 },
	{ { BOOT(1), INT64_MIN, INT64_MIN, INT64_MIN }, { BOOT(2), 1, 9, 0 }, 9 },
};

START_TEST(clock_after_restart_goes_on)
{
	const struct resumed *re = &resumed[_i];
	int64_t offset = anchor_offset(&re->saved, &re->now);

	ck_assert_int_eq(re->now.boot_ns + offset, re->clock_ns);
}
END_TEST

START_TEST(boot_id_is_the_same_twice)
{
	static const struct id unknown;
	struct id one;
	struct id two;

	anchor_boot(&one);
	anchor_boot(&two);
	ck_assert(id_equal(&one, &two));
	ck_assert(!id_equal(&one, &unknown));
}
END_TEST

Suite *
suite_anchor(void)
{
	Suite *su = suite_create("anchor");
	TCase *tc = tcase_create("anchor");

	tcase_add_loop_test(
	    tc, clock_after_restart_goes_on, 0, (int)ARRAY_LEN(resumed));
	tcase_add_test(tc, boot_id_is_the_same_twice);
	suite_add_tcase(su, tc);
	return su;
}
