/* ipcq: message queues from a shell. The program but for its main(), so that tests can call
 * it. */
#ifndef MQBRIDGE_TOOLS_IPCQ_TOOL_H
#define MQBRIDGE_TOOLS_IPCQ_TOOL_H

#include <stdio.h>

#include "base/compiler.h"

/* Returns the exit status, one of enum call_status. The streams are borrowed. SIGPIPE is
 * ignored from here on; receiving also catches the signals that end programs. */
int tool_run(int argc, char **argv, FILE *in, FILE *out, FILE *err) MUST_CHECK;

#endif
