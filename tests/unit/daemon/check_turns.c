#include "daemon/turns.h"

#include <check.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/histogram.h"
#include "suites.h"

#define BUSY_NS INT64_C(3000000)

static int fd;

static void
setup(void)
{
	fd = epoll_create1(EPOLL_CLOEXEC);
	ck_assert_int_ge(fd, 0);
}

static void
teardown(void)
{
	(void)close(fd);
}

static void
wait_ms(int ms)
{
	struct epoll_event event;

	ck_assert_int_eq(epoll_wait(fd, &event, 1, ms), 0);
}

static uint64_t
count(const struct histogram *hi)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++)
		sum += hi->counts[i];
	return sum;
}

START_TEST(thread_that_has_not_begun_counts_nothing)
{
	struct histogram times;

	wait_ms(0);
	wait_ms(0);
	turns_times(&times);
	ck_assert_uint_eq(count(&times), 0);
}
END_TEST

START_TEST(turn_lasts_from_wait_to_wait)
{
	struct histogram times;
	int64_t begun_ns;

	turns_begin();
	wait_ms(0);
	begun_ns = clock_monotonic_ns();
	while (clock_monotonic_ns() - begun_ns < BUSY_NS)
		;
	wait_ms(0);
	turns_times(&times);
	ck_assert_uint_eq(count(&times), 2);
	ck_assert_uint_ge(times.sum_ns, BUSY_NS);
}
END_TEST

START_TEST(time_of_the_wait_itself_does_not_count)
{
	struct histogram before, after;
	int64_t begun_ns = clock_monotonic_ns(), took_ns;

	turns_begin();
	wait_ms(0);
	turns_times(&before);
	for (int i = 0; i < 5; i++)
		wait_ms(20);
	took_ns = clock_monotonic_ns() - begun_ns;
	turns_times(&after);
	ck_assert_uint_eq(count(&after) - count(&before), 5);
	ck_assert_int_lt((int64_t)after.sum_ns, took_ns - INT64_C(90000000));
}
END_TEST

Suite *
suite_turns(void)
{
	Suite *s = suite_create("turns");
	TCase *tc = tcase_create("turns");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, thread_that_has_not_begun_counts_nothing);
	tcase_add_test(tc, turn_lasts_from_wait_to_wait);
	tcase_add_test(tc, time_of_the_wait_itself_does_not_count);
	suite_add_tcase(s, tc);
	return s;
}
