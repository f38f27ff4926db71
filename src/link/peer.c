#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/quote.h"
#include "base/reason.h"
#include "link/link_private.h"
#include "link/receiver.h"
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

/* Of what a dial, or the making of a session, failed with. */
static enum reason
peer_reason(int rc)
{
	switch (rc) {
	case -ECONNREFUSED:
	case -ENOENT: /* of a Unix socket */
		return REASON_CONNECTION_REFUSED;
	case -ETIMEDOUT:
		return REASON_NO_ANSWER;
	case -ENETUNREACH:
	case -EHOSTUNREACH:
	case -ENETDOWN:
	case -EHOSTDOWN:
		return REASON_UNREACHABLE;
	case -ENONET:
		return REASON_NAME_NOT_FOUND;
	case -EACCES:
	case -EPERM:
		return REASON_NOT_PERMITTED;
	case -ENOMEM:
		return REASON_NO_MEMORY;
	default:
		return REASON_CONNECTION_FAILED;
	}
}

/* Said once until the reason changes. */
static void
peer_note(struct peer *pe, enum reason reason, const char *why)
{
	pe->reason = reason;
	if (strncmp(pe->detail, why, sizeof(pe->detail) - 1) == 0)
		return;
	(void)snprintf(pe->detail, sizeof(pe->detail), "%s", why);
	pe->since_ms = clock_monotonic_ms();
	log_event(EVENT_PEER_LOST,
	    &(struct log_fields){ .peer = pe->name, .reason = reason_name(reason) },
	    "peer %s: not connected: %s", quote(pe->name).text, quote(why).text);
}

static void
peer_on_dialled(void *owner, int fd_or_error, const char *why)
{
	struct peer *pe = owner;
	int rc;

	pe->dial = NULL;
	if (fd_or_error < 0) {
		peer_note(pe, peer_reason(fd_or_error), why);
		peer_pause(pe);
		return;
	}
	rc = session_new(&pe->dialled, pe->owner, fd_or_error, NULL, pe);
	if (rc < 0) {
		peer_note(pe, peer_reason(rc), strerror(-rc));
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
		peer_note(pe, peer_reason(rc), strerror(-rc));
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

void
peer_hold_input(struct peer *pe, bool on)
{
	struct receiver *rv;

	if (pe->held == on)
		return;
	pe->held = on;
	if (pe->session == NULL)
		return;
	/* What is on its way, and the credit given before, is still taken: without being told, the
	 * sender would see nothing of it for that long. */
	TAILQ_FOREACH (rv, &pe->session->receivers, link) {
		if (!on)
			receiver_release(rv);
		receiver_tell(rv);
	}
}

void
peer_reconnect(struct peer *pe)
{
	peer_renew(pe, "an operator asked for a new connection");
}

void
peer_renew(struct peer *pe, const char *why)
{
	if (pe->owner->halted)
		return;
	if (pe->dialled != NULL)
		session_end(pe->dialled, CLOSE_ORDERLY, why);
	if (pe->session != NULL)
		session_end(pe->session, CLOSE_ORDERLY, why);
	/* Losing them has begun a pause. */
	peer_hang_up(pe);
	backoff_reset(&pe->backoff);
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
uint64_t
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
	pe->memory = pe->share = peer_share(pe); /* its old session gave back all */
	pe->connections++;
	pe->reason = REASON_NONE;
	pe->detail[0] = '\0';
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
		pe->heard_ms = ss->heard_ms;
		if (ss->worked)
			backoff_reset(&pe->backoff);
	}
	if (pe->session != NULL)
		return; /* one of two crossed connections went */
	peer_note(
	    pe, ss->reason != REASON_NONE ? ss->reason : REASON_CONNECTION_LOST, why);
	peer_pause(pe);
}

const char *
peer_name(const struct peer *pe)
{
	return pe->name;
}

static enum state
peer_state(const struct peer *pe)
{
	if (pe->session != NULL)
		return STATE_CONNECTED;
	if (pe->dialled != NULL)
		return STATE_HANDSHAKE;
	return pe->dial != NULL ? STATE_CONNECTING : STATE_WAITING;
}

/* Why it is not connected; what failed last stands until a connection is there. */
static struct cause
peer_cause(const struct peer *pe)
{
	if (pe->session != NULL)
		return (struct cause){ REASON_NONE, "" };
	if (pe->reason != REASON_NONE)
		return (struct cause){ pe->reason, pe->detail };
	if (pe->address_text == NULL)
		return (struct cause){ REASON_AWAITING_PEER, "it has not dialled yet" };
	return (struct cause){ REASON_CONNECTING, "no connection was tried yet" };
}

void
peer_numbers(const struct peer *pe, struct peer_numbers *ret)
{
	*ret = (struct peer_numbers){
		.state = peer_state(pe),
		.cause = peer_cause(pe),
		.address = pe->address_text != NULL ? pe->address_text : "",
		.since_ms = pe->since_ms,
		.heard_ms = pe->session != NULL ? pe->session->heard_ms : pe->heard_ms,
		.round_trip_ns = pe->round_trip_ns,
		.reconnects = pe->connections > 0 ? pe->connections - 1 : 0,
		.received_bytes = pe->received_bytes,
		.sent_bytes = pe->sent_bytes,
	};
	if (pe->session != NULL && pe->address_text == NULL)
		ret->address = conn_name(pe->session->conn);
}
