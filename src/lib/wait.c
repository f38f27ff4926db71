#include "lib/wait.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define NS_PER_S  1000000000
#define REPEAT_NS 1000000 /* how often the alarm comes when it came too early */

#ifndef sigev_notify_thread_id /* the C library names it since version 2.38 */
#define sigev_notify_thread_id _sigev_un._tid
#endif

struct wait
wait_begin(const struct ipcq_options *options)
{
	struct wait wt = { .flags = options->flags };
	int64_t now;

	if ((wt.flags & IPCQ_TIMED) == 0)
		return wt;
	now = clock_monotonic_ns();
	if (options->timeout_ns > (uint64_t)(INT64_MAX - now))
		wt.deadline_ns = INT64_MAX; /* in 292 years */
	else
		wt.deadline_ns = now + (int64_t)options->timeout_ns;
	return wt;
}

int
wait_interrupted(const struct wait *wt)
{
	if ((wt->flags & IPCQ_TIMED) != 0 && clock_monotonic_ns() >= wt->deadline_ns)
		return -ETIMEDOUT;
	return (wt->flags & IPCQ_INTERRUPTIBLE) != 0 ? -EINTR : 0;
}

const struct timespec *
wait_rest(const struct wait *wt, struct timespec *buf)
{
	int64_t rest;

	if ((wt->flags & IPCQ_TIMED) == 0)
		return NULL;
	rest = wt->deadline_ns - clock_monotonic_ns();
	if (rest < 0)
		rest = 0;
	buf->tv_sec = rest / NS_PER_S;
	buf->tv_nsec = rest % NS_PER_S;
	return buf;
}

int
wait_poll(const struct wait *wt, int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	struct timespec buf;
	int rc;

	for (;;) {
		rc = ppoll(&pfd, 1, wait_rest(wt, &buf), NULL);
		if (rc > 0)
			return 0;
		if (rc == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
		rc = wait_interrupted(wt);
		if (rc < 0)
			return rc;
	}
}

static void
on_signal(int sig)
{
	(void)sig; /* it only has to interrupt the call */
}

/* Is its action that one? */
static int
is_handled_by(int sig, void (*handler)(int sig))
{
	struct sigaction old;

	return sigaction(sig, NULL, &old) == 0 && (old.sa_flags & SA_SIGINFO) == 0 &&
	       old.sa_handler == handler;
}

static int
take_signal(int sig)
{
	struct sigaction ours = { .sa_handler = on_signal };

	return sigaction(sig, &ours, NULL) < 0 ? -errno : 0;
}

/* A blocked one may be waited for by the program itself: the last choice, but a thread
 * may as well block all of them. */
static int
find_default_signal(void)
{
	int last_choice = -ENOBUFS;
	sigset_t blocked;

	(void)pthread_sigmask(SIG_BLOCK, NULL, &blocked);
	for (int sig = SIGRTMAX; sig >= SIGRTMIN; sig--) {
		if (!is_handled_by(sig, SIG_DFL))
			continue;
		if (!sigismember(&blocked, sig))
			return sig;
		if (last_choice < 0)
			last_choice = sig;
	}
	return last_choice;
}

int
wait_signal(void)
{
	int sig;

	for (sig = SIGRTMAX; sig >= SIGRTMIN; sig--) {
		if (is_handled_by(sig, on_signal))
			return sig;
	}
	sig = find_default_signal();
	if (sig > 0 && take_signal(sig) < 0)
		return -ENOBUFS;
	return sig;
}

void
wait_keep_signal(int sig)
{
	if (is_handled_by(sig, SIG_DFL) || is_handled_by(sig, SIG_IGN))
		(void)take_signal(sig);
}

int
wait_timer(timer_t *ret, int sig)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = sig };

	event.sigev_notify_thread_id = gettid();
	return timer_create(CLOCK_MONOTONIC, &event, ret) < 0 ? -ENOBUFS : 0;
}

int
wait_alarm_start(struct wait_alarm *al, const struct wait *wt)
{
	struct itimerspec when = { .it_interval = { .tv_nsec = REPEAT_NS } };
	sigset_t set;
	int sig;
	int rc;

	al->set = 0;
	if ((wt->flags & IPCQ_TIMED) == 0)
		return 0;
	sig = wait_signal();
	if (sig < 0)
		return sig;
	rc = wait_timer(&al->timer, sig);
	if (rc < 0)
		return rc;
	al->set = 1;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, sig);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, &al->mask);
	when.it_value.tv_sec = wt->deadline_ns / NS_PER_S;
	when.it_value.tv_nsec = wt->deadline_ns % NS_PER_S;
	(void)timer_settime(al->timer, TIMER_ABSTIME, &when, NULL);
	return 0;
}

void
wait_alarm_stop(struct wait_alarm *al)
{
	if (!al->set)
		return;
	/* A signal still on its way comes at the end of this call, while it is not yet
	 * blocked again. */
	(void)timer_delete(al->timer);
	(void)pthread_sigmask(SIG_SETMASK, &al->mask, NULL);
}
