#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/quote.h"
#include "base/reason.h"
#include "link/link_private.h"

static struct sender *
sender_of(struct sink *snk)
{
	return (struct sender *)snk;
}

static void
sender_set_phase(struct sender *sn, enum sender_phase phase)
{
	struct session *ss = sn->peer->session;

	if (sn->ready && ss != NULL)
		TAILQ_REMOVE(&ss->ready, sn, ready_link);
	if (ss != NULL)
		session_forget_sender(ss, sn);
	sn->ready = false;
	sn->phase = phase;
	sn->chunk = NULL;
}

static void
sender_set_ready(struct sender *sn)
{
	struct session *ss = sn->peer->session;

	if (sn->phase != SENDER_OPEN || ss == NULL || sn->ready)
		return;
	sn->ready = true;
	TAILQ_INSERT_TAIL(&ss->ready, sn, ready_link);
	session_wake(ss);
}

/* Ask the peer to take the stream. */
static void
sender_open(struct sender *sn)
{
	struct session *ss = sn->peer->session;
	struct source *src = sn->sink.source;
	struct source_info info;
	struct frame_open op;
	uint8_t buf[FRAME_ENCODE_MAX];

	if (ss == NULL || src == NULL || sn->peer->owner->halted ||
	    src->ops->info(src, &info) < 0)
		return;
	op = (struct frame_open){
		.stream = info.stream,
		.ring = info.ring,
		.acked = info.acked,
		.next = info.next,
		.kind = (uint8_t)info.kind,
		.max_body = info.max_body,
		.max_messages = info.max_messages,
		.max_bytes = info.max_bytes,
		.mode = info.mode,
		.route = frame_text(info.route),
		.source = frame_text(info.entry),
		.uri = frame_text(info.uri),
		.take = frame_text(info.take),
		.entry = frame_text(sn->entry),
	};
	if (session_send(
		ss, buf, frame_encode_open(buf, sizeof(buf), sn->channel, &op)) < 0)
		return;
	sn->source_max_body = info.max_body;
	sender_set_phase(sn, SENDER_OPENING);
}

/* The ring was made larger since the stream was opened: open it anew, nothing is in flight. */
static bool
sender_outgrown(const struct sender *sn)
{
	struct source *src = sn->sink.source;
	struct source_info info;

	return src->ops->info(src, &info) == 0 && info.max_body > sn->source_max_body;
}

/* The channel is used no more, for now. */
static void
sender_shut(struct sender *sn)
{
	uint8_t buf[FRAME_HEADER];

	if (sn->phase != SENDER_OPENING && sn->phase != SENDER_OPEN)
		return;
	if (sn->peer->session != NULL)
		(void)!session_send(sn->peer->session, buf,
		    frame_encode_shut(buf, sizeof(buf), sn->channel));
	sender_set_phase(sn, SENDER_CLOSED);
}

static void
sender_kick(struct sink *snk)
{
	struct sender *sn = sender_of(snk);

	if (sn->phase != SENDER_OPEN)
		source_blocked(snk->source);
	if (sn->peer->session == NULL)
		return;
	if (sn->phase == SENDER_OPEN && !sn->ready && sender_outgrown(sn))
		sender_shut(sn);
	if (sn->phase == SENDER_CLOSED)
		sender_open(sn);
	else
		sender_set_ready(sn);
}

static void
sender_stored(struct sink *snk, uint64_t seq)
{
	struct sender *sn = sender_of(snk);
	uint8_t buf[FRAME_ENCODE_MAX];

	if (sn->phase != SENDER_OPEN || sn->peer->session == NULL)
		return; /* the peer names it again when the stream is resumed */
	(void)!session_send(sn->peer->session, buf,
	    frame_encode_number(buf, sizeof(buf), FRAME_STORED, sn->channel, seq));
}

/* A composition of the session's may point to what was taken and is not written. */
static uint64_t
sender_written(const struct sink *snk)
{
	const struct sender *sn = (const struct sender *)snk;

	return sn->peer->session == NULL ? UINT64_MAX : sn->written_seq;
}

static void
sender_state(struct sink *snk, struct sink_state *ret)
{
	const struct sender *sn = sender_of(snk);

	const struct peer *pe = sn->peer;
	struct peer_numbers pn;

	*ret = (struct sink_state){ STATE_FLOWING, REASON_NONE, "", "" };
	if (pe->session == NULL) {
		peer_numbers(pe, &pn);
		*ret = (struct sink_state){ STATE_WAITING, REASON_PEER_NOT_CONNECTED,
			pn.cause.detail, pe->name };
	} else if (sn->phase == SENDER_REFUSED) {
		bool ours = sn->reason == REASON_STORE_FAILED;

		*ret = (struct sink_state){ ours ? STATE_STOPPED : STATE_REFUSED,
			sn->reason, sn->detail, ours ? "" : pe->name };
	} else if (sn->phase == SENDER_OPEN && sn->far != REASON_NONE) {
		*ret = (struct sink_state){ sink_state_of(sn->far), sn->far,
			sn->far_detail, pe->name };
	} else if (sn->phase == SENDER_OPEN && sn->max_body == 0) {
		*ret = (struct sink_state){ STATE_WAITING, REASON_QUEUE_ABSENT,
			"the destination queue is not there", pe->name };
	}
}

/* As the peer told last. */
static void
sender_limits(struct sink *snk, struct sink_limits *ret)
{
	const struct sender *sn = sender_of(snk);
	bool known = sn->peer->session != NULL && sn->phase == SENDER_OPEN;

	ret->max_body = known ? sn->max_body : 0;
	ret->kind = sn->kind == FLOW_SYSV ? FLOW_SYSV : FLOW_POSIX;
}

static void
sender_close(struct sink *snk)
{
	struct sender *sn = sender_of(snk);

	sender_shut(sn);
	sender_set_phase(sn, SENDER_CLOSED);
	TAILQ_REMOVE(&sn->peer->senders, sn, link);
	if (sn->retry != NULL)
		event_free(sn->retry);
	free(sn->entry);
	free(sn);
}

static const struct sink_ops sender_ops = {
	.kick = sender_kick,
	.stored = sender_stored,
	.written = sender_written,
	.limits = sender_limits,
	.state = sender_state,
	.close = sender_close,
};

static void
sender_on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct sender *sn = arg;

	(void)fd;
	(void)what;
	if (sn->phase != SENDER_REFUSED)
		return;
	sender_set_phase(sn, SENDER_CLOSED);
	sender_open(sn);
}

int
sender_new(struct sink **ret, struct peer *pe, const char *entry)
{
	struct sender *sn = calloc(1, sizeof(*sn));

	if (sn == NULL)
		return -ENOMEM;
	sn->entry = strdup(entry);
	sn->retry = event_new(pe->owner->spec.base, -1, 0, sender_on_retry, sn);
	if (sn->entry == NULL || sn->retry == NULL) {
		if (sn->retry != NULL)
			event_free(sn->retry);
		free(sn->entry);
		free(sn);
		return -ENOMEM;
	}
	sn->sink.ops = &sender_ops;
	sn->peer = pe;
	sn->channel = ++pe->channels;
	TAILQ_INSERT_TAIL(&pe->senders, sn, link);
	*ret = &sn->sink;
	return 0;
}

void
sender_numbers(const struct sink *snk, struct sender_numbers *ret)
{
	static const char *const phases[] = {
		[SENDER_CLOSED] = "closed",
		[SENDER_OPENING] = "opening",
		[SENDER_OPEN] = "open",
		[SENDER_REFUSED] = "refused",
	};
	const struct sender *sn = (const struct sender *)snk;
	bool open = sn->peer->session != NULL && sn->phase == SENDER_OPEN;

	*ret = (struct sender_numbers){ .phase = phases[sn->phase] };
	if (!open)
		return;
	ret->credit = sn->credit - sn->sent;
	ret->max_body = sn->max_body;
}

void
sender_on_session(struct sender *sn)
{
	sender_set_phase(sn, SENDER_CLOSED);
	sender_open(sn);
}

void
sender_on_lost(struct sender *sn)
{
	(void)event_del(sn->retry);
	sender_set_phase(sn, SENDER_CLOSED);
	source_blocked(sn->sink.source);
}

/* What the receiver has, and what is offered to it again: 0 or -EBADMSG. */
static int
sender_resume(struct sender *sn, const struct frame_opened *od)
{
	struct source *src = sn->sink.source;
	int rc = src->ops->rewind(src, od->mark);

	for (unsigned i = 0; rc == 0 && i < od->rejects; i++)
		rc = src->ops->reject(src, od->reject[i].seq, od->reject[i].reason, "");
	return rc < 0 ? rc : src->ops->settle(src, od->mark);
}

/* The store cannot give what must be sent again: this stream stops, the others go on. */
static void
sender_stop(struct sender *sn)
{
	sn->reason = REASON_STORE_FAILED;
	(void)snprintf(sn->detail, sizeof(sn->detail),
	    "the store cannot tell what must be sent again");
	log_event(EVENT_ROUTE_STOPPED,
	    &(struct log_fields){ .peer = sn->peer->name, .queue = sn->entry },
	    "stream to %s of peer %s stopped: %s; stop the daemon and look at it with "
	    "mqbridge-spool check",
	    quote(sn->entry).text, quote(sn->peer->name).text, sn->detail);
	sender_shut(sn);
	sn->phase = SENDER_REFUSED;
}

unsigned
sender_on_opened(struct sender *sn, const struct frame_opened *od)
{
	struct source *src = sn->sink.source;
	struct source_info info;

	if (sn->phase != SENDER_OPENING || src->ops->info(src, &info) < 0 ||
	    od->mark < info.acked || od->mark >= info.next)
		return CLOSE_PROTOCOL;
	sender_set_phase(sn, SENDER_OPEN);
	if (sender_resume(sn, od) < 0) {
		sender_stop(sn);
		return 0;
	}
	sn->reason = sn->far = REASON_NONE;
	sn->detail[0] = '\0';
	sn->max_body = od->max_body;
	sn->kind = od->kind;
	sn->credit = od->credit;
	sn->sent = 0;
	sn->written_seq = od->mark;
	sn->peer->session->worked = true;
	sender_set_ready(sn);
	return 0;
}

static enum reason
sender_refusal(unsigned code)
{
	switch (code) {
	case REFUSE_NO_ENTRY:
	case REFUSE_FORBIDDEN:
		return REASON_ENTRY_REFUSED;
	case REFUSE_LOOP:
		return REASON_ROUTE_LOOP;
	case REFUSE_BACK_IN_TIME:
		return REASON_BACK_IN_TIME;
	case REFUSE_MEMORY:
		return REASON_RECEIVE_MEMORY;
	case REFUSE_STREAMS:
		return REASON_TOO_MANY_STREAMS;
	default:
		return REASON_REFUSED_BY_PEER;
	}
}

unsigned
sender_on_refused(struct sender *sn, const struct frame_refused *re)
{
	struct timeval pause = clock_timeval(re->retry_ms);
	char detail[sizeof(sn->detail)];

	/* Also after it was taken: the peer's configuration has changed. */
	if (sn->phase != SENDER_OPENING && sn->phase != SENDER_OPEN)
		return CLOSE_PROTOCOL;
	(void)frame_text_copy(detail, sizeof(detail), re->text);
	if (strcmp(detail, sn->detail) != 0)
		log_event(EVENT_STREAM_REFUSED,
		    &(struct log_fields){ .peer = sn->peer->name,
			.queue = sn->entry,
			.reason = reason_name(sender_refusal(re->code)) },
		    "peer %s refuses the stream to %s: %s", quote(sn->peer->name).text,
		    quote(sn->entry).text, quote(detail).text);
	sn->reason = sender_refusal(re->code);
	memcpy(sn->detail, detail, sizeof(detail));
	sender_set_phase(sn, SENDER_REFUSED);
	if (pause.tv_sec == 0)
		pause.tv_sec = 1;
	(void)event_add(sn->retry, &pause);
	return 0;
}

unsigned
sender_on_ack(struct sender *sn, const struct frame_ack *ac)
{
	struct source *src = sn->sink.source;

	if (sn->phase != SENDER_OPEN)
		return 0; /* of the time before a reopening */
	/* What is not written cannot have been delivered, and its place must stay. */
	if (ac->mark > sn->written_seq || ac->credit < sn->credit)
		return CLOSE_PROTOCOL;
	sn->credit = ac->credit;
	sn->peer->session->worked = true;
	if (src->ops->settle(src, ac->mark) < 0)
		return CLOSE_PROTOCOL;
	sender_set_ready(sn);
	return 0;
}

unsigned
sender_on_limits(struct sender *sn, const struct frame_limits *li)
{
	if (sn->phase != SENDER_OPEN)
		return 0;
	if (li->credit < sn->credit)
		return CLOSE_PROTOCOL;
	sn->max_body = li->max_body;
	sn->kind = li->kind;
	sn->credit = li->credit;
	sender_set_ready(sn);
	return 0;
}

unsigned
sender_on_reject(struct sender *sn, const struct frame_reject *re)
{
	struct source *src = sn->sink.source;
	char detail[FRAME_TEXT_MAX + 1];

	if (sn->phase != SENDER_OPEN)
		return 0;
	(void)frame_text_copy(detail, sizeof(detail), re->text);
	return src->ops->reject(src, re->seq, re->reason, detail) < 0 ? CLOSE_PROTOCOL
								      : 0;
}

unsigned
sender_on_cause(struct sender *sn, const struct frame_cause *ca)
{
	if (sn->phase != SENDER_OPEN)
		return 0;
	(void)frame_text_copy(sn->far_detail, sizeof(sn->far_detail), ca->detail);
	sn->far = reason_find(ca->reason.bytes, ca->reason.length);
	/* A reason of a later version is known by its words only. */
	if (sn->far == REASON_NONE && ca->reason.length > 0)
		sn->far = REASON_REFUSED_BY_PEER;
	return 0;
}
