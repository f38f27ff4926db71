#include "assembly/hold.h"

#include "assembly/assembly.h"
#include "config/conf.h"
#include "endpoint/intake.h"
#include "endpoint/outlet.h"
#include "link/link.h"

static bool
is_offered(enum pauses_hold hold)
{
	return hold == PAUSES_NONE || hold == PAUSES_DRAINING;
}

bool
hold_new_route(const struct assembly *as, const struct conf_route *cr)
{
	struct pauses_verdict vd;

	pauses_judge(as->pauses, cr->name, cr->to_peer, &vd);
	return !is_offered(vd.hold);
}

void
hold_of_route(const struct assembly *as, const struct assembly_route *ar,
    struct pauses_verdict *ret)
{
	pauses_judge(as->pauses, ar->conf->name, ar->conf->to_peer, ret);
}

void
hold_of_peer(const struct assembly *as, const struct assembly_peer *ap,
    struct pauses_verdict *ret)
{
	pauses_judge_peer(as->pauses, ap->conf->name, ret);
}

/* While one route of a queue flows, or is paused and shall get what comes meanwhile, it is
 * read for that one. */
bool
hold_of_queue(const struct assembly *as, const struct assembly_queue *aq)
{
	struct pauses_verdict vd;
	bool held = false;

	for (size_t i = 0; i < as->n_routes; i++) {
		if (as->routes[i]->from != aq)
			continue;
		hold_of_route(as, as->routes[i], &vd);
		if (vd.hold != PAUSES_DRAINING && vd.hold != PAUSES_DRAINED)
			return false;
		held = true;
	}
	return held;
}

void
hold_apply(const struct assembly *as)
{
	struct pauses_verdict vd;

	/* First what stops: a route that goes on may deliver at once. */
	for (size_t i = 0; i < as->n_queues; i++) {
		if (as->queues[i]->intake != NULL)
			intake_hold(
			    as->queues[i]->intake, hold_of_queue(as, as->queues[i]));
	}
	for (size_t i = 0; i < as->n_peers; i++) {
		hold_of_peer(as, as->peers[i], &vd);
		peer_hold_input(as->peers[i]->peer, vd.hold != PAUSES_NONE);
	}
	for (size_t i = 0; i < as->n_routes; i++) {
		hold_of_route(as, as->routes[i], &vd);
		outlet_hold(as->routes[i]->outlet, !is_offered(vd.hold));
	}
}
