#include "base/id.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>

int
id_make(struct id *ret)
{
	struct id id;
	ssize_t n;

	/* Up to 256 bytes come whole or not at all (getrandom(2)). */
	do {
		n = getrandom(id.bytes, sizeof(id.bytes), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	*ret = id;
	return 0;
}

int
id_equal(const struct id *a, const struct id *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

int
id_is_none(const struct id *id)
{
	static const struct id none;

	return id_equal(id, &none);
}

char *
id_format(char buf[ID_TEXT], const struct id *id)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < ID_BYTES; i++) {
		buf[2 * i] = digits[id->bytes[i] >> 4];
		buf[2 * i + 1] = digits[id->bytes[i] & 0xf];
	}
	buf[ID_TEXT - 1] = '\0';
	return buf;
}

static int
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int
id_parse(struct id *ret, const char *text)
{
	struct id id;

	if (strlen(text) != ID_TEXT - 1)
		return -EINVAL;
	for (size_t i = 0; i < ID_BYTES; i++) {
		int high = digit_value(text[2 * i]);
		int low = digit_value(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		id.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*ret = id;
	return 0;
}
