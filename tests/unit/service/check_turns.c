#include "service/turns.h"

#include <check.h>
#include <event2/event.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/histogram.h"
#include "service/loop.h"
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

static void
again(evutil_socket_t none, short what, void *arg)
{
	static const struct timeval soon = { .tv_usec = 1000 };
	struct event **ev = arg;

	(void)none;
	(void)what;
	ck_assert_int_eq(event_add(*ev, &soon), 0);
}

/* A libevent that waits by another call than epoll_wait(2) would go uncounted. */
START_TEST(each_turn_of_a_loop_of_libevent_counts)
{
	struct event_base *base;
	struct event *ev;
	struct histogram times;

	ck_assert_int_eq(loop_new(&base), 0);
	ev = evtimer_new(base, again, &ev);
	ck_assert_ptr_nonnull(ev);
	again(-1, 0, &ev);
	turns_begin();
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	turns_times(&times);
	ck_assert_uint_ge(count(&times), 10);
	event_free(ev);
	event_base_free(base);
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
	tcase_add_test(tc, each_turn_of_a_loop_of_libevent_counts);
	suite_add_tcase(s, tc);
	return s;
}
