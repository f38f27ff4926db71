#include "base/base64.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const char digits[64] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t
base64_encode(char *out, const uint8_t *bytes, size_t len)
{
	char *to = out;

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t word = (uint32_t)bytes[i] << 16;

		if (left > 1)
			word |= (uint32_t)bytes[i + 1] << 8;
		if (left > 2)
			word |= bytes[i + 2];
		*to++ = digits[word >> 18];
		*to++ = digits[word >> 12 & 63];
		*to++ = (char)(left > 1 ? digits[word >> 6 & 63] : '=');
		*to++ = (char)(left > 2 ? digits[word & 63] : '=');
	}
	return (size_t)(to - out);
}

/* The value of a digit, or -1. */
static int
digit_value(char c)
{
	const char *at = c == '\0' ? NULL : memchr(digits, c, sizeof(digits));

	return at == NULL ? -1 : (int)(at - digits);
}

/* Four characters, of which the last padding ones are "=". Returns the bytes, or 0. */
static size_t
decode_quad(uint8_t out[3], const char *text, size_t padding)
{
	uint32_t word = 0;

	for (size_t i = 0; i < 4; i++) {
		int value = i < 4 - padding ? digit_value(text[i]) : 0;

		if (value < 0)
			return 0;
		word = word << 6 | (uint32_t)value;
	}
	/* Two texts of the same bytes must not be. */
	if ((word & (UINT32_C(0xffffff) >> (24 - 8 * padding))) != 0 && padding > 0)
		return 0;
	out[0] = (uint8_t)(word >> 16);
	out[1] = (uint8_t)(word >> 8);
	out[2] = (uint8_t)word;
	return 3 - padding;
}

int
base64_decode(uint8_t *out, size_t *ret_len, const char *text, size_t len)
{
	size_t n = 0;

	if (len % 4 != 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i += 4) {
		bool last = i + 4 == len;
		size_t padding = 0, got;
		uint8_t bytes[3];

		if (last && text[i + 3] == '=')
			padding = text[i + 2] == '=' ? 2 : 1;
		got = decode_quad(bytes, text + i, padding);
		if (got == 0)
			return -EINVAL;
		memcpy(out + n, bytes, got);
		n += got;
	}
	*ret_len = n;
	return 0;
}
