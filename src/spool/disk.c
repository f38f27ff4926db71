#include "spool/disk.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/histogram.h"

struct queue { /* of jobs, first in first out */
	struct disk_job *first;
	struct disk_job **last;
};

struct disk {
	pthread_mutex_t mutex; /* for all below but event_fd */
	pthread_cond_t changed;
	struct queue waiting;
	struct queue ended;
	unsigned unended; /* waiting or running */
	bool stop;
	int event_fd;
	bool started;
	pthread_t thread;
	struct histogram sync_times; /* the thread adds */
};

static void
queue_init(struct queue *qu)
{
	qu->first = NULL;
	qu->last = &qu->first;
}

static void
queue_put(struct queue *qu, struct disk_job *job)
{
	job->next = NULL;
	*qu->last = job;
	qu->last = &job->next;
}

static struct disk_job *
queue_take(struct queue *qu)
{
	struct disk_job *job = qu->first;

	if (job == NULL)
		return NULL;
	qu->first = job->next;
	if (qu->first == NULL)
		qu->last = &qu->first;
	return job;
}

static void
tell(const struct disk *dk)
{
	const uint64_t one = 1;

	/* Fails only when it is readable already, at its largest value. */
	if (write(dk->event_fd, &one, sizeof(one)) < 0)
		return;
}

/* With the mutex held on entry and return. */
static void
run_one(struct disk *dk, struct disk_job *job)
{
	(void)pthread_mutex_unlock(&dk->mutex);
	job->rc = job->run(job);
	(void)pthread_mutex_lock(&dk->mutex);
	queue_put(&dk->ended, job);
	dk->unended--;
	(void)pthread_cond_broadcast(&dk->changed);
	tell(dk);
}

static void *
disk_main(void *arg)
{
	struct disk *dk = arg;

	(void)pthread_mutex_lock(&dk->mutex);
	while (!dk->stop) {
		struct disk_job *job = queue_take(&dk->waiting);

		if (job != NULL)
			run_one(dk, job);
		else
			(void)pthread_cond_wait(&dk->changed, &dk->mutex);
	}
	(void)pthread_mutex_unlock(&dk->mutex);
	return NULL;
}

static int
start(struct disk *dk)
{
	sigset_t all;
	sigset_t old;
	int rc;

	/* Signals are the loop's: none may end in this thread. */
	(void)sigfillset(&all);
	rc = pthread_sigmask(SIG_SETMASK, &all, &old);
	if (rc != 0)
		return -rc;
	rc = pthread_create(&dk->thread, NULL, disk_main, dk);
	dk->started = rc == 0;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -rc;
}

int
disk_new(struct disk **ret)
{
	struct disk *dk = calloc(1, sizeof(*dk));
	int rc;

	if (dk == NULL)
		return -ENOMEM;
	/* With these attributes neither can fail. */
	(void)pthread_mutex_init(&dk->mutex, NULL);
	(void)pthread_cond_init(&dk->changed, NULL);
	queue_init(&dk->waiting);
	queue_init(&dk->ended);
	dk->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = dk->event_fd < 0 ? -errno : start(dk);
	if (rc < 0) {
		disk_free(dk);
		return rc;
	}
	*ret = dk;
	return 0;
}

/* Jobs that done() submits are waited for too. */
static void
finish(struct disk *dk)
{
	bool more;

	do {
		(void)pthread_mutex_lock(&dk->mutex);
		while (dk->unended > 0)
			(void)pthread_cond_wait(&dk->changed, &dk->mutex);
		(void)pthread_mutex_unlock(&dk->mutex);
		disk_collect(dk);
		(void)pthread_mutex_lock(&dk->mutex);
		more = dk->unended > 0 || dk->ended.first != NULL;
		dk->stop = !more;
		(void)pthread_cond_broadcast(&dk->changed);
		(void)pthread_mutex_unlock(&dk->mutex);
	} while (more);
	(void)pthread_join(dk->thread, NULL);
}

void
disk_free(struct disk *dk)
{
	if (dk == NULL)
		return;
	if (dk->started)
		finish(dk);
	if (dk->event_fd >= 0)
		(void)close(dk->event_fd);
	(void)pthread_cond_destroy(&dk->changed);
	(void)pthread_mutex_destroy(&dk->mutex);
	free(dk);
}

void
disk_submit(struct disk *dk, struct disk_job *job)
{
	(void)pthread_mutex_lock(&dk->mutex);
	queue_put(&dk->waiting, job);
	dk->unended++;
	(void)pthread_cond_broadcast(&dk->changed);
	(void)pthread_mutex_unlock(&dk->mutex);
}

int
disk_fd(const struct disk *dk)
{
	return dk->event_fd;
}

void
disk_collect(struct disk *dk)
{
	struct disk_job *job;
	uint64_t count;

	/* Emptied first: what ends from here on makes it readable again. */
	if (read(dk->event_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	(void)pthread_mutex_lock(&dk->mutex);
	job = dk->ended.first;
	queue_init(&dk->ended);
	(void)pthread_mutex_unlock(&dk->mutex);
	while (job != NULL) {
		struct disk_job *next = job->next; /* done() may free the job */

		job->done(job, job->rc);
		job = next;
	}
}

int
disk_sync_file(struct disk *dk, int fd)
{
	int64_t begun_ns = clock_monotonic_ns();
	int rc = fdatasync(fd) < 0 ? -errno : 0;

	histogram_add(&dk->sync_times, clock_monotonic_ns() - begun_ns);
	return rc;
}

void
disk_sync_times(const struct disk *dk, struct histogram *ret)
{
	histogram_copy(ret, &dk->sync_times);
}
