/* Digits of numbers in text, without regard to the locale. */
#ifndef MQBRIDGE_BASE_DIGIT_H
#define MQBRIDGE_BASE_DIGIT_H

#include <stdbool.h>

static inline bool
digit_is(char c)
{
	return c >= '0' && c <= '9';
}

/* 0 to 15 as a hexadecimal digit; 16, which is too large for every base, for all else. */
static inline int
digit_value(char c)
{
	if (digit_is(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

#endif
