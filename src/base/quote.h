/* Text from outside, made printable: one line, no control characters, valid UTF-8. */
#ifndef MQBRIDGE_BASE_QUOTE_H
#define MQBRIDGE_BASE_QUOTE_H

#include <stddef.h>

#define QUOTE_MAX 400 /* bytes with the NUL; longer ones end in "..." */

struct quoted {
	char text[QUOTE_MAX];
};

/* UTF-8 stays; control characters, the backslash and invalid bytes become \xNN. The result
 * is a value, so quote(name).text can stand in an argument list. */
struct quoted quote(const char *text);
struct quoted quote_bytes(const void *bytes, size_t len);

#endif
