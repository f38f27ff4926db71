#include "control/table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cells.h"
#include "base/quote.h"
#include "base/state.h"
#include "control/command.h"
#include "control/text.h"

#define GAP          2    /* blanks between columns */
#define DECIMALS_MAX 1e15 /* numbers above it have no decimals left in a double */
#define NARROW       8    /* a column of texts is not made narrower for the terminal */

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

void
table_value(struct text *tx, const json_t *value)
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
		if (tx->rc == 0 && tx->len < TABLE_CELL_MAX - sizeof(more))
			continue;
		/* Only whole elements, so that no character is cut in two. */
		text_cut(tx, before);
		tx->rc = tx->rc == -EFBIG ? 0 : tx->rc;
		text_puts(tx, more);
		return;
	}
}

/* A column while a table is laid out. */
struct lane {
	size_t width;   /* places */
	size_t natural; /* width that nothing is cut at */
	size_t heading; /* of them */
	bool to_right;
	bool has_number;
	bool has_value;  /* that is not null */
	bool has_amount; /* a value other than 0 */
	bool is_whole;   /* one of a closed list: it is not made narrower */
	bool is_hidden;
};

struct table {
	const struct control_column *columns;
	const json_t *items;
	struct table_style style;
	struct lane *lanes;
	size_t n_lanes;
	struct text cell;
};

static size_t
text_places(const struct text *tx)
{
	return cells_count(tx->bytes, tx->len);
}

static void
note_value(struct lane *ln, const json_t *value)
{
	if (json_is_number(value))
		ln->has_number = true;
	if (value == NULL || json_is_null(value) ||
	    (json_is_array(value) && json_array_size(value) == 0))
		return;
	ln->has_value = true;
	if (!json_is_number(value) || json_number_value(value) != 0)
		ln->has_amount = true;
}

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
	ln->heading = text_places(&tb->cell);
	ln->width = ln->heading;
	ln->is_whole = strcmp(column->member, "state") == 0 ||
		       strcmp(column->member, "reason") == 0;
	json_array_foreach(tb->items, k, item)
	{
		const json_t *value = json_object_get(item, column->member);
		size_t width;

		table_value(&tb->cell, value);
		width = text_places(&tb->cell);
		if (width > ln->width)
			ln->width = width;
		note_value(ln, value);
		if (value != NULL && !json_is_null(value) && !json_is_number(value))
			only_numbers = false;
	}
	ln->natural = ln->width;
	ln->to_right = ln->has_number && only_numbers;
}

static size_t
table_width(const struct table *tb)
{
	size_t width = 0;

	for (size_t i = 0; i < tb->n_lanes; i++) {
		if (!tb->lanes[i].is_hidden)
			width += tb->lanes[i].width + GAP;
	}
	return width - GAP;
}

/* The widest column of texts that may be made narrower; NULL: none. */
static struct lane *
widest_lane(const struct table *tb)
{
	struct lane *widest = NULL;

	for (size_t i = 0; i < tb->n_lanes; i++) {
		struct lane *ln = &tb->lanes[i];

		if (ln->to_right || ln->is_whole || ln->is_hidden ||
		    ln->width <= ln->heading || ln->width <= NARROW)
			continue;
		if (widest == NULL || ln->width >= widest->width)
			widest = ln;
	}
	return widest;
}

/* Does the table fit, with its longest texts cut if need be? */
static bool
table_fit(struct table *tb)
{
	size_t width;

	for (size_t i = 0; i < tb->n_lanes; i++)
		tb->lanes[i].width = tb->lanes[i].natural;
	width = table_width(tb);
	while (tb->style.width > 0 && width > tb->style.width) {
		struct lane *ln = widest_lane(tb);

		if (ln == NULL)
			return false;
		ln->width--;
		width--;
	}
	return true;
}

/* What a terminal that is too narrow does without, the first first: columns that say nothing, those
 * that are all 0, and then numbers. */
enum want { WANT_VALUE, WANT_AMOUNT, WANT_TEXT, WANT_END };

static bool
is_wanted(const struct lane *ln, enum want want)
{
	switch (want) {
	case WANT_VALUE:
		return ln->has_value;
	case WANT_AMOUNT:
		return ln->has_amount || !ln->to_right;
	default:
		return !ln->to_right;
	}
}

/* Is it no wider than that, but for what may be cut in columns of which each says something? */
static bool
fits_so_far(struct table *tb, enum want want)
{
	if (want == WANT_VALUE)
		return tb->style.width == 0 || table_width(tb) <= tb->style.width;
	return table_fit(tb);
}

/* Hide what is wanted least until the rest fits, or nothing if that does not help. */
static bool
table_hide(struct table *tb)
{
	for (enum want want = WANT_VALUE; want < WANT_END; want++) {
		for (size_t i = tb->n_lanes; i-- > 1;) {
			struct lane *ln = &tb->lanes[i];

			if (fits_so_far(tb, want))
				break;
			if (!ln->is_whole || want == WANT_VALUE)
				ln->is_hidden = ln->is_hidden || !is_wanted(ln, want);
		}
	}
	if (table_fit(tb))
		return true;
	for (size_t i = 0; i < tb->n_lanes; i++)
		tb->lanes[i].is_hidden = false;
	return false;
}

/* Cut the cell to so many places; the last of them tells of it. */
static void
cut_cell(struct text *cell, size_t places)
{
	size_t n = 0, at = 0, width;

	if (text_places(cell) <= places)
		return;
	while (at < cell->len) {
		size_t len = cells_next(&width, cell->bytes + at, cell->len - at);

		n += width;
		if (n >= places)
			break;
		at += len;
	}
	text_cut(cell, at);
	text_puts(cell, "~");
}

/* The headings of what is hidden although it says something. */
static void
put_hidden(struct text *out, struct table *tb)
{
	size_t n = 0;

	text_clear(&tb->cell);
	text_puts(&tb->cell, "not shown: ");
	for (size_t i = 0; i < tb->n_lanes; i++) {
		if (!tb->lanes[i].is_hidden || !tb->lanes[i].has_amount)
			continue;
		text_puts(&tb->cell, n++ == 0 ? "" : ", ");
		text_puts(&tb->cell, tb->columns[i].heading);
	}
	if (n == 0)
		return;
	cut_cell(&tb->cell, tb->style.width);
	text_put(out, tb->cell.bytes, tb->cell.len);
	text_puts(out, "\n");
}

static const char *
state_colour(const char *state)
{
	static const char *const colours[] = {
		[STATE_GOOD] = "\033[32m",
		[STATE_NOTICE] = "\033[36m",
		[STATE_WARNING] = "\033[33m",
		[STATE_BAD] = "\033[1;31m",
	};
	enum state found;

	if (state == NULL || state_find(&found, state) < 0)
		return "";
	return colours[state_rank(found)];
}

/* What is put before a cell of that item, NULL: of the headings. */
static const char *
cell_colour(const struct table *tb, size_t i, const json_t *item)
{
	if (!tb->style.colour)
		return "";
	if (item == NULL)
		return "\033[1m";
	if (strcmp(tb->columns[i].member, "state") != 0)
		return "";
	return state_colour(json_string_value(json_object_get(item, "state")));
}

static void
put_coloured(struct text *out, const struct text *cell, const char *colour)
{
	text_puts(out, colour);
	text_put(out, cell->bytes, cell->len);
	if (colour[0] != '\0')
		text_puts(out, "\033[0m");
}

static size_t
last_lane(const struct table *tb)
{
	size_t i = tb->n_lanes - 1;

	while (i > 0 && tb->lanes[i].is_hidden)
		i--;
	return i;
}

static void
put_cell(struct text *out, struct table *tb, size_t i, const json_t *item)
{
	const struct lane *ln = &tb->lanes[i];
	size_t width, blanks;

	cut_cell(&tb->cell, ln->width);
	width = text_places(&tb->cell);
	blanks = ln->width > width ? ln->width - width : 0;
	if (i > 0)
		text_pad(out, GAP);
	if (ln->to_right)
		text_pad(out, blanks);
	put_coloured(out, &tb->cell, cell_colour(tb, i, item));
	if (!ln->to_right && i != last_lane(tb))
		text_pad(out, blanks);
}

static void
put_row(struct text *out, struct table *tb, const json_t *item)
{
	for (size_t i = 0; i < tb->n_lanes; i++) {
		if (tb->lanes[i].is_hidden)
			continue;
		if (item == NULL) {
			text_clear(&tb->cell);
			text_puts(&tb->cell, tb->columns[i].heading);
		} else {
			table_value(
			    &tb->cell, json_object_get(item, tb->columns[i].member));
		}
		put_cell(out, tb, i, item);
	}
	text_puts(out, "\n");
}

static void
put_line(struct text *out, struct table *tb, const char *heading, const json_t *value)
{
	table_value(&tb->cell, value);
	text_puts(out, heading);
	text_puts(out, ": ");
	text_put(out, tb->cell.bytes, tb->cell.len);
	text_puts(out, "\n");
}

/* An array of objects is shown by what their "text" says, and what to do about each. */
static bool
put_objects(
    struct text *out, struct table *tb, const char *heading, const json_t *value)
{
	json_t *object;
	size_t k;

	if (!json_is_object(json_array_get(value, 0)))
		return false;
	json_array_foreach(value, k, object)
	{
		put_line(out, tb, heading, json_object_get(object, "text"));
		put_line(out, tb, "mend", json_object_get(object, "mend"));
	}
	return true;
}

static void
put_list(struct text *out, struct table *tb, const json_t *item)
{
	for (size_t i = 0; i < tb->n_lanes; i++) {
		const json_t *value = json_object_get(item, tb->columns[i].member);

		if (put_objects(out, tb, tb->columns[i].heading, value))
			continue;
		table_value(&tb->cell, value);
		text_puts(out, tb->columns[i].heading);
		text_puts(out, ": ");
		put_coloured(out, &tb->cell, cell_colour(tb, i, item));
		text_puts(out, "\n");
	}
}

/* Without an item the headings are all there is: as many as fit. */
static bool
fit_headings(struct table *tb)
{
	while (tb->n_lanes > 1 && !table_fit(tb))
		tb->n_lanes--;
	return true;
}

/* Rows, with columns left out where the terminal would break them, or, where even the narrowest
 * would be broken, one list after the other. */
static void
put_table(struct text *out, struct table *tb)
{
	bool fits;
	json_t *item;
	size_t k;

	for (size_t i = 0; i < tb->n_lanes; i++)
		measure_lane(tb, i);
	if (json_array_size(tb->items) == 0)
		fits = fit_headings(tb);
	else
		fits = table_hide(tb);
	if (fits)
		put_row(out, tb, NULL);
	json_array_foreach(tb->items, k, item)
	{
		if (fits) {
			put_row(out, tb, item);
			continue;
		}
		if (k > 0)
			text_puts(out, "\n");
		put_list(out, tb, item);
	}
	if (fits)
		put_hidden(out, tb);
}

void
table_write(struct text *out, const struct control_command *cm, const json_t *items,
    const struct table_style *style)
{
	struct table tb = { .columns = cm->columns, .items = items, .style = *style };
	struct cells pc;

	cells_begin(&pc); /* the daemon has no locale, and the text is UTF-8 */
	text_init(&tb.cell, TABLE_CELL_MAX);
	while (tb.columns[tb.n_lanes].member != NULL)
		tb.n_lanes++;
	tb.lanes = calloc(tb.n_lanes + 1, sizeof(*tb.lanes));
	if (tb.lanes == NULL)
		out->rc = -ENOMEM;
	else if (cm->as_list && json_array_size(items) == 1)
		put_list(out, &tb, json_array_get(items, 0));
	else
		put_table(out, &tb);
	if (tb.cell.rc != 0)
		out->rc = tb.cell.rc;
	free(tb.lanes);
	text_done(&tb.cell);
	cells_end(&pc);
}
