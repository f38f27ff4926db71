#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/quote.h"
#include "link/link_private.h"
#include "link/receiver.h"
#include "net/conn.h"
#include "net/listener.h"

#define IN_STRANGER                                                                    \
	(FRAME_HEADER + FRAME_HELLO_MAX) /* bytes that are read before the handshake */
#define IN_ESTABLISHED ((size_t)256 << 10) /* several whole frames */
#define HANDSHAKE_MS   5000                /* docs/wire-protocol.md, section 15 */

static int
session_resize_in(struct session *ss, size_t size)
{
	uint8_t *grown = realloc(ss->in, size);

	if (grown == NULL)
		return -ENOMEM;
	ss->in = grown;
	ss->in_size = size;
	return 0;
}

/* Records must lie on their alignment: move the rest of the input to the front where a frame of
 * odd length came before. */
static void
session_align(struct session *ss, size_t *at)
{
	if (*at % 8 == 0)
		return;
	ss->in_length -= *at;
	memmove(ss->in, ss->in + *at, ss->in_length);
	*at = 0;
}

static void
session_on_frame(struct session *ss, const struct frame *fr)
{
	const char *why = "a frame broke the protocol";
	unsigned code;

	ss->heard_ms = clock_monotonic_ms();
	if (!ss->established) {
		handshake_on_frame(ss, fr);
		return;
	}
	code = dispatch_frame(ss, fr, &why);
	if (code != 0)
		session_end(ss, code, why);
}

/* Every whole frame that is there. */
static void
session_consume(struct session *ss)
{
	size_t at = 0, size;
	struct frame fr;
	int rc = 0;

	while (!ss->dead) {
		session_align(ss, &at);
		rc = frame_decode(&fr, &size, ss->in + at, ss->in_length - at,
		    ss->established ? FRAME_PAYLOAD_MAX : FRAME_HELLO_MAX);
		if (rc < 0)
			break;
		at += size;
		session_on_frame(ss, &fr);
	}
	if (ss->dead)
		return;
	if (rc != -EAGAIN) {
		session_end(ss, CLOSE_PROTOCOL, "not a frame");
		return;
	}
	ss->in_length -= at;
	if (at > 0 && ss->in_length > 0)
		memmove(ss->in, ss->in + at, ss->in_length);
	if (ss->established && ss->in_size < IN_ESTABLISHED &&
	    session_resize_in(ss, IN_ESTABLISHED) < 0)
		session_end(ss, CLOSE_LIMIT, "no memory");
}

static void
session_on_readable(void *owner)
{
	struct session *ss = owner;
	ssize_t n;

	if (ss->dead)
		return;
	n = conn_read(ss->conn, ss->in + ss->in_length, ss->in_size - ss->in_length);
	if (n == -EAGAIN)
		return;
	if (n < 0) {
		session_end(ss, CLOSE_ORDERLY,
		    n == -ECONNRESET ? "connection closed by the peer"
				     : strerror((int)-n));
		return;
	}
	ss->in_length += (size_t)n;
	if (ss->peer != NULL)
		ss->peer->received_bytes += (uint64_t)n;
	session_consume(ss);
}

static void
session_try_flush(struct session *ss)
{
	int rc;

	if (ss->dead)
		return;
	rc = session_flush(ss);
	if (rc < 0)
		session_end(ss, CLOSE_ORDERLY, strerror(-rc));
}

static void
session_on_writable(void *owner)
{
	session_try_flush(owner);
}

static const struct conn_ops session_conn_ops = {
	.on_readable = session_on_readable,
	.on_writable = session_on_writable,
};

static void
session_on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct session *ss = arg;

	(void)fd;
	(void)what;
	/* While a composition is half written the descriptor tells when to go on. */
	if (!ss->dead && ss->out.first == ss->out.pieces)
		session_try_flush(ss);
}

static void
session_ping(struct session *ss)
{
	uint8_t buf[FRAME_ENCODE_MAX];
	size_t n = frame_encode_number(
	    buf, sizeof(buf), FRAME_PING, 0, (uint64_t)clock_monotonic_ns());

	if (session_send(ss, buf, n) < 0)
		session_end(ss, CLOSE_TIMEOUT, "the peer does not read");
}

/* Wake up for what is due first: our own heartbeat, or the end of the peer's silence. */
static void
session_arm(struct session *ss, uint64_t now)
{
	uint64_t silent_ms = ss->heard_ms + ss->heard_limit_ms;
	struct timeval wait;

	ss->due_ms = ss->beat_ms < silent_ms ? ss->beat_ms : silent_ms;
	wait = clock_timeval(ss->due_ms > now ? ss->due_ms - now : 0);
	(void)event_add(ss->timer, &wait);
}

/* The peer waits for what it was promised, also when a reload has made heartbeats rarer. */
static uint32_t
session_heartbeat(const struct session *ss)
{
	uint32_t ms = ss->peer->heartbeat_ms;

	return ms < ss->promised_ms ? ms : ss->promised_ms;
}

void
session_beat(struct session *ss)
{
	uint64_t now = clock_monotonic_ms();

	ss->beat_ms = now + session_heartbeat(ss);
	session_arm(ss, now);
}

/* Why streams do not go on: within a heartbeat their senders know. */
static void
session_tell(struct session *ss)
{
	struct receiver *rv;

	TAILQ_FOREACH (rv, &ss->receivers, link)
		receiver_tell(rv);
}

static void
session_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct session *ss = arg;
	uint64_t now = clock_monotonic_ms();

	(void)fd;
	(void)what;
	if (ss->dead)
		return;
	if (!ss->established) {
		ss->reason = REASON_NO_ANSWER;
		session_end(ss, CLOSE_TIMEOUT, "no handshake within 5 s");
		return;
	}
	/* As long as we did not run ourselves, nothing can be said of the peer. */
	if (now > ss->due_ms && ss->heard_ms < ss->due_ms)
		ss->heard_ms += now - ss->due_ms;
	if (now >= ss->heard_ms + ss->heard_limit_ms) {
		ss->reason = REASON_PEER_SILENT;
		session_end(ss, CLOSE_TIMEOUT, "silent for three heartbeats");
		return;
	}
	if (now >= ss->beat_ms) {
		session_tell(ss);
		ss->beat_ms = now + session_heartbeat(ss);
		session_ping(ss);
	}
	if (!ss->dead)
		session_arm(ss, now);
}

int
session_new(
    struct session **ret, struct link *lk, int fd, struct listener *ls, struct peer *pe)
{
	const struct timeval deadline = { .tv_sec = HANDSHAKE_MS / 1000 };
	struct session *ss = calloc(1, sizeof(*ss));
	int rc;

	if (ss == NULL) {
		(void)close(fd);
		return -ENOMEM;
	}
	ss->owner = lk;
	ss->listener = ls;
	ss->peer = pe;
	ss->dialled = pe != NULL;
	ss->begun_ms = ss->heard_ms = clock_monotonic_ms();
	TAILQ_INIT(&ss->receivers);
	TAILQ_INIT(&ss->due);
	TAILQ_INIT(&ss->ready);
	TAILQ_INSERT_TAIL(&lk->sessions, ss, link);
	ss->wake = event_new(lk->spec.base, -1, 0, session_on_wake, ss);
	ss->timer = event_new(lk->spec.base, -1, 0, session_on_timer, ss);
	rc = conn_new(&ss->conn, lk->spec.base, fd, &session_conn_ops, ss);
	if (rc == 0 && (ss->wake == NULL || ss->timer == NULL))
		rc = -ENOMEM;
	if (rc == 0)
		rc = session_resize_in(ss, IN_STRANGER);
	if (rc == 0)
		rc = handshake_begin(ss);
	if (rc < 0) {
		ss->dead = true;
		session_free(ss);
		return rc;
	}
	(void)event_add(ss->timer, &deadline);
	*ret = ss;
	return 0;
}

/* The last word, if the output is not in the middle of a frame. */
static void
session_say_close(struct session *ss, unsigned code, const char *why)
{
	struct frame_close cl = { .code = (uint16_t)code, .text = frame_text(why) };
	uint8_t buf[FRAME_ENCODE_MAX];

	while (!TAILQ_EMPTY(&ss->ready)) {
		struct sender *sn = TAILQ_FIRST(&ss->ready);

		TAILQ_REMOVE(&ss->ready, sn, ready_link);
		sn->ready = false;
	}
	if (session_send(ss, buf, frame_encode_close(buf, sizeof(buf), &cl)) == 0)
		(void)!session_flush(ss);
}

void
session_end(struct session *ss, unsigned code, const char *why)
{
	struct receiver *rv;

	if (ss->dead)
		return;
	session_say_close(ss, code, why);
	if (ss->peer == NULL && link_may_tell(ss->owner))
		log_event(EVENT_CONNECTION_REFUSED, NULL,
		    "connection from %s ended: %s", quote(conn_name(ss->conn)).text,
		    quote(why).text);
	ss->dead = true;
	conn_kill(ss->conn);
	ss->conn = NULL;
	(void)event_del(ss->timer);
	(void)event_del(ss->wake);
	if (ss->listener != NULL)
		listener_done(ss->listener);
	ss->listener = NULL;
	while ((rv = TAILQ_FIRST(&ss->receivers)) != NULL)
		receiver_free(rv);
	if (ss->peer != NULL)
		peer_lose_session(ss->peer, ss, why);
	link_reap(ss->owner);
}

void
session_free(struct session *ss)
{
	TAILQ_REMOVE(&ss->owner->sessions, ss, link);
	conn_kill(ss->conn);
	if (ss->wake != NULL)
		event_free(ss->wake);
	if (ss->timer != NULL)
		event_free(ss->timer);
	session_done_out(ss);
	free(ss->revoked);
	free(ss->in);
	free(ss);
}

int
session_revoke(struct session *ss, uint32_t channel)
{
	uint32_t *grown = realloc(ss->revoked, (ss->n_revoked + 1) * sizeof(*grown));

	if (grown == NULL)
		return -ENOMEM;
	ss->revoked = grown;
	grown[ss->n_revoked++] = channel;
	return 0;
}

bool
session_is_revoked(const struct session *ss, uint32_t channel)
{
	for (size_t i = 0; i < ss->n_revoked; i++)
		if (ss->revoked[i] == channel)
			return true;
	return false;
}

void
session_unrevoke(struct session *ss, uint32_t channel)
{
	size_t n = 0;

	for (size_t i = 0; i < ss->n_revoked; i++)
		if (ss->revoked[i] != channel)
			ss->revoked[n++] = ss->revoked[i];
	ss->n_revoked = n;
}

struct receiver *
session_receiver(const struct session *ss, uint32_t channel)
{
	struct receiver *rv;

	TAILQ_FOREACH (rv, &ss->receivers, link)
		if (rv->channel == channel)
			return rv;
	return NULL;
}
