#include "daemon/assembly_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/quote.h"
#include "config/conf.h"
#include "daemon/accept.h"
#include "link/link.h"
#include "net/address.h"
#include "net/listener.h"

struct assembly_peer *
assembly_peer_find(const struct assembly *as, const char *name)
{
	for (size_t i = 0; i < as->n_peers; i++) {
		if (strcmp(as->peers[i]->conf->name, name) == 0)
			return as->peers[i];
	}
	return NULL;
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
make_peer(struct assembly *as, const struct conf_peer *cp)
{
	const struct peer_spec spec = { .name = cp->name,
		.address = cp->address,
		.heartbeat_ms = cp->heartbeat_ms };
	struct assembly_peer *ap = calloc(1, sizeof(*ap));
	int rc;

	if (ap == NULL)
		return -ENOMEM;
	ap->conf = cp;
	as->peers[as->n_peers++] = ap;
	rc = peer_new(&ap->peer, as->link, &spec);
	if (rc < 0)
		log_error("daemon", "peer %s: cannot set up: %s", quote(cp->name).text,
		    strerror(-rc));
	return rc;
}

static int
make_peers(struct assembly *as)
{
	const struct conf *cf = as->conf;
	int rc = 0;

	as->peers = calloc(cf->n_peers + 1, sizeof(struct assembly_peer *));
	if (as->peers == NULL)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < cf->n_peers; i++) {
		if (cf->peers[i].enabled)
			rc = make_peer(as, &cf->peers[i]);
	}
	return rc;
}

void
assembly_peer_free(struct assembly_peer *ap)
{
	free(ap);
}

int
assembly_link_make(struct assembly *as)
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
