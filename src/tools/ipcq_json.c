#include "tools/ipcq_json.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#define PAD 64 /* the place of '=' behind the digits */

/* RFC 4648, section 4. Three bytes become four characters; what is missing of the last
 * three, '='. */
static char *
encode_base64(const uint8_t *bytes, size_t len)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
	char *text = malloc(len / 3 * 4 + 5);
	char *at = text;

	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t bits = (uint32_t)bytes[i] << 16;

		if (left > 1)
			bits |= (uint32_t)bytes[i + 1] << 8;
		if (left > 2)
			bits |= bytes[i + 2];
		*at++ = digits[bits >> 18];
		*at++ = digits[bits >> 12 & 63];
		*at++ = digits[left > 1 ? bits >> 6 & 63 : PAD];
		*at++ = digits[left > 2 ? bits & 63 : PAD];
	}
	*at = '\0';
	return text;
}

static json_t *
base64_value(const void *bytes, size_t len)
{
	char *text = encode_base64(bytes, len);
	json_t *value;

	if (text == NULL)
		return NULL;
	value = json_string(text);
	free(text);
	return value;
}

int
json_set_bytes(json_t *object, const char *name, const void *bytes, size_t len)
{
	char other[32];
	/* jansson takes no NULL, which a body of no bytes may be */
	json_t *value = json_stringn(len > 0 ? bytes : "", len);

	if (value == NULL) {
		(void)snprintf(other, sizeof(other), "%s_base64", name);
		name = other;
		value = base64_value(bytes, len);
	}
	return json_object_set_new(object, name, value) < 0 ? -ENOMEM : 0;
}

int
json_print(const json_t *value, FILE *out)
{
	errno = 0;
	if (json_dumpf(value, out, JSON_PRESERVE_ORDER) < 0)
		return errno != 0 ? -errno : -ENOMEM;
	(void)putc('\n', out);
	return 0;
}
