/* All that a stopped daemon has in its store, as JSON; mqbridge-spool(8) describes its members. */
#ifndef MQBRIDGE_TOOLS_SPOOL_LIST_H
#define MQBRIDGE_TOOLS_SPOOL_LIST_H

#include <jansson.h>

#include "base/compiler.h"

/* Takes the lock for its time and changes nothing. 0 and *ret, which belongs to the caller
 * (json_decref()), or -errno; *error as in runtime_open(). */
int spool_list(json_t **ret, const char *runtime_dir, const char *state_dir,
    char **error) MUST_CHECK;

#endif
