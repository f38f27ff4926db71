#include "daemon/commands.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "config/conf.h"
#include "control/command.h"
#include "daemon/assembly.h"
#include "daemon/commands_doubt.h"
#include "daemon/commands_letters.h"
#include "daemon/inventory.h"
#include "daemon/item.h"
#include "daemon/numbers.h"
#include "link/link.h"
#include "record/record.h"
#include "spool/runtime.h"
#include "wire/frame.h"

#define NS_PER_S 1000000000

static uint64_t
seconds_since(uint64_t since_ms)
{
	uint64_t now_ms = clock_monotonic_ms();

	return now_ms > since_ms ? (now_ms - since_ms) / 1000 : 0;
}

static int
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
	if (cx->stopping)
		item_text(&it, "state", "stopping");
	else
		item_text(
		    &it, "state", numbers_degraded(&total) ? "degraded" : "running");
	item_count(&it, "uptime_s", seconds_since(cx->started_ms));
	item_count(&it, "queues", total.queues);
	item_count(&it, "routes", total.routes);
	item_count(&it, "peers_up", total.peers_up);
	item_count(&it, "peers", total.peers);
	item_count(&it, "received_total", total.received);
	item_count(&it, "delivered_total", total.delivered);
	item_count(&it, "backlog_records", total.backlog_records);
	item_count(&it, "backlog_bytes", total.backlog_bytes);
	item_count(&it, "dead_letters", total.dead_letters);
	item_count(&it, "in_doubt_total", total.in_doubt);
	item_count(&it, "recovered_total", total.recovered);
	return item_end(&it, reply->items);
}

static void
item_intake(struct item *it, const struct numbers_queue *nq)
{
	const char *members[] = { "ring_records", "ring_bytes", "ring_capacity_bytes",
		"received_total", "recovered_total" };
	const uint64_t values[] = { nq->intake.ring_records, nq->intake.ring_used,
		nq->intake.ring_bytes, nq->intake.received, nq->recovered };

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		if (nq->source)
			item_count(it, members[i], values[i]);
		else
			item_null(it, members[i]);
	}
}

static void
item_delivery(struct item *it, const struct numbers_queue *nq)
{
	const char *members[] = { "delivered_total", "doubts_dropped_total",
		"doubts_found_total", "doubts_not_taken_total", "held_total" };
	const uint64_t values[] = { nq->delivery.delivered, nq->delivery.dropped,
		nq->delivery.found, nq->delivery.not_taken, nq->delivery.held };

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		if (nq->target)
			item_count(it, members[i], values[i]);
		else
			item_null(it, members[i]);
	}
}

static int
show_queue(const struct assembly_queue *aq, struct control_reply *reply)
{
	struct numbers_queue nq;
	struct item it;

	numbers_queue(aq, &nq);
	item_begin(&it);
	item_text(&it, "name", aq->conf->name);
	item_text(&it, "uri", aq->conf->uri);
	item_text(&it, "state", nq.state);
	item_text(&it, "reason", nq.reason);
	if (nq.source && nq.intake.attached) {
		item_count(&it, "depth", nq.intake.depth);
		item_count(&it, "capacity", nq.intake.capacity);
	} else if (nq.target && nq.delivery.attached) {
		item_count(&it, "depth", nq.delivery.depth);
		item_count(&it, "capacity", nq.delivery.capacity);
	} else {
		item_null(&it, "depth");
		item_null(&it, "capacity");
	}
	item_intake(&it, &nq);
	item_delivery(&it, &nq);
	return item_end(&it, reply->items);
}

static int
show_orphan_ring(const struct inventory *inv, size_t i, struct control_reply *reply)
{
	static const char *const absent[] = { "name", "depth", "capacity",
		"received_total", "recovered_total", "delivered_total",
		"doubts_dropped_total", "doubts_found_total", "doubts_not_taken_total",
		"held_total" };
	struct inventory_ring ir = { 0 };
	struct item it;

	inventory_ring_at(inv, i, &ir);
	item_begin(&it);
	item_text(&it, "uri", ir.uri);
	item_text(&it, "state", "orphan");
	item_text(&it, "reason", "kept: no enabled route takes from it");
	item_count(&it, "ring_records", ir.records);
	item_count(&it, "ring_bytes", ir.used);
	item_count(&it, "ring_capacity_bytes", ir.bytes);
	for (size_t k = 0; k < ARRAY_LEN(absent); k++)
		item_null(&it, absent[k]);
	return item_end(&it, reply->items);
}

static int
show_queues(void *context, struct control_reply *reply)
{
	const struct commands_context *cx = context;
	const struct assembly *as = cx->assembly;
	int rc = 0;

	reply->kind = "queues";
	for (size_t i = 0; rc == 0 && i < as->n_queues; i++)
		rc = show_queue(&as->queues[i], reply);
	for (size_t i = 0; rc == 0 && i < inventory_rings(as->inventory); i++)
		rc = show_orphan_ring(as->inventory, i, reply);
	return rc;
}

static int
show_route(const struct assembly *as, const struct assembly_route *ar,
    struct control_reply *reply)
{
	struct numbers_route nr;
	struct item it;

	numbers_route(as, ar, &nr);
	item_begin(&it);
	item_text(&it, "name", ar->conf->name);
	item_text(&it, "from", ar->conf->from);
	item_text(&it, "to", ar->conf->to);
	item_text(&it, "state", nr.state.state);
	item_text(&it, "reason", nr.state.reason);
	item_count(&it, "waiting", nr.outlet.stream.waiting);
	item_count(&it, "in_flight", nr.outlet.stream.in_flight);
	item_count(&it, "sent_total", nr.outlet.sent);
	item_count(&it, "settled_total", nr.outlet.settled);
	item_count(&it, "resent_total", nr.outlet.resent);
	item_count(&it, "rejected_total", nr.outlet.rejected);
	item_count(&it, "dropped_total", nr.outlet.dropped);
	item_count(&it, "log_waiting", nr.outlet.stream.log.waiting);
	item_count(&it, "log_bytes", nr.outlet.stream.log.bytes);
	item_count(&it, "log_damaged_total", nr.outlet.stream.log.damaged);
	item_count(&it, "sync_failures_total", nr.outlet.stream.log.sync_failures);
	item_text(&it, "log_reason", nr.outlet.log_reason);
	if (nr.oldest_age_s >= 0)
		item_number(&it, "oldest_age_s", nr.oldest_age_s);
	else
		item_null(&it, "oldest_age_s");
	return item_end(&it, reply->items);
}

static int
show_orphan_stream(const struct assembly *as, size_t i, struct control_reply *reply)
{
	static const char *const absent[] = { "name", "sent_total", "settled_total",
		"resent_total", "rejected_total", "dropped_total", "log_waiting",
		"log_bytes", "log_damaged_total", "sync_failures_total", "log_reason" };
	int64_t now_ns = runtime_clock_ns(as->runtime);
	struct inventory_stream is = { 0 };
	struct item it;

	inventory_stream_at(as->inventory, i, &is);
	item_begin(&it);
	item_text(&it, "from", is.uri);
	item_text(&it, "to", is.label);
	item_text(&it, "state", "orphan");
	item_text(&it, "reason", "kept: no enabled route stands for it");
	item_count(&it, "waiting", is.waiting);
	item_count(&it, "in_flight", is.in_flight);
	if (is.oldest_captured_ns != 0 && is.oldest_captured_ns < now_ns)
		item_number(
		    &it, "oldest_age_s", (now_ns - is.oldest_captured_ns) / NS_PER_S);
	else
		item_null(&it, "oldest_age_s");
	for (size_t k = 0; k < ARRAY_LEN(absent); k++)
		item_null(&it, absent[k]);
	return item_end(&it, reply->items);
}

static int
show_routes(void *context, struct control_reply *reply)
{
	const struct commands_context *cx = context;
	const struct assembly *as = cx->assembly;
	int rc = 0;

	reply->kind = "routes";
	for (size_t i = 0; rc == 0 && i < as->n_routes; i++)
		rc = show_route(as, &as->routes[i], reply);
	for (size_t i = 0; rc == 0 && i < inventory_streams(as->inventory); i++)
		rc = show_orphan_stream(as, i, reply);
	return rc;
}

static int
show_peers(void *context, struct control_reply *reply)
{
	const struct commands_context *cx = context;
	const struct assembly *as = cx->assembly;
	int rc = 0;

	reply->kind = "peers";
	for (size_t i = 0; rc == 0 && i < as->n_peers; i++) {
		struct peer_numbers pn;
		struct item it;

		peer_numbers(as->peers[i].peer, &pn);
		item_begin(&it);
		item_text(&it, "name", as->peers[i].conf->name);
		item_text(&it, "address", pn.address);
		item_text(&it, "state", pn.state);
		item_text(&it, "reason", pn.reason);
		item_count(&it, "since_s", seconds_since(pn.since_ms));
		if (pn.round_trip_ns > 0)
			item_real(
			    &it, "round_trip_s", (double)pn.round_trip_ns / NS_PER_S);
		else
			item_null(&it, "round_trip_s");
		item_count(&it, "reconnects_total", pn.reconnects);
		item_count(&it, "received_bytes_total", pn.received_bytes);
		item_count(&it, "sent_bytes_total", pn.sent_bytes);
		rc = item_end(&it, reply->items);
	}
	return rc;
}

static int
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

static const struct control_column status_columns[] = {
	{ "name", "name" },
	{ "version", "version" },
	{ "state", "state" },
	{ "uptime_s", "uptime (s)" },
	{ "queues", "queues" },
	{ "routes", "routes" },
	{ "peers_up", "peers up" },
	{ "peers", "peers" },
	{ "received_total", "received" },
	{ "delivered_total", "delivered" },
	{ "backlog_records", "backlog" },
	{ "backlog_bytes", "backlog bytes" },
	{ "dead_letters", "dead letters" },
	{ "in_doubt_total", "in doubt" },
	{ "recovered_total", "recovered" },
	{ NULL, NULL },
};

static const struct control_column queue_columns[] = {
	{ "name", "NAME" },
	{ "uri", "QUEUE" },
	{ "state", "STATE" },
	{ "depth", "DEPTH" },
	{ "capacity", "OF" },
	{ "ring_records", "RING" },
	{ "ring_bytes", "BYTES" },
	{ "ring_capacity_bytes", "OF" },
	{ "received_total", "RECEIVED" },
	{ "delivered_total", "DELIVERED" },
	{ "recovered_total", "RECOVERED" },
	{ "reason", "REASON" },
	{ NULL, NULL },
};

static const struct control_column route_columns[] = {
	{ "name", "NAME" },
	{ "from", "FROM" },
	{ "to", "TO" },
	{ "state", "STATE" },
	{ "waiting", "WAITING" },
	{ "in_flight", "IN FLIGHT" },
	{ "sent_total", "SENT" },
	{ "settled_total", "SETTLED" },
	{ "resent_total", "RESENT" },
	{ "rejected_total", "REJECTED" },
	{ "log_bytes", "LOG (BYTES)" },
	{ "oldest_age_s", "OLDEST (S)" },
	{ "reason", "REASON" },
	{ NULL, NULL },
};

static const struct control_column peer_columns[] = {
	{ "name", "NAME" },
	{ "address", "ADDRESS" },
	{ "state", "STATE" },
	{ "since_s", "SINCE (S)" },
	{ "round_trip_s", "ROUND TRIP (S)" },
	{ "reconnects_total", "RECONNECTS" },
	{ "received_bytes_total", "RECEIVED BYTES" },
	{ "sent_bytes_total", "SENT BYTES" },
	{ "reason", "REASON" },
	{ NULL, NULL },
};

static const struct control_column version_columns[] = {
	{ "version", "version" },
	{ "protocol", "protocol" },
	{ NULL, NULL },
};

static const struct control_command commands[] = {
	{ "show status", "the daemon at a glance", status_columns, 1, show_status },
	{ "show queues", "queues and their rings", queue_columns, 0, show_queues },
	{ "show routes", "routes and what waits for them", route_columns, 0,
	    show_routes },
	{ "show peers", "other daemons and the connections to them", peer_columns, 0,
	    show_peers },
	{ "show dead-letters [ROUTE...]", "messages that can never be delivered",
	    commands_letters_columns, 0, commands_show_letters },
	{ "show dead-letter ID", "one of them, with its body", commands_letter_columns,
	    1, commands_show_letter },
	{ "export dead-letters [ROUTE|ID...]",
	    "them with their bodies, as lines of JSON", commands_letters_columns, 0,
	    commands_export_letters },
	{ "purge dead-letters ROUTE|ID|all... [yes]", "delete them for ever",
	    commands_purge_columns, 1, commands_purge_letters },
	{ "requeue ROUTE|ID|all...", "send dead letters again",
	    commands_requeue_columns, 1, commands_requeue },
	{ "show in-doubt",
	    "messages in doubt after a crash, and messages that are held",
	    doubt_columns, 0, doubt_show },
	{ "resolve ID ACTION [yes]",
	    "decide about a held message: resend, drop or dead-letter",
	    resolved_columns, 1, doubt_resolve },
	{ "resolve stream ID ACTION [yes]",
	    "forget what was delivered of a stream that went back in time",
	    resolved_stream_columns, 1, doubt_resolve_stream },
	{ "version", "versions of the program and of the link protocol",
	    version_columns, 1, show_version },
};

const struct control_command *
commands_table(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(commands);
	return commands;
}
