/* Kills at random moments of delivery, and at every stage of the recovery after one. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kill_steps.h"
#include "ring_fixture.h"
#include "spool/marks.h"
#include "state_fixture.h"
#include "suites.h"

#define ROUNDS       150
#define STEPS_IN_ALL 60000 /* of single steps; about 20 microseconds each */

static struct state_dirs dirs;

/* What reached the queue; outlives the killed child as a queue does. */
static volatile uint64_t *delivered;

static void
setup(void)
{
	state_dirs_make(&dirs);
	delivered =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(delivered != MAP_FAILED);
}

static void
teardown(void)
{
	(void)munmap((void *)(uintptr_t)delivered, 4096);
	state_dirs_remove(&dirs);
}

static struct marks *
open_marks(uint64_t *ret_found)
{
	struct marks *mk = NULL;

	ck_assert_int_eq(marks_open(&mk, dirs.runtime_fd, ret_found), 0);
	return mk;
}

static struct mark *
only_mark(struct marks *mk)
{
	struct mark *m = marks_next(mk, NULL);

	ck_assert_ptr_nonnull(m);
	return m;
}

/* Deliver without end; delivered[0] counts what the queue accepted, [1] is the newest. */
static void
deliver(struct mark *m)
{
	for (;;) {
		uint64_t seq = mark_value(m) + 1;

		mark_intend(m, seq);
		delivered[0]++;
		delivered[1] = seq;
		mark_pass(m, seq);
	}
}

static void
kill_delivery(struct mark *m, long pause_ns)
{
	struct timespec pause = { .tv_nsec = pause_ns };
	uint64_t before = delivered[0];
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		deliver(m);
	while (delivered[0] == before)
		;
	(void)nanosleep(&pause, NULL); /* the moment of the kill, not a wait */
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}

START_TEST(delivery_killed_is_in_doubt_exactly_between_intent_and_mark)
{
	struct id stream = state_id(1);
	uint64_t random = 1234567;
	uint64_t doubts = 0;
	uint64_t found;
	struct marks *mk = open_marks(&found);
	struct mark *m;

	ck_assert_int_eq(mark_new(mk, &stream, "hub/orders", 0, &m), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		bool expected;

		kill_delivery(m, ring_random(&random, 300000));
		expected = mark_in_doubt(m);
		/* What was accepted and not passed must be in doubt: it is delivered again. */
		ck_assert_uint_ge(delivered[1], mark_value(m));
		ck_assert_uint_le(delivered[1], mark_value(m) + 1);
		if (delivered[1] == mark_value(m) + 1)
			ck_assert(expected);
		marks_close(mk);
		mk = open_marks(&found);
		m = only_mark(mk);
		ck_assert_uint_eq(found, expected ? 1 : 0);
		doubts += found;
		ck_assert_uint_eq(marks_doubts_total(mk), doubts);
		ck_assert_int_eq(mark_doubtful(m, mark_value(m) + 1), expected);
	}
	/* Each kill repeats at most one message, and none is left out. */
	ck_assert_uint_le(delivered[0], mark_value(m) + doubts);
	ck_assert_uint_ge(delivered[0], mark_value(m));
	ck_assert_uint_gt(doubts, 0);
	marks_close(mk);
}
END_TEST

static int
recover(void *arg)
{
	struct marks *mk = NULL;
	uint64_t found;

	(void)arg;
	return marks_open(&mk, dirs.runtime_fd, &found);
}

static void
prepare_doubts(void)
{
	struct id one = state_id(1);
	struct id two = state_id(2);
	uint64_t found;
	struct marks *mk;
	struct mark *m;

	(void)unlinkat(dirs.runtime_fd, "marks", 0);
	mk = open_marks(&found);
	ck_assert_int_eq(mark_new(mk, &one, "hub/one", 4, &m), 0);
	mark_intend(m, 5);
	ck_assert_int_eq(mark_new(mk, &two, "hub/two", 8, &m), 0);
	mark_intend(m, 9);
	marks_close(mk);
}

START_TEST(recovery_killed_anywhere_counts_each_doubt_once)
{
	unsigned long steps;
	unsigned long stride;
	uint64_t found;
	struct marks *mk;

	prepare_doubts();
	steps = kill_count(KILL_AT_INSTRUCTION, recover, NULL);
	/* The first half opens and maps; the stores that matter come behind it. A sanitizer
	 * makes many more instructions of them, so then fewer are tried. */
	stride = 1 + steps / 2 * steps / STEPS_IN_ALL;
	for (unsigned long at = steps / 2; at < steps; at += stride) {
		prepare_doubts();
		(void)kill_at(KILL_AT_INSTRUCTION, at, recover, NULL);
		if (at % 4 == 0)
			(void)kill_at(
			    KILL_AT_INSTRUCTION, steps - at / 4, recover, NULL);
		mk = open_marks(&found);
		ck_assert_uint_eq(marks_doubts_total(mk), 2);
		ck_assert_uint_eq(marks_doubts_listed(mk), 2);
		for (struct mark *m = NULL; (m = marks_next(mk, m)) != NULL;)
			ck_assert(mark_doubtful(m, mark_value(m) + 1));
		marks_close(mk);
	}
}
END_TEST

START_TEST(making_killed_anywhere_is_made_by_the_next_start)
{
	uint64_t found;

	for (unsigned long step = 0;; step++) {
		bool killed;

		(void)unlinkat(dirs.runtime_fd, "marks", 0);
		killed = kill_at(KILL_AT_SYSCALL, step, recover, NULL);
		marks_close(open_marks(&found));
		ck_assert_uint_eq(found, 0);
		ck_assert_uint_eq(state_count(dirs.runtime_fd, "marks"), 1);
		if (!killed)
			break;
	}
}
END_TEST

Suite *
suite_marks_kill(void)
{
	Suite *su = suite_create("marks_kill");
	TCase *tc = tcase_create("marks_kill");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, delivery_killed_is_in_doubt_exactly_between_intent_and_mark);
	tcase_add_loop_test(tc, recovery_killed_anywhere_counts_each_doubt_once, 0, 1);
	tcase_add_test(tc, making_killed_anywhere_is_made_by_the_next_start);
	suite_add_tcase(su, tc);
	return su;
}
