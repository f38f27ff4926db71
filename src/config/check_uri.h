/* The names of queues as an entry may have them. The library takes them apart again;
 * this layer is below it and wants to say what is wrong. Pure. */
#ifndef MQBRIDGE_CONFIG_CHECK_URI_H
#define MQBRIDGE_CONFIG_CHECK_URI_H

#include <stdbool.h>

#include "base/compiler.h"
#include "config/conf.h"

#define CHECK_URI_MAX 511 /* bytes; what a ring remembers of it */

/* NULL, or what is wrong in words. */
const char *check_uri(enum conf_kind *ret_kind, const char *text) MUST_CHECK;

/* Do two right names surely mean one queue? */
bool check_uri_same(const char *a, const char *b);

#endif
