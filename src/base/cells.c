#include "base/cells.h"

#include <langinfo.h>
#include <stdbool.h>
#include <string.h>
#include <wchar.h>

void
cells_begin(struct cells *pc)
{
	pc->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
	pc->before = pc->utf8 == NULL ? NULL : uselocale(pc->utf8);
}

void
cells_end(struct cells *pc)
{
	if (pc->utf8 == NULL)
		return;
	(void)uselocale(pc->before);
	freelocale(pc->utf8);
}

static bool
speaks_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* What is unknown to the locale has one cell, and ends before the next
 * character's first byte. */
static size_t
one_character(size_t *ret, const char *bytes, size_t len)
{
	mbstate_t state = { 0 };
	wchar_t ch;
	size_t n = 0;
	int width;

	*ret = 1;
	if ((unsigned char)bytes[0] < 0x80)
		return 1;
	if (speaks_utf8())
		n = mbrtowc(&ch, bytes, len, &state);
	if (n != 0 && n <= len) {
		width = wcwidth(ch);
		*ret = width < 0 ? 1 : (size_t)width;
		return n;
	}
	for (n = 1; n < len && ((unsigned char)bytes[n] & 0xc0) == 0x80;)
		n++;
	return n;
}

size_t
cells_next(size_t *ret, const char *bytes, size_t len)
{
	size_t n = one_character(ret, bytes, len), more, width;

	while (n < len && (unsigned char)bytes[n] >= 0x80) {
		more = one_character(&width, bytes + n, len - n);
		if (width > 0)
			break;
		n += more;
	}
	return n;
}

size_t
cells_count(const char *bytes, size_t len)
{
	size_t n = 0, width;

	for (size_t at = 0; at < len; n += width)
		at += one_character(&width, bytes + at, len - at);
	return n;
}
