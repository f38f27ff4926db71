#include "service/patience.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "service/notify.h"

#define EXTEND_MS 30000 /* from each look at which there was work */
/* Of all threads but ours, between two looks; our own looks cost less. */
#define WORK_NS 200000

#define NS_PER_S INT64_C(1000000000)

struct patience {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool ending;
	pthread_t thread;
};

static int64_t
clock_read(clockid_t id)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* What the others have worked. */
static int64_t
work_ns(void)
{
	return clock_read(CLOCK_PROCESS_CPUTIME_ID) -
	       clock_read(CLOCK_THREAD_CPUTIME_ID);
}

static void
wait_for_look(struct patience *pt)
{
	int64_t at = clock_read(CLOCK_MONOTONIC) + PATIENCE_LOOK_MS * (NS_PER_S / 1000);
	const struct timespec until = { .tv_sec = (time_t)(at / NS_PER_S),
		.tv_nsec = (long)(at % NS_PER_S) };

	while (!pt->ending &&
	       pthread_cond_timedwait(&pt->changed, &pt->mutex, &until) == 0)
		;
}

static void *
patience_main(void *arg)
{
	struct patience *pt = arg;
	int64_t before = work_ns();

	(void)pthread_mutex_lock(&pt->mutex);
	while (!pt->ending) {
		int64_t now;

		wait_for_look(pt);
		now = work_ns();
		if (!pt->ending && now - before >= WORK_NS)
			notify_extend(EXTEND_MS);
		before = now;
	}
	(void)pthread_mutex_unlock(&pt->mutex);
	return NULL;
}

static int
patience_start(struct patience *pt)
{
	pthread_condattr_t attr;
	sigset_t all, old;
	int rc;

	/* With these attributes neither can fail. */
	(void)pthread_mutex_init(&pt->mutex, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&pt->changed, &attr);
	(void)pthread_condattr_destroy(&attr);
	/* Signals are the loop's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&pt->thread, NULL, patience_main, pt);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -rc;
}

static void
patience_free(struct patience *pt)
{
	(void)pthread_cond_destroy(&pt->changed);
	(void)pthread_mutex_destroy(&pt->mutex);
	free(pt);
}

int
patience_begin(struct patience **ret)
{
	struct patience *pt;
	int rc;

	if (!notify_is_heard()) {
		*ret = NULL;
		return 0;
	}
	pt = calloc(1, sizeof(*pt));
	if (pt == NULL)
		return -ENOMEM;
	rc = patience_start(pt);
	if (rc < 0) {
		patience_free(pt);
		return rc;
	}
	*ret = pt;
	return 0;
}

void
patience_end(struct patience *pt)
{
	if (pt == NULL)
		return;
	(void)pthread_mutex_lock(&pt->mutex);
	pt->ending = true;
	(void)pthread_cond_signal(&pt->changed);
	(void)pthread_mutex_unlock(&pt->mutex);
	(void)pthread_join(pt->thread, NULL);
	patience_free(pt);
}
