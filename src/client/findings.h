/* What "mqbridgectl doctor" found: for each what, why, and its mend. */
#ifndef MQBRIDGE_CLIENT_FINDINGS_H
#define MQBRIDGE_CLIENT_FINDINGS_H

#include <stdio.h>

#include <jansson.h>

#include "base/compiler.h"

enum finding_rank { FINDING_GOOD, FINDING_WARNING, FINDING_BAD };

struct findings {
	json_t *items; /* as docs/control.schema.json, doctor, says */
	enum finding_rank worst;
};

/* 0 or -ENOMEM. */
int findings_init(struct findings *fs) MUST_CHECK;
void findings_done(struct findings *fs);

/* A new one about an object; borrowed until findings_done(). NULL without memory, which
 * finding_say() takes. */
json_t *findings_add(struct findings *fs, enum finding_rank rank, const char *object);
/* Member: "what", "why" or "mend". */
void finding_say(json_t *finding, const char *member, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* For people: a line each, and below it why and mend. colour: by escape sequences. */
void findings_print(FILE *out, const struct findings *fs, int colour);

#endif
