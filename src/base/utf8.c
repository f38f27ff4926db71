#include "base/utf8.h"

/* The first byte of a character of several: how many follow, and between which values the
 * second is (Unicode, table 3-7: no overlong forms, no surrogates, none above U+10FFFF). */
static void
begin(struct utf8 *ut, uint8_t byte)
{
	ut->low = 0x80;
	ut->high = 0xbf;
	if (byte >= 0xc2 && byte <= 0xdf)
		ut->missing = 1;
	else if (byte >= 0xe0 && byte <= 0xef)
		ut->missing = 2;
	else if (byte >= 0xf0 && byte <= 0xf4)
		ut->missing = 3;
	else
		ut->broken = true;
	if (byte == 0xe0)
		ut->low = 0xa0;
	else if (byte == 0xed)
		ut->high = 0x9f;
	else if (byte == 0xf0)
		ut->low = 0x90;
	else if (byte == 0xf4)
		ut->high = 0x8f;
}

void
utf8_feed(struct utf8 *ut, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len && !ut->broken; i++) {
		if (ut->missing > 0) {
			ut->broken = bytes[i] < ut->low || bytes[i] > ut->high;
			ut->missing--;
			ut->low = 0x80;
			ut->high = 0xbf;
		} else if (bytes[i] >= 0x80) {
			begin(ut, bytes[i]);
		} else if (bytes[i] == 0) {
			ut->broken = true;
		}
	}
}

bool
utf8_is_text(const struct utf8 *ut)
{
	return !ut->broken && ut->missing == 0;
}
