#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assembly/assembly.h"
#include "assembly/backlog_mark.h"
#include "base/log.h"
#include "base/quote.h"
#include "commands/commands.h"
#include "commands/commands_steer.h"
#include "commands/steer_choice.h"
#include "config/conf.h"
#include "control/item.h"
#include "endpoint/outlet.h"
#include "endpoint/outlet_purge.h"

const struct control_column commands_purge_route_columns[] = {
	{ "route", "route" },
	{ "purged", "purged" },
	{ "in_flight", "in flight" },
	{ NULL, NULL },
};

struct route_purge {
	struct control_reply *reply; /* NULL: the client has left */
	const struct assembly *assembly;
	char route[PAUSE_NAME];
	uid_t uid;
};

static int
purge_fill(const struct route_purge *rp, struct control_reply *reply, uint64_t purged)
{
	const struct assembly_route *ar = steer_route_find(rp->assembly, rp->route);
	struct outlet_numbers nb = { 0 };
	struct item it;

	if (ar != NULL)
		outlet_numbers(ar->outlet, &nb);
	reply->kind = "purge-route";
	item_begin(&it);
	item_text(&it, "route", rp->route);
	item_count(&it, "purged", purged);
	item_count(&it, "in_flight", nb.stream.in_flight);
	return item_end(&it, reply->items);
}

static void
purge_done(void *owner, int rc, uint64_t purged)
{
	struct route_purge *rp = owner;
	struct control_reply *reply = rp->reply;

	log_event(EVENT_ROUTE_PURGED, &(struct log_fields){ .route = rp->route },
	    "route %s: purged %" PRIu64
	    " messages of its backlog, as uid %lu asked%s%s",
	    quote(rp->route).text, purged, (unsigned long)rp->uid,
	    rc < 0 ? "; it ended early: " : "", rc < 0 ? strerror(-rc) : "");
	if (reply != NULL && rc < 0)
		(void)control_reply_refuse(reply, rc,
		    "purged %" PRIu64 ", then ended early: %s", purged,
		    rc == -ETIMEDOUT
			? "the rest waits for what is in flight before it, or for the disk"
		    : rc == -ECANCELED ? "the route is no more"
				       : strerror(-rc));
	if (reply != NULL)
		control_reply_end(reply, rc < 0 ? rc : purge_fill(rp, reply, purged));
	free(rp);
}

/* What was begun goes on. */
static void
purge_gone(void *owner)
{
	struct route_purge *rp = owner;

	rp->reply = NULL;
}

static int
ask(struct control_reply *reply, const struct assembly_route *ar)
{
	return control_reply_refuse(reply, CONTROL_CONFIRM,
	    "delete the %" PRIu64 " messages that wait for route %s, for ever?",
	    backlog_left(ar), quote(ar->conf->name).text);
}

static int
begin(const struct assembly *as, const struct assembly_route *ar,
    struct control_reply *reply)
{
	static const struct control_later later = { .gone = purge_gone };
	struct route_purge *rp = calloc(1, sizeof(*rp));
	int rc;

	if (rp == NULL)
		return -ENOMEM;
	rp->reply = reply;
	rp->assembly = as;
	rp->uid = reply->caller->uid;
	(void)snprintf(rp->route, sizeof(rp->route), "%s", ar->conf->name);
	rc = outlet_purge(ar->outlet, purge_done, rp);
	if (rc == 0) {
		reply->later = &later;
		reply->owner = rp;
		return CONTROL_LATER;
	}
	if (rc == -EBUSY)
		reply->error = "it is being purged already, or dead letters are being "
			       "requeued to it";
	if (rc == -ENODATA) /* it never held anything */
		rc = purge_fill(rp, reply, 0);
	free(rp);
	return rc;
}

int
commands_purge_route(void *context, struct control_reply *reply)
{
	const struct commands_context *cx = context;
	const struct assembly_route *ar =
	    steer_route_find(cx->assembly, reply->args[0]);

	if (ar == NULL)
		return steer_absent(reply, "route", reply->args[0]);
	if (!reply->confirmed)
		return ask(reply, ar);
	return begin(cx->assembly, ar, reply);
}
