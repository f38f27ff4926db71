#include "assembly/assembly_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assembly/accept.h"
#include "base/log.h"
#include "base/quote.h"
#include "config/conf.h"
#include "link/link.h"
#include "net/address.h"
#include "net/listener.h"
#include "service/activation.h"

struct assembly_peer *
assembly_peer_find(const struct assembly *as, const char *name)
{
	for (size_t i = 0; i < as->n_peers; i++) {
		if (strcmp(as->peers[i]->conf->name, name) == 0)
			return as->peers[i];
	}
	return NULL;
}

static struct listener_spec
listener_spec(const struct conf_listener *cl, const struct address *address)
{
	return (struct listener_spec){ .address = address,
		.mode = cl->mode,
		.users = cl->users,
		.n_users = cl->n_users,
		.groups = cl->groups,
		.n_groups = cl->n_groups };
}

int
assembly_listener_open(struct assembly *as, const struct conf_listener *cl)
{
	struct address address;
	const struct listener_spec spec = listener_spec(cl, &address);
	const struct activation_file file = { .mode = cl->mode };
	int rc;

	rc = address_parse(&address, cl->address);
	if (rc == 0)
		rc = activation_listen(
		    as->activation, ACTIVATION_LISTENER, &address, &file);
	if (rc >= 0)
		rc = link_adopt(as->link, cl->address, &spec, rc);
	else if (rc == -ENOENT)
		rc = link_listen(as->link, cl->address, &spec);
	if (rc < 0)
		log_error("daemon", "%s:%d: cannot listen at %s: %s", cl->place.file,
		    cl->place.line, quote(cl->address).text, strerror(-rc));
	return rc;
}

void
assembly_listener_close(struct assembly *as, const struct conf_listener *cl)
{
	struct address address;

	link_unlisten(as->link, cl->address);
	if (address_parse(&address, cl->address) == 0)
		activation_forget(as->activation, ACTIVATION_LISTENER, &address);
}

bool
assembly_listener_silence(struct assembly *as, const struct conf_listener *cl)
{
	struct address address;

	if (address_parse(&address, cl->address) < 0 ||
	    activation_is_passed(as->activation, ACTIVATION_LISTENER, &address))
		return false;
	link_silence(as->link, cl->address);
	return true;
}

void
assembly_listener_change(struct assembly *as, const struct conf_listener *cl)
{
	const struct listener_spec spec = listener_spec(cl, NULL);

	link_set_access(as->link, cl->address, &spec);
}

int
assembly_peer_make(struct assembly *as, struct assembly_peer *ap)
{
	const struct peer_spec spec = { .name = ap->conf->name,
		.address = ap->conf->address,
		.heartbeat_ms = ap->conf->heartbeat_ms };

	return peer_new(&ap->peer, as->link, &spec);
}

static int
make_peer(struct assembly *as, const struct conf_peer *cp)
{
	struct assembly_peer *ap = calloc(1, sizeof(*ap));
	int rc;

	if (ap == NULL)
		return -ENOMEM;
	ap->conf = cp;
	as->peers[as->n_peers++] = ap;
	rc = assembly_peer_make(as, ap);
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
			rc = assembly_listener_open(as, &cf->listeners[i]);
	}
	return rc < 0 ? rc : make_peers(as);
}
