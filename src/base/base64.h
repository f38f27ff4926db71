/* Base64 (RFC 4648, section 4). */
#ifndef MQBRIDGE_BASE_BASE64_H
#define MQBRIDGE_BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

#define BASE64_LEN(n) (((n) + 2) / 3 * 4) /* characters for n bytes, without a NUL */

/* Write BASE64_LEN(len) characters to out, no NUL. Only the last piece of a text may have a len
 * that 3 does not divide. Returns how many were written. */
size_t base64_encode(char *out, const uint8_t *bytes, size_t len);

#endif
