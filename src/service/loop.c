#include "service/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "base/log.h"

#define TURN_CALLBACKS 32

static void
on_libevent_log(int severity, const char *text)
{
	if (severity == EVENT_LOG_ERR)
		log_error("daemon", "libevent: %s", text);
	else if (severity == EVENT_LOG_WARN)
		log_warn("daemon", "libevent: %s", text);
	else
		log_debug("daemon", "libevent: %s", text);
}

/* Only epoll can poll message queues beside sockets at this rate; no environment variable
 * chooses another. It is polled also while callbacks keep activating each other: a queue that is
 * never empty must not keep signals and heartbeats waiting. */
int
loop_new(struct event_base **ret)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;
	const char *method;

	event_set_log_callback(on_libevent_log);
	if (config == NULL)
		return -ENOMEM;
	if (event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV) == 0 &&
	    event_config_set_max_dispatch_interval(config, NULL, TURN_CALLBACKS, 0) ==
		0)
		base = event_base_new_with_config(config);
	event_config_free(config);
	method = base == NULL ? "none" : event_base_get_method(base);
	if (strcmp(method, "epoll") != 0) {
		log_error("daemon",
		    "cannot make an event loop on epoll (libevent has: %s)", method);
		if (base != NULL)
			event_base_free(base);
		return -ENOSYS;
	}
	*ret = base;
	return 0;
}
