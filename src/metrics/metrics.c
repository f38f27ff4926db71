#include "metrics/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/reason.h"
#include "control/text.h"
#include "metrics/metrics_line.h"
#include "metrics/metrics_private.h"

#define NS_PER_MS UINT64_C(1000000)

struct metrics_writer {
	enum metrics_format format;
	struct assembly *assembly;
	struct metrics_snapshot snapshot;
	bool is_taken;
	/* What comes next: the row of a kind, of the object. */
	size_t kind, row, object;
	bool ended;
};

/* ---- one metric of one object ------------------------------------------------------ */

struct place {
	const struct metrics_writer *writer;
	const struct metric_kind *kind;
	const struct metric *row;
	const void *object;
	const void *member;
	struct metrics_sample sample;
	struct text *out;
};

static void
put_count(const struct place *pl, uint64_t value)
{
	metrics_put_sample(pl->out, &pl->sample);
	metrics_put_count(pl->out, value);
}

static void
put_ns(const struct place *pl, uint64_t ns)
{
	metrics_put_sample(pl->out, &pl->sample);
	metrics_put_ns(pl->out, ns);
}

static void
put_u64(struct place *pl)
{
	put_count(pl, *(const uint64_t *)pl->member);
}

static void
put_size(struct place *pl)
{
	put_count(pl, *(const size_t *)pl->member);
}

static void
put_bool(struct place *pl)
{
	put_count(pl, *(const bool *)pl->member);
}

static void
put_seconds(struct place *pl)
{
	int64_t value = *(const int64_t *)pl->member;

	put_count(pl, value < 0 ? 0 : (uint64_t)value);
}

static void
put_ms(struct place *pl)
{
	put_ns(pl, *(const uint64_t *)pl->member * NS_PER_MS);
}

static void
put_known_ns(struct place *pl)
{
	int64_t value = *(const int64_t *)pl->member;

	if (value > 0)
		put_ns(pl, (uint64_t)value);
}

static void
put_at_ms(struct place *pl)
{
	const struct metrics_snapshot *sn = &pl->writer->snapshot;
	uint64_t at_ms = *(const uint64_t *)pl->member;
	uint64_t ago_ms = at_ms < sn->now_ms ? sn->now_ms - at_ms : 0;
	/* In milliseconds, so that what stands still does not seem to tremble. */
	uint64_t wall_ms = (uint64_t)sn->wall_ns / NS_PER_MS;

	if (at_ms != 0 && ago_ms < wall_ms)
		put_ns(pl, (wall_ms - ago_ms) * NS_PER_MS);
}

static void
put_times(struct place *pl)
{
	const struct histogram *hi = pl->member;
	uint64_t sum = 0;

	pl->sample.suffix = "_bucket";
	pl->sample.label = "le";
	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++) {
		sum += hi->counts[i];
		pl->sample.value =
		    i < HISTOGRAM_BOUNDS ? histogram_bounds_text[i] : "+Inf";
		put_count(pl, sum);
	}
	pl->sample.label = NULL;
	pl->sample.suffix = "_count";
	put_count(pl, sum);
	pl->sample.suffix = "_sum";
	put_ns(pl, hi->sum_ns);
}

static void
put_state(struct place *pl)
{
	size_t n;
	const enum state *states = state_list(pl->kind->states, &n);

	pl->sample.label = "state";
	for (size_t i = 0; i < n; i++) {
		pl->sample.value = state_name(states[i]);
		put_count(pl, *(const enum state *)pl->member == states[i]);
	}
}

static void
put_reason(struct place *pl)
{
	enum reason reason = *(const enum reason *)pl->member;

	pl->sample.label = "reason";
	pl->sample.value = reason_name(reason);
	if (reason != REASON_NONE)
		put_count(pl, 1);
}

static void
put_letters(struct place *pl)
{
	const uint64_t *counts = pl->member;

	pl->sample.label = "reason";
	for (unsigned i = 0; i < DEAD_REASONS; i++) {
		/* [0] is what another version may have sent. */
		if (i == 0 && counts[i] == 0)
			continue;
		pl->sample.value = dead_reason_name(i);
		put_count(pl, counts[i]);
	}
}

static void
put_names(struct place *pl)
{
	const struct metric_names *mn = pl->row->names;
	const uint64_t *values = pl->member;

	pl->sample.label = mn->label;
	for (size_t i = 0; i < mn->n; i++) {
		pl->sample.value = mn->names[i];
		put_count(pl, values[i]);
	}
}

/* The value is always 1. */
static void
put_texts(struct place *pl)
{
	struct text *out = pl->out;
	const char *comma = "";

	text_puts(out, pl->sample.name);
	text_puts(out, "_info{");
	if (pl->sample.labels != NULL) {
		text_puts(out, pl->sample.labels);
		comma = ",";
	}
	for (const struct metric_text *mt = pl->row->texts; mt->label != NULL; mt++) {
		const char *const *value =
		    (const void *)((const uint8_t *)pl->object + mt->at);

		text_puts(out, comma);
		metrics_put_label(out, mt->label, *value);
		comma = ",";
	}
	text_puts(out, "} 1\n");
}

static void (*const put_by_form[])(struct place *pl) = {
	[METRIC_U64] = put_u64,
	[METRIC_SIZE] = put_size,
	[METRIC_BOOL] = put_bool,
	[METRIC_SECONDS] = put_seconds,
	[METRIC_MS] = put_ms,
	[METRIC_NS] = put_known_ns,
	[METRIC_TIMES] = put_times,
	[METRIC_AT_MS] = put_at_ms,
	[METRIC_AT_NS] = put_known_ns,
	[METRIC_BY_STATE] = put_state,
	[METRIC_BY_REASON] = put_reason,
	[METRIC_BY_LETTER] = put_letters,
	[METRIC_BY_NAME] = put_names,
	[METRIC_TEXTS] = put_texts,
};

static void
put_object(const struct metrics_writer *mw, struct text *out)
{
	const struct metric_kind *kind = &metrics_kinds[mw->kind];
	const struct metric *row = &kind->rows[mw->row];
	const uint8_t *object = (const uint8_t *)mw->snapshot.objects[mw->kind].array +
				mw->object * kind->object_size;
	struct place pl = {
		.writer = mw,
		.kind = kind,
		.row = row,
		.object = object,
		.member = object + row->at,
		.sample = { .name = row->name,
		    .suffix = row->type == METRIC_COUNTER ? "_total" : "",
		    .labels =
			((const struct metrics_head *)(const void *)object)->label },
		.out = out,
	};

	if (*(const bool *)(object + row->when))
		put_by_form[row->form](&pl);
}

/* ---- metric after metric ------------------------------------------------------------- */

static void
put_about(struct text *out, const char *what, const char *name, const char *text)
{
	text_puts(out, "# ");
	text_puts(out, what);
	text_puts(out, " ");
	text_puts(out, name);
	text_puts(out, " ");
	text_puts(out, text);
	text_puts(out, "\n");
}

static bool
ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len > end_len && strcmp(name + len - end_len, end) == 0;
}

static void
put_family(const struct metrics_writer *mw, struct text *out)
{
	static const char *const types[] = {
		[METRIC_COUNTER] = "counter",
		[METRIC_GAUGE] = "gauge",
		[METRIC_HISTOGRAM] = "histogram",
		[METRIC_INFO] = "info",
	};
	static const char *const units[] = { "seconds", "bytes" };
	const struct metric *row = &metrics_kinds[mw->kind].rows[mw->row];
	bool open = mw->format == METRICS_OPEN;
	char name[128];

	/* In the older format the name is that of the sample. */
	(void)snprintf(name, sizeof(name), "%s%s", row->name,
	    open                          ? ""
	    : row->type == METRIC_COUNTER ? "_total"
	    : row->type == METRIC_INFO    ? "_info"
					  : "");
	put_about(out, "HELP", name, row->help);
	put_about(out, "TYPE", name,
	    types[!open && row->type == METRIC_INFO ? METRIC_GAUGE : row->type]);
	for (size_t i = 0; open && i < ARRAY_LEN(units); i++) {
		char end[16];

		(void)snprintf(end, sizeof(end), "_%s", units[i]);
		if (ends_with(name, end))
			put_about(out, "UNIT", name, units[i]);
	}
}

/* One object's samples of one metric, and go on to the next. */
static void
write_next(struct metrics_writer *mw, struct text *out)
{
	if (mw->kind == METRICS_KINDS) {
		if (mw->format == METRICS_OPEN)
			text_puts(out, "# EOF\n");
		mw->ended = true;
		return;
	}
	if (mw->object == 0)
		put_family(mw, out);
	if (mw->object < mw->snapshot.objects[mw->kind].n) {
		put_object(mw, out);
		mw->object++;
	}
	if (mw->object < mw->snapshot.objects[mw->kind].n)
		return;
	mw->object = 0;
	mw->row++;
	if (mw->row < metrics_kinds[mw->kind].n_rows)
		return;
	mw->row = 0;
	mw->kind++;
}

int
metrics_begin(
    struct metrics_writer **ret, struct assembly *as, enum metrics_format format)
{
	struct metrics_writer *mw = calloc(1, sizeof(*mw));
	int rc;

	if (mw == NULL)
		return -ENOMEM;
	mw->format = format;
	mw->assembly = as;
	rc = metrics_snapshot_begin(&mw->snapshot, as);
	if (rc < 0) {
		metrics_end(mw);
		return rc;
	}
	*ret = mw;
	return 0;
}

int
metrics_piece(struct metrics_writer *mw, struct text *out)
{
	size_t end = out->len + METRICS_PIECE;
	int rc;

	if (!mw->is_taken) {
		rc = metrics_snapshot_go_on(&mw->snapshot, mw->assembly);
		mw->is_taken = rc == 0;
		return rc < 0 ? rc : 1;
	}
	while (!mw->ended && out->rc == 0 && out->len < end)
		write_next(mw, out);
	return out->rc < 0 ? out->rc : !mw->ended;
}

void
metrics_end(struct metrics_writer *mw)
{
	if (mw == NULL)
		return;
	metrics_snapshot_done(&mw->snapshot);
	free(mw);
}

const char *
metrics_content_type(enum metrics_format format)
{
	return format == METRICS_OPEN
		   ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		   : "text/plain; version=0.0.4; charset=utf-8";
}
