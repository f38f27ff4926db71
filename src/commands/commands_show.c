#include "commands/commands_show.h"

#include <errno.h>
#include <stdio.h>

#include "assembly/assembly.h"
#include "assembly/numbers.h"
#include "base/clock.h"
#include "base/histogram.h"
#include "commands/commands.h"
#include "commands/listing.h"
#include "config/conf.h"
#include "control/item.h"
#include "link/link.h"
#include "service/turns.h"
#include "wire/frame.h"

#define NS_PER_S     1000000000
#define SLOW_TURN_NS 10000000
#define WORDS_MAX    1024

void
show_health(struct item *it, const struct numbers_health *he)
{
	item_text(it, "state", state_name(he->state));
	item_text(it, "reason", reason_name(he->reason));
	item_text(it, "host", he->host);
	item_text(it, "detail", he->detail);
	item_text(it, "mend", reason_mend(he->reason));
	if (he->since_ms != 0)
		item_count(it, "since_s", numbers_since_s(he));
	else
		item_null(it, "since_s");
}

/* ---- status ------------------------------------------------------------------------ */

const struct control_column show_status_columns[] = {
	{ "name", "name" },
	{ "version", "version" },
	{ "state", "state" },
	{ "reason", "reason" },
	{ "problems", "wrong" },
	{ "uptime_s", "uptime (s)" },
	{ "queues", "queues" },
	{ "routes", "routes" },
	{ "peers_up", "peers up" },
	{ "peers", "peers" },
	{ "received_total", "received" },
	{ "delivered_total", "delivered" },
	{ "in_per_s", "in (1/s)" },
	{ "out_per_s", "out (1/s)" },
	{ "backlog_records", "backlog" },
	{ "backlog_bytes", "backlog bytes" },
	{ "oldest_age_s", "oldest (s)" },
	{ "dead_letters", "dead letters" },
	{ "in_doubt_total", "in doubt" },
	{ "held", "held" },
	{ "recovered_total", "recovered" },
	{ "slow_turns_total", "slow turns" },
	{ NULL, NULL },
};

static uint64_t
seconds_since(uint64_t since_ms)
{
	uint64_t now_ms = clock_monotonic_ms();

	return now_ms > since_ms ? (now_ms - since_ms) / 1000 : 0;
}

/* One that is wrong, with a line that says it. */
static int
add_problem(json_t *problems, const struct numbers_finding *fi)
{
	const struct numbers_health *he = &fi->health;
	char words[NUMBERS_DETAIL];
	char text[WORDS_MAX];
	struct item it;

	(void)snprintf(text, sizeof(text), "%s%s%s",
	    numbers_words(words, sizeof(words), fi), he->detail[0] != '\0' ? ": " : "",
	    he->detail);
	item_begin(&it);
	item_text(&it, "kind", fi->kind);
	item_text(&it, "name", fi->name);
	show_health(&it, he);
	item_text(&it, "text", text);
	return item_end(&it, problems);
}

static json_t *
list_problems(const struct numbers_total *nt)
{
	json_t *problems = json_array();

	for (size_t i = 0; problems != NULL && i < nt->n_worst; i++) {
		if (add_problem(problems, &nt->worst[i]) == 0)
			continue;
		json_decref(problems);
		return NULL;
	}
	return problems;
}

static void
item_totals(struct item *it, const struct numbers_total *nt)
{
	item_count(it, "queues", nt->queues);
	item_count(it, "routes", nt->routes);
	item_count(it, "peers_up", nt->peers_up);
	item_count(it, "peers", nt->peers);
	item_count(it, "received_total", nt->received);
	item_count(it, "delivered_total", nt->delivered);
	item_count(it, "settled_total", nt->settled);
	item_real(it, "in_per_s", nt->in_rate);
	item_real(it, "out_per_s", nt->out_rate);
	item_count(it, "backlog_records", nt->backlog_records);
	item_count(it, "backlog_bytes", nt->backlog_bytes);
	if (nt->oldest_age_s >= 0)
		item_number(it, "oldest_age_s", nt->oldest_age_s);
	else
		item_null(it, "oldest_age_s");
	item_count(it, "dead_letters", nt->dead_letters);
	item_count(it, "dead_letter_bytes", nt->dead_letter_bytes);
	item_count(it, "in_doubt_total", nt->in_doubt);
	item_count(it, "held", nt->held);
	item_count(it, "recovered_total", nt->recovered);
}

/* Of the loop, in which nothing else was done for more than SLOW_TURN_NS. */
static uint64_t
count_slow_turns(void)
{
	struct histogram turns;
	uint64_t n = 0;

	turns_times(&turns);
	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++) {
		if (i == HISTOGRAM_BOUNDS || histogram_bounds_ns[i] > SLOW_TURN_NS)
			n += turns.counts[i];
	}
	return n;
}

int
show_status(void *context, struct control_reply *reply)
{
	const struct commands_context *cx = context;
	struct numbers_total total;
	struct item it;

	reply->kind = "status";
	numbers_total(cx->assembly, &total);
	item_begin(&it);
	item_text(&it, "name", cx->assembly->conf->name);
	item_text(&it, "version", PACKAGE_VERSION);
	show_health(&it, &total.health);
	item_value(&it, "problems", list_problems(&total));
	item_count(&it, "problems_count", total.problems);
	item_count(&it, "uptime_s", seconds_since(cx->started_ms));
	item_totals(&it, &total);
	item_count(&it, "slow_turns_total", count_slow_turns());
	return item_end(&it, reply->items);
}

/* ---- peers ------------------------------------------------------------------------- */

const struct control_column show_peers_columns[] = {
	{ "name", "NAME" },
	{ "address", "ADDRESS" },
	{ "state", "STATE" },
	{ "since_s", "SINCE (S)" },
	{ "routes", "ROUTES" },
	{ "round_trip_s", "ROUND TRIP (S)" },
	{ "reconnects_total", "RECONNECTS" },
	{ "received_bytes_total", "RECEIVED BYTES" },
	{ "sent_bytes_total", "SENT BYTES" },
	{ "reason", "REASON" },
	{ "detail", "DETAIL" },
	{ NULL, NULL },
};

static int
show_peer(const struct commands_context *cx, struct control_reply *reply, size_t i)
{
	const struct assembly *as = cx->assembly;
	struct numbers_peer np;
	struct item it;
	int rc;

	if (i >= as->n_peers)
		return 0;
	numbers_peer(as, as->peers[i], &np);
	item_begin(&it);
	item_text(&it, "name", as->peers[i]->conf->name);
	item_text(&it, "address", np.peer.address);
	show_health(&it, &np.health);
	item_count(&it, "routes", np.routes);
	if (np.peer.round_trip_ns > 0)
		item_real(
		    &it, "round_trip_s", (double)np.peer.round_trip_ns / NS_PER_S);
	else
		item_null(&it, "round_trip_s");
	if (np.peer.heard_ms != 0)
		item_count(&it, "heard_ago_s", seconds_since(np.peer.heard_ms));
	else
		item_null(&it, "heard_ago_s");
	item_count(&it, "reconnects_total", np.peer.reconnects);
	item_count(&it, "received_bytes_total", np.peer.received_bytes);
	item_count(&it, "sent_bytes_total", np.peer.sent_bytes);
	item_real(&it, "received_bytes_per_s", np.received_rate);
	item_real(&it, "sent_bytes_per_s", np.sent_rate);
	rc = item_end(&it, reply->items);
	return rc < 0 ? rc : 1;
}

int
show_peers(void *context, struct control_reply *reply)
{
	reply->kind = "peers";
	return listing_run(context, reply, show_peer);
}

/* ---- version ----------------------------------------------------------------------- */

const struct control_column show_version_columns[] = {
	{ "version", "version" },
	{ "protocol", "protocol" },
	{ NULL, NULL },
};

int
show_version(void *context, struct control_reply *reply)
{
	struct item it;

	(void)context;
	reply->kind = "version";
	item_begin(&it);
	item_text(&it, "version", PACKAGE_VERSION);
	item_count(&it, "protocol", FRAME_VERSION);
	return item_end(&it, reply->items);
}
