#include "tools/ipcq_json.h"

#include <errno.h>
#include <stdlib.h>

#include "base/base64.h"

static json_t *
base64_value(const void *bytes, size_t len)
{
	char *text = malloc(BASE64_LEN(len) + 1);
	json_t *value;

	if (text == NULL)
		return NULL;
	value = json_stringn(text, base64_encode(text, bytes, len));
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
