/* All numbers together, and what is wrong, the worst first: part of assembly/numbers.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "assembly/assembly.h"
#include "assembly/inventory.h"
#include "assembly/numbers.h"
#include "base/clock.h"
#include "base/quote.h"
#include "config/conf.h"
#include "link/link.h"
#include "spool/deadletter.h"
#include "spool/marks.h"
#include "spool/runtime.h"

#define MS_PER_S 1000
#define NS_PER_S 1000000000

/* Is it so because a peer is not there, which is told by itself? */
static bool
follows(const struct numbers_health *he)
{
	return he->reason == REASON_PEER_NOT_CONNECTED;
}

/* Is a worse than b? The hundred routes that wait for a peer do not push it out, whatever it is
 * just doing; and what lasts longer goes before what has just begun. */
static bool
is_worse(const struct numbers_health *a, const struct numbers_health *b)
{
	if (state_rank(a->state) != state_rank(b->state))
		return state_rank(a->state) > state_rank(b->state);
	if (follows(a) != follows(b))
		return follows(b);
	if (a->state != b->state)
		return a->state > b->state;
	return a->since_ms < b->since_ms;
}

/* Into its place among the worst, from which the least bad may fall. */
static void
find(struct numbers_total *nt, const char *kind, const char *name,
    const struct numbers_health *he)
{
	size_t at = nt->n_worst;

	if (state_rank(he->state) == STATE_GOOD)
		return;
	nt->problems++;
	while (at > 0 && is_worse(he, &nt->worst[at - 1].health))
		at--;
	if (at == NUMBERS_FINDINGS)
		return;
	if (nt->n_worst < NUMBERS_FINDINGS)
		nt->n_worst++;
	memmove(&nt->worst[at + 1], &nt->worst[at],
	    (nt->n_worst - at - 1) * sizeof(nt->worst[0]));
	nt->worst[at] = (struct numbers_finding){ kind, name, *he };
}

void
numbers_total_queue(struct numbers_total *nt, const struct assembly_queue *aq,
    const struct numbers_queue *nq)
{
	nt->queues++;
	nt->received += nq->intake.received;
	nt->delivered += nq->delivery.delivered;
	nt->recovered += nq->recovered;
	nt->backlog_bytes += nq->intake.ring_used;
	nt->in_rate += nq->received_rate;
	nt->out_rate += nq->delivered_rate;
	find(nt, "queue", aq->conf->name, &nq->health);
}

void
numbers_total_route(struct numbers_total *nt, const struct assembly_route *ar,
    const struct numbers_route *nr)
{
	nt->routes++;
	nt->settled += nr->outlet.settled;
	/* What a local route settles is delivered here, and counted there. */
	if (ar->peer != NULL)
		nt->out_rate += nr->out_rate;
	/* A ring also keeps what is settled behind its oldest record: that is no backlog. */
	nt->backlog_records += nr->backlog;
	nt->backlog_bytes += nr->outlet.stream.log.bytes;
	if (nr->oldest_age_s > nt->oldest_age_s)
		nt->oldest_age_s = nr->oldest_age_s;
	find(nt, "route", ar->conf->name, &nr->health);
}

void
numbers_total_peer(struct numbers_total *nt, const struct assembly_peer *ap,
    const struct numbers_peer *np)
{
	nt->peers++;
	nt->peers_up += np->peer.state == STATE_CONNECTED;
	find(nt, "peer", ap->conf->name, &np->health);
}

static void
add_age(const struct assembly *as, struct numbers_total *ret, int64_t captured_ns)
{
	int64_t age_s = (runtime_clock_ns(as->runtime) - captured_ns) / NS_PER_S;

	if (captured_ns == 0)
		return;
	if (age_s < 0)
		age_s = 0;
	if (age_s > ret->oldest_age_s)
		ret->oldest_age_s = age_s;
}

/* Rings and streams of routes that are not there any more. */
static void
add_orphans(const struct assembly *as, struct numbers_total *ret)
{
	size_t rings = inventory_rings(as->inventory);
	size_t streams = inventory_streams(as->inventory);
	struct numbers_health he = {
		.state = STATE_ORPHAN, .reason = REASON_NOT_CONFIGURED, .host = ""
	};
	uint64_t records = 0;

	for (size_t i = 0; i < rings; i++) {
		struct inventory_ring ir = { 0 };

		inventory_ring_at(as->inventory, i, &ir);
		ret->backlog_bytes += ir.used;
		if (ir.streams_tell)
			continue;
		records += ir.records;
		add_age(as, ret, ir.oldest_captured_ns);
	}
	for (size_t i = 0; i < streams; i++) {
		struct inventory_stream is = { 0 };

		inventory_stream_at(as->inventory, i, &is);
		records += is.waiting + is.in_flight;
		add_age(as, ret, is.oldest_captured_ns);
	}
	ret->backlog_records += records;
	if (records == 0) /* nobody misses anything */
		return;
	(void)snprintf(he.detail, sizeof(he.detail),
	    "%" PRIu64 " messages have no enabled route: rings %zu, streams %zu",
	    records, rings, streams);
	find(ret, "store", "orphans", &he);
}

static void
add_held(const struct assembly *as, struct numbers_total *ret)
{
	struct numbers_health he = {
		.state = STATE_PAUSED, .reason = REASON_IN_DOUBT_HELD, .host = ""
	};

	ret->dead_letters = deadletters_count(as->dead);
	ret->dead_letter_bytes = deadletters_bytes(as->dead);
	ret->held = deadletters_held(as->dead);
	ret->in_doubt = marks_doubts_total(as->marks);
	if (ret->held == 0)
		return;
	(void)snprintf(he.detail, sizeof(he.detail),
	    "%" PRIu64 " messages wait for a decision", ret->held);
	find(ret, "store", "in-doubt", &he);
}

/* Those that a reload could not let listen again. */
static void
add_listeners(const struct assembly *as, struct numbers_total *ret)
{
	const struct conf *cf = as->conf;

	for (size_t i = 0; i < cf->n_listeners; i++) {
		const char *address = cf->listeners[i].address;
		struct numbers_health he = { .state = STATE_FAILED,
			.reason = REASON_NOT_LISTENING,
			.since_ms = link_silent_since_ms(as->link, address),
			.host = "" };

		if (he.since_ms == 0)
			continue;
		(void)snprintf(he.detail, sizeof(he.detail),
		    "nobody can connect there: somebody else listens, or did");
		find(ret, "listener", address, &he);
	}
}

/* The daemon is degraded as long as anything is told to be wrong, also what somebody wants so: a
 * pause holds messages up as well as a fault does, and is forgotten sooner. */
static void
judge_daemon(const struct assembly *as, struct numbers_total *nt)
{
	const struct numbers_finding *worst = nt->n_worst > 0 ? &nt->worst[0] : NULL;
	struct numbers_health *he = &nt->health;

	*he = (struct numbers_health){ .state = STATE_RUNNING, .host = "" };
	if (worst != NULL) {
		he->state = STATE_DEGRADED;
		he->reason = worst->health.reason;
		he->host = worst->health.host;
		he->since_ms = worst->health.since_ms;
		(void)numbers_words(he->detail, sizeof(he->detail), worst);
	}
	if (!as->stopping)
		return;
	he->state = STATE_STOPPING;
	he->reason = REASON_STOPPING;
	(void)snprintf(he->detail, sizeof(he->detail), "it is being stopped");
}

void
numbers_total_begin(struct numbers_total *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->oldest_age_s = -1;
}

void
numbers_total_end(const struct assembly *as, struct numbers_total *nt)
{
	add_orphans(as, nt);
	add_held(as, nt);
	add_listeners(as, nt);
	judge_daemon(as, nt);
}

void
numbers_total(const struct assembly *as, struct numbers_total *ret)
{
	struct numbers_route nr;
	struct numbers_queue nq;
	struct numbers_peer np;

	numbers_total_begin(ret);
	for (size_t i = 0; i < as->n_routes; i++) {
		numbers_route(as, as->routes[i], &nr);
		numbers_total_route(ret, as->routes[i], &nr);
	}
	for (size_t i = 0; i < as->n_queues; i++) {
		numbers_queue(as, as->queues[i], &nq);
		numbers_total_queue(ret, as->queues[i], &nq);
	}
	for (size_t i = 0; i < as->n_peers; i++) {
		numbers_peer(as, as->peers[i], &np);
		numbers_total_peer(ret, as->peers[i], &np);
	}
	numbers_total_end(as, ret);
}

uint64_t
numbers_since_s(const struct numbers_health *health)
{
	uint64_t now_ms = clock_monotonic_ms();

	return now_ms > health->since_ms && health->since_ms != 0
		   ? (now_ms - health->since_ms) / MS_PER_S
		   : 0;
}

char *
numbers_words(char *buf, size_t size, const struct numbers_finding *fi)
{
	const struct numbers_health *he = &fi->health;
	char reason[64], since[32] = "";

	if (he->since_ms != 0)
		(void)snprintf(
		    since, sizeof(since), " %" PRIu64 "s", numbers_since_s(he));
	(void)snprintf(reason, sizeof(reason), "%s", reason_name(he->reason));
	for (char *at = reason; *at != '\0'; at++)
		*at = (char)(*at == '-' ? ' ' : *at);
	(void)snprintf(buf, size, "%s %.64s %s%s (%.64s%s%s)", fi->kind,
	    quote(fi->name).text, state_name(he->state), since,
	    he->host[0] != '\0' ? quote(he->host).text : "",
	    he->host[0] != '\0' ? ": " : "", reason);
	return buf;
}
