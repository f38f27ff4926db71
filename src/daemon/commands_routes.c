#include "daemon/commands_show.h"

#include "base/compiler.h"
#include "config/conf.h"
#include "daemon/assembly.h"
#include "daemon/commands.h"
#include "daemon/inventory.h"
#include "daemon/item.h"
#include "daemon/numbers.h"
#include "spool/runtime.h"

#define NS_PER_S 1000000000

const struct control_column show_routes_columns[] = {
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

int
show_routes(void *context, struct control_reply *reply)
{
	const struct commands_context *cx = context;
	const struct assembly *as = cx->assembly;
	int rc = 0;

	reply->kind = "routes";
	for (size_t i = 0; rc == 0 && i < as->n_routes; i++)
		rc = show_route(as, as->routes[i], reply);
	for (size_t i = 0; rc == 0 && i < inventory_streams(as->inventory); i++)
		rc = show_orphan_stream(as, i, reply);
	return rc;
}
