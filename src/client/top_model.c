#include "client/top_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"

#define BAR_TOP 8

const char *
top_order_name(enum top_order order)
{
	static const char *const names[TOP_ORDERS] = { "need", "name", "rate",
		"backlog", "age" };

	return names[order];
}

static void
read_text(char *buf, size_t size, const json_t *item, const char *member)
{
	const json_t *value = json_object_get(item, member);
	const char *bytes = json_string_value(value);
	struct quoted text =
	    quote_bytes(bytes == NULL ? "" : bytes, json_string_length(value));
	size_t len = strlen(text.text);

	if (len >= size)
		len = size - 1;
	while (len > 0 && (text.text[len] & 0xc0) == 0x80)
		len--;
	memcpy(buf, text.text, len);
	buf[len] = '\0';
}

static double
read_number(const json_t *item, const char *member)
{
	const json_t *value = json_object_get(item, member);

	return json_is_number(value) ? json_number_value(value) : -1;
}

static double
read_rate(const json_t *item, const char *member)
{
	double rate = read_number(item, member);

	return rate < 0 ? 0 : rate;
}

/* ---- taking an answer ------------------------------------------------------------- */

/* The item of that name, or NULL. */
static const json_t *
find_item(const json_t *items, const char *name)
{
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *item = json_array_get(items, i);
		const char *its = json_string_value(json_object_get(item, "name"));

		if (its != NULL && strcmp(its, name) == 0)
			return item;
	}
	return NULL;
}

static void
read_route(struct top_row *row, const json_t *item, const json_t *queues)
{
	const char *from = json_string_value(json_object_get(item, "from"));
	const json_t *queue =
	    from == NULL || queues == NULL ? NULL : find_item(queues, from);

	row->in = read_rate(item, "in_per_s");
	row->out = read_rate(item, "out_per_s");
	row->backlog = read_number(item, "backlog");
	row->age_s = read_number(item, "oldest_age_s");
	row->depth = read_number(queue, "depth");
	row->capacity = read_number(queue, "capacity");
}

static void
read_peer(struct top_row *row, const json_t *item)
{
	row->in = read_rate(item, "received_bytes_per_s");
	row->out = read_rate(item, "sent_bytes_per_s");
	row->backlog = read_number(item, "backlog");
	row->age_s = read_number(item, "round_trip_s");
	row->depth = -1;
	row->capacity = -1;
}

static void
add_sample(struct top_row *row)
{
	if (row->n_samples == TOP_SAMPLES) {
		memmove(row->samples, row->samples + 1,
		    (TOP_SAMPLES - 1) * sizeof(row->samples[0]));
		row->n_samples--;
	}
	row->samples[row->n_samples++] = row->in + row->out;
}

static void
read_row(
    struct top_row *row, enum top_kind kind, const json_t *item, const json_t *queues)
{
	enum state state;

	read_text(row->name, sizeof(row->name), item, "name");
	read_text(row->state, sizeof(row->state), item, "state");
	read_text(row->reason, sizeof(row->reason), item, "reason");
	read_text(row->detail, sizeof(row->detail), item, "detail");
	read_text(row->mend, sizeof(row->mend), item, "mend");
	row->rank = state_find(&state, row->state) == 0 ? state_rank(state) : STATE_BAD;
	if (kind == TOP_ROUTES)
		read_route(row, item, queues);
	else
		read_peer(row, item);
	add_sample(row);
}

/* The history of a row goes on under its name. */
static void
inherit(struct top_row *row, const struct top_table *old, const char *name)
{
	for (size_t i = 0; i < old->n; i++) {
		if (strcmp(old->rows[i].name, name) != 0)
			continue;
		*row = old->rows[i];
		return;
	}
}

int
top_table_take(struct top_table *tb, const json_t *items, const json_t *queues)
{
	size_t n = json_array_size(items), used = 0;
	struct top_row *rows = calloc(n + 1, sizeof(*rows));
	char name[TOP_NAME];

	if (rows == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(items, i);

		/* What is kept without a route has no name. */
		if (!json_is_string(json_object_get(item, "name")))
			continue;
		read_text(name, sizeof(name), item, "name");
		inherit(&rows[used], tb, name);
		read_row(&rows[used++], tb->kind, item, queues);
	}
	free(tb->rows);
	tb->rows = rows;
	tb->n = used;
	return 0;
}

void
top_table_done(struct top_table *tb)
{
	free(tb->rows);
	tb->rows = NULL;
	tb->n = 0;
}

/* ---- order ------------------------------------------------------------------------ */

static int
by_name(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* The larger first. */
static int
larger(double x, double y)
{
	return (x < y) - (x > y);
}

static int
by_need(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;
	int order = (int)y->rank - (int)x->rank;

	return order != 0 ? order : by_name(a, b);
}

static int
by_rate(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;
	int order = larger(x->in + x->out, y->in + y->out);

	return order != 0 ? order : by_name(a, b);
}

static int
by_backlog(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;
	int order = larger(x->backlog, y->backlog);

	return order != 0 ? order : by_name(a, b);
}

static int
by_age(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;
	int order = larger(x->age_s, y->age_s);

	return order != 0 ? order : by_name(a, b);
}

void
top_table_sort(struct top_table *tb, enum top_order order)
{
	static int (*const compare[TOP_ORDERS])(const void *, const void *) = { by_need,
		by_name, by_rate, by_backlog, by_age };

	if (tb->n > 0)
		qsort(tb->rows, tb->n, sizeof(*tb->rows), compare[order]);
}

void
top_bars(unsigned char *bars, size_t n, const struct top_row *row)
{
	double most = 0;

	for (size_t i = 0; i < row->n_samples; i++)
		most = row->samples[i] > most ? row->samples[i] : most;
	for (size_t i = 0; i < n; i++) {
		size_t back = n - i; /* 1: the newest */
		double value =
		    back > row->n_samples ? 0 : row->samples[row->n_samples - back];

		bars[i] = 0;
		if (value > 0)
			bars[i] =
			    (unsigned char)(1 + (BAR_TOP - 1) * (value / most) + 0.5);
		if (bars[i] > BAR_TOP)
			bars[i] = BAR_TOP;
	}
}
