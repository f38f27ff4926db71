/* Waiting with a timeout of CLOCK_MONOTONIC and across signals. Internal to the
 * library. */
#ifndef MQBRIDGE_LIB_WAIT_H
#define MQBRIDGE_LIB_WAIT_H

#include <signal.h>
#include <stdint.h>
#include <time.h>

#include "base/compiler.h"
#include "lib/ipcq.h"

/* How long a call may wait, and whether a signal ends it. */
struct wait {
	unsigned flags;      /* IPCQ_INTERRUPTIBLE, IPCQ_TIMED */
	int64_t deadline_ns; /* with IPCQ_TIMED; CLOCK_MONOTONIC */
};

struct wait wait_begin(const struct ipcq_options *options);

/* After -EINTR: 0 to go on, -ETIMEDOUT or -EINTR. */
int wait_interrupted(const struct wait *wt) MUST_CHECK;
/* What remains, for timeouts of the kernel; NULL, for ever, without IPCQ_TIMED. */
const struct timespec *wait_rest(const struct wait *wt, struct timespec *buf);
/* poll(2) on one descriptor: 0, -ETIMEDOUT, -EINTR. */
int wait_poll(const struct wait *wt, int fd, short events) MUST_CHECK;

/* The real-time signal with our empty handler, the highest that nobody else uses, if
 * there is one that this thread does not block; it is found again by that handler, so
 * that nothing has to be remembered: the signal or -ENOBUFS. */
int wait_signal(void) MUST_CHECK;
/* Our handler again, when it was reset meanwhile. One that the program has set there
 * interrupts as well. */
void wait_keep_signal(int sig);

/* A timer that sends sig to the calling thread: 0 or -ENOBUFS. What it sends is set aside
 * here, so that setting it later never fails. timer_delete(2) */
int wait_timer(timer_t *ret, int sig) MUST_CHECK;

/* A timer that interrupts the calling thread, and only it, with that signal, at the
 * deadline and every millisecond after it: the first may come just before the call. */
struct wait_alarm {
	int set;
	timer_t timer;
	sigset_t mask; /* of the thread, before */
};

/* Does nothing without IPCQ_TIMED. 0 or -ENOBUFS. */
int wait_alarm_start(struct wait_alarm *al, const struct wait *wt) MUST_CHECK;
void wait_alarm_stop(struct wait_alarm *al);

#endif
