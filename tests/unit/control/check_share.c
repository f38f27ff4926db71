#include "control/share.h"

#include <check.h>
#include <stdlib.h>

#include "suites.h"

#define MS INT64_C(1000000) /* ns */
#define S  (1000 * MS)

static struct share share;

static void
set_up(void)
{
	share_init(&share, S);
}

START_TEST(share_of_a_quiet_socket_is_open_for_a_slice)
{
	ck_assert(share_is_open(&share, S));
	share_spend(&share, SHARE_SLICE_NS - 1);
	ck_assert(share_is_open(&share, S));
	share_spend(&share, 1);
	ck_assert(!share_is_open(&share, S));
	ck_assert_uint_eq(
	    share_wait_ms(&share), 0); /* other work comes first, no more */
	share_begin_slice(&share);
	ck_assert(share_is_open(&share, S));
}
END_TEST

/* Whatever is asked for: over ten seconds no more than the percentage and the burst. */
START_TEST(share_under_a_flood_is_a_small_part_of_the_time)
{
	static const int64_t answer_ns[] = { MS / 50, MS / 2, 7 * MS };
	int64_t now_ns = S;
	int64_t spent_ns = 0;

	while (now_ns < 11 * S) {
		if (!share_is_open(&share, now_ns)) {
			now_ns += share_wait_ms(&share) * MS + MS / 10;
			share_begin_slice(&share);
			continue;
		}
		share_spend(&share, answer_ns[_i]);
		spent_ns += answer_ns[_i];
		now_ns += answer_ns[_i];
	}
	ck_assert_int_le(
	    spent_ns, 10 * S * SHARE_PERCENT / 100 + SHARE_BURST_NS + 7 * MS);
	ck_assert_int_ge(spent_ns, 10 * S * SHARE_PERCENT / 100 / 2);
}
END_TEST

START_TEST(share_that_is_used_up_says_when_it_is_open_again)
{
	uint32_t wait_ms;

	share_spend(&share, SHARE_BURST_NS + 3 * MS);
	share_begin_slice(&share);
	ck_assert(!share_is_open(&share, S));
	wait_ms = share_wait_ms(&share);
	ck_assert_uint_ge(wait_ms, 100);
	ck_assert_uint_le(wait_ms, 102);
	ck_assert(!share_is_open(&share, S + 99 * MS));
	ck_assert(share_is_open(&share, S + wait_ms * MS));
}
END_TEST

START_TEST(share_after_a_very_long_answer_is_not_closed_for_long)
{
	share_spend(&share, 60 * S);
	share_begin_slice(&share);
	ck_assert_uint_le(share_wait_ms(&share), 3001);
}
END_TEST

START_TEST(share_with_a_clock_that_jumps_stays_in_bounds)
{
	ck_assert(share_is_open(&share, INT64_MAX));
	ck_assert(share_is_open(&share, 0));
	share_spend(&share, SHARE_BURST_NS);
	share_begin_slice(&share);
	ck_assert(!share_is_open(&share, 0));
}
END_TEST

Suite *
suite_share(void)
{
	Suite *s = suite_create("share");
	TCase *tc = tcase_create("share");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, share_of_a_quiet_socket_is_open_for_a_slice);
	tcase_add_loop_test(tc, share_under_a_flood_is_a_small_part_of_the_time, 0, 3);
	tcase_add_test(tc, share_that_is_used_up_says_when_it_is_open_again);
	tcase_add_test(tc, share_after_a_very_long_answer_is_not_closed_for_long);
	tcase_add_test(tc, share_with_a_clock_that_jumps_stays_in_bounds);
	suite_add_tcase(s, tc);
	return s;
}
