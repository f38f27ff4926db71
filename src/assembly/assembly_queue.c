#include "assembly/assembly_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assembly/inventory.h"
#include "assembly/kept.h"
#include "base/log.h"
#include "base/quote.h"
#include "config/conf.h"
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

bool
assembly_queue_is_source(const struct conf *cf, const struct conf_queue *cq)
{
	for (size_t i = 0; i < cf->n_routes; i++) {
		if (assembly_route_is_on(cf, &cf->routes[i]) &&
		    strcmp(cf->routes[i].from, cq->name) == 0)
			return true;
	}
	return false;
}

bool
assembly_queue_is_target(const struct conf *cf, const struct conf_queue *cq)
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

struct intake_spec
assembly_intake_spec(const struct conf_queue *cq)
{
	return (struct intake_spec){ .name = cq->name,
		.uri = cq->uri,
		.take_text = cq->take_text,
		.take = cq->take,
		.ring_bytes = cq->ring_size,
		.create = cq->create,
		.attributes = queue_attributes(cq) };
}

int
assembly_intake_make(struct assembly *as, struct assembly_queue *aq)
{
	const struct intake_spec spec = assembly_intake_spec(aq->conf);
	struct kept_ring *kr =
	    kept_find_ring(as->kept, aq->conf->uri, aq->conf->take_text);
	struct ring *rg;
	int rc;

	if (kr != NULL) {
		kept_remove_ring(as->kept, kr);
		aq->kept = kr;
		aq->intake = kr->intake;
		aq->intake_from = ASSEMBLY_CLAIMED;
		return 0;
	}
	aq->kept = calloc(1, sizeof(*aq->kept));
	if (aq->kept == NULL)
		return -ENOMEM;
	rc = inventory_claim_ring(as->inventory, aq->conf, &rg, &aq->recovered);
	if (rc < 0)
		return rc;
	rc = intake_new(&aq->intake, as->base, as->runtime, &spec, rg);
	if (rc < 0) {
		inventory_unclaim_ring(as->inventory, rg);
		return rc;
	}
	aq->kept->intake = aq->intake;
	aq->intake_from = rg == NULL ? ASSEMBLY_MADE : ASSEMBLY_FOUND;
	return 0;
}

struct target_spec
assembly_target_spec(const struct conf_queue *cq)
{
	static const enum target_in_doubt in_doubt[] = {
		[CONF_IN_DOUBT_RESEND] = TARGET_RESEND,
		[CONF_IN_DOUBT_DROP] = TARGET_DROP,
		[CONF_IN_DOUBT_HOLD] = TARGET_HOLD,
	};

	return (struct target_spec){ .name = cq->name,
		.uri = cq->uri,
		.create = cq->create,
		.attributes = queue_attributes(cq),
		.in_doubt = in_doubt[cq->in_doubt],
		.hold_recovered = cq->recovered == CONF_RECOVERED_HOLD };
}

int
assembly_target_make(struct assembly *as, struct assembly_queue *aq)
{
	const struct target_env env = { as->base, as->marks, as->disk, as->dead };
	const struct target_spec spec = assembly_target_spec(aq->conf);

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
	if (assembly_queue_is_source(as->conf, cq))
		rc = assembly_intake_make(as, aq);
	if (rc == 0 && assembly_queue_is_target(as->conf, cq))
		rc = assembly_target_make(as, aq);
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
	free(aq->kept);
	free(aq);
}
