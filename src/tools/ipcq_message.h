/* Messages as ipcq shows them. Pure but for the stream. */
#ifndef MQBRIDGE_TOOLS_IPCQ_MESSAGE_H
#define MQBRIDGE_TOOLS_IPCQ_MESSAGE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"
#include "lib/ipcq.h"

enum message_form {
	MESSAGE_TEXT, /* the body and a newline */
	MESSAGE_RAW,  /* the body, nothing else */
	MESSAGE_HEX,  /* two digits a byte and a newline */
	MESSAGE_JSON, /* an object in a line of its own */
};

struct message {
	enum ipcq_kind kind;
	int64_t type; /* POSIX: the priority */
	const void *body;
	size_t len;
};

/* 0, or -EINVAL when it is none of "text", "raw", "hex", "json". */
int message_form_parse(enum message_form *ret, const char *text) MUST_CHECK;

/* {"body": "..."} or, when that is not UTF-8, {"body_base64": "..."}, with "priority" or
 * "type" and "length". Belongs to the caller; NULL: no memory. */
json_t *message_json(const struct message *ms) MUST_CHECK;

/* 0 or -errno. */
int message_print(
    const struct message *ms, enum message_form form, FILE *out) MUST_CHECK;

#endif
