#include "assembly/assembly_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assembly/hold.h"
#include "assembly/inventory.h"
#include "assembly/kept.h"
#include "base/log.h"
#include "base/quote.h"
#include "config/conf.h"
#include "endpoint/delivery.h"
#include "endpoint/intake.h"
#include "endpoint/outlet.h"
#include "flow/sink.h"
#include "link/link.h"
#include "route/route.h"

/* A route runs when it, its queue, and its peer or its local target are enabled. */
bool
assembly_route_is_on(const struct conf *cf, const struct conf_route *cr)
{
	const struct conf_queue *from = conf_queue_find(cf, cr->from);
	const struct conf_queue *to;
	const struct conf_peer *peer;

	if (!cr->enabled || from == NULL || !from->enabled)
		return false;
	if (cr->to_peer != NULL) {
		peer = conf_peer_find(cf, cr->to_peer);
		return peer != NULL && peer->enabled;
	}
	to = conf_queue_find(cf, cr->to_entry);
	return to != NULL && to->enabled;
}

struct outlet_policy
assembly_route_policy(const struct conf_route *cr)
{
	static const enum outlet_overflow overflow[] = {
		[CONF_OVERFLOW_BLOCK] = OUTLET_BLOCK,
		[CONF_OVERFLOW_DROP_OLDEST] = OUTLET_DROP_OLDEST,
		[CONF_OVERFLOW_DROP_NEWEST] = OUTLET_DROP_NEWEST,
		[CONF_OVERFLOW_DEAD_LETTER] = OUTLET_DEAD_LETTER,
	};
	enum log_sync sync = LOG_SYNC_NEVER;

	if (cr->durability == CONF_DURABILITY_DISK)
		sync =
		    cr->sync == CONF_SYNC_ALWAYS ? LOG_SYNC_ALWAYS : LOG_SYNC_INTERVAL;
	return (struct outlet_policy){ .log_limit = cr->log_limit,
		.overflow = overflow[cr->overflow],
		.sync = sync,
		.sync_interval_ms = cr->sync_interval_ms,
		.dead_letter_limit = cr->dead_letter_limit };
}

/* The outlet of a stream that the inventory has, or of a new one. */
static int
make_outlet(struct assembly *as, struct assembly_route *ar)
{
	const struct outlet_env env = { .base = as->base,
		.runtime = as->runtime,
		.disk = as->disk,
		.dead = as->dead,
		.log = assembly_log_env(as) };
	struct ring *rg = intake_ring(ar->from->intake);
	struct outlet_spec spec = { .route = ar->conf->name,
		.label = ar->conf->to,
		.policy = assembly_route_policy(ar->conf),
		.held = hold_new_route(as, ar->conf) };
	int rc;

	ar->kept = calloc(1, sizeof(*ar->kept));
	if (ar->kept == NULL)
		return -ENOMEM;
	if (rg != NULL)
		spec.stream = inventory_claim_stream(as->inventory, rg, ar->conf->to);
	if (spec.stream == NULL)
		spec.log =
		    inventory_claim_log(as->inventory, ar->from->conf, ar->conf->to);
	ar->from_where = spec.stream == NULL ? ASSEMBLY_MADE : ASSEMBLY_FOUND;
	rc = outlet_new(&ar->outlet, &env, ar->from->intake, &spec);
	if (rc < 0) {
		inventory_unclaim_log(as->inventory, spec.log);
		return rc;
	}
	*ar->kept =
	    (struct kept_stream){ .outlet = ar->outlet, .intake = ar->from->intake };
	return spec.stream == NULL ? 0 : outlet_prepare(ar->outlet);
}

static int
claim_outlet(struct assembly *as, struct assembly_route *ar)
{
	struct kept_stream *ks =
	    kept_find_stream(as->kept, ar->from->intake, ar->conf->to);

	if (ks == NULL)
		return make_outlet(as, ar);
	kept_remove_stream(as->kept, ks);
	ar->kept = ks;
	ar->outlet = ks->outlet;
	ar->from_where = ASSEMBLY_CLAIMED;
	return 0;
}

static int
make_sink(struct assembly *as, struct assembly_route *ar)
{
	const struct assembly_queue *to;

	if (ar->peer != NULL)
		return sender_new(&ar->sink, ar->peer->peer, ar->conf->to_entry);
	to = assembly_queue_find(as, ar->conf->to_entry);
	if (to == NULL)
		return -ENOENT;
	return delivery_new(&ar->sink, to->target, ar->conf->to);
}

static int
make_flow(struct assembly_route *ar)
{
	const struct route_spec spec = { .name = ar->conf->name,
		.from = ar->conf->from,
		.to = ar->conf->to,
		.source = outlet_source(ar->outlet),
		.sink = ar->sink };

	return route_new(&ar->route, &spec);
}

int
assembly_route_make(struct assembly *as, struct assembly_route *ar)
{
	int rc = claim_outlet(as, ar);

	if (rc == 0)
		rc = make_sink(as, ar);
	if (rc == 0)
		rc = make_flow(ar);
	return rc;
}

static int
make_route(struct assembly *as, const struct conf_route *cr)
{
	struct assembly_route *ar = calloc(1, sizeof(*ar));
	int rc;

	if (ar == NULL)
		return -ENOMEM;
	ar->conf = cr;
	as->routes[as->n_routes++] = ar;
	ar->from = assembly_queue_find(as, cr->from);
	if (cr->to_peer != NULL)
		ar->peer = assembly_peer_find(as, cr->to_peer);
	rc = assembly_route_make(as, ar);
	if (rc < 0)
		log_error("daemon", "route %s: cannot set up: %s", quote(cr->name).text,
		    strerror(-rc));
	else
		route_join(ar->route);
	return rc;
}

int
assembly_routes_make(struct assembly *as)
{
	const struct conf *cf = as->conf;
	int rc = 0;

	as->routes = calloc(cf->n_routes + 1, sizeof(struct assembly_route *));
	if (as->routes == NULL)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < cf->n_routes; i++) {
		if (assembly_route_is_on(cf, &cf->routes[i]))
			rc = make_route(as, &cf->routes[i]);
	}
	return rc;
}

void
assembly_route_free(struct assembly_route *ar)
{
	if (ar == NULL)
		return;
	route_free(ar->route);
	if (ar->sink != NULL)
		ar->sink->ops->close(ar->sink);
	outlet_free(ar->outlet);
	free(ar->kept);
	free(ar);
}
