#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/histogram.h"
#include "spool/disk.h"
#include "suites.h"

#define JOBS       50
#define TIMEOUT_MS 10000

struct work {
	struct disk_job job; /* first: a job is cast to its work */
	int number;
	pthread_t thread; /* that ran it */
	bool signals_blocked;
	struct disk *again; /* submit next here when done */
	struct work *next;
};

static struct disk *disk;
static struct work works[JOBS];
static int runs[JOBS];
static int n_runs;
static int dones[JOBS];
static int n_dones;
static sem_t gate; /* a job that waits for it keeps the thread busy */

static int
run(struct disk_job *job)
{
	struct work *wk = (struct work *)(void *)job;
	sigset_t set;

	wk->thread = pthread_self();
	wk->signals_blocked = pthread_sigmask(SIG_BLOCK, NULL, &set) == 0 &&
			      sigismember(&set, SIGTERM) && sigismember(&set, SIGHUP);
	runs[n_runs++] = wk->number;
	return -wk->number;
}

static int
run_waiting(struct disk_job *job)
{
	while (sem_wait(&gate) < 0)
		;
	return run(job);
}

static void
done(struct disk_job *job, int rc)
{
	struct work *wk = (struct work *)(void *)job;

	ck_assert_int_eq(rc, -wk->number);
	ck_assert(!pthread_equal(wk->thread, pthread_self()));
	ck_assert(wk->signals_blocked);
	dones[n_dones++] = wk->number;
	if (wk->again != NULL)
		disk_submit(wk->again, &wk->next->job);
}

static void
setup(void)
{
	n_runs = n_dones = 0;
	ck_assert_int_eq(sem_init(&gate, 0, 0), 0);
	for (int i = 0; i < JOBS; i++)
		works[i] = (struct work){
			.job = { .run = run, .done = done },
			.number = i,
		};
	ck_assert_int_eq(disk_new(&disk), 0);
}

static void
teardown(void)
{
	disk_free(disk);
	disk = NULL;
	(void)sem_destroy(&gate);
}

static bool
is_readable(int timeout_ms)
{
	struct pollfd pfd = { .fd = disk_fd(disk), .events = POLLIN };

	return poll(&pfd, 1, timeout_ms) == 1;
}

static void
submit(int n)
{
	for (int i = 0; i < n; i++)
		disk_submit(disk, &works[i].job);
}

START_TEST(jobs_run_and_end_in_order)
{
	submit(JOBS);
	while (n_dones < JOBS) {
		ck_assert(is_readable(TIMEOUT_MS));
		disk_collect(disk);
	}
	for (int i = 0; i < JOBS; i++) {
		ck_assert_int_eq(runs[i], i);
		ck_assert_int_eq(dones[i], i);
	}
	disk_collect(disk);
	ck_assert(!is_readable(0));
}
END_TEST

START_TEST(job_running_is_not_done_and_submitting_does_not_wait)
{
	works[0].job.run = run_waiting;
	submit(3);
	disk_collect(disk);
	ck_assert_int_eq(n_dones, 0);
	ck_assert(!is_readable(0));
	(void)sem_post(&gate);
	ck_assert(is_readable(TIMEOUT_MS));
}
END_TEST

START_TEST(free_waits_for_all_jobs_and_those_they_submit)
{
	works[0].job.run = run_waiting;
	works[2].again = disk;
	works[2].next = &works[3];
	submit(3);
	(void)sem_post(&gate);
	disk_free(disk);
	disk = NULL;
	ck_assert_int_eq(n_dones, 4);
	ck_assert_int_eq(dones[3], 3);
}
END_TEST

START_TEST(free_without_jobs_ends)
{
	disk_free(disk);
	disk = NULL;
	disk_free(NULL);
}
END_TEST

START_TEST(signals_of_the_caller_stay_as_they_were)
{
	sigset_t set;

	ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, NULL, &set), 0);
	ck_assert(!sigismember(&set, SIGTERM));
}
END_TEST

static int
run_sync(struct disk_job *job)
{
	struct work *wk = (struct work *)(void *)job;

	return disk_sync_file(disk, wk->number);
}

static void
done_sync(struct disk_job *job, int rc)
{
	struct work *wk = (struct work *)(void *)job;

	dones[n_dones++] = rc;
	wk->number = -1;
}

START_TEST(sync_is_timed_and_its_failure_told)
{
	struct histogram times;
	uint64_t sum = 0;
	FILE *file = tmpfile();

	ck_assert_ptr_nonnull(file);
	works[0] = (struct work){ .job = { .run = run_sync, .done = done_sync },
		.number = fileno(file) };
	works[1] = (struct work){ .job = { .run = run_sync, .done = done_sync },
		.number = -1 };
	submit(2);
	while (n_dones < 2) {
		ck_assert(is_readable(TIMEOUT_MS));
		disk_collect(disk);
	}
	(void)fclose(file);
	ck_assert_int_eq(dones[0], 0);
	ck_assert_int_eq(dones[1], -EBADF);
	disk_sync_times(disk, &times);
	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++)
		sum += times.counts[i];
	ck_assert_uint_eq(sum, 2);
}
END_TEST

Suite *
suite_disk(void)
{
	Suite *su = suite_create("disk");
	TCase *tc = tcase_create("disk");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, jobs_run_and_end_in_order);
	tcase_add_test(tc, job_running_is_not_done_and_submitting_does_not_wait);
	tcase_add_test(tc, free_waits_for_all_jobs_and_those_they_submit);
	tcase_add_test(tc, free_without_jobs_ends);
	tcase_add_test(tc, signals_of_the_caller_stay_as_they_were);
	tcase_add_test(tc, sync_is_timed_and_its_failure_told);
	suite_add_tcase(su, tc);
	return su;
}
