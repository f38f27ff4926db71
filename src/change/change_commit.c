#include <stdlib.h>

#include "assembly/accept.h"
#include "assembly/hold.h"
#include "assembly/inventory.h"
#include "assembly/kept.h"
#include "change/change_private.h"
#include "flow/sink.h"
#include "link/link.h"
#include "route/route.h"
#include "spool/deadletter.h"
#include "spool/marks.h"
#include "spool/space.h"

/* The objects of the two change places: next has what was. */
static void
swap(struct change *ch)
{
	const struct assembly was = *ch->as, *next = &ch->next;

	ch->as->changes++;
	ch->as->conf = next->conf;
	ch->as->queues = next->queues;
	ch->as->n_queues = next->n_queues;
	ch->as->peers = next->peers;
	ch->as->n_peers = next->n_peers;
	ch->as->routes = next->routes;
	ch->as->n_routes = next->n_routes;
	ch->next.queues = was.queues;
	ch->next.n_queues = was.n_queues;
	ch->next.peers = was.peers;
	ch->next.n_peers = was.n_peers;
	ch->next.routes = was.routes;
	ch->next.n_routes = was.n_routes;
}

static void
end_routes(const struct change *ch)
{
	for (size_t i = 0; i < ch->next.n_routes; i++) {
		struct assembly_route *ar = ch->next.routes[i];

		if (change_has_route(ch->as, ar->route))
			continue;
		route_free(ar->route);
		ar->sink->ops->close(ar->sink);
	}
}

static void
change_listeners(const struct change *ch)
{
	const struct conf *cf = ch->as->conf;

	for (size_t i = 0; i < ch->diff->count; i++) {
		const struct diff_item *it = &ch->diff->items[i];

		if (it->kind == DIFF_LISTENER && it->change == DIFF_REMOVED)
			assembly_listener_close(ch->as, it->before);
	}
	/* All, as users and groups are those of the configuration. */
	for (size_t i = 0; i < cf->n_listeners; i++) {
		if (cf->listeners[i].enabled)
			assembly_listener_change(ch->as, &cf->listeners[i]);
	}
}

static void
change_peers(const struct change *ch)
{
	for (size_t i = 0; i < ch->next.n_peers; i++) {
		if (!change_has_peer(ch->as, ch->next.peers[i]->peer))
			peer_end(ch->next.peers[i]->peer);
	}
	for (size_t i = 0; i < ch->as->n_peers; i++) {
		if (ch->peer_changes[i] != NULL)
			peer_change(ch->as->peers[i]->peer, ch->peer_changes[i]);
		ch->peer_changes[i] = NULL;
	}
}

static void
change_queues(const struct change *ch)
{
	for (size_t i = 0; i < ch->next.n_queues; i++) {
		struct target *tg = ch->next.queues[i]->target;

		if (tg != NULL && !change_has_target(ch->as, tg))
			target_free(tg);
	}
	for (size_t i = 0; i < ch->as->n_queues; i++) {
		const struct assembly_queue *aq = ch->as->queues[i];
		const struct intake_spec intake = assembly_intake_spec(aq->conf);
		const struct target_spec target = assembly_target_spec(aq->conf);

		if (aq->intake != NULL)
			intake_change(aq->intake, &intake, ch->intake_names[i]);
		ch->intake_names[i] = NULL;
		if (aq->target != NULL)
			target_change(aq->target, &target);
	}
}

/* Outlets that changed, or that another route had before. */
static void
change_outlets(const struct change *ch)
{
	for (size_t i = 0; i < ch->as->n_routes; i++) {
		const struct assembly_route *ar = ch->as->routes[i];
		const struct outlet_policy policy = assembly_route_policy(ar->conf);

		if (ch->route_names[i] != NULL)
			outlet_change(ar->outlet, &policy, ch->route_names[i]);
		ch->route_names[i] = NULL;
	}
}

static void
change_daemon(const struct change *ch)
{
	const struct conf *cf = ch->as->conf;
	const struct space_reserve reserve = { (unsigned)cf->reserve_percent,
		cf->reserve_space };
	struct kept_stream *ks = NULL;

	marks_share(ch->as->marks, cf->n_peers);
	link_set_memory(ch->as->link, cf->receive_memory);
	deadletters_set_limit(ch->as->dead, cf->dead_letter_limit);
	deadletters_set_reserve(ch->as->dead, &reserve);
	inventory_set_reserve(ch->as->inventory, reserve.bytes, reserve.percent);
	for (size_t i = 0; i < ch->as->n_routes; i++)
		outlet_set_reserve(
		    ch->as->routes[i]->outlet, reserve.bytes, reserve.percent);
	while ((ks = kept_next_stream(ch->as->kept, ks)) != NULL)
		outlet_set_reserve(ks->outlet, reserve.bytes, reserve.percent);
}

/* What has no stream is ended: its log can be found again. */
static void
settle_kept(const struct change *ch)
{
	struct kept_stream *ks = NULL;

	while ((ks = kept_next_stream(ch->as->kept, ks)) != NULL)
		if (!outlet_has_stream(ks->outlet))
			inventory_unclaim_log(
			    ch->as->inventory, outlet_found_log(ks->outlet));
	kept_settle(ch->as->kept);
}

static void
begin(const struct change *ch)
{
	const struct assembly *as = ch->as;

	hold_apply(as);
	for (size_t i = 0; i < as->n_queues; i++) {
		const struct assembly_queue *aq = as->queues[i];

		if (aq->target != NULL && aq->target_from != ASSEMBLY_CARRIED)
			target_start(aq->target);
	}
	for (size_t i = 0; i < as->n_routes; i++) {
		if (as->routes[i]->from_where != ASSEMBLY_CARRIED)
			route_join(as->routes[i]->route);
	}
	for (size_t i = 0; i < as->n_peers; i++) {
		if (as->peers[i]->peer_from != ASSEMBLY_CARRIED)
			peer_start(as->peers[i]->peer);
	}
	for (size_t i = 0; i < as->n_queues; i++) {
		const struct assembly_queue *aq = as->queues[i];

		if (aq->intake != NULL && aq->intake_from != ASSEMBLY_CARRIED)
			intake_start(aq->intake);
	}
}

/* The structs alone: what they had goes on, is kept, or was ended. */
static void
free_shells(struct assembly *was)
{
	for (size_t i = 0; i < was->n_routes; i++)
		free(was->routes[i]);
	for (size_t i = 0; i < was->n_peers; i++)
		free(was->peers[i]);
	for (size_t i = 0; i < was->n_queues; i++)
		free(was->queues[i]);
	free(was->routes);
	free(was->peers);
	free(was->queues);
}

void
change_commit(struct change *ch)
{
	swap(ch);
	end_routes(ch);
	change_listeners(ch);
	link_review(ch->as->link);
	change_peers(ch);
	change_queues(ch);
	change_outlets(ch);
	settle_kept(ch);
	change_daemon(ch);
	begin(ch);
	free_shells(&ch->next);
}
