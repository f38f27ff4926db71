#include "client/plugin.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/quote.h"
#include "base/state.h"
#include "client/ask.h"
#include "client/ctl.h"
#include "client/query.h"
#include "control/command.h"
#include "control/reply.h"
#include "control/text.h"

#define MS_PER_S      1000
#define PROBLEMS_SAID 3 /* in words, on the one line; the others are counted */

static const char *const words[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

/* What the one item of "show status" says, judged. */
struct plugin {
	const json_t *status; /* borrowed; NULL: there is no answer */
	const char *why;      /* there is none */
	const struct plugin_limits *limits;
	enum plugin_status result;
};

/* Of one object. What somebody wants so, a pause, is to be remembered, not to wake anybody. */
static enum plugin_status
judge_state(const char *name)
{
	enum state state;

	if (name == NULL || state_find(&state, name) < 0)
		return PLUGIN_UNKNOWN;
	switch (state_rank(state)) {
	case STATE_GOOD:
		return PLUGIN_OK;
	case STATE_NOTICE:
	case STATE_WARNING:
		return PLUGIN_WARNING;
	default:
		return PLUGIN_CRITICAL;
	}
}

static const char *
string_of(const json_t *object, const char *member)
{
	const char *value = json_string_value(json_object_get(object, member));

	return value == NULL ? "" : value;
}

static void
make_worse(struct plugin *pl, enum plugin_status status)
{
	if (status > pl->result)
		pl->result = status;
}

static enum plugin_status
judge_age(const struct plugin *pl)
{
	const json_t *age = json_object_get(pl->status, "oldest_age_s");
	uint64_t ms;

	if (!json_is_number(age))
		return PLUGIN_OK;
	ms = (uint64_t)(json_number_value(age) * MS_PER_S);
	if (pl->limits->age_critical_ms > 0 && ms >= pl->limits->age_critical_ms)
		return PLUGIN_CRITICAL;
	if (pl->limits->age_warning_ms > 0 && ms >= pl->limits->age_warning_ms)
		return PLUGIN_WARNING;
	return PLUGIN_OK;
}

static void
judge(struct plugin *pl)
{
	const json_t *problems = json_object_get(pl->status, "problems");

	make_worse(pl, judge_state(string_of(pl->status, "state")));
	for (size_t i = 0; i < json_array_size(problems); i++)
		make_worse(
		    pl, judge_state(string_of(json_array_get(problems, i), "state")));
	make_worse(pl, judge_age(pl));
}

/* ---- the line ------------------------------------------------------------------- */

/* A bar would end the text and begin the figures. */
static struct quoted
without_bars(const char *text)
{
	struct quoted ret = quote(text);

	for (char *bar = strchr(ret.text, '|'); bar != NULL; bar = strchr(bar, '|'))
		*bar = '/';
	return ret;
}

static void
say_problems(FILE *out, const struct plugin *pl)
{
	const json_t *problems = json_object_get(pl->status, "problems");
	json_int_t count =
	    json_integer_value(json_object_get(pl->status, "problems_count"));
	size_t n = json_array_size(problems);

	if (n > PROBLEMS_SAID)
		n = PROBLEMS_SAID;
	for (size_t i = 0; i < n; i++)
		(void)fprintf(out, "%s; ",
		    without_bars(string_of(json_array_get(problems, i), "text")).text);
	if (count > (json_int_t)n)
		(void)fprintf(
		    out, "and %" JSON_INTEGER_FORMAT " more; ", count - (json_int_t)n);
}

static double
number_of(const struct plugin *pl, const char *member)
{
	return json_number_value(json_object_get(pl->status, member));
}

/* In seconds; "": there is no limit. */
static const char *
limit_text(char *buf, size_t size, uint64_t ms)
{
	buf[0] = '\0';
	if (ms > 0)
		(void)snprintf(buf, size, "%" PRIu64 ".%03u", ms / MS_PER_S,
		    (unsigned)(ms % MS_PER_S));
	return buf;
}

static void
say_figures(FILE *out, const struct plugin *pl)
{
	static const struct {
		const char *label, *member, *unit;
	} figures[] = {
		{ "backlog", "backlog_records", "" },
		{ "backlog_bytes", "backlog_bytes", "B" },
		{ "dead_letters", "dead_letters", "" },
		{ "held", "held", "" },
		{ "in_doubt", "in_doubt_total", "c" },
		{ "received", "received_total", "c" },
		{ "delivered", "delivered_total", "c" },
		{ "settled", "settled_total", "c" },
	};
	char warning[32], critical[32];

	(void)fprintf(out, " | oldest=%.3fs;%s;%s;0", number_of(pl, "oldest_age_s"),
	    limit_text(warning, sizeof(warning), pl->limits->age_warning_ms),
	    limit_text(critical, sizeof(critical), pl->limits->age_critical_ms));
	for (size_t i = 0; i < ARRAY_LEN(figures); i++)
		(void)fprintf(out, " %s=%.0f%s;;;0", figures[i].label,
		    number_of(pl, figures[i].member), figures[i].unit);
}

static void
say_words(FILE *out, const struct plugin *pl)
{
	const json_t *age = json_object_get(pl->status, "oldest_age_s");

	(void)fprintf(out, "MQBRIDGE %s: ", words[pl->result]);
	if (pl->status == NULL) {
		(void)fputs(without_bars(pl->why).text, out);
		return;
	}
	say_problems(out, pl);
	(void)fprintf(out, "%.0f/%.0f peers up; backlog %.0f",
	    number_of(pl, "peers_up"), number_of(pl, "peers"),
	    number_of(pl, "backlog_records"));
	if (json_is_number(age))
		(void)fprintf(out, ", oldest %.0fs%s", json_number_value(age),
		    judge_age(pl) == PLUGIN_OK ? "" : " (too old)");
	(void)fprintf(out, "; dead letters %.0f; in doubt %.0f",
	    number_of(pl, "dead_letters"), number_of(pl, "in_doubt_total"));
}

static void
say_line(FILE *out, const struct plugin *pl)
{
	say_words(out, pl);
	if (pl->status != NULL)
		say_figures(out, pl);
	(void)fputs("\n", out);
}

/* The one item of the document; NULL: no memory. */
static json_t *
item_of(const struct plugin *pl)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	json_t *item;

	if (out == NULL)
		return NULL;
	say_words(out, pl);
	(void)fclose(out);
	item = json_pack("{s:s, s:i, s:s, s:O?}", "result", words[pl->result],
	    "exit_status", (int)pl->result, "text", text, "status", pl->status);
	free(text);
	return item;
}

static void
say_json(FILE *out, const struct plugin *pl, const char *name)
{
	struct control_reply reply = {
		.kind = "check", .items = json_array(), .warnings = json_array()
	};
	struct text text;

	text_init(&text, ASK_ANSWER_MAX);
	(void)json_array_append_new(reply.items, item_of(pl));
	reply_write_json(&text, name, clock_wall_ns(), &reply);
	/* Without the empty line that ends it on a socket. */
	if (text.rc == 0)
		(void)fwrite(text.bytes, 1, text.len - 1, out);
	text_done(&text);
	json_decref(reply.items);
	json_decref(reply.warnings);
}

/* A daemon that is not there carries nothing; not to be allowed to ask says nothing. */
static enum plugin_status
judge_failure(int status)
{
	return status == CTL_NO_DAEMON ? PLUGIN_CRITICAL : PLUGIN_UNKNOWN;
}

enum plugin_status
plugin_run(FILE *out, struct query *qu, const struct plugin_limits *limits, int as_json)
{
	struct plugin pl = { .limits = limits, .why = qu->why };
	json_t *document = NULL;
	int status = query_run(qu, &document, "show status");
	const char *name = string_of(document, "name");

	pl.status = json_array_get(json_object_get(document, "items"), 0);
	if (pl.status != NULL)
		judge(&pl);
	else
		pl.result = judge_failure(status);
	if (as_json)
		say_json(out, &pl, name[0] == '\0' ? "?" : name);
	else
		say_line(out, &pl);
	json_decref(document);
	return pl.result;
}

void
plugin_misused(FILE *out, int as_json)
{
	const struct plugin_limits none = { 0 };
	const struct plugin pl = {
		.why = "it was called wrongly; its standard error tells how",
		.limits = &none,
		.result = PLUGIN_UNKNOWN
	};

	if (as_json)
		say_json(out, &pl, "?");
	else
		say_line(out, &pl);
}
