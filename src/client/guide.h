/* "mqbridgectl help": the commands, those of the client among them, also without a daemon. */
#ifndef MQBRIDGE_CLIENT_GUIDE_H
#define MQBRIDGE_CLIENT_GUIDE_H

#include <stddef.h>
#include <stdio.h>

#include "base/compiler.h"

struct query;

struct guide {
	FILE *out;
	struct query *qu; /* of the daemon, whose table goes before our own; for why */
	/* Of the command that is asked about; none: all. */
	const char *const *words;
	size_t n;
	int as_json;
};

/* Print them. Returns an exit status; of a failure the reason is in qu->why. */
int guide_run(const struct guide *gd) MUST_CHECK;

#endif
