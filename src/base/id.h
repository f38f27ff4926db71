/* Random 128-bit ids of rings, streams and daemon starts. */
#ifndef MQBRIDGE_BASE_ID_H
#define MQBRIDGE_BASE_ID_H

#include <stdint.h>

#include "base/compiler.h"

#define ID_BYTES 16
#define ID_TEXT  33 /* 32 hexadecimal digits and NUL */

struct id {
	uint8_t bytes[ID_BYTES];
};

int id_make(struct id *ret) MUST_CHECK; /* from getrandom(2): 0 or -errno */
int id_equal(const struct id *a, const struct id *b);
int id_is_none(const struct id *id);                     /* all 0: there is none */
char *id_format(char buf[ID_TEXT], const struct id *id); /* returns buf */
/* Lower case only, as id_format() writes it: 0 or -EINVAL. */
int id_parse(struct id *ret, const char *text) MUST_CHECK;

#endif
