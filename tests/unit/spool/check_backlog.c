#include "spool/backlog.h"

#include <check.h>
#include <stdlib.h>

#include "ring_fixture.h"
#include "suites.h"

#define RECORDS 2000
#define STRIDE  56 /* bytes; of every record in these tests */

static struct backlog backlog;

static void
setup(void)
{
	backlog = (struct backlog){ 0 };
}

static void
teardown(void)
{
	backlog_done(&backlog);
}

static void
push(uint64_t index, int64_t priority)
{
	ck_assert_int_eq(
	    backlog_push(&backlog, index * STRIDE, (index + 1) * STRIDE, priority), 0);
}

/* Index of the record taken, or UINT64_MAX. */
static uint64_t
pop(void)
{
	uint64_t position;
	int64_t priority;

	if (!backlog_peek(&backlog, &position, &priority))
		return UINT64_MAX;
	backlog_pop(&backlog, position + STRIDE);
	return position / STRIDE;
}

START_TEST(empty_backlog_has_nothing)
{
	uint64_t position = 7;
	int64_t priority;

	ck_assert(!backlog_peek(&backlog, &position, &priority));
	ck_assert_uint_eq(position, 7);
	ck_assert_uint_eq(backlog.count, 0);
}
END_TEST

START_TEST(uniform_priority_is_one_run)
{
	for (uint64_t i = 0; i < RECORDS; i++)
		push(i, 3);
	ck_assert_uint_eq(backlog.count, RECORDS);
	ck_assert_uint_eq(backlog.room, 0);
	for (uint64_t i = 0; i < RECORDS; i++)
		ck_assert_uint_eq(pop(), i);
	ck_assert_uint_eq(pop(), UINT64_MAX);
}
END_TEST

START_TEST(higher_priority_goes_first_and_order_stays)
{
	push(0, 1);
	push(1, 1);
	push(2, 9);
	push(3, 1);
	ck_assert_uint_eq(pop(), 2);
	ck_assert_uint_eq(pop(), 0);
	push(4, 9);
	ck_assert_uint_eq(pop(), 4);
	ck_assert_uint_eq(pop(), 1);
	ck_assert_uint_eq(pop(), 3);
}
END_TEST

START_TEST(gap_between_records_is_respected)
{
	push(0, 1);
	push(2, 1);
	ck_assert_uint_eq(pop(), 0);
	ck_assert_uint_eq(pop(), 2);
	ck_assert_uint_eq(pop(), UINT64_MAX);
}
END_TEST

static int64_t waiting[RECORDS]; /* the model: priority, -1: not waiting */

/* The oldest leave: what waits before a record waits no more. */
static void
drop_before(uint64_t index)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i < index; i++) {
		count += waiting[i] >= 0;
		waiting[i] = -1;
	}
	backlog_drop_before(&backlog, index * STRIDE, count);
}

/* Against the obvious way: look at all of them. */
START_TEST(random_use_agrees_with_model)
{
	uint64_t random = 1234567 + (uint64_t)_i, pushed = 0;

	for (uint64_t i = 0; i < RECORDS; i++)
		waiting[i] = -1;
	while (pushed < RECORDS || backlog.count > 0) {
		uint64_t best = UINT64_MAX;

		if (pushed > 20 && ring_random(&random, 50) == 0)
			drop_before(pushed - ring_random(&random, 20));
		if (pushed < RECORDS && ring_random(&random, 3) > 0) {
			waiting[pushed] = ring_random(&random, 4);
			push(pushed, waiting[pushed]);
			pushed++;
			continue;
		}
		for (uint64_t i = 0; i < pushed; i++)
			if (waiting[i] >= 0 &&
			    (best == UINT64_MAX || waiting[i] > waiting[best]))
				best = i;
		ck_assert_uint_eq(pop(), best);
		if (best != UINT64_MAX)
			waiting[best] = -1;
	}
}
END_TEST

Suite *
suite_backlog(void)
{
	Suite *suite = suite_create("backlog");
	TCase *tc = tcase_create("backlog");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, empty_backlog_has_nothing);
	tcase_add_test(tc, uniform_priority_is_one_run);
	tcase_add_test(tc, higher_priority_goes_first_and_order_stays);
	tcase_add_test(tc, gap_between_records_is_respected);
	tcase_add_loop_test(tc, random_use_agrees_with_model, 0, 5);
	suite_add_tcase(suite, tc);
	return suite;
}
