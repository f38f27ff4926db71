#include "link/link.h"

#include <errno.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/quote.h"
#include "link/link_private.h"
#include "net/listener.h"

#define TOLD_MS       60000 /* so often strangers may cause */
#define TOLD_LINES    20    /* that many lines in the log */
#define STRANGERS_MAX 64    /* of one listener, with the handshake not done */

static void
link_on_reap(evutil_socket_t fd, short what, void *arg)
{
	struct link *lk = arg;
	struct session *ss, *next;

	(void)fd;
	(void)what;
	for (ss = TAILQ_FIRST(&lk->sessions); ss != NULL; ss = next) {
		next = TAILQ_NEXT(ss, link);
		if (ss->dead)
			session_free(ss);
	}
}

void
link_reap(struct link *lk)
{
	event_active(lk->reaper, 0, 0);
}

int
link_new(struct link **ret, const struct link_spec *spec)
{
	struct link *lk = calloc(1, sizeof(*lk));
	int rc = -ENOMEM;

	if (lk == NULL)
		return -ENOMEM;
	TAILQ_INIT(&lk->peers);
	TAILQ_INIT(&lk->sessions);
	TAILQ_INIT(&lk->ports);
	lk->spec = *spec;
	lk->name = strdup(spec->name);
	lk->spec.name = lk->name;
	lk->reaper = event_new(spec->base, -1, 0, link_on_reap, lk);
	if (lk->name == NULL || lk->reaper == NULL)
		goto fail;
	/* Without a resolver (no resolv.conf) addresses by number still work. */
	lk->dns = evdns_base_new(spec->base,
	    EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	rc = id_make(&lk->instance);
	if (rc < 0)
		goto fail;
	*ret = lk;
	return 0;
fail:
	link_free(lk);
	return rc;
}

void
port_free(struct port *po)
{
	TAILQ_REMOVE(&po->owner->ports, po, link);
	listener_close(po->listener);
	free(po->address);
	free(po);
}

void
link_free(struct link *lk)
{
	struct session *ss;
	struct port *po, *next;
	struct peer *pe;

	if (lk == NULL)
		return;
	lk->halted = true;
	link_close(lk);
	while ((ss = TAILQ_FIRST(&lk->sessions)) != NULL)
		session_free(ss);
	for (po = TAILQ_FIRST(&lk->ports); po != NULL; po = next) {
		next = TAILQ_NEXT(po, link);
		port_free(po);
	}
	while ((pe = TAILQ_FIRST(&lk->peers)) != NULL)
		peer_free(pe);
	if (lk->dns != NULL)
		evdns_base_free(lk->dns, 0);
	if (lk->reaper != NULL)
		event_free(lk->reaper);
	free(lk->name);
	free(lk);
}

static void
port_on_accept(void *owner, int fd)
{
	struct port *po = owner;
	struct session *ss;
	int rc;

	if (po->owner->halted) {
		(void)close(fd);
		listener_done(po->listener);
		return;
	}
	rc = session_new(&ss, po->owner, fd, po->listener, NULL);
	if (rc < 0) {
		log_event(EVENT_CONNECTION_REFUSED, NULL,
		    "%s: a connection could not be taken: %s", po->address,
		    strerror(-rc));
		listener_done(po->listener);
	}
}

bool
link_may_tell(struct link *lk)
{
	uint64_t now = clock_monotonic_ms();

	if (now - lk->told_ms >= TOLD_MS) {
		lk->told_ms = now;
		lk->told = 0;
	}
	return lk->told++ < TOLD_LINES;
}

static void
port_on_refuse(void *owner, const char *why)
{
	const struct port *po = owner;

	if (!link_may_tell(po->owner))
		return;
	log_event(EVENT_CONNECTION_REFUSED, NULL, "%s: a connection was not let in: %s",
	    po->address, quote(why).text);
}

static void
port_on_listen(void *owner)
{
	const struct port *po = owner;

	log_event(EVENT_LISTENER_BACK, NULL, "listener %s: it listens again",
	    quote(po->address).text);
}

static const struct listener_ops port_ops = {
	.on_accept = port_on_accept,
	.on_refuse = port_on_refuse,
	.on_listen = port_on_listen,
};

int
link_listen(struct link *lk, const char *address, const struct listener_spec *spec)
{
	return link_adopt(lk, address, spec, -1);
}

int
link_adopt(
    struct link *lk, const char *address, const struct listener_spec *spec, int fd)
{
	struct port *po = calloc(1, sizeof(*po));
	struct listener_spec full = *spec;
	int rc = -ENOMEM;

	if (po == NULL)
		goto out;
	full.max_strangers = STRANGERS_MAX;
	full.ops = &port_ops;
	full.owner = po;
	po->owner = lk;
	TAILQ_INSERT_TAIL(&lk->ports, po, link);
	po->address = strdup(address);
	if (po->address != NULL && fd < 0) {
		rc = listener_open(&po->listener, lk->spec.base, &full);
	} else if (po->address != NULL) {
		rc = listener_adopt(&po->listener, lk->spec.base, fd, &full);
		fd = -1;
	}
	if (rc < 0)
		port_free(po);
out:
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

struct peer *
link_peer(const struct link *lk, struct frame_text name)
{
	struct peer *pe;

	TAILQ_FOREACH (pe, &lk->peers, link)
		if (strlen(pe->name) == name.length &&
		    memcmp(pe->name, name.bytes, name.length) == 0)
			return pe;
	return NULL;
}

void
link_halt(struct link *lk)
{
	struct peer *pe;

	lk->halted = true;
	TAILQ_FOREACH (pe, &lk->peers, link)
		peer_hang_up(pe);
}

void
link_close(struct link *lk)
{
	struct session *ss;

	TAILQ_FOREACH (ss, &lk->sessions, link)
		session_end(ss, CLOSE_ORDERLY, "the daemon stops");
}

uint64_t
link_reserved(const struct link *lk)
{
	const struct peer *pe;
	uint64_t sum = 0;

	TAILQ_FOREACH (pe, &lk->peers, link) {
		if (pe->session != NULL && pe->share > pe->memory)
			sum += pe->share - pe->memory;
	}
	return sum;
}
