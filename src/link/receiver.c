#include "link/receiver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/quote.h"
#include "base/reason.h"
#include "link/link_private.h"
#include "record/record.h"
#include "spool/deadletter.h"

#define STASH_STEP ((size_t)64 << 10) /* bytes by which what waits grows */

static struct receiver *
receiver_of(struct source *src)
{
	return (struct receiver *)src;
}

/* Something to tell the sender: at the end of this turn, once. */
static void
receiver_due(struct receiver *rv)
{
	if (rv->due || rv->closing)
		return;
	rv->due = true;
	TAILQ_INSERT_TAIL(&rv->session->due, rv, due_link);
	session_wake(rv->session);
}

/* What the sender may have sent since the channel was opened. */
static uint64_t
receiver_credit(struct receiver *rv)
{
	if (rv->session->peer->held)
		return rv->credit.announced;
	return credit_announce(&rv->credit);
}

void
receiver_release(struct receiver *rv)
{
	receiver_due(rv);
}

/* The oldest record that is not delivered. */
static const struct record *
receiver_first(const struct receiver *rv)
{
	if (rv->delivered == rv->accepted)
		return NULL;
	if (rv->stash_length > 0)
		return (
		    const struct record *)(const void *)(rv->stash + rv->stash_first);
	return (const struct record *)(const void *)rv->at;
}

static const struct record *
receiver_peek(struct source *src, uint64_t *ret_seq, bool *ret_new)
{
	struct receiver *rv = receiver_of(src);

	*ret_seq = rv->delivered + 1;
	*ret_new = true;
	return receiver_first(rv);
}

static void
receiver_take(struct source *src)
{
	(void)src; /* one at a time: it stays the first until it is settled */
}

static const struct record *
receiver_taken(struct source *src, uint64_t seq)
{
	struct receiver *rv = receiver_of(src);

	return seq == rv->delivered + 1 ? receiver_first(rv) : NULL;
}

static int
receiver_settle(struct source *src, uint64_t seq)
{
	struct receiver *rv = receiver_of(src);
	const struct record *rec = receiver_first(rv);
	uint64_t stride;

	if (rec == NULL || seq != rv->delivered + 1)
		return -EBADMSG;
	stride = record_stride(rec->length);
	if (rv->stash_length > 0) {
		rv->stash_first += stride;
		rv->stash_length -= stride;
		if (rv->stash_length == 0 && rv->chunk_length == 0)
			rv->stash_first = 0;
	} else {
		rv->at += stride;
		rv->at_length -= (uint32_t)stride;
	}
	rv->delivered = seq;
	rv->session->worked = true;
	credit_release(
	    &rv->credit, stride, rv->stash_length == 0, &rv->session->peer->memory);
	receiver_due(rv);
	return 0;
}

static int
receiver_reject(struct source *src, uint64_t seq, unsigned reason, const char *detail)
{
	struct receiver *rv = receiver_of(src);
	struct frame_reject re = {
		.seq = seq,
		.reason = (uint16_t)reason,
		.text = frame_text(detail),
	};
	uint8_t buf[FRAME_ENCODE_MAX];

	if (rv->closing)
		return 0; /* it is on the list: the sender hears of it when it resumes */
	return session_send(
	    rv->session, buf, frame_encode_reject(buf, sizeof(buf), rv->channel, &re));
}

void
receiver_tell(struct receiver *rv)
{
	struct sink_state st;
	struct frame_cause ca;
	uint8_t buf[FRAME_ENCODE_MAX];
	char detail[sizeof(rv->told_detail)];

	rv->sink->ops->state(rv->sink, &st);
	if (rv->session->peer->held)
		st = (struct sink_state){ STATE_FLOWING, REASON_PAUSED,
			"what comes from this host is paused there", "" };
	(void)snprintf(detail, sizeof(detail), "%s", st.detail);
	if (st.reason == rv->told && strcmp(detail, rv->told_detail) == 0)
		return;
	ca = (struct frame_cause){ frame_text(reason_name(st.reason)),
		frame_text(st.detail) };
	if (session_send(rv->session, buf,
		frame_encode_cause(buf, sizeof(buf), rv->channel, &ca)) < 0)
		return;
	rv->told = st.reason;
	memcpy(rv->told_detail, detail, sizeof(detail));
}

/* What the sender may know of the queue and may send. */
static void
receiver_limits_changed(struct source *src)
{
	struct receiver *rv = receiver_of(src);
	struct sink_limits lm;
	struct frame_limits li;
	uint8_t buf[FRAME_ENCODE_MAX];

	rv->sink->ops->limits(rv->sink, &lm);
	li = (struct frame_limits){
		.max_body = lm.max_body,
		.credit = receiver_credit(rv),
		.kind = (uint8_t)lm.kind,
	};
	(void)!session_send(
	    rv->session, buf, frame_encode_limits(buf, sizeof(buf), rv->channel, &li));
	receiver_tell(rv);
}

static const struct source_ops receiver_ops = {
	.peek = receiver_peek,
	.take = receiver_take,
	.taken = receiver_taken,
	.settle = receiver_settle,
	.reject = receiver_reject,
	.limits_changed = receiver_limits_changed,
};

int
receiver_acknowledge(struct receiver *rv)
{
	struct frame_ack ac = {
		.mark = rv->delivered,
		.credit = receiver_credit(rv),
	};
	uint8_t buf[FRAME_ENCODE_MAX];

	rv->due = false;
	TAILQ_REMOVE(&rv->session->due, rv, due_link);
	return session_send(
	    rv->session, buf, frame_encode_ack(buf, sizeof(buf), rv->channel, &ac));
}

/* Room for more bytes behind what waits (and behind a part of a record). What waits is at most
 * the window, since the sender has no credit for more. */
static bool
receiver_reserve(struct receiver *rv, size_t more)
{
	size_t used = rv->stash_length + rv->chunk_length;
	size_t size = (used + more + STASH_STEP - 1) / STASH_STEP * STASH_STEP;
	uint8_t *grown;

	if (rv->stash_first + used + more <= rv->stash_size)
		return true;
	if (rv->stash_first > 0)
		memmove(rv->stash, rv->stash + rv->stash_first, used);
	rv->stash_first = 0;
	if (size <= rv->stash_size)
		return true;
	grown = realloc(rv->stash, size);
	if (grown == NULL)
		return false;
	rv->stash = grown;
	rv->stash_size = size;
	return true;
}

/* Copy what the sink did not take from the frame in hand. */
static bool
receiver_keep(struct receiver *rv)
{
	if (rv->at_length > 0) {
		if (!receiver_reserve(rv, rv->at_length))
			return false;
		memcpy(rv->stash + rv->stash_first + rv->stash_length, rv->at,
		    rv->at_length);
		rv->stash_length += rv->at_length;
	}
	rv->at = NULL;
	rv->at_length = 0;
	return true;
}

/* Hand to the sink what has come; false: no memory for what it does not take. */
static bool
receiver_pass(struct receiver *rv)
{
	/* What waits comes first: the frame goes behind it. */
	if (rv->stash_length > 0)
		return receiver_keep(rv);
	rv->sink->ops->kick(rv->sink);
	return receiver_keep(rv);
}

/* A record whose checksum is wrong: the first time it may be the way, so the connection ends and it is
 * sent again; the second time it is given up (I12). */
static void
receiver_bad(struct receiver *rv, uint64_t seq)
{
	struct peer *pe = rv->session->peer;

	log_event(EVENT_CHECKSUM_WRONG, &(struct log_fields){ .peer = pe->name },
	    "peer %s: checksum of message %llu of a stream is wrong",
	    quote(pe->name).text, (unsigned long long)seq);
	if (pe->bad_seq == seq && id_equal(&pe->bad_stream, &rv->stream) &&
	    rv->delivered + 1 == seq) {
		(void)!rv->sink->ops->give_up(
		    rv->sink, seq, DEAD_CHECKSUM, "damaged twice on the way");
		pe->bad_seq = 0;
		return;
	}
	pe->bad_stream = rv->stream;
	pe->bad_seq = seq;
}

/* The flag of what is only told by VOID is as wrong as a checksum. */
static bool
receiver_is_bad(const struct receiver *rv, const struct record *rec, size_t bytes)
{
	return record_check(rec, bytes, rv->seed) < 0 ||
	       (rec->flags & RECORD_DAMAGED) != 0 || rec->length > rv->max_body;
}

/* Bytes of the first good records; *ret_count of them. */
static uint32_t
receiver_check(
    const struct receiver *rv, const struct frame_data *da, uint32_t *ret_count)
{
	uint32_t at = 0, i;

	for (i = 0; i < da->count; i++) {
		const struct record *rec =
		    (const struct record *)(const void *)(da->records + at);
		uint32_t left = da->length - at;

		if (left < RECORD_HEADER || receiver_is_bad(rv, rec, left) ||
		    record_stride(rec->length) > left)
			break;
		at += (uint32_t)record_stride(rec->length);
	}
	*ret_count = i;
	return at;
}

unsigned
receiver_on_data(struct receiver *rv, const struct frame_data *da, const char **ret_why)
{
	uint32_t good, count;

	if (da->first_seq != rv->accepted + 1 || rv->chunk_length > 0 ||
	    da->count == 0) {
		*ret_why = "a sequence is missing";
		return CLOSE_PROTOCOL;
	}
	good = receiver_check(rv, da, &count);
	if (!credit_receive(&rv->credit, good)) {
		*ret_why = "more was sent than the credit allows";
		return CLOSE_PROTOCOL;
	}
	rv->at = da->records;
	rv->at_length = good;
	rv->accepted += count;
	if (!receiver_pass(rv)) {
		*ret_why = "no memory";
		return CLOSE_LIMIT;
	}
	if (count < da->count) {
		receiver_bad(rv, rv->accepted + 1);
		*ret_why = "a record is damaged";
		return CLOSE_CHECKSUM;
	}
	if (good != da->length) {
		*ret_why = "bytes behind the last record";
		return CLOSE_PROTOCOL;
	}
	return 0;
}

/* The record behind the stash is complete. */
static unsigned
receiver_end_chunk(struct receiver *rv, uint64_t seq, const char **ret_why)
{
	const uint8_t *bytes = rv->stash + rv->stash_first + rv->stash_length;
	const struct record *rec = (const struct record *)(const void *)bytes;
	size_t total = rv->chunk_length;

	rv->chunk_length = 0;
	if (receiver_is_bad(rv, rec, total) || record_stride(rec->length) != total) {
		receiver_bad(rv, seq);
		*ret_why = "a record is damaged";
		return CLOSE_CHECKSUM;
	}
	rv->stash_length += total;
	rv->accepted = seq;
	if (rv->delivered + 1 == seq)
		rv->sink->ops->kick(rv->sink);
	return 0;
}

unsigned
receiver_on_chunk(
    struct receiver *rv, const struct frame_chunk *ch, const char **ret_why)
{
	*ret_why = "a chunk is out of order";
	if (ch->seq != rv->accepted + 1 || ch->offset != rv->chunk_length ||
	    ch->length == 0 || ch->total < RECORD_HEADER ||
	    ch->total > record_stride(rv->max_body) ||
	    (ch->offset > 0 && ch->total != rv->chunk_total) ||
	    ch->length > ch->total - ch->offset)
		return CLOSE_PROTOCOL;
	if (!credit_receive(&rv->credit, ch->length)) {
		*ret_why = "more was sent than the credit allows";
		return CLOSE_PROTOCOL;
	}
	if (!receiver_reserve(rv, ch->total - rv->chunk_length)) {
		*ret_why = "no memory";
		return CLOSE_LIMIT;
	}
	memcpy(rv->stash + rv->stash_first + rv->stash_length + rv->chunk_length,
	    ch->bytes, ch->length);
	rv->chunk_total = ch->total;
	rv->chunk_length += ch->length;
	if (rv->chunk_length < ch->total)
		return 0;
	return receiver_end_chunk(rv, ch->seq, ret_why);
}

unsigned
receiver_on_void(struct receiver *rv, uint64_t seq, const char **ret_why)
{
	if (seq != rv->accepted + 1 || rv->chunk_length > 0) {
		*ret_why = "a sequence is missing";
		return CLOSE_PROTOCOL;
	}
	if (!credit_receive(&rv->credit, RECORD_HEADER)) {
		*ret_why = "more was sent than the credit allows";
		return CLOSE_PROTOCOL;
	}
	rv->at = (const uint8_t *)&record_void;
	rv->at_length = RECORD_HEADER;
	rv->accepted = seq;
	if (!receiver_pass(rv)) {
		*ret_why = "no memory";
		return CLOSE_LIMIT;
	}
	return 0;
}

unsigned
receiver_on_stored(struct receiver *rv, uint64_t seq)
{
	rv->sink->ops->stored(rv->sink, seq);
	return 0;
}

static void
receiver_refuse(struct session *ss, uint32_t channel, const struct link_refusal *why)
{
	struct frame_refused re = {
		.code = (uint16_t)why->code,
		.retry_ms = 5000, /* what was refused is mended by a person */
		.text = frame_text(why->text),
	};
	uint8_t buf[FRAME_ENCODE_MAX];

	(void)!session_send(
	    ss, buf, frame_encode_refused(buf, sizeof(buf), channel, &re));
}

static void
receiver_answer(struct receiver *rv)
{
	struct sink_memory me;
	struct sink_limits lm;
	struct frame_opened od;
	uint8_t buf[FRAME_ENCODE_MAX];

	rv->sink->ops->memory(rv->sink, &me);
	rv->sink->ops->limits(rv->sink, &lm);
	rv->delivered = rv->accepted = me.mark;
	od = (struct frame_opened){
		.mark = me.mark,
		.credit = receiver_credit(rv),
		.max_body = lm.max_body,
		.kind = (uint8_t)lm.kind,
		.rejects = (uint16_t)me.rejects,
	};
	for (unsigned i = 0; i < me.rejects; i++)
		od.reject[i] = (struct frame_reject_item){ me.reject[i].seq,
			(uint16_t)me.reject[i].reason };
	(void)!session_send(
	    rv->session, buf, frame_encode_opened(buf, sizeof(buf), rv->channel, &od));
	receiver_tell(rv);
}

/* A new receiver with its window and its sink, or NULL and *why. */
static struct receiver *
receiver_new(struct session *ss, uint32_t channel, const struct frame_open *op,
    struct link_refusal *why)
{
	char take[FRAME_NAME_MAX + 1];
	char uri[FRAME_URI_MAX + 1];
	struct source_info info = {
		.stream = op->stream,
		.ring = op->ring,
		.acked = op->acked,
		.next = op->next,
		.kind = op->kind == FLOW_SYSV ? FLOW_SYSV : FLOW_POSIX,
		.max_body = op->max_body,
		.take = frame_text_copy(take, sizeof(take), op->take),
		.uri = frame_text_copy(uri, sizeof(uri), op->uri),
	};
	const struct link_offer offer = { ss->peer->name, op, &info };
	struct link *lk = ss->owner;
	struct receiver *rv = calloc(1, sizeof(*rv));
	struct credit cr;

	*why = (struct link_refusal){ REFUSE_MEMORY,
		"this peer's share of receive_memory is all reserved; raise it at the "
		"receiving side" };
	if (rv == NULL)
		return NULL;
	if (!credit_open(&cr, record_stride(op->max_body), &ss->peer->memory)) {
		if (link_may_tell(lk))
			log_event(EVENT_STREAM_REFUSED,
			    &(struct log_fields){ .peer = ss->peer->name },
			    "peer %s: stream refused: %s", quote(ss->peer->name).text,
			    why->text);
		free(rv);
		return NULL;
	}
	if (lk->spec.ops->on_open(lk->spec.owner, &offer, &rv->sink, why) < 0) {
		credit_close(&cr, &ss->peer->memory);
		free(rv);
		return NULL;
	}
	rv->credit = cr;
	rv->source.ops = &receiver_ops;
	rv->session = ss;
	rv->channel = channel;
	rv->stream = op->stream;
	(void)frame_text_copy(rv->entry, sizeof(rv->entry), op->entry);
	rv->seed = record_seed(&op->ring);
	rv->max_body = op->max_body;
	rv->source.sink = rv->sink;
	rv->sink->source = &rv->source;
	return rv;
}

static bool
receiver_open_valid(
    const struct session *ss, uint32_t channel, const struct frame_open *op)
{
	const struct receiver *rv;

	TAILQ_FOREACH (rv, &ss->receivers, link)
		if (rv->channel == channel || id_equal(&rv->stream, &op->stream))
			return false;
	return op->next > op->acked && op->max_body <= RECORD_BODY_MAX &&
	       (op->kind == FLOW_POSIX || op->kind == FLOW_SYSV);
}

unsigned
receiver_on_open(struct session *ss, uint32_t channel, const struct frame_open *op)
{
	struct link_refusal why;
	struct receiver *rv;

	if (!receiver_open_valid(ss, channel, op))
		return CLOSE_PROTOCOL;
	session_unrevoke(ss, channel);
	rv = receiver_new(ss, channel, op, &why);
	if (rv == NULL) {
		receiver_refuse(ss, channel, &why);
		return 0;
	}
	TAILQ_INSERT_TAIL(&ss->receivers, rv, link);
	ss->worked = true;
	receiver_answer(rv);
	return 0;
}

int
receiver_revoke(struct receiver *rv, const struct link_refusal *why)
{
	struct session *ss = rv->session;
	uint32_t channel = rv->channel;
	int rc;

	if (ss->version < 2)
		return -EOPNOTSUPP;
	rc = session_revoke(ss, channel);
	if (rc < 0)
		return rc;
	receiver_free(rv);
	receiver_refuse(ss, channel, why);
	return 0;
}

void
receiver_free(struct receiver *rv)
{
	struct session *ss = rv->session;

	rv->closing = true;
	rv->sink->ops->close(rv->sink);
	if (rv->due)
		TAILQ_REMOVE(&ss->due, rv, due_link);
	TAILQ_REMOVE(&ss->receivers, rv, link);
	credit_close(&rv->credit, &ss->peer->memory);
	free(rv->stash);
	free(rv);
}
