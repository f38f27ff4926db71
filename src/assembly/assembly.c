#include "assembly/assembly.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>

#include "assembly/assembly_parts.h"
#include "assembly/hold.h"
#include "assembly/inventory.h"
#include "assembly/kept.h"
#include "assembly/pauses.h"
#include "base/compiler.h"
#include "endpoint/delivery.h"
#include "endpoint/intake.h"
#include "endpoint/outlet.h"
#include "endpoint/resolver.h"
#include "flow/sink.h"
#include "link/link.h"
#include "route/route.h"
#include "spool/deadletter.h"
#include "spool/disk.h"
#include "spool/marks.h"

static int
make_kept(struct assembly *as)
{
	return kept_new(&as->kept);
}

int
assembly_new(struct assembly **ret, const struct conf *conf, struct runtime *rt,
    struct event_base *base, struct activation *at)
{
	static int (*const steps[])(struct assembly *) = { make_kept,
		assembly_store_open, assembly_queues_make, assembly_link_make,
		assembly_routes_make };
	struct assembly *as;
	int rc = 0;

	as = calloc(1, sizeof(*as));
	if (as == NULL)
		return -ENOMEM;
	as->conf = conf;
	as->runtime = rt;
	as->base = base;
	as->activation = at;
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(steps); i++)
		rc = steps[i](as);
	if (rc < 0) {
		assembly_free(as);
		return rc;
	}
	inventory_use_kept(as->inventory, as->kept);
	inventory_log(as->inventory);
	*ret = as;
	return 0;
}

void
assembly_start(struct assembly *as)
{
	hold_apply(as);
	for (size_t i = 0; i < as->n_queues; i++) {
		if (as->queues[i]->target != NULL)
			target_start(as->queues[i]->target);
	}
	for (size_t i = 0; i < as->n_peers; i++)
		peer_start(as->peers[i]->peer);
	for (size_t i = 0; i < as->n_queues; i++) {
		if (as->queues[i]->intake != NULL)
			intake_start(as->queues[i]->intake);
	}
}

void
assembly_halt(struct assembly *as)
{
	as->stopping = true;
	for (size_t i = 0; i < as->n_queues; i++) {
		if (as->queues[i]->intake != NULL)
			intake_stop(as->queues[i]->intake);
	}
	for (size_t i = 0; i < as->n_routes; i++)
		outlet_halt(as->routes[i]->outlet);
	link_halt(as->link);
}

#define SYNC_ROUNDS 2 /* of the logs at the end */

static bool
logs_are_busy(const struct assembly *as)
{
	const struct kept_stream *ks = NULL;

	while ((ks = kept_next_stream(as->kept, ks)) != NULL)
		if (outlet_busy(ks->outlet))
			return true;
	for (size_t i = 0; i < as->n_routes; i++)
		if (outlet_busy(as->routes[i]->outlet))
			return true;
	return false;
}

int
assembly_sync(struct assembly *as)
{
	struct kept_stream *ks = NULL;
	struct pollfd done = { .fd = disk_fd(as->disk), .events = POLLIN };
	int rc = 0;

	/* What was on its way to a log when that was synced needs it again. */
	for (int round = 0; round < SYNC_ROUNDS; round++) {
		for (size_t i = 0; i < as->n_routes; i++)
			outlet_sync(as->routes[i]->outlet);
		while ((ks = kept_next_stream(as->kept, ks)) != NULL)
			outlet_sync(ks->outlet);
		while (logs_are_busy(as)) {
			if (poll(&done, 1, -1) > 0)
				disk_collect(as->disk);
		}
	}
	while ((ks = kept_next_stream(as->kept, ks)) != NULL)
		if (outlet_synced(ks->outlet) < 0)
			rc = -EIO;
	for (size_t i = 0; i < as->n_routes; i++)
		if (outlet_synced(as->routes[i]->outlet) < 0)
			rc = -EIO;
	return rc;
}

/* The link must have its senders no more when it ends, but tells the sources of the others'
 * streams until then. */
static void
free_flow(struct assembly *as)
{
	for (size_t i = 0; i < as->n_routes; i++) {
		struct assembly_route *ar = as->routes[i];

		route_free(ar->route);
		ar->route = NULL;
		if (ar->sink != NULL)
			ar->sink->ops->close(ar->sink);
		ar->sink = NULL;
	}
	link_free(as->link);
	if (as->kept != NULL)
		kept_free_streams(as->kept);
	for (size_t i = 0; i < as->n_routes; i++)
		assembly_route_free(as->routes[i]);
	free(as->routes);
	for (size_t i = 0; i < as->n_peers; i++)
		assembly_peer_free(as->peers[i]);
	free(as->peers);
}

static void
free_queues(struct assembly *as)
{
	for (size_t i = 0; i < as->n_queues; i++) {
		target_free(as->queues[i]->target);
		as->queues[i]->target = NULL;
	}
	marks_close(as->marks);
	inventory_close(as->inventory);
	for (size_t i = 0; i < as->n_queues; i++)
		assembly_queue_free(as->queues[i]);
	free(as->queues);
	kept_free(as->kept);
}

void
assembly_free(struct assembly *as)
{
	if (as == NULL)
		return;
	if (as->link != NULL)
		link_close(as->link);
	/* Its jobs are of the outlets, and tell the sinks. */
	if (as->disk_event != NULL)
		event_free(as->disk_event);
	disk_free(as->disk);
	free_flow(as);
	free_queues(as);
	resolver_free(as->resolver);
	pauses_free(as->pauses);
	deadletters_close(as->dead);
	free(as);
}
