#include "endpoint/target.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/quote.h"
#include "base/reason.h"
#include "endpoint/queue_reason.h"
#include "endpoint/settle.h"
#include "endpoint/worker.h"

#define TICK_US 250000 /* a queue that is made or changed is seen within that time */

/* Pauses between two tries of a full System V queue whose policy allows no intent to stay open. */
#define RETRY_MIN_MS 1
#define RETRY_MAX_MS 20

static void
target_set_full(struct target *tg, bool full)
{
	if (full == tg->full)
		return;
	tg->full = full;
	if (full)
		stopwatch_start(&tg->blocked_time, clock_coarse_ms());
	else
		stopwatch_stop(&tg->blocked_time, clock_coarse_ms());
}

/* End the wait of a record in the worker. */
static void
target_unblock(struct target *tg)
{
	struct delivery *dv = tg->blocked;
	int rc;

	if (dv == NULL)
		return;
	tg->blocked = NULL;
	target_set_full(tg, false);
	if (worker_cancel(tg->worker, &rc))
		delivery_unblocked(dv, rc);
}

static void
target_close_queue(struct target *tg)
{
	target_unblock(tg);
	if (tg->writable != NULL)
		event_free(tg->writable);
	tg->writable = NULL;
	ipcq_close(tg->queue);
	tg->queue = NULL;
	target_set_full(tg, false);
}

static void
target_report(struct target *tg, int rc)
{
	char text[sizeof(tg->detail)];

	(void)ipcq_explain(text, sizeof(text), tg->spec.uri,
	    tg->spec.create ? &tg->spec.attributes : NULL, rc);
	tg->reason = queue_reason(rc);
	if (tg->reported && strcmp(text, tg->detail) == 0)
		return;
	(void)snprintf(tg->detail, sizeof(tg->detail), "%s", text);
	tg->reported = true;
	if (rc == -ENOENT)
		log_event(EVENT_QUEUE_WAITING,
		    &(struct log_fields){ .queue = tg->spec.name,
			.reason = reason_name(REASON_QUEUE_ABSENT) },
		    "queue %s: waiting until %s is there", quote(tg->spec.name).text,
		    quote(tg->spec.uri).text);
	else
		log_event(EVENT_QUEUE_FAILED,
		    &(struct log_fields){
			.queue = tg->spec.name, .reason = reason_name(tg->reason) },
		    "queue %s: cannot deliver to %s, trying again: %s",
		    quote(tg->spec.name).text, quote(tg->spec.uri).text, text);
}

/* All sources hear of new limits. */
static void
target_announce(struct target *tg)
{
	struct delivery *dv;

	TAILQ_FOREACH (dv, &tg->open, link) {
		struct source *src = dv->sink.source;

		if (src != NULL && src->ops->limits_changed != NULL)
			src->ops->limits_changed(src);
	}
}

void
target_lose(struct target *tg, int rc)
{
	target_unblock(tg);
	if (tg->queue == NULL)
		return; /* the record that was blocked has seen it too */
	target_close_queue(tg);
	if (rc != -EIDRM) {
		target_report(tg, rc);
		return;
	}
	log_event(EVENT_QUEUE_VANISHED, &(struct log_fields){ .queue = tg->spec.name },
	    "queue %s: %s was removed; waiting for a new one",
	    quote(tg->spec.name).text, quote(tg->spec.uri).text);
	/* It is looked for at once: often it has been made anew already. That it is not there
	 * yet needs no second line in the log. */
	tg->reason = REASON_QUEUE_ABSENT;
	(void)ipcq_explain(tg->detail, sizeof(tg->detail), tg->spec.uri,
	    tg->spec.create ? &tg->spec.attributes : NULL, -ENOENT);
	tg->reported = true;
	event_active(tg->tick, 0, 0);
}

static int
target_send_call(void *arg)
{
	struct target *tg = arg;

	return ipcq_send_slot(tg->queue, tg->slot->body, tg->slot_length, 0);
}

/* A blocked call keeps its intent, and each kill meanwhile would leave it in doubt. */
static void
target_try_later(struct target *tg)
{
	struct timeval pause;

	tg->retry_ms = tg->retry_ms == 0 ? RETRY_MIN_MS : 2 * tg->retry_ms;
	if (tg->retry_ms > RETRY_MAX_MS)
		tg->retry_ms = RETRY_MAX_MS;
	pause = clock_timeval(tg->retry_ms);
	(void)event_add(tg->retry, &pause);
}

/* The queue is full for the first of the waiting: wait for room by its own means. */
static void
target_block(struct target *tg, struct delivery *dv)
{
	uint64_t done = tg->delivered + tg->rejected;

	if (tg->full_since_ms == 0 || tg->full_at != done)
		tg->full_since_ms = clock_coarse_ms();
	tg->full_at = done;
	target_set_full(tg, true);
	if (tg->writable != NULL) {
		(void)event_add(tg->writable, NULL);
		return;
	}
	if (tg->spec.in_doubt != TARGET_RESEND) {
		target_try_later(tg);
		return;
	}
	if (delivery_fill_slot(dv) < 0) {
		target_set_full(tg, false); /* no memory: the tick tries again */
		return;
	}
	tg->blocked = dv;
	worker_run(tg->worker, target_send_call, tg);
}

/* A removed queue is left; changed limits are passed on. */
static void
target_check(struct target *tg)
{
	struct ipcq_attributes at;
	int rc = ipcq_attributes(tg->queue, &at);

	if (rc < 0 || at.removed) {
		target_lose(tg, rc < 0 ? rc : -EIDRM);
		return;
	}
	if (at.message_size == tg->attributes.message_size)
		return;
	tg->attributes = at;
	target_unblock(tg); /* a record that no longer fits would wait for ever */
	target_announce(tg);
}

/* It had its share of the room: others come first the next time. */
static void
target_rotate(struct target *tg, struct delivery *dv)
{
	TAILQ_REMOVE(&tg->waiting, dv, queue_link);
	TAILQ_INSERT_TAIL(&tg->waiting, dv, queue_link);
}

bool
target_is_removed(const struct target *tg)
{
	struct stat st;

	return tg->writable != NULL && fstat(ipcq_fd(tg->queue), &st) == 0 &&
	       st.st_nlink == 0;
}

/* Returns whether the round goes on. */
static bool
target_turn(struct target *tg, struct delivery *dv)
{
	uint64_t before = tg->delivered + tg->rejected;
	enum delivery_end end = delivery_run(dv);
	bool moved = tg->delivered + tg->rejected != before;

	switch (end) {
	case DELIVERY_LOST:
		return false;
	case DELIVERY_LATER:
		target_set_full(tg, true);
		target_try_later(tg);
		return false;
	case DELIVERY_FULL:
		if (moved) {
			tg->retry_ms = 0;
			target_rotate(tg, dv);
		}
		target_block(tg, dv);
		return false;
	case DELIVERY_SHARE:
		target_rotate(tg, dv);
		break;
	case DELIVERY_EMPTY:
		TAILQ_REMOVE(&tg->waiting, dv, queue_link);
		dv->queued = false;
		break;
	}
	tg->retry_ms = 0;
	return true;
}

/* Serve each that waits now once, in order. That the queue has lost its name is seen before
 * anything is sent, so only a removal within the round leaves a doubt. */
static void
target_round(struct target *tg)
{
	struct delivery *last = TAILQ_LAST(&tg->waiting, delivery_list);
	struct delivery *dv;

	if (target_is_removed(tg))
		target_lose(tg, -EIDRM);
	while (tg->queue != NULL && !tg->full &&
	       (dv = TAILQ_FIRST(&tg->waiting)) != NULL) {
		if (!target_turn(tg, dv))
			return;
		if (dv == last)
			break;
	}
	if (!TAILQ_EMPTY(&tg->waiting) && tg->queue != NULL && !tg->full)
		event_active(tg->again, 0, 0);
}

void
target_serve(struct target *tg, struct delivery *dv)
{
	bool first = TAILQ_EMPTY(&tg->waiting);

	if (tg->queue == NULL || tg->full)
		source_blocked(dv->sink.source);
	if (!dv->queued) {
		TAILQ_INSERT_TAIL(&tg->waiting, dv, queue_link);
		dv->queued = true;
	}
	/* Others come first, or a round runs already and reaches it. */
	if (first)
		target_round(tg);
}

static void
target_on_worker(void *owner, int rc)
{
	struct target *tg = owner;
	struct delivery *dv = tg->blocked;

	tg->blocked = NULL;
	target_set_full(tg, false);
	if (dv != NULL)
		delivery_unblocked(dv, rc);
	if (dv != NULL && rc == 0 && dv->queued)
		target_rotate(tg, dv);
	if (tg->queue != NULL)
		target_round(tg);
}

static void
target_on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct target *tg = arg;

	(void)fd;
	(void)what;
	target_set_full(tg, false);
	target_round(tg);
}

static void
target_on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	target_round(arg);
}

static int
target_open(struct target *tg)
{
	int rc;

	rc = ipcq_open(&tg->queue, tg->spec.uri,
	    IPCQ_WRITE | (tg->spec.create ? IPCQ_CREATE : 0), &tg->spec.attributes);
	if (rc < 0)
		return rc;
	rc = ipcq_attributes(tg->queue, &tg->attributes);
	if (rc == 0 && tg->attributes.kind == IPCQ_POSIX) {
		tg->writable = event_new(
		    tg->env.base, ipcq_fd(tg->queue), EV_WRITE, target_on_writable, tg);
		rc = tg->writable == NULL ? -ENOMEM : 0;
	} else if (rc == 0 && tg->worker == NULL) {
		rc = worker_new(&tg->worker, tg->env.base, target_on_worker, tg);
	}
	if (rc < 0)
		target_close_queue(tg);
	return rc;
}

/* Once, before anything is sent: a doubt that an earlier process left may be settled by it. */
static void
target_look(struct target *tg)
{
	if (tg->attributes.kind != IPCQ_SYSV || tg->view != NULL || tg->delivered > 0 ||
	    !marks_have_evidence(tg->env.marks, ipcq_id(tg->queue)))
		return;
	(void)!settle_look(&tg->view, tg->queue);
}

static void
target_attach(struct target *tg)
{
	int rc = target_open(tg);

	if (rc < 0) {
		target_report(tg, rc);
		return;
	}
	tg->reason = REASON_NONE;
	tg->detail[0] = '\0';
	tg->reported = false;
	target_look(tg);
	log_event(EVENT_QUEUE_ATTACHED, &(struct log_fields){ .queue = tg->spec.name },
	    "queue %s: delivering to %s", quote(tg->spec.name).text,
	    quote(tg->spec.uri).text);
	target_announce(tg);
	event_active(tg->again, 0, 0);
}

static void
target_on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct target *tg = arg;
	struct delivery *dv;

	(void)fd;
	(void)what;
	if (tg->queue == NULL)
		target_attach(tg);
	else
		target_check(tg);
	TAILQ_FOREACH (dv, &tg->open, link)
		delivery_tick(dv);
	target_round(tg);
}

int
target_new(
    struct target **ret, const struct target_env *env, const struct target_spec *spec)
{
	struct target *tg = calloc(1, sizeof(*tg));

	if (tg == NULL)
		return -ENOMEM;
	TAILQ_INIT(&tg->open);
	TAILQ_INIT(&tg->waiting);
	tg->env = *env;
	tg->spec = *spec;
	tg->spec.name = tg->name = strdup(spec->name);
	tg->spec.uri = tg->uri = strdup(spec->uri);
	tg->again = event_new(env->base, -1, 0, target_on_again, tg);
	tg->retry = event_new(env->base, -1, 0, target_on_writable, tg);
	tg->tick = event_new(env->base, -1, EV_PERSIST, target_on_tick, tg);
	if (tg->name == NULL || tg->uri == NULL || tg->again == NULL ||
	    tg->retry == NULL || tg->tick == NULL) {
		target_free(tg);
		return -ENOMEM;
	}
	*ret = tg;
	return 0;
}

void
target_free(struct target *tg)
{
	if (tg == NULL)
		return;
	target_close_queue(tg);
	worker_free(tg->worker);
	if (tg->again != NULL)
		event_free(tg->again);
	if (tg->retry != NULL)
		event_free(tg->retry);
	if (tg->tick != NULL)
		event_free(tg->tick);
	settle_free(tg->view);
	free(tg->slot);
	free(tg->name);
	free(tg->uri);
	free(tg);
}

void
target_start(struct target *tg)
{
	const struct timeval tick = { .tv_usec = TICK_US };

	(void)event_add(tg->tick, &tick);
	target_attach(tg);
}

void
target_change(struct target *tg, const struct target_spec *spec)
{
	tg->spec.create = spec->create;
	tg->spec.attributes = spec->attributes;
	tg->spec.hold_recovered = spec->hold_recovered;
	if (tg->spec.in_doubt == spec->in_doubt)
		return;
	tg->spec.in_doubt = spec->in_doubt;
	/* How the queue is waited for follows from it. */
	if (tg->blocked != NULL) {
		target_unblock(tg);
		event_active(tg->again, 0, 0);
	}
}

bool
target_is_of(const struct target *tg, const struct sink *snk)
{
	const struct delivery *dv;

	TAILQ_FOREACH (dv, &tg->open, link)
		if (&dv->sink == snk)
			return true;
	return false;
}

const char *
target_name(const struct target *tg)
{
	return tg->spec.name;
}

void
target_forget(struct target *tg, struct delivery *dv)
{
	if (tg->blocked == dv) {
		target_unblock(tg);
		event_active(tg->again, 0, 0);
	}
	if (dv->queued)
		TAILQ_REMOVE(&tg->waiting, dv, queue_link);
	dv->queued = false;
	TAILQ_REMOVE(&tg->open, dv, link);
}

/* A queue that takes one now and then is not full all the time. */
static uint64_t
target_full_since(const struct target *tg)
{
	bool still = tg->full && tg->full_at == tg->delivered + tg->rejected;

	return still ? tg->full_since_ms : 0;
}

struct cause
target_cause(const struct target *tg)
{
	if (tg->queue == NULL)
		return (struct cause){ tg->reason, tg->detail };
	if (tg->stopped[0] != '\0')
		return (struct cause){ tg->stopped_reason, tg->stopped };
	if (target_full_since(tg) != 0)
		return (
		    struct cause){ REASON_QUEUE_FULL, "the destination queue is full" };
	return (struct cause){ REASON_NONE, "" };
}

const struct ipcq_attributes *
target_attributes(const struct target *tg)
{
	return tg->queue == NULL ? NULL : &tg->attributes;
}

void
target_numbers(const struct target *tg, struct target_numbers *ret)
{
	struct ipcq_attributes at;

	*ret = (struct target_numbers){
		.attached = tg->queue != NULL,
		.cause = target_cause(tg),
		.delivered = tg->delivered,
		.rejected = tg->rejected,
		.dropped = tg->doubts.dropped,
		.held = tg->doubts.held,
		.found = tg->doubts.found,
		.not_taken = tg->doubts.not_taken,
		.full = tg->full,
		.full_since_ms = target_full_since(tg),
		.blocked_ms = stopwatch_read_ms(&tg->blocked_time, clock_coarse_ms()),
	};
	if (tg->queue != NULL && ipcq_attributes(tg->queue, &at) == 0) {
		ret->depth = at.kind == IPCQ_POSIX ? at.messages : at.bytes;
		ret->capacity = at.kind == IPCQ_POSIX ? at.max_messages : at.max_bytes;
		ret->attributes = at;
	}
}
