#include "daemon/assembly_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/quote.h"
#include "config/conf.h"
#include "daemon/inventory.h"
#include "endpoint/intake.h"
#include "endpoint/target.h"

struct assembly_queue *
assembly_queue_find(const struct assembly *as, const char *name)
{
	for (size_t i = 0; i < as->n_queues; i++) {
		if (strcmp(as->queues[i]->conf->name, name) == 0)
			return as->queues[i];
	}
	return NULL;
}

static bool
queue_is_source(const struct conf *cf, const struct conf_queue *cq)
{
	for (size_t i = 0; i < cf->n_routes; i++) {
		if (assembly_route_is_on(cf, &cf->routes[i]) &&
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
		if (assembly_route_is_on(cf, &cf->routes[i]) &&
		    cf->routes[i].to_peer == NULL &&
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
make_queue(struct assembly *as, const struct conf_queue *cq)
{
	struct assembly_queue *aq = calloc(1, sizeof(*aq));
	int rc = 0;

	if (aq == NULL)
		return -ENOMEM;
	aq->conf = cq;
	as->queues[as->n_queues++] = aq;
	if (queue_is_source(as->conf, cq))
		rc = make_intake(as, aq);
	if (rc == 0 && queue_is_target(as->conf, cq))
		rc = make_target(as, aq);
	if (rc < 0)
		log_error("daemon", "queue %s: cannot set up: %s", quote(cq->name).text,
		    strerror(-rc));
	return rc;
}

int
assembly_queues_make(struct assembly *as)
{
	const struct conf *cf = as->conf;
	int rc = 0;

	as->queues = calloc(cf->n_queues + 1, sizeof(struct assembly_queue *));
	if (as->queues == NULL)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < cf->n_queues; i++) {
		if (cf->queues[i].enabled)
			rc = make_queue(as, &cf->queues[i]);
	}
	return rc;
}

void
assembly_queue_free(struct assembly_queue *aq)
{
	if (aq == NULL)
		return;
	target_free(aq->target);
	intake_free(aq->intake);
	free(aq);
}
