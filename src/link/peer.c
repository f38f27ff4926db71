#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/quote.h"
#include "link/link_private.h"
#include "net/conn.h"
#include "net/dial.h"

#define DIAL_TIMEOUT_MS 5000
#define CROSSED_MS      2000 /* docs/wire-protocol.md, section 5 */

static void
peer_pause(struct peer *pe)
{
	struct timeval pause;
	uint32_t random = 0, ms;

	if (pe->address_text == NULL || pe->owner->halted)
		return;
	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	ms = backoff_next(&pe->backoff, random);
	pause = clock_timeval(ms);
	(void)event_add(pe->redial, &pause);
}

/* Said once until the reason changes. */
static void
peer_note(struct peer *pe, const char *why)
{
	if (strncmp(pe->reason, why, sizeof(pe->reason) - 1) == 0)
		return;
	(void)snprintf(pe->reason, sizeof(pe->reason), "%s", why);
	pe->since_ms = clock_monotonic_ms();
	log_warn("link", "peer %s: not connected: %s", quote(pe->name).text,
	    quote(why).text);
}

static void
peer_on_dialled(void *owner, int fd_or_error, const char *why)
{
	struct peer *pe = owner;
	int rc;

	pe->dial = NULL;
	if (fd_or_error < 0) {
		peer_note(pe, why);
		peer_pause(pe);
		return;
	}
	rc = session_new(&pe->dialled, pe->owner, fd_or_error, NULL, pe);
	if (rc < 0) {
		peer_note(pe, strerror(-rc));
		peer_pause(pe);
	}
}

static void
peer_dial(struct peer *pe)
{
	const struct dial_spec spec = {
		.address = &pe->address,
		.timeout_ms = DIAL_TIMEOUT_MS,
		.on_done = peer_on_dialled,
		.owner = pe,
	};
	int rc;

	if (pe->address_text == NULL || pe->session != NULL || pe->dialled != NULL ||
	    pe->dial != NULL || pe->owner->halted)
		return;
	rc = dial_start(&pe->dial, pe->owner->spec.base, pe->owner->dns, &spec);
	if (rc < 0) {
		peer_note(pe, strerror(-rc));
		peer_pause(pe);
	}
}

static void
peer_on_redial(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	peer_dial(arg);
}

int
peer_new(struct peer **ret, struct link *lk, const struct peer_spec *spec)
{
	struct peer *pe = calloc(1, sizeof(*pe));
	int rc = -ENOMEM;

	if (pe == NULL)
		return -ENOMEM;
	pe->owner = lk;
	TAILQ_INIT(&pe->senders);
	TAILQ_INSERT_TAIL(&lk->peers, pe, link);
	pe->heartbeat_ms = spec->heartbeat_ms;
	pe->since_ms = clock_monotonic_ms();
	pe->name = strdup(spec->name);
	pe->redial = event_new(lk->spec.base, -1, 0, peer_on_redial, pe);
	if (pe->name == NULL || pe->redial == NULL)
		goto fail;
	if (spec->address != NULL) {
		pe->address_text = strdup(spec->address);
		if (pe->address_text == NULL)
			goto fail;
		rc = address_parse(&pe->address, spec->address);
		if (rc < 0)
			goto fail;
	}
	*ret = pe;
	return 0;
fail:
	peer_free(pe);
	return rc;
}

void
peer_hang_up(struct peer *pe)
{
	dial_cancel(pe->dial);
	pe->dial = NULL;
	(void)event_del(pe->redial);
}

void
peer_free(struct peer *pe)
{
	if (pe->redial != NULL) {
		peer_hang_up(pe);
		event_free(pe->redial);
	}
	TAILQ_REMOVE(&pe->owner->peers, pe, link);
	free(pe->name);
	free(pe->address_text);
	free(pe);
}

void
peer_start(struct peer *pe)
{
	peer_dial(pe);
}

/* Both dialled at the same time: which connection stays is the same question at both ends, so
 * it is decided by what both know. */
static bool
peer_crossed(
    const struct peer *pe, const struct session *old, const struct session *new)
{
	bool we_are_smaller = strcmp(pe->owner->name, pe->name) < 0;

	return clock_monotonic_ms() - old->begun_ms < CROSSED_MS &&
	       id_equal(&old->instance, &new->instance) &&
	       old->dialled != new->dialled && old->dialled == we_are_smaller;
}

/* Of receive_memory, so that no peer can take what the others need. */
static uint64_t
peer_share(const struct peer *pe)
{
	const struct peer *other;
	uint64_t n = 1;

	TAILQ_FOREACH (other, &pe->owner->peers, link)
		if (other != pe)
			n++;
	return pe->owner->spec.receive_memory / n;
}

unsigned
peer_take_session(struct peer *pe, struct session *ss)
{
	struct session *old = pe->session;

	if (old != NULL && peer_crossed(pe, old, ss))
		return CLOSE_CROSSED;
	if (old != NULL)
		session_end(old, CLOSE_REPLACED, "replaced by a newer connection");
	if (pe->dialled == ss)
		pe->dialled = NULL;
	peer_hang_up(pe);
	ss->peer = pe;
	pe->session = ss;
	pe->memory = peer_share(pe); /* its old session gave back all */
	pe->connections++;
	pe->reason[0] = '\0';
	pe->since_ms = clock_monotonic_ms();
	return 0;
}

void
peer_lose_session(struct peer *pe, struct session *ss, const char *why)
{
	struct sender *sn;

	if (pe->dialled == ss)
		pe->dialled = NULL;
	if (pe->session == ss) {
		TAILQ_FOREACH (sn, &pe->senders, link)
			sender_on_lost(sn);
		pe->session = NULL;
		if (ss->worked)
			backoff_reset(&pe->backoff);
	}
	if (pe->session != NULL)
		return; /* one of two crossed connections went */
	peer_note(pe, why);
	peer_pause(pe);
}

const char *
peer_name(const struct peer *pe)
{
	return pe->name;
}

void
peer_numbers(const struct peer *pe, struct peer_numbers *ret)
{
	*ret = (struct peer_numbers){
		.state = pe->session != NULL   ? "connected"
			 : pe->dialled != NULL ? "handshake"
			 : pe->dial != NULL    ? "connecting"
					       : "waiting",
		.reason = pe->reason,
		.address = pe->address_text != NULL ? pe->address_text : "",
		.since_ms = pe->since_ms,
		.round_trip_ns = pe->round_trip_ns,
		.reconnects = pe->connections > 0 ? pe->connections - 1 : 0,
		.received_bytes = pe->received_bytes,
		.sent_bytes = pe->sent_bytes,
	};
	if (pe->session != NULL && pe->address_text == NULL)
		ret->address = conn_name(pe->session->conn);
}
