/* A text that grows up to a bound. The first failure is kept and later calls do nothing, so
 * that a writer checks once, at the end. */
#ifndef MQBRIDGE_CONTROL_TEXT_H
#define MQBRIDGE_CONTROL_TEXT_H

#include <stddef.h>

#include "base/compiler.h"

struct text {
	char *bytes; /* and a NUL behind len; NULL before the first that was put */
	size_t len;
	size_t size; /* of the memory behind bytes */
	size_t max;  /* len never exceeds it */
	int rc;      /* 0, -ENOMEM, or -EFBIG: it would have exceeded max */
};

void text_init(struct text *tx, size_t max);
void text_done(struct text *tx);  /* frees; may be initialised again */
void text_clear(struct text *tx); /* empty and without failure; keeps the memory */

void text_put(struct text *tx, const void *bytes, size_t len);
void text_puts(struct text *tx, const char *string);
void text_pad(struct text *tx, size_t blanks);
/* Forgets what was put since the text was len bytes long. */
void text_cut(struct text *tx, size_t len);

#endif
