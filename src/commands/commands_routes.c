#include "commands/commands_routes.h"

#include "assembly/assembly.h"
#include "assembly/inventory.h"
#include "assembly/numbers.h"
#include "base/compiler.h"
#include "commands/commands.h"
#include "commands/commands_show.h"
#include "commands/listing.h"
#include "config/conf.h"
#include "control/item.h"
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
	{ "host", "HOST" },
	{ "detail", "DETAIL" },
	{ NULL, NULL },
};

static void
item_seconds(struct item *it, const char *member, int64_t seconds)
{
	if (seconds >= 0)
		item_number(it, member, seconds);
	else
		item_null(it, member);
}

void
commands_item_route(
    struct item *it, const struct assembly_route *ar, const struct numbers_route *nr)
{
	const struct outlet_numbers *ol = &nr->outlet;

	item_text(it, "name", ar->conf->name);
	item_text(it, "from", ar->conf->from);
	item_text(it, "to", ar->conf->to);
	show_health(it, &nr->health);
	item_count(it, "backlog", nr->backlog);
	item_count(it, "waiting", ol->stream.waiting);
	item_count(it, "in_flight", ol->stream.in_flight);
	item_count(it, "sent_total", ol->sent);
	item_count(it, "settled_total", ol->settled);
	item_count(it, "resent_total", ol->resent);
	item_count(it, "duplicates_total", ol->duplicates);
	item_count(it, "rejected_total", ol->rejected);
	item_count(it, "dropped_total", ol->dropped);
	item_real(it, "in_per_s", nr->in_rate);
	item_real(it, "out_per_s", nr->out_rate);
	item_count(it, "log_waiting", ol->stream.log.waiting);
	item_count(it, "log_bytes", ol->stream.log.bytes);
	item_count(it, "log_damaged_total", ol->stream.log.damaged);
	item_count(it, "sync_failures_total", ol->stream.log.sync_failures);
	item_text(it, "log_reason", reason_name(ol->log.reason));
	item_text(it, "log_detail", ol->log.detail);
	item_seconds(it, "oldest_age_s", nr->oldest_age_s);
	item_seconds(it, "idle_s", nr->idle_s);
}

static int
show_one(
    const struct assembly *as, struct assembly_route *ar, struct control_reply *reply)
{
	struct numbers_route nr;
	struct item it;

	numbers_route(as, ar, &nr);
	item_begin(&it);
	commands_item_route(&it, ar, &nr);
	return item_end(&it, reply->items);
}

static int
show_orphan_stream(const struct assembly *as, size_t i, struct control_reply *reply)
{
	static const char *const absent[] = { "name", "backlog", "sent_total",
		"settled_total", "resent_total", "duplicates_total", "rejected_total",
		"dropped_total", "in_per_s", "out_per_s", "log_waiting", "log_bytes",
		"log_damaged_total", "sync_failures_total", "log_reason", "log_detail",
		"idle_s" };
	const struct numbers_health he = { .state = STATE_ORPHAN,
		.reason = REASON_NOT_CONFIGURED,
		.host = "",
		.detail = "kept: no enabled route stands for it" };
	int64_t now_ns = runtime_clock_ns(as->runtime);
	struct inventory_stream is = { 0 };
	struct item it;

	inventory_stream_at(as->inventory, i, &is);
	item_begin(&it);
	item_text(&it, "from", is.uri);
	item_text(&it, "to", is.label);
	show_health(&it, &he);
	item_count(&it, "waiting", is.waiting);
	item_count(&it, "in_flight", is.in_flight);
	item_seconds(&it, "oldest_age_s",
	    is.oldest_captured_ns != 0 && is.oldest_captured_ns < now_ns
		? (now_ns - is.oldest_captured_ns) / NS_PER_S
		: -1);
	for (size_t k = 0; k < ARRAY_LEN(absent); k++)
		item_null(&it, absent[k]);
	return item_end(&it, reply->items);
}

static int
show_any_route(const struct commands_context *cx, struct control_reply *reply, size_t i)
{
	const struct assembly *as = cx->assembly;
	int rc;

	if (i < as->n_routes)
		rc = show_one(as, as->routes[i], reply);
	else if (i - as->n_routes < inventory_streams(as->inventory))
		rc = show_orphan_stream(as, i - as->n_routes, reply);
	else
		return 0;
	return rc < 0 ? rc : 1;
}

int
show_routes(void *context, struct control_reply *reply)
{
	reply->kind = "routes";
	return listing_run(context, reply, show_any_route);
}
