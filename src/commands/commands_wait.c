#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assembly/assembly.h"
#include "assembly/backlog_mark.h"
#include "base/quote.h"
#include "commands/commands.h"
#include "commands/commands_steer.h"
#include "commands/steer_choice.h"
#include "commands/watch.h"
#include "config/conf.h"
#include "control/item.h"
#include "endpoint/delivery.h"
#include "endpoint/intake.h"
#include "link/link.h"

const struct control_column commands_wait_columns[] = {
	{ "condition", "condition" },
	{ "name", "name" },
	{ "waited_s", "waited (s)" },
	{ NULL, NULL },
};

/* What one route held when the waiting began. */
struct held {
	char name[PAUSE_NAME];
	struct backlog_mark mark;
};

struct wait {
	struct watch watch; /* first: a watch is cast to its wait */
	const char *condition;
	/* 1: it is so; 0: not yet; -ENOENT: what was named is no more. why: PAUSE_NAME + 128
	 * bytes on what is missing. */
	int (*look)(struct wait *wt, char *why, size_t size);
	char name[PAUSE_NAME]; /* of the route or peer, "" */
	struct held *held;
	size_t n_held;
	char why[PAUSE_NAME + 192];
};

static int
look_ready(struct wait *wt, char *why, size_t size)
{
	const struct assembly *as = wt->watch.cx->assembly;

	if (wt->watch.cx->stopping) {
		(void)snprintf(why, size, "the daemon is stopping");
		return 0;
	}
	for (size_t i = 0; i < as->n_queues; i++) {
		const struct assembly_queue *aq = as->queues[i];
		struct intake_numbers in = { .attached = true };
		struct target_numbers tg = { .attached = true };

		if (aq->intake != NULL)
			intake_numbers(aq->intake, &in);
		if (aq->target != NULL)
			target_numbers(aq->target, &tg);
		if (in.attached && tg.attached)
			continue;
		(void)snprintf(
		    why, size, "queue %s is not attached", quote(aq->conf->name).text);
		return 0;
	}
	return 1;
}

static int
look_connected(struct wait *wt, char *why, size_t size)
{
	const struct assembly_peer *ap =
	    steer_peer_find(wt->watch.cx->assembly, wt->name);
	struct peer_numbers pn;

	if (ap == NULL)
		return -ENOENT;
	peer_numbers(ap->peer, &pn);
	if (pn.state == STATE_CONNECTED)
		return 1;
	(void)snprintf(why, size, "peer %s is not connected", quote(wt->name).text);
	return 0;
}

static int
look_empty(struct wait *wt, char *why, size_t size)
{
	const struct assembly_route *ar =
	    steer_route_find(wt->watch.cx->assembly, wt->name);

	if (ar == NULL)
		return -ENOENT;
	if (backlog_empty(ar))
		return 1;
	(void)snprintf(
	    why, size, "%s: %" PRIu64 " left", quote(wt->name).text, backlog_left(ar));
	return 0;
}

static int
look_settled(struct wait *wt, char *why, size_t size)
{
	const struct assembly *as = wt->watch.cx->assembly;

	for (size_t i = 0; i < wt->n_held; i++) {
		const struct backlog_mark *mark = &wt->held[i].mark;
		const struct assembly_route *ar =
		    steer_route_find(as, wt->held[i].name);

		if (ar != NULL && !backlog_is_of(mark, ar))
			ar = NULL;
		if (ar == NULL && wt->name[0] != '\0')
			return -ENOENT;
		if (ar == NULL || backlog_settled(mark, ar))
			continue;
		(void)snprintf(why, size, "%s: %" PRIu64 " left",
		    quote(wt->held[i].name).text, backlog_left(ar));
		return 0;
	}
	return 1;
}

static void
wait_look(struct watch *wa)
{
	struct wait *wt = (struct wait *)wa;
	int rc = wt->look(wt, wt->why, sizeof(wt->why));

	if (rc == -ENOENT)
		(void)snprintf(wt->why, sizeof(wt->why), "a reload has taken %s away",
		    quote(wt->name).text);
	if (rc != 0)
		watch_end(wa, rc < 0 ? rc : 0);
}

static void
wait_tell(struct watch *wa, struct text *out)
{
	const struct wait *wt = (const struct wait *)wa;
	json_t *object;
	char *dump;

	if (!wa->reply->as_json) {
		text_puts(out, wt->why);
		text_puts(out, "\n");
		return;
	}
	object = json_pack("{s:s, s:s}", "progress", "wait", "text", wt->why);
	dump = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
	text_puts(out, dump == NULL ? "{}" : dump);
	text_puts(out, "\n");
	free(dump);
	json_decref(object);
}

static int
wait_fill(struct watch *wa, struct control_reply *reply, int rc)
{
	const struct wait *wt = (const struct wait *)wa;
	struct item it;

	reply->kind = "wait";
	if (rc < 0)
		return control_reply_refuse(reply, rc, "%s%s",
		    rc == CONTROL_UNREACHED ? "not in time: " : "", wt->why);
	item_begin(&it);
	item_text(&it, "condition", wt->condition);
	item_text(&it, "name", wt->name);
	item_real(&it, "waited_s", (double)watch_ms(wa) / 1000);
	return item_end(&it, reply->items);
}

static void
wait_end(struct watch *wa)
{
	struct wait *wt = (struct wait *)wa;

	free(wt->held);
	free(wt);
}

static int
wait_mark(struct wait *wt)
{
	const struct assembly *as = wt->watch.cx->assembly;

	wt->held = calloc(as->n_routes + 1, sizeof(*wt->held));
	if (wt->held == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < as->n_routes; i++) {
		const char *name = as->routes[i]->conf->name;
		struct held *hd = &wt->held[wt->n_held];

		if (wt->name[0] != '\0' && strcmp(name, wt->name) != 0)
			continue;
		(void)snprintf(hd->name, sizeof(hd->name), "%s", name);
		backlog_mark(&hd->mark, as, as->routes[i]);
		wt->n_held++;
	}
	return 0;
}

/* The name that stands first, of a route or a peer. */
static int
wait_name(struct wait *wt, struct control_reply *reply, bool peer)
{
	const struct assembly *as = wt->watch.cx->assembly;
	const char *name = reply->args[0];
	bool known = peer ? steer_peer_find(as, name) != NULL
			  : steer_route_find(as, name) != NULL;

	if (!known)
		return steer_absent(reply, peer ? "peer" : "route", name);
	(void)snprintf(wt->name, sizeof(wt->name), "%s", name);
	return 0;
}

/* "wait settled timeout 5s" names no route. */
static bool
is_settled_named(const struct control_reply *reply)
{
	return reply->n_args % 2 == 1 ||
	       (reply->n_args > 0 && strcmp(reply->args[0], "timeout") != 0);
}

enum wait_kind { WAIT_READY, WAIT_CONNECTED, WAIT_EMPTY, WAIT_SETTLED };

static int
wait_begin(
    struct commands_context *cx, struct control_reply *reply, enum wait_kind kind)
{
	static const struct watch_ops ops = { wait_look, wait_tell, wait_fill,
		wait_end };
	static const struct {
		const char *name;
		int (*look)(struct wait *wt, char *why, size_t size);
	} rows[] = {
		[WAIT_READY] = { "ready", look_ready },
		[WAIT_CONNECTED] = { "connected", look_connected },
		[WAIT_EMPTY] = { "empty", look_empty },
		[WAIT_SETTLED] = { "settled", look_settled },
	};
	struct wait *wt = calloc(1, sizeof(*wt));
	bool named = kind == WAIT_CONNECTED || kind == WAIT_EMPTY ||
		     (kind == WAIT_SETTLED && is_settled_named(reply));
	uint64_t timeout_ms = 0;
	int rc;

	if (wt == NULL)
		return -ENOMEM;
	wt->watch.ops = &ops;
	wt->watch.cx = cx;
	wt->condition = rows[kind].name;
	wt->look = rows[kind].look;
	rc = steer_timeout_parse(&timeout_ms, reply, named ? 1 : 0);
	if (rc == 0 && named)
		rc = wait_name(wt, reply, kind == WAIT_CONNECTED);
	if (rc == 0 && kind == WAIT_SETTLED)
		rc = wait_mark(wt);
	if (rc != 0) {
		wait_end(&wt->watch);
		return rc;
	}
	rc = watch_begin(&wt->watch, reply, cx, timeout_ms);
	if (rc < 0)
		wait_end(&wt->watch);
	return rc;
}

int
commands_wait_ready(void *context, struct control_reply *reply)
{
	return wait_begin(context, reply, WAIT_READY);
}

int
commands_wait_connected(void *context, struct control_reply *reply)
{
	return wait_begin(context, reply, WAIT_CONNECTED);
}

int
commands_wait_empty(void *context, struct control_reply *reply)
{
	return wait_begin(context, reply, WAIT_EMPTY);
}

int
commands_wait_settled(void *context, struct control_reply *reply)
{
	return wait_begin(context, reply, WAIT_SETTLED);
}
