/* Base64 (RFC 4648, section 4). */
#ifndef MQBRIDGE_BASE_BASE64_H
#define MQBRIDGE_BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define BASE64_LEN(n) (((n) + 2) / 3 * 4) /* characters for n bytes, without a NUL */

/* Write BASE64_LEN(len) characters to out, no NUL. Only the last piece of a text may have a len
 * that 3 does not divide. Returns how many were written. */
size_t base64_encode(char *out, const uint8_t *bytes, size_t len);

/* A whole text with its padding into out, which takes len / 4 * 3 bytes. 0 or -EINVAL: it is no
 * base64, or has bits behind its end. */
int base64_decode(
    uint8_t *out, size_t *ret_len, const char *text, size_t len) MUST_CHECK;

#endif
