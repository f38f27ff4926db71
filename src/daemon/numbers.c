#include "daemon/numbers.h"

#include <string.h>

#include "base/clock.h"
#include "config/conf.h"
#include "daemon/assembly.h"
#include "daemon/inventory.h"
#include "link/link.h"
#include "spool/deadletter.h"
#include "spool/marks.h"
#include "spool/runtime.h"

#define NS_PER_S 1000000000

void
numbers_queue(const struct assembly_queue *aq, struct numbers_queue *ret)
{
	bool attached = true;

	*ret = (struct numbers_queue){ .source = aq->intake != NULL,
		.target = aq->target != NULL,
		.recovered = aq->recovered,
		.reason = "" };
	if (ret->source) {
		intake_numbers(aq->intake, &ret->intake);
		attached = ret->intake.attached;
		ret->reason = ret->intake.reason;
	}
	if (ret->target) {
		target_numbers(aq->target, &ret->delivery);
		attached = attached && ret->delivery.attached;
		if (ret->reason[0] == '\0')
			ret->reason = ret->delivery.reason;
	}
	/* What neither takes from the queue nor gives to it does not open it. */
	if (!ret->source && !ret->target)
		ret->reason = "no route takes from it and no peer may send to it";
	ret->state = attached && (ret->source || ret->target) ? "attached" : "waiting";
}

void
numbers_route(const struct assembly *as, const struct assembly_route *ar,
    struct numbers_route *ret)
{
	struct route_progress progress;
	const struct stream_numbers *stream = &ret->outlet.stream;
	int64_t now_ns = runtime_clock_ns(as->runtime);

	outlet_numbers(ar->outlet, &ret->outlet);
	progress = (struct route_progress){ .waiting = stream->waiting,
		.in_flight = stream->in_flight,
		.last_progress_ms = ret->outlet.last_progress_ms,
		.now_ms = clock_monotonic_ms(),
		.stopped = ret->outlet.stopped };
	route_state(ar->route, &progress, &ret->state);
	if (ret->outlet.log_reason[0] != '\0' && ret->state.reason[0] == '\0')
		ret->state = (struct route_state){ "stalled", ret->outlet.log_reason };
	ret->bad = strcmp(ret->state.state, "stalled") == 0 ||
		   strcmp(ret->state.state, "stopped") == 0 ||
		   strcmp(ret->state.state, "refused") == 0;
	ret->oldest_age_s = -1;
	if (stream->oldest_captured_ns != 0 && now_ns > stream->oldest_captured_ns)
		ret->oldest_age_s = (now_ns - stream->oldest_captured_ns) / NS_PER_S;
}

static void
add_queues(const struct assembly *as, struct numbers_total *ret)
{
	struct numbers_queue nq;

	for (size_t i = 0; i < as->n_queues; i++) {
		numbers_queue(as->queues[i], &nq);
		ret->received += nq.intake.received;
		ret->delivered += nq.delivery.delivered;
		ret->recovered += nq.recovered;
		ret->backlog_records += nq.intake.ring_records;
		ret->backlog_bytes += nq.intake.ring_used;
		if (strcmp(nq.state, "attached") == 0 || (!nq.source && !nq.target))
			continue;
		if (ret->lost_queue == NULL)
			ret->lost_queue = as->queues[i];
		ret->lost_queues++;
	}
	for (size_t i = 0; i < inventory_rings(as->inventory); i++) {
		struct inventory_ring ir = { 0 };

		inventory_ring_at(as->inventory, i, &ir);
		ret->backlog_records += ir.records;
		ret->backlog_bytes += ir.used;
	}
}

static void
add_routes(const struct assembly *as, struct numbers_total *ret)
{
	struct numbers_route nr;

	for (size_t i = 0; i < as->n_routes; i++) {
		numbers_route(as, as->routes[i], &nr);
		if (as->routes[i]->peer != NULL)
			ret->settled += nr.outlet.settled;
		ret->backlog_records += nr.outlet.stream.log.waiting;
		ret->backlog_bytes += nr.outlet.stream.log.bytes;
		if (!nr.bad)
			continue;
		if (ret->bad_route == NULL)
			ret->bad_route = as->routes[i];
		ret->bad_routes++;
	}
}

static void
add_peers(const struct assembly *as, struct numbers_total *ret)
{
	struct peer_numbers pn;

	for (size_t i = 0; i < as->n_peers; i++) {
		peer_numbers(as->peers[i]->peer, &pn);
		if (strcmp(pn.state, "connected") == 0)
			ret->peers_up++;
		else if (ret->lost_peer == NULL)
			ret->lost_peer = as->peers[i];
	}
}

void
numbers_total(const struct assembly *as, struct numbers_total *ret)
{
	*ret = (struct numbers_total){ .queues = as->n_queues,
		.routes = as->n_routes,
		.peers = as->n_peers,
		.dead_letters = deadletters_count(as->dead),
		.in_doubt = marks_doubts_total(as->marks) };
	add_peers(as, ret);
	add_queues(as, ret);
	add_routes(as, ret);
}

bool
numbers_degraded(const struct numbers_total *total)
{
	return total->bad_routes > 0 || total->lost_queues > 0 ||
	       total->peers_up < total->peers;
}
