/* "mqbridgectl doctor": what on this host stands in the way of a configuration, with or without
 * a daemon. Looks, and changes nothing. */
#ifndef MQBRIDGE_CLIENT_DOCTOR_H
#define MQBRIDGE_CLIENT_DOCTOR_H

#include <stdio.h>

#include "base/compiler.h"

/* Print to out what is found. Returns the exit status: 0; 7: warnings only; 1: something stands
 * in the way, or there was no memory. */
int doctor_run(FILE *out, const char *config, int as_json) MUST_CHECK;

#endif
