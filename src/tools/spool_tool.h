/* mqbridge-spool: saves, shows, checks and repairs the state of a stopped daemon. The program but for its
 * main(), so that tests can call it. */
#ifndef MQBRIDGE_TOOLS_SPOOL_TOOL_H
#define MQBRIDGE_TOOLS_SPOOL_TOOL_H

#include <stdio.h>

#include "base/compiler.h"

enum spool_tool_status {
	SPOOL_TOOL_DONE = 0,
	SPOOL_TOOL_FAILED = 1,
	SPOOL_TOOL_USAGE = 2,
	SPOOL_TOOL_CONFIG = 78, /* EX_CONFIG of sysexits.h, as mqbridged --check */
};

/* Returns the exit status. out and err are borrowed. */
int spool_tool_run(int argc, char **argv, FILE *out, FILE *err) MUST_CHECK;

#endif
