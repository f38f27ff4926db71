#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "base/log.h"
#include "base/quote.h"
#include "link/link_private.h"
#include "net/conn.h"
#include "net/listener.h"

#define HEARTBEAT_DEFAULT_MS                                                           \
	5000 /* announced to a stranger of whom we know no configuration */
#define HEARTBEAT_MIN_MS  100
#define HEARTBEAT_MAX_MS  600000
#define HEARTBEATS_MISSED 3 /* docs/wire-protocol.md, section 13 */

/* A stranger's configuration is not known yet: announce the slowest heartbeat that it may get. */
static uint32_t
handshake_heartbeat(const struct session *ss)
{
	const struct peer *pe;
	uint32_t slowest = 0;

	if (ss->peer != NULL)
		return ss->peer->heartbeat_ms;
	TAILQ_FOREACH (pe, &ss->owner->peers, link)
		if (pe->heartbeat_ms > slowest)
			slowest = pe->heartbeat_ms;
	return slowest > 0 ? slowest : HEARTBEAT_DEFAULT_MS;
}

int
handshake_begin(struct session *ss)
{
	uint32_t heartbeat_ms = handshake_heartbeat(ss);
	struct frame_hello he = {
		.version_min = FRAME_VERSION_MIN,
		.version_max = FRAME_VERSION,
		.instance = ss->owner->instance,
		.heartbeat_ms = heartbeat_ms,
		.name = frame_text(ss->owner->name),
	};
	uint8_t buf[FRAME_ENCODE_MAX];

	ss->promised_ms = heartbeat_ms;
	return session_send(ss, buf, frame_encode_hello(buf, sizeof(buf), &he));
}

/* The lower of the highest that either speaks. */
static unsigned
handshake_version(const struct frame_hello *he)
{
	return he->version_max < FRAME_VERSION ? he->version_max : FRAME_VERSION;
}

/* Who is it, and may it: 0 and the peer, or a close_code. */
static unsigned
handshake_identify(const struct session *ss, const struct frame_hello *he,
    struct peer **ret, const char **why)
{
	struct peer *pe = link_peer(ss->owner, he->name);

	if (handshake_version(he) < he->version_min ||
	    handshake_version(he) < FRAME_VERSION_MIN) {
		*why = "no common version of the protocol";
		return CLOSE_VERSION;
	}
	if (he->name.length == strlen(ss->owner->name) &&
	    memcmp(he->name.bytes, ss->owner->name, he->name.length) == 0) {
		*why = "the peer has our own name";
		return CLOSE_SELF;
	}
	if (pe == NULL || (ss->peer != NULL && ss->peer != pe)) {
		*why = "the name is not that of a configured peer";
		return CLOSE_UNKNOWN_NAME;
	}
	if (he->heartbeat_ms < HEARTBEAT_MIN_MS ||
	    he->heartbeat_ms > HEARTBEAT_MAX_MS) {
		*why = "heartbeat out of range";
		return CLOSE_PROTOCOL;
	}
	*ret = pe;
	return 0;
}

static void
handshake_finish(struct session *ss, struct peer *pe)
{
	struct sender *sn;

	ss->established = true;
	session_beat(ss);
	if (ss->listener != NULL)
		listener_done(ss->listener);
	ss->listener = NULL;
	log_event(EVENT_PEER_CONNECTED, &(struct log_fields){ .peer = pe->name },
	    "peer %s connected: %s", quote(pe->name).text,
	    quote(conn_name(ss->conn)).text);
	TAILQ_FOREACH (sn, &pe->senders, link)
		sender_on_session(sn);
}

void
handshake_on_frame(struct session *ss, const struct frame *fr)
{
	const char *why = "the first frame is not a HELLO";
	struct frame_hello he;
	struct peer *pe;
	unsigned code = CLOSE_PROTOCOL;

	if (fr->type == FRAME_CLOSE) {
		struct frame_close cl;
		char text[FRAME_TEXT_MAX + 1] = "";

		if (frame_decode_close(&cl, fr) == 0)
			(void)frame_text_copy(text, sizeof(text), cl.text);
		ss->reason = REASON_HANDSHAKE_REFUSED;
		session_end(ss, CLOSE_ORDERLY, text);
		return;
	}
	if (fr->type == FRAME_HELLO && frame_decode_hello(&he, fr) == 0)
		code = handshake_identify(ss, &he, &pe, &why);
	if (code == 0) {
		ss->instance = he.instance;
		ss->version = handshake_version(&he);
		ss->heard_limit_ms = he.heartbeat_ms * HEARTBEATS_MISSED;
		code = peer_take_session(pe, ss);
		why = "another connection of the same peer is there";
	}
	if (code != 0) {
		if (link_may_tell(ss->owner))
			log_event(EVENT_CONNECTION_REFUSED, NULL,
			    "%s refused: it calls itself %s: %s",
			    quote(conn_name(ss->conn)).text,
			    fr->type == FRAME_HELLO && code != CLOSE_PROTOCOL
				? quote_bytes(he.name.bytes, he.name.length).text
				: "nothing",
			    why);
		ss->reason = REASON_HANDSHAKE_REFUSED;
		session_end(ss, code, why);
		return;
	}
	handshake_finish(ss, pe);
}
