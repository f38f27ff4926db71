/* What mqbridge-spool repair does to a store; mqbridge-spool(8) says when. */
#ifndef MQBRIDGE_TOOLS_SPOOL_REPAIR_H
#define MQBRIDGE_TOOLS_SPOOL_REPAIR_H

#include <stdbool.h>
#include <stdio.h>

#include "base/compiler.h"
#include "tools/spool_store.h"

struct spool_repair {
	bool apply;
	const char *drop_stream; /* id of a stream to give up, or NULL */
	const char *export_to;   /* file for the messages that are given up, or NULL */
	FILE *out;
};

/* Tell what is to be done and, with apply, do it. 0; 1: something is left to do; -EINVAL: no
 * such stream, or export_to is needed; or -errno. *error as in store_open(). */
int spool_repair(
    struct spool_store *ss, const struct spool_repair *how, char **error) MUST_CHECK;

#endif
