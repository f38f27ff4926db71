#include "control/reply.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/quote.h"
#include "control/command.h"
#include "control/text.h"

#define GAP          2    /* blanks between columns */
#define CELL_MAX     4096 /* bytes; a longer value is cut and ends in "..." */
#define DECIMALS_MAX 1e15 /* numbers above it have no decimals left in a double */

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

static void
put_real(struct text *tx, double value)
{
	char buf[64];
	size_t len;

	if (value >= DECIMALS_MAX || value <= -DECIMALS_MAX) {
		(void)snprintf(buf, sizeof(buf), "%g", value);
		text_puts(tx, buf);
		return;
	}
	/* Microseconds are the finest unit of any value. */
	len = (size_t)snprintf(buf, sizeof(buf), "%.6f", value);
	while (buf[len - 1] == '0')
		len--;
	if (buf[len - 1] == '.')
		len--;
	text_put(tx, buf, len);
}

static void
put_string(struct text *tx, const char *bytes, size_t len)
{
	/* An empty line would end the answer, so an empty string is shown. */
	text_puts(tx, len == 0 ? "\"\"" : quote_bytes(bytes, len).text);
}

static void
put_scalar(struct text *tx, const json_t *value)
{
	char number[32];
	char *dump;

	switch (json_typeof(value)) {
	case JSON_STRING:
		put_string(tx, json_string_value(value), json_string_length(value));
		return;
	case JSON_REAL:
		put_real(tx, json_real_value(value));
		return;
	case JSON_TRUE:
		text_puts(tx, "yes");
		return;
	case JSON_FALSE:
		text_puts(tx, "no");
		return;
	case JSON_NULL:
		text_puts(tx, "-");
		return;
	case JSON_INTEGER:
		(void)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
		    json_integer_value(value));
		text_puts(tx, number);
		return;
	case JSON_OBJECT:
	case JSON_ARRAY:
		break;
	}
	dump = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII);
	text_puts(tx, dump == NULL ? "?" : quote(dump).text);
	free(dump);
}

/* One value into tx, which is emptied first; NULL stands for an absent member. */
static void
render_value(struct text *tx, const json_t *value)
{
	static const char more[] = ", ...";

	text_clear(tx);
	if (!json_is_array(value)) {
		if (value == NULL)
			text_puts(tx, "-");
		else
			put_scalar(tx, value);
		return;
	}
	if (json_array_size(value) == 0)
		text_puts(tx, "-");
	for (size_t i = 0; i < json_array_size(value); i++) {
		size_t before = tx->len;

		if (i > 0)
			text_puts(tx, ", ");
		put_scalar(tx, json_array_get(value, i));
		if (tx->rc == 0 && tx->len < CELL_MAX - sizeof(more))
			continue;
		/* Only whole elements, so that no character is cut in two. */
		text_cut(tx, before);
		tx->rc = tx->rc == -EFBIG ? 0 : tx->rc;
		text_puts(tx, more);
		return;
	}
}

/* Characters, as far as a terminal shows each in one place. */
static size_t
text_columns(const struct text *tx)
{
	size_t n = 0;

	for (size_t i = 0; i < tx->len; i++)
		n += (tx->bytes[i] & 0xc0) != 0x80;
	return n;
}

/* A column while a table is laid out. */
struct lane {
	size_t width; /* characters */
	bool to_right;
	bool has_number;
};

/* The table of one reply. */
struct table {
	const struct control_column *columns;
	const json_t *items;
	struct lane *lanes;
	size_t n_lanes;
	struct text cell;
};

static void
measure_lane(struct table *tb, size_t i)
{
	const struct control_column *column = &tb->columns[i];
	struct lane *ln = &tb->lanes[i];
	bool only_numbers = true;
	json_t *item;
	size_t k;

	text_clear(&tb->cell);
	text_puts(&tb->cell, column->heading);
	ln->width = text_columns(&tb->cell);
	json_array_foreach(tb->items, k, item)
	{
		const json_t *value = json_object_get(item, column->member);
		size_t width;

		render_value(&tb->cell, value);
		width = text_columns(&tb->cell);
		if (width > ln->width)
			ln->width = width;
		if (json_is_number(value))
			ln->has_number = true;
		else if (value != NULL && !json_is_null(value))
			only_numbers = false;
	}
	ln->to_right = ln->has_number && only_numbers;
}

static void
put_cell(struct text *out, const struct table *tb, size_t i)
{
	const struct lane *ln = &tb->lanes[i];
	size_t width = text_columns(&tb->cell);
	size_t blanks = ln->width > width ? ln->width - width : 0;

	if (i > 0)
		text_pad(out, GAP);
	if (ln->to_right)
		text_pad(out, blanks);
	text_put(out, tb->cell.bytes, tb->cell.len);
	if (!ln->to_right && i + 1 < tb->n_lanes)
		text_pad(out, blanks);
}

static void
put_row(struct text *out, struct table *tb, const json_t *item)
{
	for (size_t i = 0; i < tb->n_lanes; i++) {
		if (item == NULL) {
			text_clear(&tb->cell);
			text_puts(&tb->cell, tb->columns[i].heading);
		} else {
			render_value(
			    &tb->cell, json_object_get(item, tb->columns[i].member));
		}
		put_cell(out, tb, i);
	}
	text_puts(out, "\n");
	if (tb->cell.rc != 0)
		out->rc = tb->cell.rc;
}

static void
put_table(struct text *out, struct table *tb)
{
	json_t *item;
	size_t k;

	tb->lanes = calloc(tb->n_lanes, sizeof(*tb->lanes));
	if (tb->lanes == NULL) {
		out->rc = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < tb->n_lanes; i++)
		measure_lane(tb, i);
	put_row(out, tb, NULL);
	json_array_foreach(tb->items, k, item) put_row(out, tb, item);
	free(tb->lanes);
}

static void
put_list(struct text *out, struct table *tb, const json_t *item)
{
	for (size_t i = 0; i < tb->n_lanes; i++) {
		render_value(&tb->cell, json_object_get(item, tb->columns[i].member));
		text_puts(out, tb->columns[i].heading);
		text_puts(out, ": ");
		text_put(out, tb->cell.bytes, tb->cell.len);
		text_puts(out, "\n");
	}
	if (tb->cell.rc != 0)
		out->rc = tb->cell.rc;
}

void
reply_write_text(
    struct text *out, const struct control_command *cm, const struct control_reply *rp)
{
	struct table tb = { .columns = cm->columns, .items = rp->items };
	json_t *warning;
	size_t k;

	text_init(&tb.cell, CELL_MAX);
	while (tb.columns[tb.n_lanes].member != NULL)
		tb.n_lanes++;
	assert(tb.n_lanes > 0);
	if (cm->as_list && json_array_size(rp->items) == 1)
		put_list(out, &tb, json_array_get(rp->items, 0));
	else
		put_table(out, &tb);
	json_array_foreach(rp->warnings, k, warning)
	{
		render_value(&tb.cell, warning);
		text_puts(out, "warning: ");
		text_put(out, tb.cell.bytes, tb.cell.len);
		text_puts(out, "\n");
	}
	text_puts(out, "\n");
	text_done(&tb.cell);
}

static int
put_dump(const char *bytes, size_t len, void *data)
{
	struct text *out = data;

	text_put(out, bytes, len);
	return out->rc == 0 ? 0 : -1;
}

/* Takes over document, which may be NULL: memory was short. */
static void
put_document(struct text *out, json_t *document)
{
	/* ASCII only, because a terminal may see this line too. */
	int rc = document == NULL
		     ? -1
		     : json_dump_callback(document, put_dump, out, JSON_ENSURE_ASCII);

	if (rc != 0 && out->rc == 0)
		out->rc = -ENOMEM;
	text_puts(out, "\n\n");
	json_decref(document);
}

void
reply_write_json(
    struct text *out, const char *name, int64_t wall_ns, const struct control_reply *rp)
{
	char time[32];

	assert(rp->kind != NULL);
	put_document(
	    out, json_pack("{s:s, s:s, s:s, s:s, s:O, s:O}", "schema", REPLY_SCHEMA,
		     "time", clock_format(time, sizeof(time), wall_ns), "name", name,
		     "kind", rp->kind, "items", rp->items, "warnings", rp->warnings));
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
	text_puts(out, error_word);
	text_puts(out, row->prefix);
	text_puts(out, why);
	text_puts(out, "\n\n");
}

static int
read_text(const char *at, size_t len)
{
	const struct fault_row *row = fault_rows;
	size_t skip = sizeof(error_word) - 1;

	if (len < skip || memcmp(at, error_word, skip) != 0)
		return REPLY_DONE;
	at += skip;
	len -= skip;
	while (len < strlen(row->prefix) ||
	       memcmp(at, row->prefix, strlen(row->prefix)) != 0)
		row++;
	return row->fault;
}

static int
read_document(const json_t *document)
{
	const char *schema = json_string_value(json_object_get(document, "schema"));
	const char *code = json_string_value(json_object_get(document, "code"));

	if (schema == NULL || strcmp(schema, REPLY_SCHEMA) != 0)
		return -EBADMSG;
	if (json_object_get(document, "error") == NULL)
		return json_is_array(json_object_get(document, "items")) ? REPLY_DONE
									 : -EBADMSG;
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
	if (!as_json || ret != REPLY_DONE)
		return ret;
	document = json_loadb(answer, len, 0, NULL);
	ret = document == NULL ? -EBADMSG : read_document(document);
	json_decref(document);
	return ret;
}
