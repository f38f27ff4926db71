/* "mqbridgectl top": a live screen of what moves and what does not. */
#ifndef MQBRIDGE_CLIENT_TOP_H
#define MQBRIDGE_CLIENT_TOP_H

#include <stdint.h>

#include "base/compiler.h"

struct query;

#define TOP_EVERY_MS 2000

/* Until the user quits. Returns the exit status, with the reason of a failure in qu->why. */
int top_run(struct query *qu, uint64_t every_ms) MUST_CHECK;

#endif
