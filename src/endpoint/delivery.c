#include "endpoint/delivery.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash.h"
#include "base/log.h"
#include "base/quote.h"
#include "endpoint/target.h"
#include "record/record.h"
#include "spool/deadletter.h"
#include "spool/marks.h"

/* One stream's share of a turn of the loop. */
#define SHARE_MESSAGES 256
#define SHARE_BYTES    (UINT64_C(256) * 1024)
#define SHARE_YIELDS   4 /* as intake: let the consumer make room before giving up */

#define POSIX_PRIORITY_MAX 32767

static struct delivery *
delivery_of(struct sink *snk)
{
	return (struct delivery *)snk;
}

/* The type as the target's kind of queue has it; docs/wire-protocol.md, section 8.
 * 0 or -ERANGE. */
static int
map_type(
    const struct target *tg, const struct record *rec, bool from_sysv, int64_t *ret)
{
	bool to_sysv = tg->attributes.kind == IPCQ_SYSV;
	int64_t type;

	if (from_sysv && rec->type < 1)
		return -ERANGE;
	if (!from_sysv && (rec->type < 0 || rec->type > POSIX_PRIORITY_MAX))
		return -ERANGE;
	type = rec->type + (to_sysv - from_sysv);
	if (!to_sysv && type > POSIX_PRIORITY_MAX)
		return -ERANGE;
	*ret = type;
	return 0;
}

int
delivery_type(const struct delivery *dv, const struct record *rec, int64_t *ret)
{
	return map_type(dv->target, rec, dv->kind == FLOW_SYSV, ret);
}

/* The call itself: of equal kinds straight from where the record lies. */
static int
delivery_send(const struct delivery *dv, const struct record *rec, int64_t type)
{
	struct target *tg = dv->target;

	if (type == rec->type)
		return ipcq_send_slot(tg->queue, rec->body, rec->length, IPCQ_NOWAIT);
	return ipcq_send(tg->queue, rec->body, rec->length, type, IPCQ_NOWAIT);
}

static void
delivery_settle(struct delivery *dv, uint64_t seq)
{
	struct source *src = dv->sink.source;

	dv->current = 0;
	(void)!src->ops->settle(src, seq);
}

/* Only what System V queues tell can settle a doubt. */
static void
delivery_intend(struct delivery *dv, uint64_t seq)
{
	const struct target *tg = dv->target;

	if (tg->attributes.kind == IPCQ_SYSV)
		mark_note_call(tg->env.marks, dv->mark, ipcq_id(tg->queue));
	mark_intend(dv->mark, seq);
}

void
delivery_pass(struct delivery *dv, const struct record *rec, uint64_t seq,
    enum doubt_outcome outcome)
{
	if (mark_doubtful(dv->mark, seq))
		mark_pass_doubt(dv->target->env.marks, dv->mark, seq, rec, outcome);
	else
		mark_pass(dv->mark, seq);
	delivery_settle(dv, seq);
}

/* Intent was stored, the queue has it. */
static void
delivery_passed(struct delivery *dv, const struct record *rec, uint64_t seq)
{
	struct target *tg = dv->target;

	if (tg->attributes.kind == IPCQ_SYSV)
		mark_note_sent(tg->env.marks, dv->mark, rec);
	tg->delivered++;
	delivery_pass(dv, rec, seq, DOUBT_RESENT);
}

/* It can never be delivered: 0, or -ENOSPC when the rejected list is full. */
static int
delivery_reject(struct delivery *dv, uint64_t seq, unsigned reason, const char *detail)
{
	struct source *src = dv->sink.source;
	int rc = mark_reject(dv->mark, seq, (uint16_t)reason);

	if (rc < 0) {
		dv->held = true;
		return rc;
	}
	dv->target->rejected++;
	(void)!src->ops->reject(src, seq, reason, detail);
	delivery_settle(dv, seq);
	return 0;
}

static int
delivery_too_big(struct delivery *dv, const struct record *rec, uint64_t seq)
{
	char detail[160];

	(void)snprintf(detail, sizeof(detail),
	    "%u bytes, but queue %.64s takes at most %llu", rec->length,
	    quote(dv->target->spec.name).text,
	    (unsigned long long)dv->target->attributes.message_size);
	return delivery_reject(dv, seq, DEAD_TOO_BIG, detail);
}

static int
delivery_wrong_type(struct delivery *dv, const struct record *rec, uint64_t seq)
{
	char detail[160];

	(void)snprintf(detail, sizeof(detail), "%s %lld does not exist in queue %.64s",
	    dv->kind == FLOW_SYSV ? "type" : "priority", (long long)rec->type,
	    quote(dv->target->spec.name).text);
	return delivery_reject(dv, seq, DEAD_TYPE, detail);
}

/* What a failed call means for the record: 0 when it was rejected, else -errno. */
static int
delivery_failed(struct delivery *dv, const struct record *rec, uint64_t seq, int rc)
{
	struct ipcq_attributes at;

	mark_withdraw(dv->mark);
	if (rc != -EMSGSIZE)
		return rc;
	if (ipcq_attributes(dv->target->queue, &at) == 0)
		dv->target->attributes = at;
	return delivery_too_big(dv, rec, seq);
}

/* The queue took the record, but was removed just before or after: nobody may ever read it.
 * As after a crash it is in doubt and comes again, for the queue that is made next. An empty
 * orphan leaves no doubt: somebody has read it. Always -EIDRM. */
static int
delivery_orphaned(struct delivery *dv, const struct record *rec, uint64_t seq)
{
	struct target *tg = dv->target;
	struct ipcq_attributes at;

	if (ipcq_attributes(tg->queue, &at) == 0 && at.messages == 0)
		delivery_passed(dv, rec, seq);
	else
		mark_doubt(tg->env.marks, dv->mark);
	return -EIDRM;
}

/* Deliver or reject one record: 0, -EAGAIN (full), -ENOSPC (rejected list full), or -errno. */
static int
delivery_one(struct delivery *dv, const struct record *rec, uint64_t seq)
{
	int64_t type;
	int rc;

	rc = delivery_judge(dv, rec, seq);
	if (rc <= 0)
		return rc;
	if (rec->length > dv->target->attributes.message_size)
		return delivery_too_big(dv, rec, seq);
	if (delivery_type(dv, rec, &type) < 0)
		return delivery_wrong_type(dv, rec, seq);
	delivery_intend(dv, seq);
	do {
		rc = delivery_send(dv, rec, type);
	} while (rc == -EINTR);
	if (rc < 0)
		return delivery_failed(dv, rec, seq, rc);
	CRASH_POINT("delivery.sent");
	if (target_is_removed(dv->target))
		return delivery_orphaned(dv, rec, seq);
	delivery_passed(dv, rec, seq);
	return 0;
}

/* The record to deliver now: the one taken before, or a new one. */
static const struct record *
delivery_next(struct delivery *dv)
{
	struct source *src = dv->sink.source;
	const struct record *rec;
	uint64_t seq;
	bool is_new;

	if (dv->current != 0)
		return src->ops->taken(src, dv->current);
	rec = src->ops->peek(src, &seq, &is_new);
	if (rec == NULL)
		return NULL;
	src->ops->take(src);
	dv->current = seq;
	return rec;
}

static enum delivery_end
delivery_stop(struct delivery *dv, int rc)
{
	source_blocked(dv->sink.source);
	switch (rc) {
	case -EAGAIN:
		return DELIVERY_FULL;
	case -ENOSPC: /* until the sender has stored a rejected one */
	case -EINPROGRESS:
		return DELIVERY_EMPTY; /* until it is stored */
	case -ENOMEM:
		return DELIVERY_LATER;
	default:
		target_lose(dv->target, rc);
		return DELIVERY_LOST;
	}
}

enum delivery_end
delivery_run(struct delivery *dv)
{
	unsigned count = 0, yields = SHARE_YIELDS;
	size_t bytes = 0;
	int rc;

	while (count < SHARE_MESSAGES && bytes < SHARE_BYTES) {
		const struct record *rec;
		uint32_t length;

		if (dv->held || dv->letter != NULL || (rec = delivery_next(dv)) == NULL)
			return DELIVERY_EMPTY;
		length = rec->length;
		rc = delivery_one(dv, rec, dv->current);
		if (rc == -EAGAIN && yields > 0) {
			yields--;
			(void)sched_yield();
			continue;
		}
		if (rc < 0)
			return delivery_stop(dv, rc);
		count++;
		bytes += length;
	}
	return DELIVERY_SHARE;
}

int
delivery_fill_slot(struct delivery *dv)
{
	struct target *tg = dv->target;
	const struct record *rec = delivery_next(dv);
	int64_t type;

	if (rec == NULL || delivery_type(dv, rec, &type) < 0)
		return -EINVAL;
	if (tg->slot == NULL || tg->slot_size < rec->length) {
		struct target_slot *slot =
		    realloc(tg->slot, sizeof(*slot) + rec->length);

		if (slot == NULL)
			return -ENOMEM;
		tg->slot = slot;
		tg->slot_size = rec->length;
	}
	tg->slot->type = type;
	tg->slot_length = rec->length;
	memcpy(tg->slot->body, rec->body, rec->length);
	mark_note_wait(dv->mark, dv->current);
	delivery_intend(dv, dv->current);
	return 0;
}

void
delivery_unblocked(struct delivery *dv, int rc)
{
	struct source *src = dv->sink.source;
	uint64_t seq = dv->current;
	const struct record *rec;

	rec = src == NULL ? NULL : src->ops->taken(src, seq);
	if (rc == 0 && rec != NULL) {
		delivery_passed(dv, rec, seq);
		return;
	}
	if (rc == 0) {
		/* The route was parted, the daemon stops: the mark alone says it. */
		mark_note_sent(dv->target->env.marks, NULL, NULL);
		mark_pass(dv->mark, seq);
		return;
	}
	mark_withdraw(dv->mark);
	mark_note_wait(dv->mark, 0);
	if (src == NULL)
		return;
	/* Interrupted, or the size was refused: the next round tries it again. */
	if (rc != -EINTR && rc != -EAGAIN && rc != -EMSGSIZE &&
	    dv->target->queue != NULL)
		target_lose(dv->target, rc);
}

static void
delivery_kick(struct sink *snk)
{
	struct delivery *dv = delivery_of(snk);

	if (delivery_begin(dv) == 0 && !dv->held)
		target_serve(dv->target, dv);
}

void
delivery_tick(struct delivery *dv)
{
	delivery_retry_letter(dv);
	/* An operator may have resolved it. */
	if (dv->fault == NULL || dv->mark != NULL)
		return;
	dv->fault = NULL;
	delivery_kick(&dv->sink);
}

static void
delivery_stored(struct sink *snk, uint64_t seq)
{
	struct delivery *dv = delivery_of(snk);

	/* A local route that a reload has just joined: it hears of it when it begins. */
	if (dv->mark == NULL)
		return;
	mark_reject_forget(dv->mark, seq);
	if (dv->held) {
		dv->held = false;
		delivery_kick(snk);
	}
}

static void
delivery_memory(struct sink *snk, struct sink_memory *ret)
{
	struct delivery *dv = delivery_of(snk);

	ret->mark = mark_value(dv->mark);
	ret->rejects = mark_rejects(dv->mark);
	for (unsigned i = 0; i < ret->rejects; i++) {
		uint16_t reason;

		mark_reject_at(dv->mark, i, &ret->reject[i].seq, &reason);
		ret->reject[i].reason = reason;
	}
}

static void
delivery_limits(struct sink *snk, struct sink_limits *ret)
{
	const struct target *tg = delivery_of(snk)->target;
	uint64_t size = tg->queue != NULL ? tg->attributes.message_size : 0;

	ret->max_body = size > RECORD_BODY_MAX ? RECORD_BODY_MAX : (uint32_t)size;
	ret->kind = tg->attributes.kind == IPCQ_SYSV ? FLOW_SYSV : FLOW_POSIX;
}

static int
delivery_give_up(struct sink *snk, uint64_t seq, unsigned reason, const char *detail)
{
	return delivery_reject(delivery_of(snk), seq, reason, detail);
}

static void
delivery_state(struct sink *snk, struct sink_state *ret)
{
	const struct delivery *dv = delivery_of(snk);

	struct cause cause = target_cause(dv->target);

	*ret = (struct sink_state){ STATE_FLOWING, REASON_NONE, "", "" };
	if (dv->fault != NULL)
		*ret = (struct sink_state){ STATE_REFUSED, dv->fault_reason, dv->fault,
			"" };
	else if (cause.reason != REASON_NONE)
		*ret = (struct sink_state){ sink_state_of(cause.reason), cause.reason,
			cause.detail, "" };
	else if (dv->letter != NULL)
		*ret = (struct sink_state){ STATE_FLOWING, REASON_STORING_HELD,
			"a message that is held is being stored", "" };
	else if (dv->held)
		*ret = (struct sink_state){ STATE_FLOWING, REASON_REJECTS_PENDING,
			"too many rejected messages are not stored yet by their sender",
			"" };
}

static void
delivery_close(struct sink *snk)
{
	struct delivery *dv = delivery_of(snk);

	target_forget(dv->target, dv);
	delivery_leave_letter(dv);
	if (dv->mark != NULL)
		mark_unhold(dv->mark);
	free(dv->uri);
	free(dv->label);
	free(dv);
}

int
target_put(struct target *tg, const struct record *rec, bool from_sysv)
{
	int64_t type;
	int rc;

	if (tg->queue == NULL || target_is_removed(tg))
		return -ENOTCONN;
	if (rec->length > tg->attributes.message_size)
		return -EMSGSIZE;
	rc = map_type(tg, rec, from_sysv, &type);
	if (rc < 0)
		return rc;
	do {
		rc = ipcq_send(tg->queue, rec->body, rec->length, type, IPCQ_NOWAIT);
	} while (rc == -EINTR);
	if (rc < 0)
		return rc;
	mark_note_sent(tg->env.marks, NULL, rec);
	tg->delivered++;
	return target_is_removed(tg) ? -EIDRM : 0;
}

static const struct sink_ops delivery_ops = {
	.kick = delivery_kick,
	.stored = delivery_stored,
	.memory = delivery_memory,
	.limits = delivery_limits,
	.give_up = delivery_give_up,
	.state = delivery_state,
	.close = delivery_close,
};

static struct delivery *
delivery_make(struct target *tg)
{
	struct delivery *dv = calloc(1, sizeof(*dv));

	if (dv == NULL)
		return NULL;
	dv->sink.ops = &delivery_ops;
	dv->target = tg;
	TAILQ_INSERT_TAIL(&tg->open, dv, link);
	return dv;
}

int
delivery_open(struct sink **ret, struct target *tg, const struct source_info *info,
    const char *label)
{
	struct delivery *dv = delivery_make(tg);
	int rc;

	if (dv == NULL)
		return -ENOMEM;
	rc = delivery_find_mark(dv, info, label);
	if (rc != 0) {
		delivery_close(&dv->sink);
		return rc;
	}
	*ret = &dv->sink;
	return 0;
}

int
delivery_new(struct sink **ret, struct target *tg, const char *label)
{
	struct delivery *dv = delivery_make(tg);

	if (dv == NULL)
		return -ENOMEM;
	dv->label = strdup(label);
	if (dv->label == NULL) {
		delivery_close(&dv->sink);
		return -ENOMEM;
	}
	*ret = &dv->sink;
	return 0;
}
