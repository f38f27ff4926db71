#include "control/answer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/quote.h"
#include "control/command.h"
#include "control/reply.h"
#include "control/request.h"
#include "control/server.h"
#include "control/text.h"

struct answerer {
	const char *name;
	void *context;                    /* of the commands that were given */
	struct control_command *commands; /* the given ones, and "help" behind them */
	size_t n;
};

static int
run_help(void *context, struct control_reply *reply)
{
	const struct answerer *an = context;

	reply->kind = "help";
	for (size_t i = 0; i < an->n; i++) {
		const struct control_command *cm = &an->commands[i];
		json_t *item =
		    json_pack("{s:s, s:s}", "command", cm->words, "help", cm->help);

		if (json_array_append_new(reply->items, item) != 0)
			return -ENOMEM;
	}
	return 0;
}

static const struct control_column help_columns[] = {
	{ "command", "COMMAND" },
	{ "help", "SHOWS" },
	{ NULL, NULL },
};

static const struct control_command help_command = {
	.words = "help",
	.help =
	    "these commands; each word may be abbreviated; \"json\" at the end for JSON",
	.columns = help_columns,
	.run = run_help,
};

int
answerer_new(struct answerer **ret, const struct control_spec *spec)
{
	struct answerer *an = calloc(1, sizeof(*an));

	if (an == NULL)
		return -ENOMEM;
	an->name = spec->name;
	an->context = spec->context;
	an->n = spec->n_commands + 1;
	an->commands = calloc(an->n, sizeof(*an->commands));
	if (an->commands == NULL) {
		answerer_free(an);
		return -ENOMEM;
	}
	for (size_t i = 0; i < spec->n_commands; i++)
		an->commands[i] = spec->commands[i];
	an->commands[spec->n_commands] = help_command;
	*ret = an;
	return 0;
}

void
answerer_free(struct answerer *an)
{
	if (an == NULL)
		return;
	free(an->commands);
	free(an);
}

/* What is wrong with a line that request_split() did not take. */
static const char *
split_fault(int rc)
{
	switch (rc) {
	case -EMSGSIZE:
		return "the request is too long";
	case -EILSEQ:
		return "the request has control characters, or is not UTF-8";
	default:
		return "the request has too many words";
	}
}

/* The command of a line. Returns 0, or -errno with the reason in why. */
static int
find_command(const struct answerer *an, const struct control_command **ret,
    char why[REQUEST_WHY_MAX], const char *line, size_t len)
{
	struct request_match match;
	struct request rq;
	int rc;

	rc = request_split(&rq, line, len);
	if (rc != 0) {
		(void)snprintf(why, REQUEST_WHY_MAX, "%s", split_fault(rc));
		return rc;
	}
	rc = request_match(&match, why, &rq, an->commands, an->n);
	if (rc != 0)
		return rc;
	if (match.n_words < rq.n_words) {
		(void)snprintf(why, REQUEST_WHY_MAX,
		    "\"%s\" takes nothing behind it: \"%s\"", match.command->words,
		    quote(rq.words[match.n_words]).text);
		return -E2BIG;
	}
	*ret = match.command;
	return 0;
}

static void
answer_refusal(struct text *out, bool as_json, int rc, const struct control_reply *rp)
{
	const char *why = rp->error == NULL ? strerror(-rc) : rp->error;

	text_clear(out);
	reply_write_error(out, as_json, reply_fault_of(rc), quote(why).text);
}

/* Run a command that was found and write what it says. */
static void
answer_command(struct answerer *an, struct text *out, const struct control_command *cm,
    bool as_json)
{
	struct control_reply reply = { 0 };
	int rc = -ENOMEM;

	reply.items = json_array();
	reply.warnings = json_array();
	if (reply.items != NULL && reply.warnings != NULL)
		rc = cm->run(cm->run == run_help ? an : an->context, &reply);
	if (rc != 0)
		answer_refusal(out, as_json, rc, &reply);
	else if (as_json)
		reply_write_json(out, an->name, clock_wall_ns(), &reply);
	else
		reply_write_text(out, cm, &reply);
	json_decref(reply.items);
	json_decref(reply.warnings);
}

int
answerer_run(struct answerer *an, struct text *out, const char *line, size_t len)
{
	bool as_json = request_wants_json(line, len);
	const struct control_command *cm = NULL;
	char why[REQUEST_WHY_MAX];

	if (find_command(an, &cm, why, line, len) == 0)
		answer_command(an, out, cm, as_json);
	else
		reply_write_error(out, as_json, REPLY_USAGE, why);
	if (out->rc == -EFBIG) {
		text_clear(out);
		reply_write_error(
		    out, as_json, REPLY_REFUSED, "the answer would exceed 4 MiB");
	}
	return out->rc;
}
