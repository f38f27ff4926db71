#include "commands/commands_steer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "assembly/assembly.h"
#include "base/log.h"
#include "base/quote.h"
#include "commands/commands.h"
#include "commands/steer_choice.h"
#include "config/conf.h"
#include "control/item.h"
#include "link/link.h"

/* ---- reconnect ----------------------------------------------------------------------- */

const struct control_column commands_reconnect_columns[] = {
	{ "name", "name" },
	{ "state", "state" },
	{ "address", "address" },
	{ NULL, NULL },
};

int
commands_reconnect(void *context, struct control_reply *reply)
{
	const struct commands_context *cx = context;
	const struct assembly_peer *ap = steer_peer_find(cx->assembly, reply->args[0]);
	struct peer_numbers pn;
	struct item it;

	if (ap == NULL)
		return steer_absent(reply, "peer", reply->args[0]);
	peer_reconnect(ap->peer);
	peer_numbers(ap->peer, &pn);
	reply->kind = "reconnect";
	item_begin(&it);
	item_text(&it, "name", ap->conf->name);
	item_text(&it, "state", state_name(pn.state));
	item_text(&it, "address", pn.address);
	return item_end(&it, reply->items);
}

/* ---- log ----------------------------------------------------------------------------- */

const struct control_column commands_log_columns[] = {
	{ "area", "AREA" },
	{ "level", "LEVEL" },
	{ NULL, NULL },
};

static int
log_change(struct control_reply *reply)
{
	const char *area = reply->n_args > 1 ? reply->args[1] : NULL;
	enum log_level level;

	if (log_level_parse(&level, reply->args[0]) < 0)
		return control_reply_refuse(reply, -EINVAL,
		    "\"%s\" must be error, warn, info or debug",
		    quote(reply->args[0]).text);
	if (log_level_set(level, area) < 0)
		return control_reply_refuse(reply, -ENOENT,
		    "no area of the log is called %s; \"log\" shows them",
		    quote(area).text);
	log_info("daemon", "log level of %s is %s now, as uid %lu asked",
	    area == NULL ? "all areas" : area, log_level_name(level),
	    (unsigned long)reply->caller->uid);
	return 0;
}

int
commands_log(void *context, struct control_reply *reply)
{
	enum log_level level;
	const char *area;
	int rc = 0;

	(void)context;
	reply->kind = "log";
	for (size_t i = 0; rc == 0 && (area = log_area(i, &level)) != NULL; i++) {
		struct item it;

		item_begin(&it);
		item_text(&it, "area", area);
		item_text(&it, "level", log_level_name(level));
		rc = item_end(&it, reply->items);
	}
	return rc;
}

int
commands_log_change(void *context, struct control_reply *reply)
{
	int rc = log_change(reply);

	return rc == 0 ? commands_log(context, reply) : rc;
}
