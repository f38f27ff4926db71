#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assembly/assembly.h"
#include "assembly/hold.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/quote.h"
#include "base/reason.h"
#include "commands/commands.h"
#include "commands/commands_steer.h"
#include "commands/steer_choice.h"
#include "config/conf.h"
#include "control/item.h"

const struct control_column commands_pause_columns[] = {
	{ "object", "OBJECT" },
	{ "name", "NAME" },
	{ "outcome", "OUTCOME" },
	{ "detail", "DETAIL" },
	{ NULL, NULL },
};

/* An answer that waits until the pauses are on the disk. */
struct pausing {
	struct control_reply *reply;
	struct pauses *pauses;
};

static void
pausing_done(void *owner, int rc)
{
	struct pausing *pg = owner;
	struct control_reply *reply = pg->reply;

	if (rc < 0)
		(void)control_reply_refuse(reply, rc,
		    "it is in force now, but a restart would forget it: cannot write "
		    "the file " PAUSE_FILE ": %s",
		    strerror(-rc));
	free(pg);
	control_reply_end(reply, rc);
}

static void
pausing_gone(void *owner)
{
	struct pausing *pg = owner;

	pauses_forget(pg->pauses, pg);
	free(pg);
}

/* The reply is filled in: it goes when all is on the disk. */
static int
answer_when_kept(const struct assembly *as, struct control_reply *reply)
{
	static const struct control_later later = { .gone = pausing_gone };
	struct pausing *pg = calloc(1, sizeof(*pg));

	if (pg == NULL)
		return -ENOMEM;
	pg->reply = reply;
	pg->pauses = as->pauses;
	if (pauses_save(as->pauses, pausing_done, pg) < 0) {
		free(pg);
		return -ENOMEM;
	}
	reply->later = &later;
	reply->owner = pg;
	return CONTROL_LATER;
}

static int
put_item(struct control_reply *reply, const struct steer_object *so,
    const char *outcome, const char *detail)
{
	struct item it;

	item_begin(&it);
	item_text(&it, "object", steer_kind_name(so->kind));
	item_text(&it, "name", so->name);
	item_text(&it, "outcome", outcome);
	item_text(&it, "detail", detail);
	return item_end(&it, reply->items);
}

static void
log_change(const struct steer_object *so, bool paused)
{
	struct log_fields fields = { .reason =
					 paused ? reason_name(REASON_PAUSED) : NULL };

	if (so->kind == PAUSE_ROUTE)
		fields.route = so->name;
	else
		fields.peer = so->name;
	if (so->kind == PAUSE_ROUTE)
		log_event(paused ? EVENT_ROUTE_PAUSED : EVENT_ROUTE_RESUMED, &fields,
		    "route %s: %s by an operator", quote(so->name).text,
		    paused ? "paused" : "resumed");
	else
		log_event(paused ? EVENT_PEER_PAUSED : EVENT_PEER_RESUMED, &fields,
		    "peer %s: %s by an operator", quote(so->name).text,
		    paused ? "paused" : "resumed");
}

static int
pause_one(const struct assembly *as, struct control_reply *reply,
    const struct steer_object *so)
{
	const struct pause *old = pauses_find(as->pauses, so->kind, so->name);
	struct pause pa = {
		.kind = so->kind, .uid = reply->caller->uid, .wall_ns = clock_wall_ns()
	};
	bool draining = pauses_drain_end(as->pauses, so->kind, so->name);
	char who[PAUSE_WHO];
	int rc;

	if (old != NULL)
		return put_item(
		    reply, so, "already-paused", pause_who(who, sizeof(who), old));
	memcpy(pa.name, so->name, sizeof(pa.name));
	rc = pauses_set(as->pauses, &pa);
	if (rc < 0) {
		reply->error = rc == -ENOSPC ? "too many pauses: resume some" : NULL;
		return rc;
	}
	log_change(so, true);
	return put_item(reply, so, "paused", draining ? "it was being drained" : NULL);
}

static int
resume_one(const struct assembly *as, struct control_reply *reply,
    const struct steer_object *so)
{
	const struct pause *old = pauses_find(as->pauses, so->kind, so->name);
	bool draining = pauses_drain_end(as->pauses, so->kind, so->name);
	char who[PAUSE_WHO] = "";

	if (old == NULL)
		return put_item(reply, so, draining ? "resumed" : "not-paused",
		    draining ? "it was being drained" : NULL);
	(void)pause_who(who, sizeof(who), old);
	(void)pauses_clear(as->pauses, so->kind, so->name);
	log_change(so, false);
	return put_item(reply, so, "resumed", who);
}

/* What was resumed and does not flow all the same. */
static int
warn_held(const struct assembly *as, struct control_reply *reply,
    const struct steer_choice *sc)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < as->n_routes; i++) {
		const struct conf_route *cr = as->routes[i]->conf;
		struct pauses_verdict vd;
		bool chosen = false;

		for (size_t k = 0; k < sc->n && !chosen; k++)
			chosen = strcmp(sc->objects[k].name,
				     sc->objects[k].kind == PAUSE_ROUTE ? cr->name
				     : cr->to_peer != NULL              ? cr->to_peer
									: "") == 0;
		hold_of_route(as, as->routes[i], &vd);
		if (!chosen || vd.pause == NULL)
			continue;
		rc = json_array_append_new(reply->warnings,
		    json_sprintf("route %s stays paused, as its %s is",
			quote(cr->name).text,
			vd.pause->kind == PAUSE_PEER ? "peer" : "own pause"));
	}
	return rc < 0 ? -ENOMEM : 0;
}

typedef int change_fn(const struct assembly *as, struct control_reply *reply,
    const struct steer_object *so);

static int
change(const struct commands_context *cx, struct control_reply *reply, change_fn *one,
    bool resumes)
{
	const struct assembly *as = cx->assembly;
	struct steer_choice sc;
	int rc;

	reply->kind = "pauses";
	rc = steer_choice_parse(&sc, as, reply, resumes);
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < sc.n; i++)
		rc = one(as, reply, &sc.objects[i]);
	hold_apply(as);
	if (rc == 0 && resumes)
		rc = warn_held(as, reply, &sc);
	steer_choice_done(&sc);
	return rc < 0 ? rc : answer_when_kept(as, reply);
}

int
commands_pause(void *context, struct control_reply *reply)
{
	return change(context, reply, pause_one, false);
}

int
commands_resume(void *context, struct control_reply *reply)
{
	return change(context, reply, resume_one, true);
}
