#include "daemon/commands.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "config/conf.h"
#include "control/command.h"
#include "daemon/assembly.h"
#include "daemon/inventory.h"
#include "daemon/item.h"
#include "daemon/numbers.h"
#include "link/link.h"
#include "record/record.h"
#include "spool/deadletter.h"
#include "spool/marks.h"
#include "spool/runtime.h"
#include "wire/frame.h"

#define TIME_MAX 32 /* bytes; base/clock.h */
#define NS_PER_S 1000000000

/* Dead letters are read from disk while the loop waits: so many, and so much of them. */
#define LETTERS_MAX       1000
#define LETTERS_BYTES_MAX (UINT64_C(16) << 20)

static uint64_t
seconds_since(uint64_t since_ms)
{
	uint64_t now_ms = clock_monotonic_ms();

	return now_ms > since_ms ? (now_ms - since_ms) / 1000 : 0;
}

static void
item_time(struct item *it, const char *member, int64_t wall_ns)
{
	char time[TIME_MAX];

	item_text(it, member, clock_format(time, sizeof(time), wall_ns));
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
	if (nq.target)
		item_count(&it, "delivered_total", nq.delivery.delivered);
	else
		item_null(&it, "delivered_total");
	return item_end(&it, reply->items);
}

static int
show_orphan_ring(const struct inventory *inv, size_t i, struct control_reply *reply)
{
	static const char *const absent[] = { "name", "depth", "capacity",
		"received_total", "delivered_total", "recovered_total" };
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
		"resent_total", "rejected_total" };
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

/* While the dead-letter store is walked. */
struct letters {
	struct control_reply *reply;
	uint64_t bytes;
};

static int
show_letter(const struct deadletter *dt, void *arg)
{
	struct letters *le = arg;
	char ring[ID_TEXT];
	char stream[ID_TEXT];
	char id[2 * ID_TEXT + 24];
	struct item it;
	int rc;

	(void)snprintf(id, sizeof(id), "%s-%" PRIu64 "-%s", id_format(ring, &dt->ring),
	    dt->number, id_format(stream, &dt->stream));
	item_begin(&it);
	item_text(&it, "id", id);
	item_text(&it, "route", dt->route);
	item_text(&it, "reason", dead_reason_text(dt->reason));
	item_text(&it, "detail", dt->detail);
	item_text(&it, "queue", dt->uri);
	item_text(&it, "to", dt->label);
	item_count(&it, "number", dt->number);
	item_number(&it, "type", dt->rec->type);
	item_count(&it, "length_bytes", dt->rec->length);
	item_time(&it, "time", dt->wall_ns);
	rc = item_end(&it, le->reply->items);
	if (rc < 0)
		return rc;
	le->bytes += dt->rec->length;
	return le->bytes > LETTERS_BYTES_MAX ? 1 : 0;
}

/* Takes over text, which may be NULL: memory was short. */
static int
warn_reply(struct control_reply *reply, json_t *text)
{
	return json_array_append_new(reply->warnings, text) == 0 ? 0 : -ENOMEM;
}

static int
show_dead_letters(void *context, struct control_reply *reply)
{
	const struct commands_context *cx = context;
	struct deadletters *dl = cx->assembly->dead;
	struct letters le = { .reply = reply };
	uint64_t damaged = 0, count = deadletters_count(dl);
	size_t shown;
	int rc;

	reply->kind = "dead-letters";
	rc = deadletters_each(dl, LETTERS_MAX, show_letter, &le, &damaged);
	if (rc < 0)
		return rc;
	rc = 0;
	shown = json_array_size(reply->items);
	if (shown + damaged < count)
		rc = warn_reply(
		    reply, json_sprintf("only the first %zu of %" PRIu64
					" are shown; mqbridge-spool shows all",
			       shown, count));
	if (rc == 0 && damaged > 0)
		rc = warn_reply(reply, json_sprintf("%" PRIu64 " of %" PRIu64
						    " files are damaged and not shown",
					   damaged, count));
	return rc;
}

static const char *
outcome_text(enum doubt_outcome outcome)
{
	switch (outcome) {
	case DOUBT_RESENT:
		return "resent";
	case DOUBT_LOST_STATE:
		return "lost-state";
	default:
		return "pending";
	}
}

static int
show_doubt(struct marks *mk, const struct doubt *db, struct control_reply *reply)
{
	static const char *const absent[] = { "number", "type", "length_bytes",
		"body_crc32c" };
	char text[ID_TEXT];
	struct item it;

	item_begin(&it);
	item_text(&it, "stream", id_format(text, &db->stream));
	item_text(&it, "label", marks_doubt_label(mk, db));
	item_count(&it, "seq", db->seq);
	item_count(&it, "last_seq", db->last_seq);
	item_time(&it, "time", db->wall_ns);
	item_text(&it, "outcome", outcome_text(db->outcome));
	/* Which message it is is known when it comes again. */
	for (size_t i = 0; db->number == 0 && i < ARRAY_LEN(absent); i++)
		item_null(&it, absent[i]);
	if (db->number == 0)
		return item_end(&it, reply->items);
	(void)snprintf(text, sizeof(text), "%08" PRIx32, db->body_crc);
	item_count(&it, "number", db->number);
	item_number(&it, "type", db->type);
	item_count(&it, "length_bytes", db->length);
	item_text(&it, "body_crc32c", text);
	return item_end(&it, reply->items);
}

static int
show_in_doubt(void *context, struct control_reply *reply)
{
	const struct commands_context *cx = context;
	struct marks *mk = cx->assembly->marks;
	unsigned listed = marks_doubts_listed(mk);
	int rc = 0;

	reply->kind = "in-doubt";
	for (unsigned i = 0; rc == 0 && i < listed; i++) {
		struct doubt db;

		marks_doubt_at(mk, i, &db);
		rc = show_doubt(mk, &db, reply);
	}
	if (rc == 0 && listed < marks_doubts_total(mk))
		rc = warn_reply(
		    reply, json_sprintf("the newest %u entries are listed; %" PRIu64
					" messages were ever in doubt",
			       listed, marks_doubts_total(mk)));
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

static const struct control_column letter_columns[] = {
	{ "id", "ID" },
	{ "time", "TIME" },
	{ "route", "ROUTE" },
	{ "reason", "REASON" },
	{ "queue", "QUEUE" },
	{ "to", "TO" },
	{ "number", "NUMBER" },
	{ "type", "TYPE" },
	{ "length_bytes", "BYTES" },
	{ "detail", "DETAIL" },
	{ NULL, NULL },
};

static const struct control_column doubt_columns[] = {
	{ "stream", "STREAM" },
	{ "label", "TO" },
	{ "seq", "SEQUENCE" },
	{ "last_seq", "LAST" },
	{ "number", "NUMBER" },
	{ "type", "TYPE" },
	{ "length_bytes", "BYTES" },
	{ "body_crc32c", "CRC-32C" },
	{ "time", "TIME" },
	{ "outcome", "OUTCOME" },
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
	{ "show dead-letters", "messages that can never be delivered", letter_columns,
	    0, show_dead_letters },
	{ "show in-doubt", "messages that may have been delivered twice", doubt_columns,
	    0, show_in_doubt },
	{ "version", "versions of the program and of the link protocol",
	    version_columns, 1, show_version },
};

const struct control_command *
commands_table(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(commands);
	return commands;
}
