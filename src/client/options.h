/* The options of mqbridgectl. */
#ifndef MQBRIDGE_CLIENT_OPTIONS_H
#define MQBRIDGE_CLIENT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"
#include "client/plugin.h"

struct options {
	const char *socket; /* path; of argv or static */
	const char *config; /* for doctor; likewise */
	bool as_json;
	bool yes;
	bool complete;               /* the words are to be completed, for a shell */
	uint64_t watch_ms;           /* 0: once */
	struct plugin_limits limits; /* of check */
};

#define OPTIONS_DONE                                                                   \
	(-1) /* help or the version was printed; nothing else is to be done */

/* Read them; argv is permuted, what is no option is at its end, from *ret_first on. Returns 0,
 * OPTIONS_DONE, or an exit status after err was told. */
int options_read(struct options *ret, int *ret_first, int argc, char **argv, FILE *out,
    FILE *err) MUST_CHECK;

#endif
