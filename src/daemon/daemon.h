/* The daemon's life: start, the event loop, a clean stop. */
#ifndef MQBRIDGE_DAEMON_DAEMON_H
#define MQBRIDGE_DAEMON_DAEMON_H

#include <stdbool.h>

#include "base/log.h"

struct daemon_options {
	const char *config; /* path of the configuration */
	bool foreground;    /* a plain log to stderr, also under a service manager */
	enum log_level level;
};

/* Runs until a signal ends it. The exit status: 0 after a clean stop, 78 for a bad
 * configuration, 1 when it could not start, or could not save its state at the end. */
int daemon_run(const struct daemon_options *options);

#endif
