/* Doing something again and again, as watch(1) does. */
#ifndef MQBRIDGE_CLIENT_WATCH_H
#define MQBRIDGE_CLIENT_WATCH_H

#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"

/* Run once() every so many milliseconds, on a terminal each time on a cleared screen, elsewhere
 * with an empty line between, until it was interrupted or out cannot be written, or unless the
 * first was a usage error, denied, or of no such object. Returns what once() last did. */
int watch_run(
    FILE *out, uint64_t every_ms, int (*once)(void *owner), void *owner) MUST_CHECK;

#endif
