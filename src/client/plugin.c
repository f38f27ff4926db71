#include "client/plugin.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include <jansson.h>

#include "base/compiler.h"
#include "base/quote.h"
#include "base/state.h"
#include "client/ctl.h"
#include "client/query.h"
#include "control/reply.h"

#define MS_PER_S      1000
#define PROBLEMS_SAID 3 /* in words, on the one line; the others are counted */

static const char *const words[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

/* What the one item of "show status" says, judged. */
struct plugin {
	const json_t *status; /* borrowed */
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

static void
say_problems(FILE *out, const struct plugin *pl)
{
	const json_t *problems = json_object_get(pl->status, "problems");
	json_int_t count =
	    json_integer_value(json_object_get(pl->status, "problems_count"));
	size_t n = json_array_size(problems);

	if (n > PROBLEMS_SAID)
		n = PROBLEMS_SAID;
	/* A bar would end the text and begin the figures. */
	for (size_t i = 0; i < n; i++) {
		struct quoted text =
		    quote(string_of(json_array_get(problems, i), "text"));

		for (char *bar = strchr(text.text, '|'); bar != NULL;
		     bar = strchr(bar, '|'))
			*bar = '/';
		(void)fprintf(out, "%s; ", text.text);
	}
	if (count > (json_int_t)n)
		(void)fprintf(
		    out, "and %" JSON_INTEGER_FORMAT " more; ", count - (json_int_t)n);
}

static double
number_of(const struct plugin *pl, const char *member)
{
	return json_number_value(json_object_get(pl->status, member));
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
		{ "received", "received_total", "c" },
		{ "delivered", "delivered_total", "c" },
		{ "settled", "settled_total", "c" },
	};
	char warning[32] = "", critical[32] = "";

	if (pl->limits->age_warning_ms > 0)
		(void)snprintf(warning, sizeof(warning), "%" PRIu64,
		    pl->limits->age_warning_ms / MS_PER_S);
	if (pl->limits->age_critical_ms > 0)
		(void)snprintf(critical, sizeof(critical), "%" PRIu64,
		    pl->limits->age_critical_ms / MS_PER_S);
	(void)fprintf(out, " | oldest=%.0fs;%s;%s;0", number_of(pl, "oldest_age_s"),
	    warning, critical);
	for (size_t i = 0; i < ARRAY_LEN(figures); i++)
		(void)fprintf(out, " %s=%.0f%s;;;0", figures[i].label,
		    number_of(pl, figures[i].member), figures[i].unit);
	(void)fputs("\n", out);
}

static void
say_line(FILE *out, const struct plugin *pl)
{
	const json_t *age = json_object_get(pl->status, "oldest_age_s");

	(void)fprintf(out, "MQBRIDGE %s: ", words[pl->result]);
	say_problems(out, pl);
	(void)fprintf(out, "%.0f/%.0f peers up; backlog %.0f",
	    number_of(pl, "peers_up"), number_of(pl, "peers"),
	    number_of(pl, "backlog_records"));
	if (json_is_number(age))
		(void)fprintf(out, ", oldest %.0fs%s", json_number_value(age),
		    judge_age(pl) == PLUGIN_OK ? "" : " (too old)");
	(void)fprintf(out, "; dead letters %.0f", number_of(pl, "dead_letters"));
	say_figures(out, pl);
}

static void
say_json(FILE *out, const struct plugin *pl, const json_t *document)
{
	json_t *says = json_pack("{s:s, s:O, s:O, s:s, s:[{s:s, s:i, s:O}], s:[]}",
	    "schema", REPLY_SCHEMA, "time", json_object_get(document, "time"), "name",
	    json_object_get(document, "name"), "kind", "check", "items", "result",
	    words[pl->result], "exit_status", (int)pl->result, "status", pl->status,
	    "warnings");

	if (says == NULL || json_dumpf(says, out, JSON_ENSURE_ASCII) < 0)
		(void)fputs("{}", out);
	(void)fputs("\n", out);
	json_decref(says);
}

static enum plugin_status
say_failure(FILE *out, const struct query *qu, int status)
{
	/* A daemon that is not there carries nothing; not to be allowed to ask says nothing. */
	enum plugin_status result =
	    status == CTL_NO_DAEMON ? PLUGIN_CRITICAL : PLUGIN_UNKNOWN;

	(void)fprintf(out, "MQBRIDGE %s: %s\n", words[result], qu->why);
	return result;
}

enum plugin_status
plugin_run(FILE *out, struct query *qu, const struct plugin_limits *limits, int as_json)
{
	struct plugin pl = { .limits = limits };
	json_t *document = NULL;
	int status = query_run(qu, &document, "show status");

	if (document == NULL)
		return say_failure(out, qu, status);
	pl.status = json_array_get(json_object_get(document, "items"), 0);
	judge(&pl);
	if (as_json)
		say_json(out, &pl, document);
	else
		say_line(out, &pl);
	json_decref(document);
	return pl.result;
}
