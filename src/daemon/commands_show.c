#include "daemon/commands_show.h"

#include "base/clock.h"
#include "config/conf.h"
#include "daemon/assembly.h"
#include "daemon/commands.h"
#include "daemon/item.h"
#include "daemon/numbers.h"
#include "link/link.h"
#include "wire/frame.h"

#define NS_PER_S 1000000000

const struct control_column show_status_columns[] = {
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

static uint64_t
seconds_since(uint64_t since_ms)
{
	uint64_t now_ms = clock_monotonic_ms();

	return now_ms > since_ms ? (now_ms - since_ms) / 1000 : 0;
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

const struct control_column show_peers_columns[] = {
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

int
show_peers(void *context, struct control_reply *reply)
{
	const struct commands_context *cx = context;
	const struct assembly *as = cx->assembly;
	int rc = 0;

	reply->kind = "peers";
	for (size_t i = 0; rc == 0 && i < as->n_peers; i++) {
		struct peer_numbers pn;
		struct item it;

		peer_numbers(as->peers[i]->peer, &pn);
		item_begin(&it);
		item_text(&it, "name", as->peers[i]->conf->name);
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
