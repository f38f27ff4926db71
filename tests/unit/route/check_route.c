#include "route/route.h"

#include <check.h>
#include <stdint.h>

#include "base/compiler.h"
#include "flow/sink.h"
#include "flow/source.h"
#include "suites.h"

static struct sink_state sink_says;
static unsigned kicks;

static void
fake_kick(struct sink *snk)
{
	ck_assert_ptr_nonnull(snk->source);
	kicks++;
}

static void
fake_state(struct sink *snk, struct sink_state *ret)
{
	(void)snk;
	*ret = sink_says;
}

static const struct sink_ops fake_sink_ops = { .kick = fake_kick, .state = fake_state };
static const struct source_ops fake_source_ops = { .info = NULL };

static struct sink sink;
static struct source source;
static struct route *route;

static void
setup(void)
{
	sink = (struct sink){ .ops = &fake_sink_ops };
	source = (struct source){ .ops = &fake_source_ops };
	sink_says = (struct sink_state){ STATE_FLOWING, REASON_NONE, "", "" };
	kicks = 0;
	ck_assert_int_eq(route_new(&route, &(struct route_spec){ "r", "orders",
					       "hub/orders", &source, &sink }),
	    0);
	route_join(route);
}

static void
teardown(void)
{
	route_free(route);
	route = NULL;
}

#define GOOD                                                                           \
	{                                                                              \
		REASON_NONE, ""                                                        \
	}

static struct route_state
judge(uint64_t now_ms, uint64_t waiting, uint64_t in_flight, uint64_t progress_ms)
{
	struct route_progress pr = { .waiting = waiting,
		.in_flight = in_flight,
		.last_progress_ms = progress_ms,
		.now_ms = now_ms,
		.patience_ms = ROUTE_PATIENCE_MS,
		.stopped = GOOD,
		.log = GOOD };
	struct route_state st;

	route_state(route, &pr, &st);
	return st;
}

static const char *
state_at(uint64_t now_ms, uint64_t waiting, uint64_t in_flight, uint64_t progress_ms)
{
	return state_name(judge(now_ms, waiting, in_flight, progress_ms).state);
}

START_TEST(route_made_joins_and_kicks)
{
	ck_assert_ptr_eq(source.sink, &sink);
	ck_assert_ptr_eq(sink.source, &source);
	ck_assert_uint_eq(kicks, 1);
	ck_assert_str_eq(route_name(route), "r");
	ck_assert_str_eq(route_from(route), "orders");
	ck_assert_str_eq(route_to(route), "hub/orders");
}
END_TEST

START_TEST(route_freed_parts_both)
{
	route_free(route);
	route = NULL;
	ck_assert_ptr_null(source.sink);
	ck_assert_ptr_null(sink.source);
}
END_TEST

START_TEST(state_without_work_is_idle)
{
	ck_assert_str_eq(state_at(1000000, 0, 0, 1), "idle");
}
END_TEST

START_TEST(state_with_work_flows)
{
	ck_assert_str_eq(state_at(1000, 5, 0, 0), "flowing");
	ck_assert_str_eq(state_at(1000, 5, 1, 0), "flowing");
}
END_TEST

START_TEST(state_without_settlement_stalls_after_the_time)
{
	ck_assert_str_eq(state_at(1000, 0, 1, 0), "flowing");
	ck_assert_str_eq(state_at(1000 + ROUTE_PATIENCE_MS - 1, 0, 1, 0), "flowing");
	ck_assert_str_eq(state_at(1000 + ROUTE_PATIENCE_MS, 0, 1, 0), "stalled");
	ck_assert_str_eq(state_at(1000 + ROUTE_PATIENCE_MS, 1, 0, 0), "stalled");
}
END_TEST

START_TEST(state_with_settlements_does_not_stall)
{
	ck_assert_str_eq(state_at(1000, 0, 1, 0), "flowing");
	ck_assert_str_eq(state_at(60000, 0, 1, 60001 - ROUTE_PATIENCE_MS), "flowing");
	ck_assert_str_eq(state_at(60001, 0, 1, 60001 - ROUTE_PATIENCE_MS), "stalled");
}
END_TEST

START_TEST(state_after_an_idle_hour_flows)
{
	ck_assert_str_eq(state_at(1000, 0, 1, 1000), "flowing");
	ck_assert_str_eq(state_at(2000, 0, 0, 1500), "idle");
	ck_assert_str_eq(state_at(3600000, 0, 1, 1500), "flowing");
}
END_TEST

START_TEST(state_stalled_names_the_cause_that_is_known)
{
	struct route_state st;

	(void)judge(1000, 1, 1, 0);
	st = judge(9000, 1, 1, 0);
	ck_assert_int_eq(st.reason, REASON_NO_ACKNOWLEDGEMENT);
	ck_assert_uint_eq(st.still_since_ms, 1000);
	ck_assert_int_eq(judge(9000, 1, 0, 0).reason, REASON_NOTHING_TAKEN);
	sink_says = (struct sink_state){ STATE_FLOWING, REASON_QUEUE_FULL,
		"the destination queue is full", "hub" };
	st = judge(9000, 1, 1, 0);
	ck_assert_int_eq(st.state, STATE_STALLED);
	ck_assert_int_eq(st.reason, REASON_QUEUE_FULL);
	ck_assert_str_eq(st.host, "hub");
	ck_assert_str_eq(st.detail, "the destination queue is full");
}
END_TEST

START_TEST(state_flowing_into_a_queue_that_is_full_now_and_then_is_good)
{
	struct route_state st;

	sink_says = (struct sink_state){ STATE_FLOWING, REASON_QUEUE_FULL, "full", "" };
	st = judge(1000, 5, 5, 990);
	ck_assert_int_eq(st.state, STATE_FLOWING);
	ck_assert_int_eq(st.reason, REASON_NONE);
	ck_assert_str_eq(st.detail, "");
}
END_TEST

START_TEST(state_of_a_log_that_takes_nothing_is_degraded_or_why_it_stalls)
{
	struct route_progress pr = { .waiting = 1,
		.now_ms = 1000,
		.patience_ms = ROUTE_PATIENCE_MS,
		.stopped = GOOD,
		.log = { REASON_LOG_FULL, "full (log_limit)" } };
	struct route_state st;

	route_state(route, &pr, &st);
	ck_assert_int_eq(st.state, STATE_DEGRADED);
	ck_assert_int_eq(st.reason, REASON_LOG_FULL);
	pr.now_ms += ROUTE_PATIENCE_MS;
	route_state(route, &pr, &st);
	ck_assert_int_eq(st.state, STATE_STALLED);
	ck_assert_int_eq(st.reason, REASON_LOG_FULL);
}
END_TEST

START_TEST(state_prefers_the_sinks_own_over_stalled)
{
	struct route_state st;

	sink_says = (struct sink_state){ STATE_REFUSED, REASON_ENTRY_REFUSED,
		"no such entry", "hub" };
	(void)judge(1000, 1, 0, 0);
	st = judge(1000 + 2 * ROUTE_PATIENCE_MS, 1, 0, 0);
	ck_assert_int_eq(st.state, STATE_REFUSED);
	ck_assert_int_eq(st.reason, REASON_ENTRY_REFUSED);
	ck_assert_str_eq(st.detail, "no such entry");
}
END_TEST

START_TEST(state_of_a_stopped_source_goes_first)
{
	struct route_progress pr = { .now_ms = 1,
		.patience_ms = ROUTE_PATIENCE_MS,
		.stopped = { REASON_DEAD_LETTERS_FULL,
		    "the dead-letter store is full" },
		.log = GOOD };
	struct route_state st;

	sink_says = (struct sink_state){ STATE_REFUSED, REASON_ENTRY_REFUSED,
		"no such entry", "hub" };
	route_state(route, &pr, &st);
	ck_assert_int_eq(st.state, STATE_STOPPED);
	ck_assert_int_eq(st.reason, REASON_DEAD_LETTERS_FULL);
	ck_assert_str_eq(st.detail, "the dead-letter store is full");
	ck_assert_str_eq(st.host, "");
}
END_TEST

Suite *
suite_route(void)
{
	const TTest *const tests[] = { route_made_joins_and_kicks,
		route_freed_parts_both, state_without_work_is_idle,
		state_with_work_flows, state_stalled_names_the_cause_that_is_known,
		state_flowing_into_a_queue_that_is_full_now_and_then_is_good,
		state_of_a_log_that_takes_nothing_is_degraded_or_why_it_stalls,
		state_without_settlement_stalls_after_the_time,
		state_with_settlements_does_not_stall, state_after_an_idle_hour_flows,
		state_prefers_the_sinks_own_over_stalled,
		state_of_a_stopped_source_goes_first };
	Suite *s = suite_create("route");
	TCase *tc = tcase_create("route");

	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < ARRAY_LEN(tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}
