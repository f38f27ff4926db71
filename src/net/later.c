#include "net/later.h"

#include <event2/event.h>

void
later_run(struct event *ev)
{
	static const struct timeval now = { 0, 0 };

	/* A timer that is due runs on the next turn; an activated event runs at
	 * the end of this one, which is what can still be had when the timer
	 * finds no memory. */
	if (event_add(ev, &now) != 0)
		event_active(ev, EV_TIMEOUT, 1);
}
