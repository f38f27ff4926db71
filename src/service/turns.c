#include "service/turns.h"

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/histogram.h"

static _Thread_local struct {
	int64_t begun_ns; /* of the turn, 0: not watched */
	struct histogram times;
} loop;

void
turns_begin(void)
{
	loop.begun_ns = clock_monotonic_ns();
}

void
turns_times(struct histogram *ret)
{
	histogram_copy(ret, &loop.times);
}

/* In place of the C library's, for libevent. */
__attribute__((visibility("default"))) int
epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
	int n, saved;

	if (loop.begun_ns == 0)
		return epoll_pwait(fd, events, max, timeout_ms, NULL);
	histogram_add(&loop.times, clock_monotonic_ns() - loop.begun_ns);
	n = epoll_pwait(fd, events, max, timeout_ms, NULL);
	saved = errno;
	loop.begun_ns = clock_monotonic_ns();
	errno = saved;
	return n;
}
