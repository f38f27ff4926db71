#include "endpoint/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define CANCEL_REPEAT_NS                                                               \
	200000 /* a signal may come just before the call begins: again */

enum worker_state { WORKER_IDLE, WORKER_RUNNING, WORKER_DONE };

struct worker {
	pthread_t thread;
	bool started;
	sem_t go; /* posted once a call, and once to end */
	atomic_int state;
	atomic_bool ending;
	int (*call)(void *arg);
	void *arg;
	int rc;
	int fd; /* eventfd: the thread tells the loop */
	struct event *event;
	void (*on_done)(void *owner, int rc);
	void *owner;
};

static void
worker_on_signal(int sig)
{
	(void)sig; /* it only has to interrupt the call */
}

static void *
worker_main(void *arg)
{
	struct worker *wk = arg;
	const uint64_t one = 1;

	for (;;) {
		while (sem_wait(&wk->go) != 0)
			;
		if (atomic_load(&wk->ending))
			return NULL;
		wk->rc = wk->call(wk->arg);
		atomic_store(&wk->state, WORKER_DONE);
		(void)!write(wk->fd, &one, sizeof(one));
	}
}

/* Take the result; false if there is none. */
static bool
worker_take(struct worker *wk, int *ret_rc)
{
	uint64_t count;

	if (atomic_load(&wk->state) != WORKER_DONE)
		return false;
	(void)!read(wk->fd, &count, sizeof(count));
	*ret_rc = wk->rc;
	atomic_store(&wk->state, WORKER_IDLE);
	return true;
}

static void
worker_on_event(evutil_socket_t fd, short what, void *arg)
{
	struct worker *wk = arg;
	uint64_t count;
	int rc;

	(void)what;
	if (worker_take(wk, &rc))
		wk->on_done(wk->owner, rc);
	else /* left behind by a call whose result worker_cancel() took */
		(void)!read(fd, &count, sizeof(count));
}

/* Without SA_RESTART, so that a signal ends the call; all other signals stay the loop's. */
static int
worker_start(struct worker *wk)
{
	struct sigaction sa = { .sa_handler = worker_on_signal };
	sigset_t all, old;
	int rc;

	if (sigaction(SIGRTMIN, &sa, NULL) != 0)
		return -errno;
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGRTMIN);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&wk->thread, NULL, worker_main, wk);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
		return -rc;
	wk->started = true;
	return 0;
}

int
worker_new(struct worker **ret, struct event_base *base,
    void (*on_done)(void *owner, int rc), void *owner)
{
	struct worker *wk = calloc(1, sizeof(*wk));
	int rc = -ENOMEM;

	if (wk == NULL)
		return -ENOMEM;
	(void)sem_init(&wk->go, 0, 0);
	wk->on_done = on_done;
	wk->owner = owner;
	wk->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wk->fd < 0) {
		rc = -errno;
		goto fail;
	}
	wk->event = event_new(base, wk->fd, EV_READ | EV_PERSIST, worker_on_event, wk);
	if (wk->event == NULL || event_add(wk->event, NULL) != 0)
		goto fail;
	rc = worker_start(wk);
	if (rc < 0)
		goto fail;
	*ret = wk;
	return 0;
fail:
	worker_free(wk);
	return rc;
}

/* Is nothing running any more, at the latest after ms? */
static bool
worker_end_call(struct worker *wk, unsigned ms)
{
	const struct timespec pause = { .tv_nsec = CANCEL_REPEAT_NS };
	uint64_t until_ms = clock_monotonic_ms() + ms;

	while (atomic_load(&wk->state) == WORKER_RUNNING) {
		if (clock_monotonic_ms() >= until_ms)
			return false;
		(void)pthread_kill(wk->thread, SIGRTMIN);
		(void)nanosleep(&pause, NULL);
	}
	return true;
}

void
worker_free(struct worker *wk)
{
	int rc;

	if (wk == NULL)
		return;
	if (wk->started) {
		(void)worker_cancel(wk, &rc);
		atomic_store(&wk->ending, true);
		(void)sem_post(&wk->go);
		(void)pthread_join(wk->thread, NULL);
	}
	if (wk->event != NULL)
		event_free(wk->event);
	if (wk->fd >= 0)
		(void)close(wk->fd);
	(void)sem_destroy(&wk->go);
	free(wk);
}

bool
worker_leave(struct worker *wk, unsigned ms)
{
	if (wk == NULL || !wk->started || worker_end_call(wk, ms)) {
		worker_free(wk);
		return true;
	}
	event_free(wk->event);
	(void)pthread_detach(wk->thread);
	return false;
}

void
worker_run(struct worker *wk, int (*call)(void *arg), void *arg)
{
	wk->call = call;
	wk->arg = arg;
	atomic_store(&wk->state, WORKER_RUNNING);
	(void)sem_post(&wk->go);
}

bool
worker_busy(const struct worker *wk)
{
	return atomic_load(&wk->state) != WORKER_IDLE;
}

bool
worker_cancel(struct worker *wk, int *ret_rc)
{
	return worker_busy(wk) && worker_end_call(wk, UINT_MAX) &&
	       worker_take(wk, ret_rc);
}
