/* Is a text UTF-8, seen piece by piece? */
#ifndef MQBRIDGE_BASE_UTF8_H
#define MQBRIDGE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct utf8 {              /* all 0 at the begin */
	uint8_t missing;   /* bytes of the character that was begun */
	uint8_t low, high; /* between which the next of them must be */
	bool broken;
};

void utf8_feed(struct utf8 *ut, const uint8_t *bytes, size_t len);
/* Whole characters so far, and no NUL among them? */
bool utf8_is_text(const struct utf8 *ut);

#endif
