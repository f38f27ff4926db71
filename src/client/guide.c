#include "client/guide.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "client/ask.h"
#include "client/query.h"
#include "client/screen.h"
#include "client/verbs.h"
#include "control/command.h"
#include "control/help.h"
#include "control/reply.h"
#include "control/table.h"
#include "control/text.h"

/* For a terminal, which would break the rows of a table. */
static void
print_pairs(FILE *out, const json_t *items, bool colour)
{
	json_t *item;
	size_t i;

	json_array_foreach(items, i, item)
	{
		(void)fprintf(out, "%s%s%s\n    %s (%s)\n", colour ? "\033[1m" : "",
		    json_string_value(json_object_get(item, "command")),
		    colour ? "\033[0m" : "",
		    json_string_value(json_object_get(item, "help")),
		    json_string_value(json_object_get(item, "role")));
	}
}

static int
print_reply(
    const struct guide *gd, const struct verbs *ve, const struct control_reply *reply)
{
	const char *name = json_string_value(json_object_get(ve->document, "name"));
	struct text text;
	int rc;

	text_init(&text, ASK_ANSWER_MAX);
	if (gd->as_json)
		reply_write_json(
		    &text, name == NULL ? "?" : name, clock_wall_ns(), reply);
	else
		reply_write_text(&text, &help_command, reply);
	rc = text.rc;
	/* Without the empty line that ends it on a socket. */
	if (rc == 0)
		(void)fwrite(text.bytes, 1, text.len - 1, gd->out);
	text_done(&text);
	return rc;
}

static int
print_help(
    const struct guide *gd, const struct verbs *ve, const struct control_reply *reply)
{
	struct table_style style;

	screen_style(&style, gd->out);
	if (gd->as_json || style.width == 0 || json_array_size(reply->items) == 1)
		return print_reply(gd, ve, reply);
	print_pairs(gd->out, reply->items, style.colour);
	return 0;
}

/* Returns the exit status. */
static int
fail(const struct guide *gd, const struct control_reply *reply, int rc)
{
	enum reply_fault fault = reply_fault_of(rc);
	const char *why = reply->error == NULL ? strerror(-rc) : reply->error;
	struct text text;

	(void)snprintf(gd->qu->why, sizeof(gd->qu->why), "%s", why);
	text_init(&text, ASK_ANSWER_MAX);
	reply_write_error(&text, 1, fault, why);
	if (gd->as_json && text.rc == 0)
		(void)fwrite(text.bytes, 1, text.len - 1, gd->out);
	text_done(&text);
	return (int)fault;
}

int
guide_run(const struct guide *gd)
{
	struct control_reply reply = { .items = json_array(),
		.warnings = json_array(),
		.args = gd->words,
		.n_args = gd->n };
	struct verbs ve = { 0 };
	int status = REPLY_DONE;
	int rc = -ENOMEM;

	if (reply.items != NULL && reply.warnings != NULL)
		rc = verbs_ask(&ve, gd->qu) == REPLY_DONE ? 0 : verbs_built_in(&ve);
	if (rc == 0)
		rc = help_run(&reply, ve.commands, ve.n);
	if (rc == 0)
		rc = print_help(gd, &ve, &reply);
	if (rc < 0)
		status = fail(gd, &reply, rc);
	verbs_done(&ve);
	json_decref(reply.items);
	json_decref(reply.warnings);
	return status;
}
