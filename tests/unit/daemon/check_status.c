#include "daemon/status.h"

#include <check.h>
#include <string.h>

#include "assembly/numbers.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "suites.h"

static const struct {
	double rate;
	const char *text;
} rates[] = {
	{ -1, "0/s" },
	{ 0, "0/s" },
	{ 0.9, "0/s" },
	{ 999.5, "999/s" },
	{ 1000, "1.0k/s" },
	{ 1234, "1.2k/s" },
	{ 9999, "9.9k/s" },
	{ 10000, "10k/s" },
	{ 999999, "999k/s" },
	{ 1500000, "1.5M/s" },
	{ 2e12, "2000G/s" },
};

START_TEST(rate_is_short)
{
	char buf[32];

	ck_assert_str_eq(status_rate(buf, sizeof(buf), rates[_i].rate), rates[_i].text);
}
END_TEST

static struct numbers_total total;

static struct numbers_health *
wrong(const char *kind, const char *name, enum state state, enum reason reason)
{
	struct numbers_finding *fi = &total.worst[total.n_worst++];

	*fi = (struct numbers_finding){ .kind = kind, .name = name };
	fi->health = (struct numbers_health){ .state = state,
		.reason = reason,
		.host = "",
		.since_ms = clock_monotonic_ms() - 42000 };
	total.problems++;
	return &fi->health;
}

static void
setup(void)
{
	memset(&total, 0, sizeof(total));
	total.health = (struct numbers_health){ .state = STATE_DEGRADED, .host = "" };
	total.peers = 4;
	total.peers_up = 3;
	total.in_rate = 1234;
	total.out_rate = 950;
	total.backlog_records = 12034;
	total.oldest_age_s = 38;
	total.dead_letters = 2;
}

#define REST                                                                             \
	"3/4 peers up; in 1.2k/s out 950/s; backlog 12034, oldest 38s; dead letters 2; " \
	"in doubt 0"

START_TEST(line_tells_what_is_wrong_first)
{
	char line[STATUS_MAX];

	wrong("route", "orders", STATE_STALLED, REASON_QUEUE_FULL)->host = "hub";
	ck_assert_str_eq(status_of(line, sizeof(line), &total),
	    "degraded: route orders stalled 42s (hub: queue full); " REST);
}
END_TEST

START_TEST(line_of_what_is_good_is_short)
{
	char line[STATUS_MAX];

	total.health.state = STATE_RUNNING;
	total.oldest_age_s = -1;
	total.backlog_records = 0;
	ck_assert_str_eq(status_of(line, sizeof(line), &total),
	    "running: 3/4 peers up; in 1.2k/s out 950/s; backlog 0; dead letters 2; "
	    "in doubt 0");
}
END_TEST

START_TEST(line_tells_three_and_counts_the_others)
{
	char line[STATUS_MAX];

	for (int i = 0; i < 5; i++)
		wrong("queue", "q", STATE_FAILED, REASON_NOT_PERMITTED);
	(void)status_of(line, sizeof(line), &total);
	ck_assert_ptr_nonnull(
	    strstr(line, "queue q failed 42s (not permitted); 2 more; " REST));
}
END_TEST

START_TEST(line_folds_routes_that_wait_for_a_peer_that_is_told)
{
	char line[STATUS_MAX];

	wrong("route", "a", STATE_WAITING, REASON_PEER_NOT_CONNECTED)->host = "hub";
	wrong("peer", "hub", STATE_WAITING, REASON_CONNECTION_REFUSED);
	ck_assert_str_eq(status_of(line, sizeof(line), &total),
	    "degraded: peer hub waiting 42s (connection refused); 1 more, as they wait "
	    "for peers; " REST);
}
END_TEST

START_TEST(line_leaves_out_a_time_that_is_not_known)
{
	char line[STATUS_MAX];

	wrong("store", "in-doubt", STATE_PAUSED, REASON_IN_DOUBT_HELD)->since_ms = 0;
	ck_assert_str_eq(status_of(line, sizeof(line), &total),
	    "degraded: store in-doubt paused (in doubt held); " REST);
}
END_TEST

START_TEST(line_that_is_too_long_is_cut)
{
	char line[32];

	wrong("route", "orders", STATE_STALLED, REASON_QUEUE_FULL);
	ck_assert_str_eq(
	    status_of(line, sizeof(line), &total), "degraded: route orders stalled ");
}
END_TEST

Suite *
suite_status(void)
{
	Suite *s = suite_create("status");
	TCase *tc = tcase_create("line");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, rate_is_short, 0, (int)ARRAY_LEN(rates));
	tcase_add_test(tc, line_tells_what_is_wrong_first);
	tcase_add_test(tc, line_of_what_is_good_is_short);
	tcase_add_test(tc, line_tells_three_and_counts_the_others);
	tcase_add_test(tc, line_folds_routes_that_wait_for_a_peer_that_is_told);
	tcase_add_test(tc, line_leaves_out_a_time_that_is_not_known);
	tcase_add_test(tc, line_that_is_too_long_is_cut);
	suite_add_tcase(s, tc);
	return s;
}
