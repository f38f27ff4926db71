#include "commands/letter_json.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "control/item.h"
#include "control/text.h"
#include "record/record.h"
#include "spool/deadletter.h"

#define TIME_MAX 32 /* bytes; base/clock.h */

void
letter_info(struct deadletter_info *ret, const struct deadletter *dt)
{
	*ret = (struct deadletter_info){
		.key = { dt->ring, dt->number, dt->stream },
		.reason = dt->reason,
		.flags = dt->flags,
		.record_flags = dt->rec->flags,
		.length = dt->rec->length,
		.wall_ns = dt->wall_ns,
		.type = dt->rec->type,
		.uri = dt->uri,
		.label = dt->label,
		.route = dt->route,
		.detail = dt->detail,
	};
}

static void
fill_flags(struct item *it, const struct deadletter_info *in)
{
	const struct {
		bool set;
		const char *name;
	} flags[] = {
		{ in->record_flags & RECORD_RECOVERED, "recovered" },
		{ in->flags & DEAD_RECEIVED, "received" },
		{ in->flags & DEAD_HELD, "held" },
		{ in->flags & DEAD_PERHAPS, "perhaps-delivered" },
	};
	json_t *array = json_array();

	for (size_t i = 0; array != NULL && i < ARRAY_LEN(flags); i++) {
		if (flags[i].set)
			(void)json_array_append_new(array, json_string(flags[i].name));
	}
	item_value(it, "flags", array);
}

void
letter_fill(struct item *it, const struct deadletter_info *in)
{
	char id[DEADLETTER_ID];
	char time[TIME_MAX];

	item_text(it, "id", deadletter_id(id, &in->key));
	item_text(it, "time", clock_format(time, sizeof(time), in->wall_ns));
	item_text(it, "route", in->route);
	item_text(it, "reason", dead_reason_name(in->reason));
	item_text(it, "detail", in->detail);
	item_text(it, "queue", in->uri);
	item_text(it, "to", in->label);
	item_count(it, "number", in->key.number);
	item_number(it, "type", in->type);
	item_count(it, "length_bytes", in->length);
	fill_flags(it, in);
}

void
letter_fill_more(struct item *it, const struct deadletter_info *in)
{
	char file[DEADLETTER_FILE];
	char id[ID_TEXT];

	item_count(it, "reason_number", in->reason);
	item_text(it, "ring", id_format(id, &in->key.ring));
	item_text(it, "stream", id_format(id, &in->key.stream));
	item_text(it, "file", deadletter_file(file, &in->key));
}

static const char *
encoding(bool is_text)
{
	return is_text ? "utf-8" : "base64";
}

/* Up to where no character is cut in two. */
static size_t
whole_characters(const uint8_t *bytes, size_t len)
{
	size_t at = len;

	for (unsigned back = 1; back <= 4 && back <= len; back++) {
		uint8_t byte = bytes[len - back];
		unsigned need = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;

		if (byte < 0x80)
			break;
		if (byte < 0xc0)
			continue;
		if (need > back)
			at = len - back;
		break;
	}
	return at;
}

void
letter_fill_body(struct item *it, bool is_text, const uint8_t *bytes, size_t len)
{
	char *text;

	item_text(it, "encoding", encoding(is_text));
	if (is_text) {
		item_value(it, "body",
		    json_stringn((const char *)bytes, whole_characters(bytes, len)));
		return;
	}
	text = malloc(BASE64_LEN(len) + 1);
	item_value(it, "body",
	    text == NULL ? NULL : json_stringn(text, base64_encode(text, bytes, len)));
	free(text);
}

/* Everything but the brace at the end of an object. */
static void
put_open_object(struct text *out, const json_t *object)
{
	char *dump = json_dumps(object, JSON_ENSURE_ASCII);

	if (dump == NULL) {
		out->rc = -ENOMEM;
		return;
	}
	text_put(out, dump, strlen(dump) - 1);
	free(dump);
}

void
letter_put_begin(
    struct text *out, const char *host, const struct deadletter *dt, bool is_text)
{
	struct deadletter_info in;
	json_t *array = json_array();
	struct item it;

	letter_info(&in, dt);
	item_begin(&it);
	letter_fill(&it, &in);
	letter_fill_more(&it, &in);
	item_text(&it, "host", host);
	item_text(&it, "encoding", encoding(is_text));
	if (array == NULL || item_end(&it, array) < 0)
		out->rc = -ENOMEM;
	else
		put_open_object(out, json_array_get(array, 0));
	json_decref(array);
	text_puts(out, ", \"body\": \"");
}

static void
put_text(struct text *out, const uint8_t *bytes, size_t len)
{
	json_t *string = json_stringn((const char *)bytes, len);
	char *dump = string == NULL
			 ? NULL
			 : json_dumps(string, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

	if (dump == NULL)
		out->rc = -ENOMEM;
	else
		text_put(out, dump + 1, strlen(dump) - 2);
	free(dump);
	json_decref(string);
}

static void
put_base64(struct text *out, const uint8_t *bytes, size_t len)
{
	char *text = malloc(BASE64_LEN(len) + 1);

	if (text == NULL) {
		out->rc = -ENOMEM;
		return;
	}
	text_put(out, text, base64_encode(text, bytes, len));
	free(text);
}

void
letter_put_body(struct text *out, struct letter_body *lb, const uint8_t *bytes,
    size_t len, bool is_last)
{
	uint8_t *all;
	size_t n = lb->n_carry + len;
	size_t use = n;

	assert(len <= LETTER_PIECE);
	all = malloc(n + 1);
	if (all == NULL) {
		out->rc = -ENOMEM;
		return;
	}
	memcpy(all, lb->carry, lb->n_carry);
	if (len > 0)
		memcpy(all + lb->n_carry, bytes, len);
	if (!is_last)
		use = lb->is_text ? whole_characters(all, n) : n - n % 3;
	if (lb->is_text)
		put_text(out, all, use);
	else
		put_base64(out, all, use);
	lb->n_carry = n - use;
	memcpy(lb->carry, all + use, lb->n_carry);
	free(all);
}

void
letter_put_end(struct text *out)
{
	text_puts(out, "\"}\n");
}
