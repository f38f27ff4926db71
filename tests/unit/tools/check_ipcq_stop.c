#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "suites.h"
#include "tools/ipcq_stop.h"

#define LONG_MS  10000
#define SHORT_MS 5000

static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

/* Wait without knowing of the signal, as if it had come right before. */
static void
assert_wait_is_interrupted(void)
{
	uint64_t begun_ms = clock_monotonic_ms();

	ck_assert_int_eq(poll(NULL, 0, LONG_MS), -1);
	ck_assert_int_eq(errno, EINTR);
	ck_assert_uint_lt(clock_monotonic_ms() - begun_ms, SHORT_MS);
}

START_TEST(signal_before_waiting_interrupts_it)
{
	ck_assert_int_eq(stop_catch(-1), 0);
	ck_assert(!stop_asked());
	ck_assert_int_eq(raise(numbers[_i]), 0);
	ck_assert(stop_asked());
	assert_wait_is_interrupted();
	assert_wait_is_interrupted();
}
END_TEST

START_TEST(ignored_signal_does_not_ask)
{
	ck_assert(signal(SIGHUP, SIG_IGN) != SIG_ERR);
	ck_assert_int_eq(stop_catch(-1), 0);
	ck_assert_int_eq(raise(SIGHUP), 0);
	ck_assert(!stop_asked());
}
END_TEST

START_TEST(reader_that_goes_asks)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(stop_catch(fds[1]), 0);
	ck_assert(!stop_asked());
	(void)close(fds[0]);
	assert_wait_is_interrupted();
	ck_assert(stop_asked());
}
END_TEST

START_TEST(reader_that_is_gone_asks_at_once)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	(void)close(fds[0]);
	ck_assert_int_eq(stop_catch(fds[1]), 0);
	ck_assert(stop_asked());
}
END_TEST

START_TEST(die_ends_by_the_signal)
{
	ck_assert_int_eq(stop_catch(-1), 0);
	ck_assert_int_eq(raise(SIGTERM), 0);
	stop_die();
}
END_TEST

Suite *
suite_ipcq_stop(void)
{
	Suite *suite = suite_create("ipcq_stop");
	TCase *tc = tcase_create("stop");

	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(
	    tc, signal_before_waiting_interrupts_it, 0, (int)ARRAY_LEN(numbers));
	tcase_add_test(tc, ignored_signal_does_not_ask);
	tcase_add_test(tc, reader_that_goes_asks);
	tcase_add_test(tc, reader_that_is_gone_asks_at_once);
	tcase_add_test_raise_signal(tc, die_ends_by_the_signal, SIGTERM);
	suite_add_tcase(suite, tc);
	return suite;
}
