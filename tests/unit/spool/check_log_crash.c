/* A log with a little stream around it, killed at every step of what it does to the disk, also
 * within its recovery: no record may be lost or come twice. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disk_steps.h"
#include "kill_steps.h"
#include "log_fixture.h"
#include "spool/disk.h"
#include "spool/log_private.h"
#include "suites.h"

#define RECORDS 120
#define BATCH   20
#define STEPS   200000 /* instructions, about, of all that are killed together */

/* What a ring, its journal and a peer would know; shared with the child that is killed. */
static struct kept {
	bool settled_in_ring[RECORDS + 1]; /* by number: the log's, or done with */
	unsigned arrived[RECORDS + 1];     /* at the peer, which knows sequences */
	uint64_t place[RECORDS + 1];       /* by sequence: in flight */
	uint64_t number[RECORDS + 1];      /* by sequence, for the checker */
	uint64_t acked, next;
	uint64_t received; /* by the peer: the last sequence */
	uint64_t dropped;
} * kept;

static struct log_lab lab;

static int64_t
priority_of(uint64_t number)
{
	return number % 3 == 0 ? 4 : 1;
}

static void
setup(void)
{
	kept = mmap(NULL, sizeof(*kept), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(kept, MAP_FAILED);
}

static void
teardown(void)
{
	(void)munmap(kept, sizeof(*kept));
}

static void
begin(void)
{
	memset(kept, 0, sizeof(*kept));
	kept->next = 1;
	log_lab_start(&lab, UINT64_C(1) << 30, LOG_SYNC_ALWAYS);
}

/* ---- the stream ------------------------------------------------------------------------ */

static void
on_moved(void *owner, const struct log_item *items, size_t count, int rc)
{
	bool *done = owner;

	ck_assert_int_eq(rc, 0);
	for (size_t i = 0; i < count; i++)
		kept->settled_in_ring[items[i].rec->number] = true;
	*done = true;
}

/* The next of the ring go to the log. */
static void
move(uint64_t first, size_t count)
{
	struct log_item items[BATCH];
	struct record *recs[BATCH];
	bool done = false;
	size_t n = 0;

	for (uint64_t number = first; number < first + count; number++) {
		if (kept->settled_in_ring[number])
			continue;
		recs[n] = log_lab_record(
		    &lab, number, priority_of(number), (uint32_t)number * 40);
		items[n] = (struct log_item){ .rec = recs[n],
			.priority = priority_of(number) };
		n++;
	}
	if (n == 0)
		return;
	ck_assert_int_eq(log_append(lab.log, items, n, on_moved, &done), 0);
	while (!done) {
		log_lab_wait_uncollected(&lab);
		disk_collect(lab.disk);
	}
	for (size_t i = 0; i < n; i++)
		free(recs[i]);
}

/* The peer takes what is new to it. */
static void
send_one(uint64_t seq, const struct record *rec)
{
	ck_assert_ptr_nonnull(rec);
	ck_assert(log_lab_is(rec, rec->number));
	kept->number[seq] = rec->number;
	if (seq != kept->received + 1)
		return;
	kept->received = seq;
	kept->arrived[rec->number]++;
}

static bool
take(void)
{
	uint64_t place;
	const struct record *rec = log_lab_peek(&lab, &place);

	if (rec == NULL)
		return false;
	kept->place[kept->next] = place;
	log_pop(lab.log);
	kept->next++;
	send_one(kept->next - 1, rec);
	return true;
}

static void
acknowledge(void)
{
	log_settle(lab.log, kept->place[kept->acked + 1]);
	kept->acked++;
}

static void
recover(void)
{
	struct log_damage damage;

	ck_assert_uint_eq(log_lab_open(&lab), 0);
	ck_assert(!log_damage(lab.log, &damage));
	ck_assert_int_eq(log_numbers_load(lab.log, 0), 0);
	while (kept->acked + 1 < kept->next &&
	       log_place_settled(lab.log, kept->place[kept->acked + 1]))
		kept->acked++;
	for (uint64_t seq = kept->acked + 1; seq < kept->next; seq++)
		ck_assert_int_eq(log_place_sent(lab.log, kept->place[seq]), 0);
	for (uint64_t number = 1; number <= RECORDS; number++)
		if (log_number_place(lab.log, number) != 0)
			kept->settled_in_ring[number] = true;
	log_numbers_done(lab.log);
	for (uint64_t seq = kept->acked + 1; seq < kept->next; seq++)
		send_one(seq, log_lab_at(&lab, kept->place[seq]));
}

/* ---- a life ---------------------------------------------------------------------------- */

/* Everything that the disk thread ever does. */
static void
live(void)
{
	struct log_numbers nb;

	move(1, BATCH);
	move(21, BATCH);
	for (int i = 0; i < 12; i++)
		(void)take();
	for (int i = 0; i < 7; i++)
		acknowledge();
	log_save_cursors(lab.log);
	move(41, BATCH);
	log_sync(lab.log);
	log_lab_wait(&lab);
	/* A small limit closes the segments. */
	log_configure(lab.log, 100000, LOG_SYNC_ALWAYS, NULL, NULL);
	while (take())
		;
	while (kept->acked + 1 < kept->next)
		acknowledge();
	log_lab_wait(&lab);
	log_configure(lab.log, UINT64_C(1) << 30, LOG_SYNC_ALWAYS, NULL, NULL);
	move(61, BATCH);
	(void)take();
	log_numbers(lab.log, &nb);
	ck_assert_uint_eq(nb.damaged, 0);
	log_lab_wait(&lab);
}

/* No thread is there at the fork, which might hold a lock that the child needs. */
static bool
run_child(void (*work)(void), unsigned long step)
{
	int status;
	pid_t pid;

	disk_free(lab.disk);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (disk_new(&lab.disk) < 0)
			_exit(2);
		lab.env.disk = lab.disk;
		lab.log = NULL;
		disk_steps_kill_at(step);
		work();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(disk_new(&lab.disk), 0);
	lab.env.disk = lab.disk;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "step %lu: status %d", step, status);
	return false;
}

static void
recover_and_live(void)
{
	recover();
	live();
}

static void
just_recover(void)
{
	recover();
	log_lab_wait(&lab);
}

/* Send the rest from log and ring: everything must have come once. */
static void
finish_and_check(unsigned long step)
{
	recover();
	for (uint64_t number = 1; number <= RECORDS; number += BATCH)
		move(number, BATCH);
	while (take())
		;
	while (kept->acked + 1 < kept->next)
		acknowledge();
	for (uint64_t number = 1; number <= RECORDS; number++)
		ck_assert_msg(kept->arrived[number] == 1,
		    "step %lu: record %lu came %u times", step, (unsigned long)number,
		    kept->arrived[number]);
	ck_assert_uint_eq(log_lab_numbers(&lab).waiting, 0);
	ck_assert_uint_eq(log_lab_numbers(&lab).damaged, 0);
}

START_TEST(kill_at_any_step_loses_and_repeats_nothing)
{
	unsigned long step = 0;
	bool killed = true;

	for (; killed; step++) {
		begin();
		/* Segments of an earlier life, which are not appended to. */
		move(101, BATCH);
		(void)take();
		log_lab_wait(&lab);
		log_lab_crash(&lab);
		killed = run_child(recover_and_live, step);
		/* The recovery is killed too, somewhere else each time. */
		if (killed && run_child(just_recover, step % 5))
			(void)run_child(just_recover, step % 3);
		finish_and_check(step);
		log_lab_stop(&lab);
	}
	ck_assert_uint_gt(step, 40);
}
END_TEST

/* What is on tmpfs is gone: of what was synced nothing is lost. */
START_TEST(power_cut_at_any_step_loses_nothing_that_was_synced)
{
	unsigned long step = 0;
	bool killed = true;

	for (; killed; step++) {
		bool moved[RECORDS + 1], seen[RECORDS + 1] = { false };
		uint64_t numbers[RECORDS];
		size_t n;

		begin();
		log_lab_crash(&lab);
		killed = run_child(recover_and_live, step);
		memcpy(moved, kept->settled_in_ring, sizeof(moved));
		log_lab_power_cut(&lab);
		lab.spec.ring = state_id(9);
		lab.spec.seed = record_seed(&lab.spec.ring);
		n = (size_t)log_lab_open(&lab);
		ck_assert_uint_le(n, RECORDS);
		ck_assert_uint_eq(log_lab_drain(&lab, numbers, RECORDS), n);
		for (size_t i = 0; i < n; i++) {
			ck_assert_uint_le(numbers[i], RECORDS);
			ck_assert(!seen[numbers[i]]);
			seen[numbers[i]] = true;
		}
		for (uint64_t number = 1; number <= RECORDS; number++)
			ck_assert_msg(
			    !moved[number] || kept->arrived[number] > 0 || seen[number],
			    "step %lu: record %lu", step, (unsigned long)number);
		log_lab_stop(&lab);
	}
}
END_TEST

/* ---- between two stores ---------------------------------------------------------------- */

static int
settle_first(void *arg)
{
	(void)arg;
	acknowledge();
	return 0;
}

static int
drop_some(void *arg)
{
	(void)arg;
	kept->dropped = log_drop_oldest(lab.log, 2500);
	return kept->dropped == 0;
}

/* The child has the parent's log, and no disk thread. Its stores are undone for the next one. */
static void
kill_between_stores(int (*work)(void *arg),
    void (*check)(const uint64_t *before, const uint64_t *after))
{
	struct log_cursor *cu = &lab.log->cursor;
	const struct log_slot before = cu->slots[0];
	const struct kept words = *kept;
	struct log_slot_state old, now;
	unsigned long count, stride;
	bool killed = true;

	ck_assert_int_eq(log_cursor_read(cu, 0, &old), 1);
	/* With sanitizers there are too many to try each. */
	count = kill_count(KILL_AT_INSTRUCTION, work, NULL);
	stride = count * count / 2 / STEPS + 1;
	cu->slots[0] = before;
	*kept = words;
	for (unsigned long step = 0; killed; step += stride) {
		killed = kill_at(KILL_AT_INSTRUCTION, step, work, NULL);
		ck_assert_int_eq(log_cursor_read(cu, 0, &now), 1);
		for (unsigned which = 0; which < LOG_WORDS; which++)
			ck_assert(!now.damaged[which]);
		check(old.value, now.value);
		cu->slots[0] = before;
		*kept = words;
	}
}

static void
check_settled(const uint64_t *before, const uint64_t *after)
{
	bool settled = after[LOG_SETTLED] == log_place_offset(kept->place[1]) + 1;

	ck_assert(settled || after[LOG_SETTLED] == before[LOG_SETTLED]);
	/* First the cursor. */
	ck_assert(kept->acked == 0 || settled);
	ck_assert_uint_eq(after[LOG_SKIP_TO], before[LOG_SKIP_TO]);
}

static void
check_dropped(const uint64_t *before, const uint64_t *after)
{
	bool none = after[LOG_SKIP_TO] <= after[LOG_SKIP_FROM];

	ck_assert_uint_eq(after[LOG_SETTLED], before[LOG_SETTLED]);
	ck_assert(none || after[LOG_SKIP_FROM] > log_place_offset(kept->place[2]));
	ck_assert(none || after[LOG_SKIP_TO] <= after[LOG_SKIP_FROM] + 3000);
}

START_TEST(kill_between_any_two_instructions_leaves_a_settled_record_or_not)
{
	begin();
	ck_assert_int_eq(log_lab_put(&lab, 1, 10, 0, 1000), 0);
	ck_assert(take());
	ck_assert(take());
	log_lab_wait(&lab);
	kill_between_stores(settle_first, check_settled);
	log_lab_stop(&lab);
}
END_TEST

START_TEST(kill_between_any_two_instructions_leaves_a_dropped_range_or_none)
{
	begin();
	ck_assert_int_eq(log_lab_put(&lab, 1, 10, 0, 1000), 0);
	ck_assert(take());
	ck_assert(take());
	log_lab_wait(&lab);
	kill_between_stores(drop_some, check_dropped);
	log_lab_stop(&lab);
}
END_TEST

Suite *
suite_log_crash(void)
{
	Suite *su = suite_create("log_crash");
	TCase *tc = tcase_create("crash");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, kill_at_any_step_loses_and_repeats_nothing);
	tcase_add_test(tc, power_cut_at_any_step_loses_nothing_that_was_synced);
	tcase_add_test(
	    tc, kill_between_any_two_instructions_leaves_a_settled_record_or_not);
	tcase_add_test(
	    tc, kill_between_any_two_instructions_leaves_a_dropped_range_or_none);
	suite_add_tcase(su, tc);
	return su;
}
