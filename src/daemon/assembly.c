#include "daemon/assembly.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/quote.h"
#include "config/conf.h"
#include "daemon/accept.h"
#include "daemon/commands_letters.h"
#include "daemon/inventory.h"
#include "endpoint/delivery.h"
#include "endpoint/intake.h"
#include "endpoint/outlet.h"
#include "endpoint/resolver.h"
#include "flow/sink.h"
#include "link/link.h"
#include "net/address.h"
#include "net/listener.h"
#include "route/route.h"
#include "spool/deadletter.h"
#include "spool/disk.h"
#include "spool/log.h"
#include "spool/marks.h"
#include "spool/ring.h"
#include "spool/runtime.h"

struct assembly_queue *
assembly_queue_find(const struct assembly *as, const char *name)
{
	for (size_t i = 0; i < as->n_queues; i++) {
		if (strcmp(as->queues[i].conf->name, name) == 0)
			return &as->queues[i];
	}
	return NULL;
}

static struct assembly_peer *
peer_find(const struct assembly *as, const char *name)
{
	for (size_t i = 0; i < as->n_peers; i++) {
		if (strcmp(as->peers[i].conf->name, name) == 0)
			return &as->peers[i];
	}
	return NULL;
}

/* A route runs when it, its queue, and its peer or its local target are enabled. */
static bool
route_is_on(const struct conf *cf, const struct conf_route *cr)
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

static bool
queue_is_source(const struct conf *cf, const struct conf_queue *cq)
{
	for (size_t i = 0; i < cf->n_routes; i++) {
		if (route_is_on(cf, &cf->routes[i]) &&
		    strcmp(cf->routes[i].from, cq->name) == 0)
			return true;
	}
	return false;
}

static bool
queue_is_target(const struct conf *cf, const struct conf_queue *cq)
{
	for (size_t i = 0; i < cf->n_peers; i++) {
		if (cf->peers[i].enabled && conf_peer_may_send(&cf->peers[i], cq->name))
			return true;
	}
	for (size_t i = 0; i < cf->n_routes; i++) {
		if (route_is_on(cf, &cf->routes[i]) && cf->routes[i].to_peer == NULL &&
		    strcmp(cf->routes[i].to_entry, cq->name) == 0)
			return true;
	}
	return false;
}

static struct ipcq_create
queue_attributes(const struct conf_queue *cq)
{
	unsigned set = IPCQ_SET_MODE;

	if (cq->owner != (uid_t)-1)
		set |= IPCQ_SET_OWNER;
	if (cq->group != (gid_t)-1)
		set |= IPCQ_SET_GROUP;
	return (struct ipcq_create){ .set = set,
		.max_messages = cq->max_messages,
		.message_size = cq->message_size,
		.max_bytes = cq->max_bytes,
		.mode = cq->mode,
		.owner = cq->owner,
		.group = cq->group };
}

static void
on_disk(evutil_socket_t fd, short what, void *arg)
{
	struct assembly *as = arg;

	(void)fd;
	(void)what;
	disk_collect(as->disk);
	commands_letters_report(as->dead);
}

static int
make_disk(struct assembly *as)
{
	int rc;

	rc = disk_new(&as->disk);
	if (rc < 0) {
		log_error("daemon", "cannot start the disk thread: %s", strerror(-rc));
		return rc;
	}
	as->disk_event =
	    event_new(as->base, disk_fd(as->disk), EV_READ | EV_PERSIST, on_disk, as);
	if (as->disk_event == NULL || event_add(as->disk_event, NULL) < 0)
		return -ENOMEM;
	return 0;
}

static struct log_env
log_env(const struct assembly *as)
{
	return (struct log_env){ .runtime_fd = runtime_dir_fd(as->runtime),
		.state_fd = runtime_state_fd(as->runtime),
		.disk = as->disk,
		.reserve_bytes = as->conf->reserve_space,
		.reserve_percent = (unsigned)as->conf->reserve_percent };
}

static struct outlet_policy
route_policy(const struct conf_route *cr)
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

/* What the two directories hold: marks, dead letters, rings and streams. */
static int
make_store(struct assembly *as)
{
	uint64_t doubts = 0;
	struct log_env env;
	int rc;

	rc = marks_open(&as->marks, runtime_dir_fd(as->runtime), &doubts);
	if (rc < 0) {
		log_error("daemon",
		    "%s/marks: cannot open: %s; it knows what was delivered, so the "
		    "daemon does not start without it (mqbridge-spool repair --apply "
		    "renames it: what was in flight to this host is then in doubt)",
		    as->conf->ring_directory, strerror(-rc));
		return rc;
	}
	if (doubts > 0)
		log_warn("daemon",
		    "%" PRIu64 " messages are in doubt: the daemon was killed while "
		    "it delivered them; when they come again, in_doubt of their queue "
		    "says what happens (mqbridgectl show in-doubt)",
		    doubts);
	marks_share(as->marks, as->conf->n_peers);
	rc = commands_letters_open(&as->dead, as->conf, runtime_state_fd(as->runtime));
	if (rc < 0)
		return rc;
	rc = make_disk(as);
	if (rc < 0)
		return rc;
	env = log_env(as);
	rc = inventory_open(&as->inventory, as->runtime, &env);
	if (rc == 0)
		inventory_use_dead(as->inventory, as->dead);
	return rc;
}

static struct target *
find_target(const void *owner, const char *name)
{
	const struct assembly_queue *aq = assembly_queue_find(owner, name);

	return aq == NULL ? NULL : aq->target;
}

static int
make_resolver(struct assembly *as)
{
	const struct resolver_env env = { as->disk, as->dead, find_target, as };

	return resolver_new(&as->resolver, &env);
}

static int
make_intake(struct assembly *as, struct assembly_queue *aq)
{
	const struct conf_queue *cq = aq->conf;
	struct intake_spec spec = { .name = cq->name,
		.uri = cq->uri,
		.take_text = cq->take_text,
		.take = cq->take,
		.ring_bytes = cq->ring_size,
		.create = cq->create,
		.attributes = queue_attributes(cq) };
	struct ring *rg;
	int rc;

	rc = inventory_claim_ring(as->inventory, cq, &rg, &aq->recovered);
	if (rc < 0)
		return rc;
	return intake_new(&aq->intake, as->base, as->runtime, &spec, rg);
}

static int
make_target(struct assembly *as, struct assembly_queue *aq)
{
	static const enum target_in_doubt in_doubt[] = {
		[CONF_IN_DOUBT_RESEND] = TARGET_RESEND,
		[CONF_IN_DOUBT_DROP] = TARGET_DROP,
		[CONF_IN_DOUBT_HOLD] = TARGET_HOLD,
	};
	const struct target_env env = { as->base, as->marks, as->disk, as->dead };
	const struct conf_queue *cq = aq->conf;
	struct target_spec spec = { .name = cq->name,
		.uri = cq->uri,
		.create = cq->create,
		.attributes = queue_attributes(cq),
		.in_doubt = in_doubt[cq->in_doubt],
		.hold_recovered = cq->recovered == CONF_RECOVERED_HOLD };

	return target_new(&aq->target, &env, &spec);
}

static int
make_queues(struct assembly *as)
{
	const struct conf *cf = as->conf;
	int rc = 0;

	as->queues = calloc(cf->n_queues + 1, sizeof(*as->queues));
	if (as->queues == NULL)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < cf->n_queues; i++) {
		struct assembly_queue *aq;

		if (!cf->queues[i].enabled)
			continue;
		aq = &as->queues[as->n_queues++];
		aq->conf = &cf->queues[i];
		if (queue_is_source(cf, aq->conf))
			rc = make_intake(as, aq);
		if (rc == 0 && queue_is_target(cf, aq->conf))
			rc = make_target(as, aq);
		if (rc < 0)
			log_error("daemon", "queue %s: cannot set up: %s",
			    quote(aq->conf->name).text, strerror(-rc));
	}
	return rc;
}

static int
make_listener(struct assembly *as, const struct conf_listener *cl)
{
	struct address address;
	struct listener_spec spec = { .address = &address,
		.mode = cl->mode,
		.users = cl->users,
		.n_users = cl->n_users,
		.groups = cl->groups,
		.n_groups = cl->n_groups };
	int rc;

	rc = address_parse(&address, cl->address);
	if (rc == 0)
		rc = link_listen(as->link, cl->address, &spec);
	if (rc < 0)
		log_error("daemon", "%s:%d: cannot listen at %s: %s", cl->place.file,
		    cl->place.line, quote(cl->address).text, strerror(-rc));
	return rc;
}

static int
make_peers(struct assembly *as)
{
	const struct conf *cf = as->conf;
	int rc = 0;

	as->n_peers = 0;
	as->peers = calloc(cf->n_peers + 1, sizeof(*as->peers));
	if (as->peers == NULL)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < cf->n_peers; i++) {
		const struct conf_peer *cp = &cf->peers[i];
		struct peer_spec spec = { .name = cp->name,
			.address = cp->address,
			.heartbeat_ms = cp->heartbeat_ms };
		struct assembly_peer *ap;

		if (!cp->enabled)
			continue;
		ap = &as->peers[as->n_peers++];
		ap->conf = cp;
		rc = peer_new(&ap->peer, as->link, &spec);
		if (rc < 0)
			log_error("daemon", "peer %s: cannot set up: %s",
			    quote(cp->name).text, strerror(-rc));
	}
	return rc;
}

static int
make_link(struct assembly *as)
{
	const struct conf *cf = as->conf;
	struct link_spec spec = { .base = as->base,
		.runtime = as->runtime,
		.name = cf->name,
		.receive_memory = cf->receive_memory,
		.ops = &accept_link_ops,
		.owner = as };
	int rc;

	rc = link_new(&as->link, &spec);
	if (rc < 0) {
		log_error("daemon", "cannot set up the link: %s", strerror(-rc));
		return rc;
	}
	for (size_t i = 0; rc == 0 && i < cf->n_listeners; i++) {
		if (cf->listeners[i].enabled)
			rc = make_listener(as, &cf->listeners[i]);
	}
	return rc < 0 ? rc : make_peers(as);
}

static int
make_outlet(struct assembly *as, struct assembly_route *ar)
{
	const struct outlet_env env = { .base = as->base,
		.runtime = as->runtime,
		.disk = as->disk,
		.dead = as->dead,
		.log = log_env(as) };
	struct ring *rg = intake_ring(ar->from->intake);
	struct outlet_spec spec = { .route = ar->conf->name,
		.label = ar->conf->to,
		.policy = route_policy(ar->conf) };

	if (rg != NULL)
		spec.stream = inventory_claim_stream(as->inventory, rg, ar->conf->to);
	if (spec.stream == NULL)
		spec.log =
		    inventory_claim_log(as->inventory, ar->from->conf, ar->conf->to);
	return outlet_new(&ar->outlet, &env, ar->from->intake, &spec);
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
join_route(struct assembly_route *ar)
{
	const struct route_spec spec = { .name = ar->conf->name,
		.from = ar->conf->from,
		.to = ar->conf->to,
		.source = outlet_source(ar->outlet),
		.sink = ar->sink };

	return route_new(&ar->route, &spec);
}

static int
make_route(struct assembly *as, struct assembly_route *ar)
{
	const struct conf_route *cr = ar->conf;
	int rc;

	ar->from = assembly_queue_find(as, cr->from);
	if (cr->to_peer != NULL)
		ar->peer = peer_find(as, cr->to_peer);
	rc = make_outlet(as, ar);
	if (rc == 0)
		rc = make_sink(as, ar);
	if (rc == 0)
		rc = join_route(ar);
	if (rc < 0)
		log_error("daemon", "route %s: cannot set up: %s", quote(cr->name).text,
		    strerror(-rc));
	return rc;
}

static int
make_routes(struct assembly *as)
{
	const struct conf *cf = as->conf;
	int rc = 0;

	as->routes = calloc(cf->n_routes + 1, sizeof(*as->routes));
	if (as->routes == NULL)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < cf->n_routes; i++) {
		if (!route_is_on(cf, &cf->routes[i]))
			continue;
		as->routes[as->n_routes].conf = &cf->routes[i];
		rc = make_route(as, &as->routes[as->n_routes++]);
	}
	return rc;
}

int
assembly_new(struct assembly **ret, const struct conf *conf, struct runtime *rt,
    struct event_base *base)
{
	static int (*const steps[])(struct assembly *) = { make_store, make_resolver,
		make_queues, make_link, make_routes };
	struct assembly *as;
	int rc = 0;

	as = calloc(1, sizeof(*as));
	if (as == NULL)
		return -ENOMEM;
	as->conf = conf;
	as->runtime = rt;
	as->base = base;
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(steps); i++)
		rc = steps[i](as);
	if (rc < 0) {
		assembly_free(as);
		return rc;
	}
	inventory_log(as->inventory);
	*ret = as;
	return 0;
}

void
assembly_start(struct assembly *as)
{
	for (size_t i = 0; i < as->n_queues; i++) {
		if (as->queues[i].target != NULL)
			target_start(as->queues[i].target);
	}
	for (size_t i = 0; i < as->n_peers; i++)
		peer_start(as->peers[i].peer);
	for (size_t i = 0; i < as->n_queues; i++) {
		if (as->queues[i].intake != NULL)
			intake_start(as->queues[i].intake);
	}
}

void
assembly_halt(struct assembly *as)
{
	for (size_t i = 0; i < as->n_queues; i++) {
		if (as->queues[i].intake != NULL)
			intake_stop(as->queues[i].intake);
	}
	for (size_t i = 0; i < as->n_routes; i++)
		outlet_halt(as->routes[i].outlet);
	link_halt(as->link);
}

#define SYNC_ROUNDS 2 /* of the logs at the end */

static bool
logs_are_busy(const struct assembly *as)
{
	for (size_t i = 0; i < as->n_routes; i++)
		if (outlet_busy(as->routes[i].outlet))
			return true;
	return false;
}

int
assembly_sync(struct assembly *as)
{
	struct pollfd done = { .fd = disk_fd(as->disk), .events = POLLIN };
	int rc = 0;

	/* What was on its way to a log when that was synced needs it again. */
	for (int round = 0; round < SYNC_ROUNDS; round++) {
		for (size_t i = 0; i < as->n_routes; i++)
			outlet_sync(as->routes[i].outlet);
		while (logs_are_busy(as)) {
			if (poll(&done, 1, -1) > 0)
				disk_collect(as->disk);
		}
	}
	for (size_t i = 0; i < as->n_routes; i++)
		if (outlet_synced(as->routes[i].outlet) < 0)
			rc = -EIO;
	return rc;
}

static void
free_routes(struct assembly *as)
{
	for (size_t i = 0; i < as->n_routes; i++) {
		route_free(as->routes[i].route);
		if (as->routes[i].sink != NULL)
			as->routes[i].sink->ops->close(as->routes[i].sink);
	}
	link_free(as->link);
	for (size_t i = 0; i < as->n_routes; i++)
		outlet_free(as->routes[i].outlet);
	free(as->routes);
}

static void
free_queues(struct assembly *as)
{
	for (size_t i = 0; i < as->n_queues; i++)
		target_free(as->queues[i].target);
	marks_close(as->marks);
	inventory_close(as->inventory);
	for (size_t i = 0; i < as->n_queues; i++)
		intake_free(as->queues[i].intake);
	free(as->queues);
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
	free_routes(as);
	free_queues(as);
	resolver_free(as->resolver);
	free(as->peers);
	deadletters_close(as->dead);
	free(as);
}
