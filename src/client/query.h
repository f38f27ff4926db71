/* One JSON document from the daemon, for commands that the client itself makes of answers. */
#ifndef MQBRIDGE_CLIENT_QUERY_H
#define MQBRIDGE_CLIENT_QUERY_H

#include <stdint.h>

#include <jansson.h>

#include "base/compiler.h"

#define QUERY_WHY_MAX 512

struct query {
	const char *socket;      /* path, borrowed */
	uint32_t silence_ms;     /* of a daemon that is given up; 0: ASK_SILENCE_MS */
	char why[QUERY_WHY_MAX]; /* of the last failure: a line without a newline */
};

/* Ask line (without "json") and give the whole document, which belongs to the caller. Returns
 * REPLY_DONE or REPLY_WARNED, or an exit status of mqbridgectl with the reason in why. */
int query_run(struct query *qu, json_t **ret, const char *line) MUST_CHECK;

#endif
