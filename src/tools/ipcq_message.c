#include "tools/ipcq_message.h"

#include <errno.h>
#include <string.h>

#include "base/compiler.h"
#include "tools/ipcq_json.h"

static const char *const form_names[] = {
	[MESSAGE_TEXT] = "text",
	[MESSAGE_RAW] = "raw",
	[MESSAGE_HEX] = "hex",
	[MESSAGE_JSON] = "json",
};

int
message_form_parse(enum message_form *ret, const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(form_names); i++) {
		if (strcmp(text, form_names[i]) == 0) {
			*ret = (enum message_form)i;
			return 0;
		}
	}
	return -EINVAL;
}

json_t *
message_json(const struct message *ms)
{
	json_t *all = json_object();

	if (all == NULL)
		return NULL;
	if (json_set_bytes(all, "body", ms->body, ms->len) == 0 &&
	    json_object_set_new(all, ms->kind == IPCQ_POSIX ? "priority" : "type",
		json_integer(ms->type)) == 0 &&
	    json_object_set_new(all, "length", json_integer((json_int_t)ms->len)) == 0)
		return all;
	json_decref(all);
	return NULL;
}

static int
print_json(const struct message *ms, FILE *out)
{
	json_t *all = message_json(ms);
	int rc;

	if (all == NULL)
		return -ENOMEM;
	rc = json_print(all, out);
	json_decref(all);
	return rc;
}

static void
print_hex(const struct message *ms, FILE *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = ms->body;

	for (size_t i = 0; i < ms->len; i++) {
		(void)putc(digits[bytes[i] >> 4], out);
		(void)putc(digits[bytes[i] & 15], out);
	}
}

int
message_print(const struct message *ms, enum message_form form, FILE *out)
{
	int rc = 0;

	if (form == MESSAGE_JSON)
		rc = print_json(ms, out);
	else if (form == MESSAGE_HEX)
		print_hex(ms, out);
	else
		(void)fwrite(ms->body, 1, ms->len, out);
	if (form == MESSAGE_TEXT || form == MESSAGE_HEX)
		(void)putc('\n', out);
	/* One message is one write, so that who follows sees it at once. */
	if (fflush(out) != 0)
		return -errno;
	return rc;
}
