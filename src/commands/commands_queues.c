#include "commands/commands_show.h"

#include "assembly/assembly.h"
#include "assembly/inventory.h"
#include "assembly/numbers.h"
#include "base/compiler.h"
#include "commands/commands.h"
#include "commands/listing.h"
#include "config/conf.h"
#include "control/item.h"

const struct control_column show_queues_columns[] = {
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
	{ "detail", "DETAIL" },
	{ NULL, NULL },
};

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
	if (nq->source)
		item_real(it, "received_per_s", nq->received_rate);
	else
		item_null(it, "received_per_s");
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
	if (nq->target)
		item_real(it, "delivered_per_s", nq->delivered_rate);
	else
		item_null(it, "delivered_per_s");
}

static int
show_queue(
    const struct assembly *as, struct assembly_queue *aq, struct control_reply *reply)
{
	struct numbers_queue nq;
	struct item it;

	numbers_queue(as, aq, &nq);
	item_begin(&it);
	item_text(&it, "name", aq->conf->name);
	item_text(&it, "uri", aq->conf->uri);
	show_health(&it, &nq.health);
	if (nq.attached) {
		item_count(&it, "depth", nq.depth);
		item_count(&it, "capacity", nq.capacity);
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
		"received_total", "recovered_total", "received_per_s",
		"delivered_total", "doubts_dropped_total", "doubts_found_total",
		"doubts_not_taken_total", "held_total", "delivered_per_s" };
	const struct numbers_health he = { .state = STATE_ORPHAN,
		.reason = REASON_NOT_CONFIGURED,
		.host = "",
		.detail = "kept: no enabled route takes from it" };
	struct inventory_ring ir = { 0 };
	struct item it;

	inventory_ring_at(inv, i, &ir);
	item_begin(&it);
	item_text(&it, "uri", ir.uri);
	show_health(&it, &he);
	item_count(&it, "ring_records", ir.records);
	item_count(&it, "ring_bytes", ir.used);
	item_count(&it, "ring_capacity_bytes", ir.bytes);
	for (size_t k = 0; k < ARRAY_LEN(absent); k++)
		item_null(&it, absent[k]);
	return item_end(&it, reply->items);
}

static int
show_any_queue(const struct commands_context *cx, struct control_reply *reply, size_t i)
{
	const struct assembly *as = cx->assembly;
	int rc;

	if (i < as->n_queues)
		rc = show_queue(as, as->queues[i], reply);
	else if (i - as->n_queues < inventory_rings(as->inventory))
		rc = show_orphan_ring(as->inventory, i - as->n_queues, reply);
	else
		return 0;
	return rc < 0 ? rc : 1;
}

int
show_queues(void *context, struct control_reply *reply)
{
	reply->kind = "queues";
	return listing_run(context, reply, show_any_queue);
}
