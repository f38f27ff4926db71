#include "assembly/numbers.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "assembly/assembly.h"
#include "assembly/hold.h"
#include "assembly/inventory.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/quote.h"
#include "config/conf.h"
#include "spool/runtime.h"

#define NS_PER_S     1000000000
#define MS_PER_S     1000
#define PATIENCE_MIN 500 /* ms: what is busy rests that long now and then */

static void health_set(struct numbers_health *he, enum state state, enum reason reason,
    const char *format, ...) PRINTF_LIKE(4, 5);

static void
health_set(struct numbers_health *he, enum state state, enum reason reason,
    const char *format, ...)
{
	va_list args;

	he->state = state;
	he->reason = reason;
	va_start(args, format);
	(void)vsnprintf(he->detail, sizeof(he->detail), format, args);
	va_end(args);
}

static void
health_begin(struct numbers_health *he, enum state state)
{
	he->state = state;
	he->reason = REASON_NONE;
	he->since_ms = 0;
	he->host = "";
	he->detail[0] = '\0';
}

/* Since when: as it is known, or else as it was first seen. */
static void
health_end(struct numbers_health *he, struct numbers_memory *me, uint64_t known_ms)
{
	bool same =
	    me->since_ms != 0 && me->state == he->state && me->reason == he->reason;

	if (!same)
		*me = (struct numbers_memory){ he->state, he->reason,
			known_ms != 0 ? known_ms : clock_monotonic_ms(), me->in,
			me->out };
	he->since_ms = known_ms != 0 ? known_ms : me->since_ms;
}

/* Nothing moves for that long although it should: it is wrong. Two heartbeats after a cause both
 * hosts tell it, so the fastest of them decides. */
static uint32_t
patience_ms(const struct assembly *as)
{
	uint32_t ms = ROUTE_PATIENCE_MS;

	for (size_t i = 0; i < as->n_peers; i++) {
		if (as->peers[i]->conf->heartbeat_ms < ms)
			ms = as->peers[i]->conf->heartbeat_ms;
	}
	return ms < PATIENCE_MIN ? PATIENCE_MIN : ms;
}

static bool
is_overdue(const struct assembly *as, uint64_t since_ms)
{
	uint64_t now_ms = clock_monotonic_ms();

	return since_ms != 0 && now_ms > since_ms &&
	       now_ms - since_ms >= patience_ms(as);
}

/* ---- queues ------------------------------------------------------------------------ */

/* A ring is full because a route does not settle: name the first of them. */
static void
blame_route(const struct assembly *as, const struct assembly_queue *aq,
    struct numbers_health *he)
{
	size_t len = strlen(he->detail);

	for (size_t i = 0; i < as->n_routes; i++) {
		const struct assembly_route *ar = as->routes[i];

		if (ar->from != aq || ar->memory.since_ms == 0 ||
		    state_rank(ar->memory.state) == STATE_GOOD)
			continue;
		(void)snprintf(he->detail + len, sizeof(he->detail) - len,
		    "; route %.64s is %s: %s", quote(ar->conf->name).text,
		    state_name(ar->memory.state), reason_name(ar->memory.reason));
		return;
	}
}

static enum state
state_of_absence(enum reason reason)
{
	return reason == REASON_QUEUE_ABSENT || reason == REASON_STOPPING
		   ? STATE_WAITING
		   : STATE_FAILED;
}

static void
judge_source(const struct assembly *as, const struct assembly_queue *aq,
    const struct intake_numbers *in, struct numbers_health *he)
{
	if (!in->attached) {
		health_set(he, state_of_absence(in->cause.reason), in->cause.reason,
		    "%s", in->cause.detail);
	} else if (is_overdue(as, in->blocked_since_ms)) {
		health_set(he, STATE_BLOCKED, in->cause.reason, "%s", in->cause.detail);
		he->since_ms = in->blocked_since_ms;
		blame_route(as, aq, he);
	}
}

static void
judge_target(const struct assembly *as, const struct target_numbers *tg,
    struct numbers_health *he)
{
	if (!tg->attached) {
		health_set(he, state_of_absence(tg->cause.reason), tg->cause.reason,
		    "%s", tg->cause.detail);
	} else if (tg->cause.reason != REASON_NONE &&
		   tg->cause.reason != REASON_QUEUE_FULL) {
		health_set(he, STATE_FAILED, tg->cause.reason, "%s", tg->cause.detail);
	} else if (is_overdue(as, tg->full_since_ms) &&
		   state_rank(he->state) == STATE_GOOD) {
		health_set(he, STATE_FULL, REASON_QUEUE_FULL, "%s", tg->cause.detail);
		he->since_ms = tg->full_since_ms;
	}
}

static void
queue_rates(struct numbers_queue *nq, const struct numbers_memory *me)
{
	uint64_t now_ms = clock_monotonic_ms();

	nq->received_rate = rate_get(&me->in, now_ms, nq->intake.received);
	nq->delivered_rate = rate_get(&me->out, now_ms, nq->delivery.delivered);
}

void
numbers_queue(
    const struct assembly *as, struct assembly_queue *aq, struct numbers_queue *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->source = aq->intake != NULL;
	ret->target = aq->target != NULL;
	ret->recovered = aq->recovered;
	health_begin(&ret->health, STATE_ATTACHED);
	if (ret->source) {
		intake_numbers(aq->intake, &ret->intake);
		judge_source(as, aq, &ret->intake, &ret->health);
		ret->attached = ret->intake.attached;
		ret->depth = ret->intake.depth;
		ret->capacity = ret->intake.capacity;
	}
	if (ret->target) {
		target_numbers(aq->target, &ret->delivery);
		judge_target(as, &ret->delivery, &ret->health);
	}
	if (ret->target && !ret->attached) {
		ret->attached = ret->delivery.attached;
		ret->depth = ret->delivery.depth;
		ret->capacity = ret->delivery.capacity;
	}
	if (!ret->source && !ret->target)
		health_set(&ret->health, STATE_UNUSED, REASON_NOT_USED,
		    "no route takes from it and no peer may send to it");
	health_end(&ret->health, &aq->memory, ret->health.since_ms);
	queue_rates(ret, &aq->memory);
}

/* ---- routes ------------------------------------------------------------------------ */

/* That nothing goes on is wrong also while it is drained: then that is said beside. */
static void
judge_draining(struct numbers_health *he)
{
	char detail[NUMBERS_DETAIL];

	if (state_rank(he->state) == STATE_GOOD) {
		health_set(he, STATE_DRAINING, REASON_DRAINING, "%s", "");
		return;
	}
	(void)snprintf(detail, sizeof(detail), "%s", he->detail);
	health_set(he, he->state, he->reason, "it is being drained%s%s",
	    detail[0] != '\0' ? "; " : "", detail);
}

/* That an operator paused it goes before all else. */
static void
judge_hold(const struct assembly *as, const struct assembly_route *ar,
    struct numbers_health *he)
{
	struct pauses_verdict vd;
	char who[PAUSE_WHO] = "";

	hold_of_route(as, ar, &vd);
	if (vd.hold == PAUSES_NONE)
		return;
	if (vd.hold == PAUSES_DRAINING) {
		judge_draining(he);
		return;
	}
	if (vd.pause != NULL)
		(void)pause_who(who, sizeof(who), vd.pause);
	health_begin(he, STATE_PAUSED);
	health_set(he, STATE_PAUSED, REASON_PAUSED, "%s%s%s",
	    vd.pause != NULL && vd.pause->kind == PAUSE_PEER ? "with its peer, " : "",
	    vd.hold == PAUSES_DRAINED ? "drained first, " : "", who);
}

/* Nothing comes from a queue that is not there. */
static void
judge_origin(const struct assembly_route *ar, struct numbers_health *he)
{
	const struct cause cause = intake_absence(ar->from->intake);

	if (state_rank(he->state) != STATE_GOOD || cause.reason == REASON_NONE ||
	    cause.reason == REASON_STOPPING)
		return;
	health_set(he,
	    cause.reason == REASON_QUEUE_ABSENT ? STATE_WAITING : STATE_STOPPED,
	    cause.reason, "queue %.64s: %s", quote(ar->conf->from).text, cause.detail);
	he->host = "";
}

static void
judge_route(const struct assembly *as, struct assembly_route *ar,
    const struct outlet_numbers *ol, struct numbers_health *he)
{
	struct route_progress progress = { .waiting = ol->stream.waiting,
		.in_flight = ol->stream.in_flight,
		.last_progress_ms = ol->last_progress_ms,
		.now_ms = clock_monotonic_ms(),
		.patience_ms = patience_ms(as),
		.stopped = ol->stopped,
		.log = ol->log };
	struct route_state st;

	health_begin(he, STATE_IDLE);
	route_state(ar->route, &progress, &st);
	health_set(he, st.state, st.reason, "%s", st.detail);
	he->host = st.host;
	if (st.state == STATE_STALLED)
		he->since_ms = st.still_since_ms;
	judge_hold(as, ar, he);
	judge_origin(ar, he);
	health_end(he, &ar->memory, he->since_ms);
}

/* Settled and what waits: so many have come. */
static uint64_t
route_arrived(const struct outlet_numbers *ol)
{
	return ol->settled + ol->dropped + ol->stream.waiting + ol->stream.in_flight;
}

void
numbers_route(
    const struct assembly *as, struct assembly_route *ar, struct numbers_route *ret)
{
	const struct stream_numbers *stream = &ret->outlet.stream;
	int64_t now_ns = runtime_clock_ns(as->runtime);
	uint64_t now_ms = clock_monotonic_ms();

	memset(ret, 0, sizeof(*ret));
	outlet_numbers(ar->outlet, &ret->outlet);
	judge_route(as, ar, &ret->outlet, &ret->health);
	ret->backlog = stream->waiting + stream->in_flight;
	ret->oldest_age_s = ret->idle_s = -1;
	if (stream->oldest_captured_ns != 0)
		ret->oldest_age_s =
		    now_ns > stream->oldest_captured_ns
			? (now_ns - stream->oldest_captured_ns) / NS_PER_S
			: 0;
	if (ret->outlet.last_progress_ms != 0)
		ret->idle_s =
		    now_ms > ret->outlet.last_progress_ms
			? (int64_t)(now_ms - ret->outlet.last_progress_ms) / MS_PER_S
			: 0;
	ret->in_rate = rate_get(&ar->memory.in, now_ms, route_arrived(&ret->outlet));
	ret->out_rate = rate_get(&ar->memory.out, now_ms, ret->outlet.settled);
}

/* ---- peers ------------------------------------------------------------------------- */

void
numbers_peer(
    const struct assembly *as, struct assembly_peer *ap, struct numbers_peer *ret)
{
	struct peer_numbers *pn = &ret->peer;
	uint64_t now_ms = clock_monotonic_ms();
	struct pauses_verdict vd;
	char who[PAUSE_WHO] = "";

	memset(ret, 0, sizeof(*ret));
	peer_numbers(ap->peer, pn);
	health_begin(&ret->health, pn->state);
	health_set(&ret->health, pn->state, pn->cause.reason, "%s", pn->cause.detail);
	hold_of_peer(as, ap, &vd);
	if (vd.pause != NULL)
		(void)pause_who(who, sizeof(who), vd.pause);
	/* That it is not connected is worse. */
	if (pn->state == STATE_CONNECTED && vd.hold == PAUSES_DRAINING)
		health_set(&ret->health, STATE_DRAINING, REASON_DRAINING, "%s", who);
	else if (pn->state == STATE_CONNECTED && vd.hold != PAUSES_NONE)
		health_set(&ret->health, STATE_PAUSED, REASON_PAUSED, "%s", who);
	health_end(&ret->health, &ap->memory,
	    ret->health.state == pn->state ? pn->since_ms : 0);
	for (size_t i = 0; i < as->n_routes; i++)
		ret->routes += as->routes[i]->peer == ap;
	ret->received_rate = rate_get(&ap->memory.in, now_ms, pn->received_bytes);
	ret->sent_rate = rate_get(&ap->memory.out, now_ms, pn->sent_bytes);
}

/* ---- the tick ---------------------------------------------------------------------- */

void
numbers_queue_tick(struct assembly_queue *aq, const struct numbers_queue *nq)
{
	uint64_t now_ms = clock_monotonic_ms();

	rate_add(&aq->memory.in, now_ms, nq->intake.received);
	rate_add(&aq->memory.out, now_ms, nq->delivery.delivered);
}

void
numbers_route_tick(struct assembly_route *ar, const struct numbers_route *nr)
{
	uint64_t now_ms = clock_monotonic_ms();

	rate_add(&ar->memory.in, now_ms, route_arrived(&nr->outlet));
	rate_add(&ar->memory.out, now_ms, nr->outlet.settled);
}

void
numbers_peer_tick(struct assembly_peer *ap, const struct numbers_peer *np)
{
	uint64_t now_ms = clock_monotonic_ms();

	rate_add(&ap->memory.in, now_ms, np->peer.received_bytes);
	rate_add(&ap->memory.out, now_ms, np->peer.sent_bytes);
}
