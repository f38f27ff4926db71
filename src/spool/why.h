/* The text that goes with an error of the spool, for the caller to log or print. */
#ifndef MQBRIDGE_SPOOL_WHY_H
#define MQBRIDGE_SPOOL_WHY_H

#include "base/compiler.h"

/* Put a malloc'ed text into *error, unless error is NULL or has one already, and return rc.
 * Without memory *error stays NULL. */
int why_set(char **error, int rc, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
