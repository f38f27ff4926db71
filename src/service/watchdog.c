#include "service/watchdog.h"

#include <errno.h>
#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "service/notify.h"

struct watchdog {
	int fd; /* the question */
	struct event *timer, *answer;
};

static void
watchdog_on_timer(evutil_socket_t fd, short what, void *arg)
{
	const struct watchdog *wd = arg;
	const uint64_t one = 1;

	(void)fd;
	(void)what;
	/* Fails only when it has been asked very often without an answer. */
	(void)!write(wd->fd, &one, sizeof(one));
}

static void
watchdog_on_answer(evutil_socket_t fd, short what, void *arg)
{
	uint64_t count;

	(void)what;
	(void)arg;
	if (read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
		notify_alive();
}

static int
watchdog_start(struct watchdog *wd, struct event_base *base, uint64_t ms)
{
	const struct timeval tv = clock_timeval(ms);

	wd->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wd->fd < 0)
		return -errno;
	wd->timer = event_new(base, -1, EV_PERSIST, watchdog_on_timer, wd);
	wd->answer =
	    event_new(base, wd->fd, EV_READ | EV_PERSIST, watchdog_on_answer, wd);
	if (wd->timer == NULL || wd->answer == NULL || event_add(wd->timer, &tv) < 0 ||
	    event_add(wd->answer, NULL) < 0)
		return -ENOMEM;
	return 0;
}

int
watchdog_new(struct watchdog **ret, struct event_base *base)
{
	uint64_t ms = notify_watchdog_ms();
	struct watchdog *wd;
	int rc;

	if (ms == 0) {
		*ret = NULL;
		return 0;
	}
	wd = calloc(1, sizeof(*wd));
	if (wd == NULL)
		return -ENOMEM;
	rc = watchdog_start(wd, base, ms);
	if (rc < 0) {
		watchdog_free(wd);
		return rc;
	}
	*ret = wd;
	return 0;
}

void
watchdog_free(struct watchdog *wd)
{
	if (wd == NULL)
		return;
	if (wd->timer != NULL)
		event_free(wd->timer);
	if (wd->answer != NULL)
		event_free(wd->answer);
	if (wd->fd >= 0)
		(void)close(wd->fd);
	free(wd);
}
