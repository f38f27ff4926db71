#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assembly/inventory.h"
#include "assembly/kept.h"
#include "base/log.h"
#include "base/quote.h"
#include "change/change_private.h"
#include "flow/sink.h"
#include "link/link.h"
#include "route/route.h"
#include "spool/ring.h"

#define WHY_MAX 512
#define KEY_MAX 512 /* a name and what stands around it */

bool
change_has_intake(const struct assembly *as, const struct intake *in)
{
	for (size_t i = 0; i < as->n_queues; i++) {
		if (as->queues[i]->intake == in)
			return true;
	}
	return false;
}

bool
change_has_target(const struct assembly *as, const struct target *tg)
{
	for (size_t i = 0; i < as->n_queues; i++) {
		if (as->queues[i]->target == tg)
			return true;
	}
	return false;
}

bool
change_has_peer(const struct assembly *as, const struct peer *pe)
{
	for (size_t i = 0; i < as->n_peers; i++) {
		if (as->peers[i]->peer == pe)
			return true;
	}
	return false;
}

bool
change_has_route(const struct assembly *as, const struct route *ro)
{
	for (size_t i = 0; i < as->n_routes; i++) {
		if (as->routes[i]->route == ro)
			return true;
	}
	return false;
}

bool
change_has_outlet(const struct assembly *as, const struct outlet *ol)
{
	for (size_t i = 0; i < as->n_routes; i++) {
		if (as->routes[i]->outlet == ol)
			return true;
	}
	return false;
}

static struct assembly_route *
find_route(const struct assembly *as, const char *name)
{
	for (size_t i = 0; i < as->n_routes; i++) {
		if (strcmp(as->routes[i]->conf->name, name) == 0)
			return as->routes[i];
	}
	return NULL;
}

static bool
is_remade(const struct change *ch, enum diff_kind kind, const char *name)
{
	const struct diff_item *it = diff_find(ch->diff, kind, name);

	return it != NULL && it->how == DIFF_REMAKE;
}

/* It could not be made: told. */
static int
make_fault(struct change *ch, const char *list, const char *name,
    const struct conf_place *place, int rc)
{
	char key[KEY_MAX], why[WHY_MAX];

	(void)snprintf(key, sizeof(key), "%s.%s", list, quote(name).text);
	(void)snprintf(why, sizeof(why), "cannot be set up: %s", strerror(-rc));
	change_fault(ch->faults, place, key, why);
	return rc;
}

/* ---- what goes on ------------------------------------------------------------------- */

static int
carry_queue(struct change *ch, const struct conf_queue *cq)
{
	const struct assembly_queue *old = assembly_queue_find(ch->as, cq->name);
	struct assembly_queue *aq = calloc(1, sizeof(*aq));

	if (aq == NULL)
		return -ENOMEM;
	aq->conf = cq;
	ch->next.queues[ch->next.n_queues++] = aq;
	if (old == NULL || is_remade(ch, DIFF_QUEUE, cq->name))
		return 0;
	aq->recovered = old->recovered;
	aq->memory = old->memory;
	if (old->intake != NULL && assembly_queue_is_source(ch->next.conf, cq)) {
		aq->intake = old->intake;
		aq->kept = old->kept;
		aq->intake_from = ASSEMBLY_CARRIED;
	}
	if (old->target != NULL && assembly_queue_is_target(ch->next.conf, cq)) {
		aq->target = old->target;
		aq->target_from = ASSEMBLY_CARRIED;
	}
	return 0;
}

static int
carry_peer(struct change *ch, const struct conf_peer *cp)
{
	const struct assembly_peer *old = assembly_peer_find(ch->as, cp->name);
	struct assembly_peer *ap = calloc(1, sizeof(*ap));

	if (ap == NULL)
		return -ENOMEM;
	ap->conf = cp;
	ch->next.peers[ch->next.n_peers++] = ap;
	if (old == NULL)
		return 0;
	ap->peer = old->peer;
	ap->memory = old->memory;
	ap->peer_from = ASSEMBLY_CARRIED;
	return 0;
}

/* Are both its ends the same objects? */
static bool
route_goes_on(const struct change *ch, const struct assembly_route *old,
    const struct assembly_route *new)
{
	const struct assembly_queue *before, *after;

	if (old == NULL || is_remade(ch, DIFF_ROUTE, new->conf->name) ||
	    new->from->intake == NULL || old->from->intake != new->from->intake)
		return false;
	if (new->peer != NULL)
		return old->peer != NULL && old->peer->peer == new->peer->peer;
	before = assembly_queue_find(ch->as, new->conf->to_entry);
	after = assembly_queue_find(&ch->next, new->conf->to_entry);
	return before != NULL && after != NULL && after->target != NULL &&
	       before->target == after->target;
}

static int
carry_route(struct change *ch, const struct conf_route *cr)
{
	const struct assembly_route *old = find_route(ch->as, cr->name);
	struct assembly_route *ar = calloc(1, sizeof(*ar));

	if (ar == NULL)
		return -ENOMEM;
	ar->conf = cr;
	ar->from = assembly_queue_find(&ch->next, cr->from);
	if (cr->to_peer != NULL)
		ar->peer = assembly_peer_find(&ch->next, cr->to_peer);
	ch->next.routes[ch->next.n_routes++] = ar;
	if (!route_goes_on(ch, old, ar))
		return 0;
	ar->outlet = old->outlet;
	ar->sink = old->sink;
	ar->route = old->route;
	ar->kept = old->kept;
	ar->memory = old->memory;
	ar->from_where = ASSEMBLY_CARRIED;
	return 0;
}

static int
carry(struct change *ch)
{
	const struct conf *cf = ch->next.conf;
	int rc = 0;

	assert(
	    ch->next.n_queues == 0 && ch->next.n_peers == 0 && ch->next.n_routes == 0);
	ch->next.queues = calloc(cf->n_queues + 1, sizeof(struct assembly_queue *));
	ch->next.peers = calloc(cf->n_peers + 1, sizeof(struct assembly_peer *));
	ch->next.routes = calloc(cf->n_routes + 1, sizeof(struct assembly_route *));
	ch->intake_names = calloc(cf->n_queues + 1, sizeof(char *));
	ch->route_names = calloc(cf->n_routes + 1, sizeof(char *));
	ch->peer_changes = calloc(cf->n_peers + 1, sizeof(struct peer_change *));
	if (ch->next.queues == NULL || ch->next.peers == NULL ||
	    ch->next.routes == NULL || ch->intake_names == NULL ||
	    ch->route_names == NULL || ch->peer_changes == NULL)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < cf->n_queues; i++) {
		if (cf->queues[i].enabled)
			rc = carry_queue(ch, &cf->queues[i]);
	}
	for (size_t i = 0; rc == 0 && i < cf->n_peers; i++) {
		if (cf->peers[i].enabled)
			rc = carry_peer(ch, &cf->peers[i]);
	}
	for (size_t i = 0; rc == 0 && i < cf->n_routes; i++) {
		if (assembly_route_is_on(cf, &cf->routes[i]))
			rc = carry_route(ch, &cf->routes[i]);
	}
	return rc;
}

/* ---- what goes: kept, so that what comes can claim it -------------------------------- */

static void
retire(struct change *ch)
{
	const struct assembly *as = ch->as;

	for (size_t i = 0; i < as->n_routes; i++) {
		struct assembly_route *ar = as->routes[i];

		ar->retired = !change_has_outlet(&ch->next, ar->outlet);
		if (ar->retired)
			kept_add_stream(as->kept, ar->kept);
	}
	for (size_t i = 0; i < as->n_queues; i++) {
		struct assembly_queue *aq = as->queues[i];

		aq->retired =
		    aq->intake != NULL && !change_has_intake(&ch->next, aq->intake);
		if (!aq->retired)
			continue;
		intake_stop(aq->intake);
		kept_add_ring(as->kept, aq->kept);
	}
}

/* Nothing of next has claimed them any more. */
static void
unretire(struct change *ch)
{
	const struct assembly *as = ch->as;

	for (size_t i = 0; i < as->n_routes; i++) {
		if (as->routes[i]->retired)
			kept_remove_stream(as->kept, as->routes[i]->kept);
		as->routes[i]->retired = false;
	}
	for (size_t i = 0; i < as->n_queues; i++) {
		struct assembly_queue *aq = as->queues[i];

		if (!aq->retired)
			continue;
		aq->retired = false;
		kept_remove_ring(as->kept, aq->kept);
		intake_start(aq->intake);
	}
}

/* ---- what is new ---------------------------------------------------------------------- */

static int
make_queues(struct change *ch)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ch->next.n_queues; i++) {
		struct assembly_queue *aq = ch->next.queues[i];
		const struct conf_queue *cq = aq->conf;

		if (aq->intake == NULL && assembly_queue_is_source(ch->next.conf, cq))
			rc = assembly_intake_make(&ch->next, aq);
		if (rc == 0 && aq->target == NULL &&
		    assembly_queue_is_target(ch->next.conf, cq))
			rc = assembly_target_make(&ch->next, aq);
		if (rc == 0 && aq->intake != NULL) {
			ch->intake_names[i] = strdup(cq->name);
			rc = ch->intake_names[i] == NULL ? -ENOMEM : 0;
		}
		if (rc < 0)
			return make_fault(ch, "queues", cq->name, &cq->place, rc);
	}
	return rc;
}

static int
make_peers(struct change *ch)
{
	for (size_t i = 0; i < ch->next.n_peers; i++) {
		struct assembly_peer *ap = ch->next.peers[i];
		const struct conf_peer *cp = ap->conf;
		const struct peer_spec spec = { .name = cp->name,
			.address = cp->address,
			.heartbeat_ms = cp->heartbeat_ms };
		int rc = 0;

		if (ap->peer == NULL)
			rc = assembly_peer_make(&ch->next, ap);
		else if (diff_find(ch->diff, DIFF_PEER, cp->name) != NULL)
			rc = peer_change_new(&ch->peer_changes[i], &spec);
		if (rc < 0)
			return make_fault(ch, "peers", cp->name, &cp->place, rc);
	}
	return 0;
}

/* What a queue that is read already gives must be the stream's from now on, and its log be there. */
static int
ready_outlet(const struct change *ch, const struct assembly_route *ar)
{
	const struct outlet_policy policy = assembly_route_policy(ar->conf);

	if (ch->faults->log_rc < 0 && policy.log_limit > 0 &&
	    !outlet_has_log(ar->outlet))
		return ch->faults->log_rc;
	if (ar->from_where != ASSEMBLY_CARRIED && ar->from_where != ASSEMBLY_CLAIMED)
		return intake_ring(ar->from->intake) == NULL
			   ? 0
			   : outlet_prepare_new(ar->outlet);
	return outlet_get_ready(ar->outlet, &policy);
}

static int
make_routes(struct change *ch)
{
	for (size_t i = 0; i < ch->next.n_routes; i++) {
		struct assembly_route *ar = ch->next.routes[i];
		const struct conf_route *cr = ar->conf;
		int rc = 0;

		if (ar->outlet == NULL)
			rc = assembly_route_make(&ch->next, ar);
		else if (diff_find(ch->diff, DIFF_ROUTE, cr->name) == NULL)
			continue;
		if (rc == 0)
			rc = ready_outlet(ch, ar);
		if (rc == 0) {
			ch->route_names[i] = strdup(cr->name);
			rc = ch->route_names[i] == NULL ? -ENOMEM : 0;
		}
		if (rc < 0)
			return make_fault(ch, "routes", cr->name, &cr->place, rc);
	}
	return 0;
}

int
change_make(struct change *ch)
{
	const struct conf_place nowhere = { .file = ch->next.conf->files[0] };
	int rc = carry(ch);

	if (rc < 0) {
		change_fault(ch->faults, &nowhere, "file", "out of memory");
		return rc;
	}
	retire(ch);
	rc = make_queues(ch);
	if (rc == 0)
		rc = make_peers(ch);
	return rc == 0 ? make_routes(ch) : rc;
}

/* ---- and back -------------------------------------------------------------------------- */

static void
undo_outlet(struct change *ch, struct assembly_route *ar)
{
	if (ar->outlet != NULL && ar->from_where != ASSEMBLY_MADE) {
		if (ar->from_where == ASSEMBLY_FOUND)
			outlet_rest(ar->outlet);
		kept_add_stream(ch->as->kept, ar->kept);
		return;
	}
	if (ar->outlet != NULL) {
		inventory_unclaim_log(ch->as->inventory, outlet_found_log(ar->outlet));
		outlet_undo(ar->outlet);
	}
	free(ar->kept);
}

static void
undo_route(struct change *ch, struct assembly_route *ar)
{
	if (ar->from_where != ASSEMBLY_CARRIED) {
		route_free(ar->route);
		if (ar->sink != NULL)
			ar->sink->ops->close(ar->sink);
		undo_outlet(ch, ar);
	}
	free(ar);
}

static void
undo_queue(struct change *ch, struct assembly_queue *aq)
{
	if (aq->target_from != ASSEMBLY_CARRIED)
		target_free(aq->target);
	if (aq->intake == NULL || aq->intake_from == ASSEMBLY_MADE) {
		intake_free(aq->intake);
		free(aq->kept);
	} else if (aq->intake_from != ASSEMBLY_CARRIED) {
		kept_add_ring(ch->as->kept, aq->kept);
	}
	free(aq);
}

void
change_undo(struct change *ch)
{
	struct assembly *next = &ch->next;

	while (next->n_routes > 0)
		undo_route(ch, next->routes[--next->n_routes]);
	while (next->n_peers > 0) {
		struct assembly_peer *ap = next->peers[--next->n_peers];

		if (ap->peer_from != ASSEMBLY_CARRIED)
			peer_end(ap->peer);
		free(ap);
	}
	while (next->n_queues > 0)
		undo_queue(ch, next->queues[--next->n_queues]);
	unretire(ch);
	free(next->routes);
	free(next->peers);
	free(next->queues);
}

void
change_done(struct change *ch)
{
	const struct conf *cf = ch->next.conf;

	for (size_t i = 0; ch->intake_names != NULL && i < cf->n_queues; i++)
		free(ch->intake_names[i]);
	for (size_t i = 0; ch->route_names != NULL && i < cf->n_routes; i++)
		free(ch->route_names[i]);
	for (size_t i = 0; ch->peer_changes != NULL && i < cf->n_peers; i++)
		peer_change_free(ch->peer_changes[i]);
	free(ch->listens);
	free(ch->intake_names);
	free(ch->route_names);
	free(ch->peer_changes);
}
