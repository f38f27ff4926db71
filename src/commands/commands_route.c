/* "show route NAME": everything about one. */
#include <errno.h>
#include <string.h>

#include "assembly/assembly.h"
#include "assembly/numbers.h"
#include "commands/commands.h"
#include "commands/commands_routes.h"
#include "commands/commands_show.h"
#include "commands/steer_choice.h"
#include "config/conf.h"
#include "control/item.h"
#include "link/link.h"
#include "spool/deadletter.h"

#define NS_PER_S 1000000000
#define MS_PER_S 1000

const struct control_column show_route_columns[] = {
	{ "name", "name" },
	{ "state", "state" },
	{ "since_s", "since (s)" },
	{ "reason", "reason" },
	{ "host", "at" },
	{ "detail", "detail" },
	{ "mend", "mend" },
	{ "file", "file" },
	{ "line", "line" },
	{ "from", "from" },
	{ "queue_uri", "queue" },
	{ "queue_state", "queue state" },
	{ "queue_reason", "queue reason" },
	{ "queue_detail", "queue detail" },
	{ "queue_depth", "queue depth" },
	{ "queue_capacity", "queue capacity" },
	{ "ring_records", "ring" },
	{ "ring_bytes", "ring bytes" },
	{ "ring_capacity_bytes", "ring capacity (bytes)" },
	{ "to", "to" },
	{ "peer_state", "peer state" },
	{ "peer_reason", "peer reason" },
	{ "peer_detail", "peer detail" },
	{ "peer_address", "peer address" },
	{ "round_trip_s", "round trip (s)" },
	{ "stream_phase", "stream" },
	{ "credit_bytes", "credit (bytes)" },
	{ "destination_message_bytes", "largest message there (bytes)" },
	{ "acked_sequence", "acknowledged up to" },
	{ "next_sequence", "next sequence" },
	{ "backlog", "backlog" },
	{ "waiting", "waiting" },
	{ "in_flight", "in flight" },
	{ "oldest_age_s", "oldest (s)" },
	{ "idle_s", "last progress before (s)" },
	{ "in_per_s", "in (1/s)" },
	{ "out_per_s", "out (1/s)" },
	{ "sent_total", "sent" },
	{ "settled_total", "settled" },
	{ "resent_total", "resent" },
	{ "duplicates_total", "duplicates" },
	{ "rejected_total", "rejected" },
	{ "dropped_total", "dropped" },
	{ "dead_letters", "dead letters" },
	{ "blocked_s", "blocked (s)" },
	{ "log_limit_bytes", "log limit (bytes)" },
	{ "log_bytes", "log (bytes)" },
	{ "log_segments", "log segments" },
	{ "log_waiting", "waiting in the log" },
	{ "log_reason", "log reason" },
	{ "log_detail", "log detail" },
	{ "log_damaged_total", "damaged in the log" },
	{ "sync_failures_total", "sync failures" },
	{ "overflow", "overflow" },
	{ "durability", "durability" },
	{ "sync", "sync" },
	{ "sync_interval_s", "sync interval (s)" },
	{ "dead_letter_limit_bytes", "dead letter limit (bytes)" },
	{ NULL, NULL },
};

static void
item_origin(struct item *it, const struct assembly *as, const struct assembly_route *ar)
{
	struct numbers_queue nq;

	numbers_queue(as, ar->from, &nq);
	item_text(it, "queue_uri", ar->from->conf->uri);
	item_text(it, "queue_state", state_name(nq.health.state));
	item_text(it, "queue_reason", reason_name(nq.health.reason));
	item_text(it, "queue_detail", nq.health.detail);
	if (nq.attached) {
		item_count(it, "queue_depth", nq.depth);
		item_count(it, "queue_capacity", nq.capacity);
	} else {
		item_null(it, "queue_depth");
		item_null(it, "queue_capacity");
	}
	item_count(it, "ring_records", nq.intake.ring_records);
	item_count(it, "ring_bytes", nq.intake.ring_used);
	item_count(it, "ring_capacity_bytes", nq.intake.ring_bytes);
}

static void
item_peer(struct item *it, const struct assembly *as, const struct assembly_route *ar)
{
	struct numbers_peer np;
	struct sender_numbers sn;

	numbers_peer(as, ar->peer, &np);
	sender_numbers(ar->sink, &sn);
	item_text(it, "peer_state", state_name(np.health.state));
	item_text(it, "peer_reason", reason_name(np.health.reason));
	item_text(it, "peer_detail", np.health.detail);
	item_text(it, "peer_address", np.peer.address);
	if (np.peer.round_trip_ns > 0)
		item_real(it, "round_trip_s", (double)np.peer.round_trip_ns / NS_PER_S);
	else
		item_null(it, "round_trip_s");
	item_text(it, "stream_phase", sn.phase);
	item_count(it, "credit_bytes", sn.credit);
	if (sn.max_body > 0)
		item_count(it, "destination_message_bytes", sn.max_body);
	else
		item_null(it, "destination_message_bytes");
}

static void
item_no_peer(struct item *it)
{
	static const char *const absent[] = { "peer_state", "peer_reason",
		"peer_detail", "peer_address", "round_trip_s", "stream_phase",
		"credit_bytes", "destination_message_bytes" };

	for (size_t i = 0; i < ARRAY_LEN(absent); i++)
		item_null(it, absent[i]);
}

static void
item_policy(struct item *it, const struct conf_route *cr)
{
	static const char *const overflow[] = {
		[CONF_OVERFLOW_BLOCK] = "block",
		[CONF_OVERFLOW_DROP_OLDEST] = "drop-oldest",
		[CONF_OVERFLOW_DROP_NEWEST] = "drop-newest",
		[CONF_OVERFLOW_DEAD_LETTER] = "dead-letter",
	};

	if (cr->log_limit > 0)
		item_count(it, "log_limit_bytes", cr->log_limit);
	else
		item_null(it, "log_limit_bytes");
	item_text(it, "overflow", overflow[cr->overflow]);
	item_text(it, "durability",
	    cr->durability == CONF_DURABILITY_DISK ? "disk" : "crash");
	item_text(it, "sync", cr->sync == CONF_SYNC_ALWAYS ? "always" : "interval");
	item_real(it, "sync_interval_s", (double)cr->sync_interval_ms / MS_PER_S);
	if (cr->dead_letter_limit > 0)
		item_count(it, "dead_letter_limit_bytes", cr->dead_letter_limit);
	else
		item_null(it, "dead_letter_limit_bytes");
}

static int
add_route(
    const struct assembly *as, struct assembly_route *ar, struct control_reply *reply)
{
	struct numbers_route nr;
	struct item it;

	numbers_route(as, ar, &nr);
	item_begin(&it);
	commands_item_route(&it, ar, &nr);
	item_text(&it, "file", ar->conf->place.file);
	item_count(&it, "line", (uint64_t)ar->conf->place.line);
	item_origin(&it, as, ar);
	if (ar->peer != NULL)
		item_peer(&it, as, ar);
	else
		item_no_peer(&it);
	item_count(&it, "acked_sequence", nr.outlet.stream.acked);
	item_count(&it, "next_sequence", nr.outlet.stream.next);
	item_count(&it, "dead_letters", deadletters_count_of(as->dead, ar->conf->name));
	item_real(&it, "blocked_s", (double)nr.outlet.blocked_ms / MS_PER_S);
	item_count(&it, "log_segments", nr.outlet.stream.log.segments);
	item_policy(&it, ar->conf);
	return item_end(&it, reply->items);
}

int
show_route(void *context, struct control_reply *reply)
{
	const struct commands_context *cx = context;
	const struct assembly *as = cx->assembly;

	reply->kind = "route";
	for (size_t i = 0; i < as->n_routes; i++) {
		if (strcmp(as->routes[i]->conf->name, reply->args[0]) == 0)
			return add_route(as, as->routes[i], reply);
	}
	return steer_absent(reply, "route", reply->args[0]);
}
