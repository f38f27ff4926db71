#include "base/quote.h"

#include <stdint.h>
#include <string.h>

#define ELLIPSIS "..."

/* Bytes of the valid UTF-8 character at text, 0 when there is none: no overlong form, no
 * surrogate, nothing above U+10FFFF (RFC 3629, section 4). */
static size_t
utf8_length(const uint8_t *text, size_t left)
{
	uint8_t low = 0x80;
	uint8_t high = 0xbf;
	size_t len;

	if (text[0] < 0x80)
		return 1;
	if (text[0] < 0xc2 || text[0] > 0xf4)
		return 0;
	len = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	if (len > left)
		return 0;
	if (text[0] == 0xe0)
		low = 0xa0;
	else if (text[0] == 0xed)
		high = 0x9f;
	else if (text[0] == 0xf0)
		low = 0x90;
	else if (text[0] == 0xf4)
		high = 0x8f;
	if (text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

/* Can the character be shown? The controls U+0080 to U+009F steer terminals too. */
static int
is_printable(const uint8_t *text, size_t len)
{
	if (len == 1)
		return text[0] >= 0x20 && text[0] != 0x7f && text[0] != '\\';
	return !(len == 2 && text[0] == 0xc2 && text[1] < 0xa0);
}

static void
append_hex(char *to, uint8_t byte)
{
	static const char digits[] = "0123456789abcdef";

	to[0] = '\\';
	to[1] = 'x';
	to[2] = digits[byte >> 4];
	to[3] = digits[byte & 0xf];
}

struct quoted
quote_bytes(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	const uint8_t *end = at + len;
	struct quoted ret;
	size_t used = 0;
	size_t fits = 0; /* as much as leaves room for the ellipsis */

	while (at < end) {
		size_t n = utf8_length(at, (size_t)(end - at));
		int plain = n > 0 && is_printable(at, n);
		size_t need = plain ? n : 4;

		if (used + need >= sizeof(ret.text)) {
			memcpy(ret.text + fits, ELLIPSIS, sizeof(ELLIPSIS));
			return ret;
		}
		if (plain)
			memcpy(ret.text + used, at, n);
		else
			append_hex(ret.text + used, *at);
		at += plain ? n : 1;
		used += need;
		if (used + sizeof(ELLIPSIS) <= sizeof(ret.text))
			fits = used;
	}
	ret.text[used] = '\0';
	return ret;
}

struct quoted
quote(const char *text)
{
	return quote_bytes(text, strlen(text));
}
