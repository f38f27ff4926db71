/* What a System V source takes: "" or NULL: all, "7": only type 7, "..5": types 1 to 5,
 * lowest first, "not 7": all but 7. As msgrcv(2) selects. Pure. */
#ifndef MQBRIDGE_BASE_TAKE_H
#define MQBRIDGE_BASE_TAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct take {
	/* msgtyp of msgrcv(2): 0 all, > 0 that type, < 0 up to its absolute value. */
	int64_t select;
	bool except; /* MSG_EXCEPT: all but select */
};

int take_parse(struct take *ret, const char *text) MUST_CHECK; /* 0 or -EINVAL */
bool take_matches(struct take tk, int64_t type);
/* Is there a type that both take? */
bool take_overlaps(struct take a, struct take b);

#endif
