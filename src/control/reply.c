#include "control/reply.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "control/command.h"
#include "control/table.h"
#include "control/text.h"

#define REAL_DIGITS 15 /* 0.1, not 0.10000000000000001 */

static const struct fault_row {
	enum reply_fault fault;
	const char *code; /* of JSON */
	const char
	    *prefix; /* of text; the empty one is last, as every text begins so */
} fault_rows[] = {
	{ REPLY_USAGE, "usage", "usage: " },
	{ REPLY_DENIED, "not-permitted", "not permitted: " },
	{ REPLY_ABSENT, "no-such-object", "no such object: " },
	{ REPLY_UNREACHED, "condition-not-reached", "condition not reached: " },
	{ REPLY_CONFIRM, "confirm", "confirm: " },
	{ REPLY_REFUSED, "refused", "" },
};

static const char error_word[] = "error: ";
static const char warning_word[] = "warning: ";

enum reply_fault
reply_fault_of(int rc)
{
	switch (rc) {
	case -EINVAL:
		return REPLY_USAGE;
	case -EPERM:
	case -EACCES:
		return REPLY_DENIED;
	case -ENOENT:
		return REPLY_ABSENT;
	case CONTROL_CONFIRM:
		return REPLY_CONFIRM;
	case CONTROL_UNREACHED:
		return REPLY_UNREACHED;
	default:
		return REPLY_REFUSED;
	}
}

void
reply_write_warnings(struct text *out, const json_t *warnings)
{
	struct text cell;
	json_t *warning;
	size_t k;

	text_init(&cell, TABLE_CELL_MAX);
	json_array_foreach(warnings, k, warning)
	{
		table_value(&cell, warning);
		text_puts(out, warning_word);
		text_put(out, cell.bytes, cell.len);
		text_puts(out, "\n");
	}
	text_done(&cell);
}

void
reply_write_text(
    struct text *out, const struct control_command *cm, const struct control_reply *rp)
{
	static const struct table_style plain = { 0 };

	table_write(out, cm, rp->items, &plain);
	reply_write_warnings(out, rp->warnings);
	text_puts(out, "\n");
}

static int
put_dump(const char *bytes, size_t len, void *data)
{
	struct text *out = data;

	text_put(out, bytes, len);
	return out->rc == 0 ? 0 : -1;
}

/* value may be NULL: memory was short. */
static void
put_json(struct text *out, const json_t *value)
{
	/* ASCII only, because a terminal may see this line too. */
	int rc = value == NULL
		     ? -1
		     : json_dump_callback(value, put_dump, out,
			   JSON_ENSURE_ASCII | JSON_REAL_PRECISION(REAL_DIGITS));

	if (rc != 0 && out->rc == 0)
		out->rc = -ENOMEM;
}

/* Takes over document, which may be NULL: memory was short. */
static void
put_document(struct text *out, json_t *document)
{
	put_json(out, document);
	text_puts(out, "\n\n");
	json_decref(document);
}

static void
put_items(struct text *out, const json_t *items, bool is_first)
{
	const json_t *item;
	size_t i;

	json_array_foreach(items, i, item)
	{
		if (!is_first || i > 0)
			text_puts(out, ", ");
		put_json(out, item);
	}
}

void
reply_write_items(struct text *out, const json_t *items)
{
	put_items(out, items, out->len == 0);
}

/* Those that were written before, and the others. */
static void
put_all_items(struct text *out, const struct control_reply *rp)
{
	const struct text *written = rp->written;

	if (written != NULL) {
		text_put(out, written->bytes, written->len);
		if (written->rc != 0)
			out->rc = written->rc;
	}
	put_items(out, rp->items, written == NULL || written->len == 0);
}

void
reply_write_json(
    struct text *out, const char *name, int64_t wall_ns, const struct control_reply *rp)
{
	char time[32];
	json_t *head;

	assert(rp->kind != NULL);
	head = json_pack("{s:s, s:s, s:s, s:s}", "schema", REPLY_SCHEMA, "time",
	    clock_format(time, sizeof(time), wall_ns), "name", name, "kind", rp->kind);
	put_json(out, head);
	json_decref(head);
	if (out->rc == 0)
		text_cut(out, out->len - 1); /* it goes on before its "}" */
	text_puts(out, ", \"items\": [");
	put_all_items(out, rp);
	text_puts(out, "], \"warnings\": ");
	put_json(out, rp->warnings);
	text_puts(out, "}\n\n");
}

static const struct fault_row *
fault_row(enum reply_fault fault)
{
	const struct fault_row *row = fault_rows;

	while (row->fault != fault) {
		row++;
		assert(row < fault_rows + ARRAY_LEN(fault_rows));
	}
	return row;
}

static void
put_error(struct text *out, const struct fault_row *row, const char *why)
{
	text_puts(out, error_word);
	text_puts(out, row->prefix);
	text_puts(out, why);
	text_puts(out, "\n");
}

void
reply_write_error(
    struct text *out, int as_json, enum reply_fault fault, const char *why)
{
	const struct fault_row *row = fault_row(fault);

	if (as_json) {
		put_document(out, json_pack("{s:s, s:s, s:s}", "schema", REPLY_SCHEMA,
				      "error", why, "code", row->code));
		return;
	}
	put_error(out, row, why);
	text_puts(out, "\n");
}

void
reply_write_refusal(struct text *out, const struct control_reply *rp,
    enum reply_fault fault, const char *why)
{
	const struct fault_row *row = fault_row(fault);

	if (json_array_size(rp->warnings) == 0) {
		reply_write_error(out, rp->as_json, fault, why);
		return;
	}
	if (rp->as_json) {
		put_document(out,
		    json_pack("{s:s, s:s, s:s, s:O}", "schema", REPLY_SCHEMA, "error",
			why, "code", row->code, "warnings", rp->warnings));
		return;
	}
	put_error(out, row, why);
	reply_write_warnings(out, rp->warnings);
	text_puts(out, "\n");
}

/* Does a line of the answer begin so? */
static bool
has_line(const char *at, size_t len, const char *word)
{
	size_t word_len = strlen(word);

	while (len >= word_len) {
		const char *newline = memchr(at, '\n', len);

		if (memcmp(at, word, word_len) == 0)
			return true;
		if (newline == NULL)
			return false;
		len -= (size_t)(newline + 1 - at);
		at = newline + 1;
	}
	return false;
}

static int
read_text(const char *at, size_t len)
{
	const struct fault_row *row = fault_rows;
	size_t skip = sizeof(error_word) - 1;

	if (len < skip || memcmp(at, error_word, skip) != 0)
		return has_line(at, len, warning_word) ? REPLY_WARNED : REPLY_DONE;
	at += skip;
	len -= skip;
	while (len < strlen(row->prefix) ||
	       memcmp(at, row->prefix, strlen(row->prefix)) != 0)
		row++;
	return row->fault;
}

static int
read_success(const json_t *document)
{
	const json_t *warnings = json_object_get(document, "warnings");

	if (!json_is_array(json_object_get(document, "items")))
		return -EBADMSG;
	return json_array_size(warnings) > 0 ? REPLY_WARNED : REPLY_DONE;
}

static int
read_document(const json_t *document)
{
	const char *schema = json_string_value(json_object_get(document, "schema"));
	const char *code = json_string_value(json_object_get(document, "code"));

	if (schema == NULL || strcmp(schema, REPLY_SCHEMA) != 0)
		return -EBADMSG;
	if (json_object_get(document, "error") == NULL)
		return read_success(document);
	for (size_t i = 0; code != NULL && i < ARRAY_LEN(fault_rows); i++) {
		if (strcmp(code, fault_rows[i].code) == 0)
			return fault_rows[i].fault;
	}
	return REPLY_REFUSED; /* a kind of a later version */
}

int
reply_read(const char *answer, size_t len, int as_json)
{
	int ret = read_text(answer, len);
	json_t *document;

	/* What the daemon refuses before it has read the line is answered in text. */
	if (!as_json || (ret != REPLY_DONE && ret != REPLY_WARNED))
		return ret;
	document = json_loadb(answer, len, 0, NULL);
	ret = document == NULL ? -EBADMSG : read_document(document);
	json_decref(document);
	return ret;
}
