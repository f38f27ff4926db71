/* What mqbridgectl does with its arguments. It renders nothing itself: the daemon's answer
 * is printed as it comes. */
#ifndef MQBRIDGE_CLIENT_CTL_H
#define MQBRIDGE_CLIENT_CTL_H

#include <stdio.h>

#include "base/compiler.h"

#define CTL_SOCKET "/run/mqbridge/control"

/* Beside the values of enum reply_fault. */
#define CTL_NO_DAEMON 3

/* Returns the exit status, as mqbridgectl(1) lists them. Answers go to out, all that went
 * wrong to err. argv is permuted. */
int ctl_run(int argc, char **argv, FILE *out, FILE *err) MUST_CHECK;

#endif
