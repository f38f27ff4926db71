#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assembly/assembly.h"
#include "assembly/backlog_mark.h"
#include "assembly/hold.h"
#include "assembly/numbers.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/quote.h"
#include "base/reason.h"
#include "base/state.h"
#include "commands/commands.h"
#include "commands/commands_steer.h"
#include "commands/steer_choice.h"
#include "commands/watch.h"
#include "config/conf.h"
#include "control/item.h"

#define TOLD_MAX 8 /* lines of routes in a piece; the others are counted */
#define TELL_MAX (192 + 2 * QUOTE_MAX) /* bytes of such a line with its NUL */

const struct control_column commands_drain_columns[] = {
	{ "route", "ROUTE" },
	{ "outcome", "OUTCOME" },
	{ "settled", "SETTLED" },
	{ "left", "LEFT" },
	{ "waited_s", "WAITED (S)" },
	{ NULL, NULL },
};

/* A route that is to become empty. */
struct draining {
	char name[PAUSE_NAME];
	struct backlog_mark mark;
	bool shared; /* others take from its queue: that is read on */
	bool done;
	uint64_t settled_before, settled;
	uint64_t told; /* settled, when it was told last */
	uint64_t left;
};

struct drain {
	struct watch watch; /* first: a watch is cast to its drain */
	struct steer_choice choice;
	bool began; /* all of the choice */
	bool empty; /* the pauses are on their way to the disk */
	uid_t uid;
	struct draining *routes;
	size_t n;
	uint64_t told_ms;
};

/* Is the route one of those that were named, by itself or by its peer? */
static bool
drain_means(const struct drain *dr, const struct conf_route *cr)
{
	for (size_t i = 0; i < dr->choice.n; i++) {
		const struct steer_object *so = &dr->choice.objects[i];
		const char *name = so->kind == PAUSE_ROUTE ? cr->name : cr->to_peer;

		if (name != NULL && strcmp(so->name, name) == 0)
			return true;
	}
	return false;
}

static void
drain_look_at(struct draining *dg, const struct assembly *as)
{
	const struct assembly_route *ar = steer_route_find(as, dg->name);
	struct outlet_numbers nb;

	/* A reload took it away: nothing is left to do here. */
	if (ar == NULL) {
		dg->done = true;
		dg->left = 0;
		return;
	}
	outlet_numbers(ar->outlet, &nb);
	/* A reload gave the name to a route from or to elsewhere, which counts from 0. */
	if (!backlog_is_of(&dg->mark, ar)) {
		backlog_mark(&dg->mark, as, ar);
		dg->settled_before = dg->told = nb.settled;
	}
	dg->settled = nb.settled;
	dg->left = nb.stream.waiting + nb.stream.in_flight;
	dg->done = backlog_settled(&dg->mark, ar) && (dg->shared || backlog_empty(ar));
}

/* ---- the end ----------------------------------------------------------------------- */

static void
drain_on_saved(void *owner, int rc)
{
	struct drain *dr = owner;

	if (rc < 0)
		(void)control_reply_refuse(dr->watch.reply, rc,
		    "it is empty and paused, but a restart would forget the pause: "
		    "cannot write the file " PAUSE_FILE ": %s",
		    strerror(-rc));
	watch_end(&dr->watch, rc);
}

static void
log_drained(const struct drain *dr)
{
	for (size_t i = 0; i < dr->n; i++) {
		const struct draining *dg = &dr->routes[i];

		log_event(EVENT_ROUTE_DRAINED,
		    &(struct log_fields){
			.route = dg->name, .reason = reason_name(REASON_PAUSED) },
		    "route %s: drained, %" PRIu64 " messages settled; it is paused now",
		    quote(dg->name).text, dg->settled - dg->settled_before);
	}
}

/* All are empty: what was a drain becomes a pause. */
static void
drain_finish(struct drain *dr)
{
	struct pauses *ps = dr->watch.cx->assembly->pauses;
	int rc = 0;

	dr->empty = true;
	dr->watch.deadline_ms = 0;
	for (size_t i = 0; rc >= 0 && i < dr->choice.n; i++) {
		const struct steer_object *so = &dr->choice.objects[i];
		struct pause pa = { .kind = so->kind,
			.drained = true,
			.uid = dr->uid,
			.wall_ns = clock_wall_ns() };

		memcpy(pa.name, so->name, sizeof(pa.name));
		rc = pauses_set(ps, &pa);
		(void)pauses_drain_end(ps, so->kind, so->name);
	}
	dr->began = false;
	hold_apply(dr->watch.cx->assembly);
	log_drained(dr);
	if (rc >= 0)
		rc = pauses_save(ps, drain_on_saved, dr);
	if (rc < 0)
		watch_end(&dr->watch, rc);
}

/* A pause or resume of one of them has ended it. */
static bool
drain_is_broken(const struct drain *dr)
{
	const struct pauses *ps = dr->watch.cx->assembly->pauses;

	for (size_t i = 0; i < dr->choice.n; i++) {
		const struct steer_object *so = &dr->choice.objects[i];

		if (!pauses_is_draining(ps, so->kind, so->name))
			return true;
	}
	return false;
}

static void
drain_look(struct watch *wa)
{
	struct drain *dr = (struct drain *)wa;
	bool done = true;

	if (dr->empty)
		return;
	if (drain_is_broken(dr)) {
		watch_end(wa, control_reply_refuse(wa->reply, -EINTR,
				  "a pause or a resume has ended it"));
		return;
	}
	for (size_t i = 0; i < dr->n; i++) {
		drain_look_at(&dr->routes[i], wa->cx->assembly);
		done = done && dr->routes[i].done;
	}
	if (done)
		drain_finish(dr);
}

static void
drain_end(struct watch *wa)
{
	struct drain *dr = (struct drain *)wa;
	struct pauses *ps = wa->cx->assembly->pauses;

	pauses_forget(ps, dr);
	for (size_t i = 0; dr->began && i < dr->choice.n; i++)
		(void)pauses_drain_end(
		    ps, dr->choice.objects[i].kind, dr->choice.objects[i].name);
	if (dr->began)
		hold_apply(wa->cx->assembly);
	steer_choice_done(&dr->choice);
	free(dr->routes);
	free(dr);
}

/* ---- what is told ------------------------------------------------------------------ */

/* What is wrong with it, if anything is, behind how far it is. */
static void
tell_words(const struct draining *dg, uint64_t rate, const struct numbers_health *he,
    char *line)
{
	bool wrong = state_rank(he->state) != STATE_GOOD && he->state != STATE_DRAINING;
	int n = snprintf(line, TELL_MAX, "%s: %" PRIu64 " left, %" PRIu64 "/s",
	    quote(dg->name).text, dg->left, rate);

	if (wrong)
		n += snprintf(line + n, TELL_MAX - n, "; %s (%s%s%s)",
		    state_name(he->state),
		    he->host[0] != '\0' ? quote(he->host).text : "",
		    he->host[0] != '\0' ? ": " : "", reason_name(he->reason));
	(void)snprintf(line + n, TELL_MAX - n, "\n");
}

static void
tell_route(
    const struct drain *dr, struct draining *dg, uint64_t since_ms, struct text *out)
{
	const struct assembly *as = dr->watch.cx->assembly;
	struct assembly_route *ar = steer_route_find(as, dg->name);
	uint64_t done = dg->settled - dg->told;
	uint64_t rate = since_ms == 0 ? 0 : done * 1000 / since_ms;
	struct numbers_route nr;
	char line[TELL_MAX];
	json_t *object;
	char *dump;

	dg->told = dg->settled;
	if (ar == NULL) /* a reload took it away since the last look */
		return;
	numbers_route(as, ar, &nr);
	if (!dr->watch.reply->as_json) {
		tell_words(dg, rate, &nr.health, line);
		text_puts(out, line);
		return;
	}
	object = json_pack("{s:s, s:s, s:I, s:I, s:s, s:s}", "progress", "drain",
	    "route", quote(dg->name).text, "left", (json_int_t)dg->left, "rate",
	    (json_int_t)rate, "state", state_name(nr.health.state), "reason",
	    reason_name(nr.health.reason));
	dump = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
	text_puts(out, dump == NULL ? "{}" : dump);
	text_puts(out, "\n");
	free(dump);
	json_decref(object);
}

static void
drain_tell(struct watch *wa, struct text *out)
{
	struct drain *dr = (struct drain *)wa;
	uint64_t now = clock_monotonic_ms();
	size_t told = 0, more = 0;
	char line[64];

	for (size_t i = 0; i < dr->n; i++) {
		if (dr->routes[i].done)
			continue;
		if (told++ < TOLD_MAX)
			tell_route(dr, &dr->routes[i], now - dr->told_ms, out);
		else
			more++;
	}
	dr->told_ms = now;
	if (more == 0 || wa->reply->as_json)
		return;
	(void)snprintf(line, sizeof(line), "and %zu more routes\n", more);
	text_puts(out, line);
}

static int
warn_shared(struct control_reply *reply, const struct draining *dg, int rc)
{
	if (!dg->shared || rc != 0)
		return 0;
	return json_array_append_new(reply->warnings,
	    json_sprintf("other routes take from the queue of route %s: it is read on "
			 "for them, and what is for this route waits for its resume",
		quote(dg->name).text));
}

static int
drain_fill(struct watch *wa, struct control_reply *reply, int rc)
{
	struct drain *dr = (struct drain *)wa;
	uint64_t left = 0;
	int failed = 0;

	reply->kind = "drain";
	if (rc == CONTROL_UNREACHED) {
		for (size_t i = 0; i < dr->n; i++)
			left += dr->routes[i].done ? 0 : dr->routes[i].left;
		(void)control_reply_refuse(reply, rc,
		    "not empty in time: %" PRIu64
		    " messages are left; all is as it was "
		    "before the drain",
		    left);
	}
	if (rc < 0)
		return rc;
	for (size_t i = 0; failed == 0 && i < dr->n; i++) {
		const struct draining *dg = &dr->routes[i];
		struct item it;

		item_begin(&it);
		item_text(&it, "route", dg->name);
		item_text(&it, "outcome", "drained");
		item_count(&it, "settled", dg->settled - dg->settled_before);
		item_count(&it, "left", dg->left);
		item_real(&it, "waited_s", (double)watch_ms(wa) / 1000);
		failed = item_end(&it, reply->items);
		if (failed == 0)
			failed = warn_shared(reply, dg, rc);
	}
	return failed < 0 ? -ENOMEM : 0;
}

/* ---- the beginning ----------------------------------------------------------------- */

static int
drain_routes(struct drain *dr)
{
	const struct assembly *as = dr->watch.cx->assembly;

	dr->routes = calloc(as->n_routes + 1, sizeof(*dr->routes));
	if (dr->routes == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < as->n_routes; i++) {
		const struct assembly_route *ar = as->routes[i];
		struct draining *dg = &dr->routes[dr->n];
		struct outlet_numbers nb;

		if (!drain_means(dr, ar->conf))
			continue;
		outlet_numbers(ar->outlet, &nb);
		(void)snprintf(dg->name, sizeof(dg->name), "%s", ar->conf->name);
		backlog_mark(&dg->mark, as, ar);
		dg->shared = !hold_of_queue(as, ar->from);
		dg->settled = dg->settled_before = dg->told = nb.settled;
		dr->n++;
	}
	return 0;
}

/* Each named object at most once: a drain within a drain would end with the inner one. */
static int
drain_claim(struct drain *dr, struct control_reply *reply)
{
	struct pauses *ps = dr->watch.cx->assembly->pauses;

	for (size_t i = 0; i < dr->choice.n; i++) {
		const struct steer_object *so = &dr->choice.objects[i];
		int rc = pauses_drain_begin(ps, so->kind, so->name);

		if (rc == 0)
			continue;
		while (i-- > 0)
			(void)pauses_drain_end(
			    ps, dr->choice.objects[i].kind, dr->choice.objects[i].name);
		if (rc == -EBUSY)
			(void)control_reply_refuse(reply, rc,
			    "%s %s is being drained already", steer_kind_name(so->kind),
			    quote(so->name).text);
		return rc;
	}
	dr->began = true;
	return 0;
}

int
commands_drain(void *context, struct control_reply *reply)
{
	static const struct watch_ops ops = {
		.look = drain_look,
		.tell = drain_tell,
		.fill = drain_fill,
		.end = drain_end,
	};
	struct commands_context *cx = context;
	struct drain *dr = calloc(1, sizeof(*dr));
	uint64_t timeout_ms;
	int rc;

	if (dr == NULL)
		return -ENOMEM;
	dr->watch.ops = &ops;
	dr->watch.cx = cx;
	dr->uid = reply->caller->uid;
	dr->told_ms = clock_monotonic_ms();
	rc = steer_choice_parse(&dr->choice, cx->assembly, reply, false);
	if (rc == 0)
		rc = steer_timeout_parse(&timeout_ms, reply, dr->choice.n_words);
	if (rc == 0)
		rc = drain_claim(dr, reply);
	if (rc == 0) {
		hold_apply(cx->assembly);
		rc = drain_routes(dr);
	}
	if (rc == 0)
		rc = watch_begin(&dr->watch, reply, cx, timeout_ms);
	if (rc < 0)
		drain_end(&dr->watch);
	return rc;
}
