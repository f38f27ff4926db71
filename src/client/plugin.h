/* "mqbridgectl check": the state of the daemon for a monitoring system, in the form of the
 * Monitoring Plugins (monitoring-plugins.org, development guidelines): one line, figures behind
 * a bar, exit status 0 to 3. */
#ifndef MQBRIDGE_CLIENT_PLUGIN_H
#define MQBRIDGE_CLIENT_PLUGIN_H

#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"

struct query;

enum plugin_status {
	PLUGIN_OK = 0,
	PLUGIN_WARNING = 1,
	PLUGIN_CRITICAL = 2,
	PLUGIN_UNKNOWN = 3
};

/* How old the oldest waiting message may be, ms; 0: any age is good. */
struct plugin_limits {
	uint64_t age_warning_ms;
	uint64_t age_critical_ms;
};

/* Ask and print to out. as_json: one document with the same findings. */
enum plugin_status plugin_run(FILE *out, struct query *qu,
    const struct plugin_limits *limits, int as_json) MUST_CHECK;

/* The same of a check that asked nobody, as it was called wrongly: it is PLUGIN_UNKNOWN. */
void plugin_misused(FILE *out, int as_json);

#endif
