/* Strict parsing of numbers, sizes, durations and modes; formatting of the same.
 * Every parser takes the whole text or fails: 0, -EINVAL (not of that form) or -ERANGE. */
#ifndef MQBRIDGE_BASE_PARSE_H
#define MQBRIDGE_BASE_PARSE_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* Decimal, or hexadecimal with 0x; no blank; a minus sign only where min is negative. */
int parse_u64(uint64_t *ret, const char *text, uint64_t min, uint64_t max) MUST_CHECK;
int parse_i64(int64_t *ret, const char *text, int64_t min, int64_t max) MUST_CHECK;
/* "512", "512B", "64KiB", "8 MiB", "1.5GiB", "10kB", "5MB", up to T and Ti: bytes. At most
 * three digits after the point, none for plain bytes; parts of a byte are cut off. */
int parse_size(uint64_t *ret_bytes, const char *text) MUST_CHECK;
/* "250ms", "10s", "5m", "2h", "1d", "1.5s": milliseconds. A bare number is -EINVAL,
 * as are parts of a millisecond. */
int parse_duration(uint64_t *ret_ms, const char *text) MUST_CHECK;
/* "0660" or "660": permission bits, octal, at most 0777. */
int parse_mode(uint32_t *ret, const char *text) MUST_CHECK;

/* "64MiB", "1.5GiB", "512B"; "250ms", "10s", "2h". What is not short when exact is cut off
 * to one digit after the point, which is shown even when it is 0 ("8.0KiB" is a little more
 * than 8 KiB). Into the caller's buffer, which is returned, so that it can stand in an
 * argument list. */
char *format_size(char *buf, size_t size, uint64_t bytes);
char *format_duration(char *buf, size_t size, uint64_t ms);

#endif
