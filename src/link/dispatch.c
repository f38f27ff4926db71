#include <errno.h>

#include "base/clock.h"
#include "link/link_private.h"
#include "link/receiver.h"

static struct sender *
dispatch_sender(const struct session *ss, uint32_t channel)
{
	struct sender *sn;

	TAILQ_FOREACH (sn, &ss->peer->senders, link)
		if (sn->channel == channel)
			return sn;
	return NULL;
}

static unsigned
on_close(struct session *ss, const struct frame *fr, const char **why)
{
	static const char *const texts[] = {
		[CLOSE_ORDERLY] = "closed by the peer",
		[CLOSE_PROTOCOL] = "the peer says: protocol broken",
		[CLOSE_VERSION] = "the peer says: no common version",
		[CLOSE_UNKNOWN_NAME] = "the peer says: unknown name",
		[CLOSE_REPLACED] = "replaced by a newer connection",
		[CLOSE_CROSSED] = "both sides dialled",
		[CLOSE_TIMEOUT] = "the peer says: we were silent",
		[CLOSE_LIMIT] = "the peer says: a limit was reached",
		[CLOSE_CHECKSUM] = "the peer says: a record was damaged",
		[CLOSE_SELF] = "the peer has our own name",
	};
	struct frame_close cl;

	if (frame_decode_close(&cl, fr) < 0)
		return CLOSE_PROTOCOL;
	*why = cl.code < ARRAY_LEN(texts) ? texts[cl.code] : "closed by the peer";
	/* It was refused only after our own HELLO had been taken. */
	if (cl.code == CLOSE_VERSION || cl.code == CLOSE_UNKNOWN_NAME ||
	    cl.code == CLOSE_SELF)
		ss->reason = REASON_HANDSHAKE_REFUSED;
	session_end(ss, CLOSE_ORDERLY, *why);
	return 0;
}

static unsigned
on_ping(struct session *ss, const struct frame *fr, const char **why)
{
	uint8_t buf[FRAME_ENCODE_MAX];
	uint64_t token;

	if (frame_decode_number(&token, fr) < 0)
		return CLOSE_PROTOCOL;
	*why = "the peer does not read";
	return session_send(ss, buf,
		   frame_encode_number(buf, sizeof(buf), FRAME_PONG, 0, token)) < 0
		   ? CLOSE_TIMEOUT
		   : 0;
}

static unsigned
on_pong(struct session *ss, const struct frame *fr, const char **why)
{
	uint64_t token;
	int64_t now = clock_monotonic_ns();

	(void)why;
	if (frame_decode_number(&token, fr) < 0 || (int64_t)token > now)
		return CLOSE_PROTOCOL;
	ss->peer->round_trip_ns = now - (int64_t)token;
	return 0;
}

static unsigned
on_open(struct session *ss, const struct frame *fr, const char **why)
{
	struct frame_open op;

	(void)why;
	if (frame_decode_open(&op, fr) < 0)
		return CLOSE_PROTOCOL;
	return receiver_on_open(ss, fr->channel, &op);
}

/* What comes on a channel without a stream: after we closed it, it is under way. */
static unsigned
nobody(const struct session *ss, uint32_t channel)
{
	return session_is_revoked(ss, channel) ? 0 : CLOSE_PROTOCOL;
}

static unsigned
on_data(struct session *ss, const struct frame *fr, const char **why)
{
	struct receiver *rv = session_receiver(ss, fr->channel);
	struct frame_data da;

	if (rv == NULL)
		return nobody(ss, fr->channel);
	if (frame_decode_data(&da, fr) < 0)
		return CLOSE_PROTOCOL;
	return receiver_on_data(rv, &da, why);
}

static unsigned
on_chunk(struct session *ss, const struct frame *fr, const char **why)
{
	struct receiver *rv = session_receiver(ss, fr->channel);
	struct frame_chunk ch;

	if (rv == NULL)
		return nobody(ss, fr->channel);
	if (frame_decode_chunk(&ch, fr) < 0)
		return CLOSE_PROTOCOL;
	return receiver_on_chunk(rv, &ch, why);
}

static unsigned
on_stored(struct session *ss, const struct frame *fr, const char **why)
{
	struct receiver *rv = session_receiver(ss, fr->channel);
	uint64_t seq;

	(void)why;
	if (rv == NULL)
		return nobody(ss, fr->channel);
	if (frame_decode_number(&seq, fr) < 0)
		return CLOSE_PROTOCOL;
	return receiver_on_stored(rv, seq);
}

static unsigned
on_void(struct session *ss, const struct frame *fr, const char **why)
{
	struct receiver *rv = session_receiver(ss, fr->channel);
	uint64_t seq;

	if (rv == NULL)
		return nobody(ss, fr->channel);
	if (frame_decode_number(&seq, fr) < 0)
		return CLOSE_PROTOCOL;
	return receiver_on_void(rv, seq, why);
}

static unsigned
on_shut(struct session *ss, const struct frame *fr, const char **why)
{
	struct receiver *rv = session_receiver(ss, fr->channel);

	(void)why;
	if (fr->length != 0)
		return CLOSE_PROTOCOL;
	session_unrevoke(ss, fr->channel);
	if (rv != NULL) /* else we refused it meanwhile */
		receiver_free(rv);
	return 0;
}

/* The answers to our own streams: decode, find the sender, hand over. What comes for one that
 * went meanwhile (it said SHUT) is for nobody. */
#define ANSWER(name, type)                                                             \
	static unsigned on_##name(                                                     \
	    struct session *ss, const struct frame *fr, const char **why)              \
	{                                                                              \
		struct sender *sn = dispatch_sender(ss, fr->channel);                  \
		struct type body;                                                      \
                                                                                       \
		(void)why;                                                             \
		if (frame_decode_##name(&body, fr) < 0 || fr->channel == 0 ||          \
		    fr->channel > ss->peer->channels)                                  \
			return CLOSE_PROTOCOL;                                         \
		return sn == NULL ? 0 : sender_on_##name(sn, &body);                   \
	}
ANSWER(opened, frame_opened)
ANSWER(refused, frame_refused)
ANSWER(ack, frame_ack)
ANSWER(limits, frame_limits)
ANSWER(reject, frame_reject)
ANSWER(cause, frame_cause)
#undef ANSWER

static const struct {
	uint8_t type;
	unsigned (*on)(struct session *ss, const struct frame *fr, const char **why);
} handlers[] = {
	{ FRAME_DATA, on_data },
	{ FRAME_ACK, on_ack },
	{ FRAME_CLOSE, on_close },
	{ FRAME_PING, on_ping },
	{ FRAME_PONG, on_pong },
	{ FRAME_OPEN, on_open },
	{ FRAME_CHUNK, on_chunk },
	{ FRAME_STORED, on_stored },
	{ FRAME_SHUT, on_shut },
	{ FRAME_VOID, on_void },
	{ FRAME_OPENED, on_opened },
	{ FRAME_REFUSED, on_refused },
	{ FRAME_LIMITS, on_limits },
	{ FRAME_REJECT, on_reject },
	{ FRAME_CAUSE, on_cause },
};

unsigned
dispatch_frame(struct session *ss, const struct frame *fr, const char **ret_why)
{
	for (size_t i = 0; i < ARRAY_LEN(handlers); i++)
		if (handlers[i].type == fr->type)
			return handlers[i].on(ss, fr, ret_why);
	return fr->type >= FRAME_OPTIONAL ? 0 : CLOSE_PROTOCOL;
}
