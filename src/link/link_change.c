/* What a reload changes of the link while connections go on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/quote.h"
#include "link/link_private.h"
#include "link/receiver.h"
#include "net/listener.h"

static struct port *
find_port(const struct link *lk, const char *address)
{
	struct port *po;

	TAILQ_FOREACH (po, &lk->ports, link)
		if (strcmp(po->address, address) == 0)
			return po;
	return NULL;
}

void
link_unlisten(struct link *lk, const char *address)
{
	struct port *po = find_port(lk, address);
	struct session *ss;

	if (po == NULL)
		return;
	/* Those that it let in and that are nobody yet would report to it. */
	TAILQ_FOREACH (ss, &lk->sessions, link)
		if (ss->listener == po->listener)
			session_end(ss, CLOSE_ORDERLY, "the listener was removed");
	port_free(po);
}

void
link_silence(struct link *lk, const char *address)
{
	const struct port *po = find_port(lk, address);

	if (po != NULL)
		listener_silence(po->listener);
}

int
link_listen_again(struct link *lk, const char *address)
{
	const struct port *po = find_port(lk, address);
	int rc = po == NULL ? 0 : listener_listen(po->listener);

	if (rc < 0)
		log_event(EVENT_LISTENER_LOST, NULL,
		    "listener %s: it does not listen any more: %s; it is tried again every "
		    "second",
		    quote(address).text, strerror(-rc));
	return rc;
}

uint64_t
link_silent_since_ms(const struct link *lk, const char *address)
{
	const struct port *po = find_port(lk, address);

	return po == NULL ? 0 : listener_silent_since_ms(po->listener);
}

int
link_set_mode(struct link *lk, const char *address, mode_t mode)
{
	const struct port *po = find_port(lk, address);

	return po == NULL ? -ENOENT : listener_set_mode(po->listener, mode);
}

void
link_set_access(struct link *lk, const char *address, const struct listener_spec *spec)
{
	const struct port *po = find_port(lk, address);

	if (po != NULL)
		listener_set_access(po->listener, spec);
}

static void
peer_adjust(struct peer *pe)
{
	uint64_t share = peer_share(pe), less;

	if (pe->session == NULL)
		return; /* it gets its share with its connection */
	if (share >= pe->share) {
		pe->memory += share - pe->share;
		pe->share = share;
		return;
	}
	/* What windows hold of it now comes back when they close. */
	less = pe->share - share;
	if (less > pe->memory)
		less = pe->memory;
	pe->memory -= less;
	pe->share -= less;
}

void
link_set_memory(struct link *lk, uint64_t receive_memory)
{
	struct peer *pe;

	lk->spec.receive_memory = receive_memory;
	TAILQ_FOREACH (pe, &lk->peers, link)
		peer_adjust(pe);
}

static void
session_review(struct session *ss)
{
	const struct link *lk = ss->owner;
	struct receiver *rv, *next;

	for (rv = TAILQ_FIRST(&ss->receivers); rv != NULL && !ss->dead; rv = next) {
		struct link_refusal why = { 0 };

		next = TAILQ_NEXT(rv, link);
		if (!lk->spec.ops->may_stay(
			lk->spec.owner, ss->peer->name, rv->entry, rv->sink, &why) &&
		    receiver_revoke(rv, &why) < 0)
			session_end(ss, CLOSE_ORDERLY, why.text);
	}
}

void
link_review(struct link *lk)
{
	struct session *ss;

	TAILQ_FOREACH (ss, &lk->sessions, link)
		if (!ss->dead)
			session_review(ss);
}

/* ---- peers ------------------------------------------------------------------------ */

struct peer_change {
	struct address address;
	char *text;
	uint32_t heartbeat_ms;
};

int
peer_change_new(struct peer_change **ret, const struct peer_spec *spec)
{
	struct peer_change *pc = calloc(1, sizeof(*pc));
	int rc = 0;

	if (pc == NULL)
		return -ENOMEM;
	pc->heartbeat_ms = spec->heartbeat_ms;
	if (spec->address != NULL) {
		pc->text = strdup(spec->address);
		rc = pc->text == NULL ? -ENOMEM
				      : address_parse(&pc->address, spec->address);
	}
	if (rc < 0) {
		peer_change_free(pc);
		return rc;
	}
	*ret = pc;
	return 0;
}

void
peer_change_free(struct peer_change *pc)
{
	if (pc == NULL)
		return;
	free(pc->text);
	free(pc);
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

void
peer_change(struct peer *pe, struct peer_change *pc)
{
	bool moved = !same_text(pe->address_text, pc->text);

	pe->heartbeat_ms = pc->heartbeat_ms;
	if (moved) {
		free(pe->address_text);
		pe->address_text = pc->text;
		pe->address = pc->address;
		pc->text = NULL;
		peer_renew(pe, "its address was changed");
	} else if (pe->session != NULL) {
		session_beat(pe->session);
	}
	peer_change_free(pc);
}

void
peer_end(struct peer *pe)
{
	struct session *ss;

	if (pe == NULL)
		return;
	TAILQ_FOREACH (ss, &pe->owner->sessions, link) {
		if (ss->peer != pe)
			continue;
		session_end(ss, CLOSE_ORDERLY, "the peer was removed");
		ss->peer = NULL; /* the reaper has only its memory to free */
	}
	peer_free(pe);
}
