#include "control/answer.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/quote.h"
#include "control/change.h"
#include "control/command.h"
#include "control/help.h"
#include "control/reply.h"
#include "control/request.h"
#include "control/roles.h"
#include "control/server.h"
#include "control/text.h"

struct answerer {
	const char *name;
	void *context;                    /* of the commands that were given */
	control_change_fn *on_change;     /* or NULL */
	struct control_command *commands; /* the given ones, and "help" behind them */
	size_t n;
};

struct answer {
	struct control_reply reply; /* first: a reply is cast to its answer */
	struct answerer *answerer;  /* borrowed, like out */
	const struct control_command *command;
	struct text *out;
	char *request; /* for on_change(); NULL: a viewer's command */
	bool in_pieces;
	bool line_open;          /* the last piece ends in the middle of a line */
	struct text written;     /* items */
	enum reply_fault *fault; /* borrowed, or NULL */
	void (*ready)(void *owner, int rc);
	void *owner;
};

static int
run_help(void *context, struct control_reply *reply)
{
	const struct answerer *an = context;

	return help_run(reply, an->commands, an->n);
}

int
answerer_new(struct answerer **ret, const struct control_spec *spec)
{
	struct answerer *an = calloc(1, sizeof(*an));

	if (an == NULL)
		return -ENOMEM;
	an->name = spec->name;
	an->context = spec->context;
	an->on_change = spec->on_change;
	an->n = spec->n_commands + 1;
	an->commands = calloc(an->n, sizeof(*an->commands));
	if (an->commands == NULL) {
		answerer_free(an);
		return -ENOMEM;
	}
	for (size_t i = 0; i < spec->n_commands; i++) {
		assert(spec->commands[i].role >= CONTROL_VIEWER);
		an->commands[i] = spec->commands[i];
	}
	an->commands[spec->n_commands] = help_command;
	an->commands[spec->n_commands].run = run_help;
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

/* What stands behind the words of the command. Takes the "yes" off. */
static void
take_arguments(struct control_reply *reply, const struct control_command *cm,
    const struct request *rq, size_t n_words)
{
	reply->args = rq->words + n_words;
	reply->confirmed = request_confirms(rq, cm, n_words);
	reply->n_args = rq->n_words - n_words - reply->confirmed;
}

/* It takes something else behind its words, and so do all that begin with them. */
static int
explain_arguments(const struct answerer *an, const struct control_reply *reply,
    char why[REQUEST_WHY_MAX], const struct control_command *cm)
{
	struct request_arguments ra;
	const char *mark = "it is: ";
	size_t forms = 0, len = 0;

	request_arguments(&ra, cm);
	for (size_t i = 0; i < an->n && len < REQUEST_WHY_MAX; i++) {
		if (!request_same_words(cm, &an->commands[i]))
			continue;
		len += (size_t)snprintf(why + len, REQUEST_WHY_MAX - len, "%s%s", mark,
		    an->commands[i].words);
		mark = ", or: ";
		forms++;
	}
	if (forms == 1 && ra.max == 0)
		(void)snprintf(why, REQUEST_WHY_MAX,
		    "\"%s\" takes nothing behind it: \"%s\"", cm->words,
		    quote(reply->args[0]).text);
	return -E2BIG;
}

/* What became of a command that not everybody may use. A question is no end of it. */
static void
tell_change(const struct answer *aw, enum reply_fault fault, const char *why)
{
	const struct answerer *an = aw->answerer;
	struct control_change change = { .caller = aw->reply.caller,
		.request = aw->request,
		.fault = fault,
		.why = why };

	if (aw->request != NULL && an->on_change != NULL && fault != REPLY_CONFIRM)
		an->on_change(an->context, &change);
}

/* Behind the words of its command; returns 0, or -errno with the reason in why. */
static int
check_words(
    struct request *rq, const struct request_match *match, char why[REQUEST_WHY_MAX])
{
	int rc = request_settle(rq, match->command, match->n_words);

	if (rc == -EINVAL)
		(void)snprintf(why, REQUEST_WHY_MAX,
		    "a word that begins with a quote ends with one, is not empty, and has "
		    "\\\", \\\\ or \\xNN for a quote, a backslash or another byte");
	else if (rc < 0)
		(void)snprintf(why, REQUEST_WHY_MAX, "%s", split_fault(rc));
	if (rc == 0 && request_is_swapped(rq, match->command, match->n_words)) {
		(void)snprintf(why, REQUEST_WHY_MAX,
		    "\"json\" is the last word, behind \"yes\"; a name \"json\" stands "
		    "in quotes");
		rc = -EINVAL;
	}
	return rc;
}

/* The command of a line, which rq keeps. Returns 0, or -errno with the reason in why. */
static int
find_command(const struct answerer *an, struct answer *aw, struct request *rq,
    char why[REQUEST_WHY_MAX])
{
	struct request_match match;
	int rc;

	rc = request_match(&match, why, rq, an->commands, an->n);
	if (rc == 0)
		rc = check_words(rq, &match, why);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < an->n; i++) {
		const struct control_command *cm = &an->commands[i];

		if (!request_same_words(match.command, cm))
			continue;
		take_arguments(&aw->reply, cm, rq, match.n_words);
		aw->command = cm;
		if (request_fits(cm, aw->reply.args, aw->reply.n_args))
			return 0;
	}
	return explain_arguments(an, &aw->reply, why, match.command);
}

int
control_reply_refuse(struct control_reply *reply, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(reply->why, sizeof(reply->why), format, args);
	va_end(args);
	reply->error = reply->why;
	return rc;
}

/* May the caller use the command? 0, or -EPERM with the reason in the reply. */
static int
answer_admit(struct answer *aw)
{
	struct control_reply *reply = &aw->reply;
	enum control_role role = aw->command->role;

	/* What more than looks is noted, so that it can be told. */
	if (role > CONTROL_VIEWER) {
		aw->request = change_request(aw->command, reply);
		if (aw->request == NULL)
			return -ENOMEM;
	}
	if (reply->caller->role >= role)
		return 0;
	roles_explain(
	    reply->why, sizeof(reply->why), aw->command->words, role, reply->caller);
	reply->error = reply->why;
	return -EPERM;
}

static void
answer_refusal(struct answer *aw, int rc)
{
	const char *why = aw->reply.error == NULL ? strerror(-rc) : aw->reply.error;
	struct quoted shown = quote(why);

	reply_write_refusal(aw->out, &aw->reply, reply_fault_of(rc), shown.text);
	tell_change(aw, reply_fault_of(rc), shown.text);
}

static void
answer_note(struct answer *aw, enum reply_fault fault)
{
	if (aw->fault != NULL)
		*aw->fault = fault;
}

/* Write what a command says that is done, behind what it has put. */
static void
answer_write(struct answer *aw, int rc)
{
	size_t before = aw->out->len;

	answer_note(aw, rc == 0 ? REPLY_DONE : reply_fault_of(rc));
	if (rc != 0)
		answer_refusal(aw, rc);
	else
		tell_change(aw, REPLY_DONE, NULL);
	if (rc == 0 && aw->reply.as_json)
		reply_write_json(
		    aw->out, aw->answerer->name, clock_wall_ns(), &aw->reply);
	else if (rc == 0)
		reply_write_text(aw->out, aw->command, &aw->reply);
	if (aw->out->rc != -EFBIG)
		return;
	aw->out->rc = 0;
	text_cut(aw->out, before);
	answer_note(aw, REPLY_REFUSED);
	reply_write_error(
	    aw->out, aw->reply.as_json, REPLY_REFUSED, "the answer would exceed 4 MiB");
}

/* Returns 0, -ENOMEM, or 1: later. */
static int
answer_run(struct answer *aw, struct request *rq)
{
	struct answerer *an = aw->answerer;
	char why[REQUEST_WHY_MAX];
	int rc = -ENOMEM;

	if (find_command(an, aw, rq, why) != 0) {
		answer_note(aw, REPLY_USAGE);
		reply_write_error(aw->out, aw->reply.as_json, REPLY_USAGE, why);
		return aw->out->rc;
	}
	aw->reply.items = json_array();
	aw->reply.warnings = json_array();
	if (aw->reply.items != NULL && aw->reply.warnings != NULL)
		rc = answer_admit(aw);
	if (rc == 0)
		rc = aw->command->run(
		    aw->command->run == run_help ? an : an->context, &aw->reply);
	aw->reply.args = NULL;
	if (rc == CONTROL_LATER)
		return 1;
	answer_write(aw, rc);
	return aw->out->rc;
}

int
answerer_run(struct answerer *an, struct answer **ret, struct text *out,
    const struct answer_request *request)
{
	bool as_json = request_wants_json(request->line, request->len);
	struct request rq;
	struct answer *aw;
	int rc = request_split(&rq, request->line, request->len);

	if (rc != 0) {
		if (request->fault != NULL)
			*request->fault = REPLY_USAGE;
		reply_write_error(out, as_json, REPLY_USAGE, split_fault(rc));
		return out->rc;
	}
	aw = calloc(1, sizeof(*aw));
	if (aw == NULL)
		return -ENOMEM;
	aw->answerer = an;
	aw->out = out;
	aw->fault = request->fault;
	text_init(&aw->written, ANSWER_MAX);
	aw->reply.as_json = as_json;
	aw->reply.caller = request->caller;
	rc = answer_run(aw, &rq);
	if (rc == 1) {
		*ret = aw;
		return 1;
	}
	aw->reply.later = NULL;
	answer_free(aw);
	return rc;
}

void
answer_listen(struct answer *aw, void (*ready)(void *owner, int rc), void *owner)
{
	aw->ready = ready;
	aw->owner = owner;
}

void
answer_taken(struct answer *aw)
{
	if (aw->reply.later != NULL && aw->reply.later->taken != NULL)
		aw->reply.later->taken(aw->reply.owner);
}

void
answer_free(struct answer *aw)
{
	if (aw == NULL)
		return;
	if (aw->reply.later != NULL) {
		tell_change(aw, REPLY_REFUSED, "the client left before its end");
		aw->reply.later->gone(aw->reply.owner);
	}
	json_decref(aw->reply.items);
	json_decref(aw->reply.warnings);
	text_done(&aw->written);
	free(aw->request);
	free(aw);
}

void
control_reply_write(struct control_reply *reply)
{
	struct answer *aw = (struct answer *)reply;

	/* The widths of a table's columns are those of all its rows. */
	if (!reply->as_json)
		return;
	reply_write_items(&aw->written, reply->items);
	reply->written = &aw->written;
	(void)json_array_clear(reply->items);
}

void
control_reply_put(struct control_reply *reply, const void *bytes, size_t len)
{
	struct answer *aw = (struct answer *)reply;

	aw->in_pieces = true;
	if (len > 0)
		aw->line_open = ((const char *)bytes)[len - 1] != '\n';
	text_put(aw->out, bytes, len);
	aw->ready(aw->owner, aw->out->rc);
}

void
control_reply_end(struct control_reply *reply, int rc)
{
	struct answer *aw = (struct answer *)reply;

	reply->later = NULL;
	if (aw->in_pieces && rc == 0 && reply->kind == NULL) {
		answer_note(aw, REPLY_DONE);
		tell_change(aw, REPLY_DONE, NULL);
		text_puts(aw->out, "\n");
	} else if (!aw->line_open) {
		answer_write(aw, rc);
		rc = 0;
	} else {
		answer_note(aw, reply_fault_of(rc));
		tell_change(aw, reply_fault_of(rc), "it was broken off");
	}
	if (rc == 0)
		rc = aw->out->rc;
	aw->ready(aw->owner, rc < 0 ? rc : 1);
}
