#include "endpoint/intake.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/quote.h"
#include "base/reason.h"
#include "endpoint/intake_private.h"
#include "endpoint/queue_reason.h"
#include "endpoint/worker.h"
#include "spool/ring.h"
#include "spool/runtime.h"

#define TICK_US 250000 /* a queue that is made or removed is noticed within that time */

/* An empty message that the waiter took last lies in the type slot. Should the ring have
 * no room for it, it stays there for the next turn or start. */
static void
intake_end_wait(struct intake *in)
{
	int rc;

	if (in->waiter != NULL && worker_cancel(in->waiter, &rc) && rc == 1)
		(void)!ring_commit_zero(in->ring, runtime_clock_ns(in->runtime));
}

static void
intake_close_queue(struct intake *in)
{
	intake_end_wait(in);
	if (in->readable != NULL)
		event_free(in->readable);
	in->readable = NULL;
	ipcq_close(in->queue);
	in->queue = NULL;
}

/* Not attached because of rc: said once until it changes. */
static void
intake_report(struct intake *in, int rc)
{
	char text[sizeof(in->detail)];

	(void)ipcq_explain(text, sizeof(text), in->spec.uri,
	    in->spec.create ? &in->spec.attributes : NULL, rc);
	in->reason = in->ring_failed ? REASON_RING_SPACE : queue_reason(rc);
	if (in->reported && strcmp(text, in->detail) == 0)
		return;
	(void)snprintf(in->detail, sizeof(in->detail), "%s", text);
	in->reported = true;
	if (rc == -ENOENT)
		log_event(EVENT_QUEUE_WAITING,
		    &(struct log_fields){ .queue = in->spec.name,
			.reason = reason_name(REASON_QUEUE_ABSENT) },
		    "queue %s: waiting until %s is there", quote(in->spec.name).text,
		    quote(in->spec.uri).text);
	else
		log_event(EVENT_QUEUE_FAILED,
		    &(struct log_fields){
			.queue = in->spec.name, .reason = reason_name(in->reason) },
		    "queue %s: cannot receive from %s, trying again: %s",
		    quote(in->spec.name).text, quote(in->spec.uri).text, text);
}

/* It is looked for at once: often it has been made anew already. That it is not there yet
 * needs no second line in the log. */
static void
intake_look_again(struct intake *in)
{
	in->reason = REASON_QUEUE_ABSENT;
	(void)ipcq_explain(in->detail, sizeof(in->detail), in->spec.uri,
	    in->spec.create ? &in->spec.attributes : NULL, -ENOENT);
	in->reported = true;
	in->orphan = false;
	event_active(in->tick, 0, 0);
}

/* msgrcv(2) says EINVAL for an id that is gone. */
static bool
intake_is_removed(const struct intake *in, int rc)
{
	struct ipcq_attributes at;

	return rc == -EIDRM ||
	       (rc == -EINVAL && ipcq_attributes(in->queue, &at) == -EIDRM);
}

void
intake_lose(struct intake *in, int rc)
{
	bool removed = intake_is_removed(in, rc);

	intake_close_queue(in);
	if (removed) {
		log_event(EVENT_QUEUE_VANISHED,
		    &(struct log_fields){ .queue = in->spec.name },
		    "queue %s: %s was removed; waiting for a new one",
		    quote(in->spec.name).text, quote(in->spec.uri).text);
		intake_look_again(in);
		return;
	}
	intake_report(in, rc);
}

void
intake_leave(struct intake *in)
{
	intake_close_queue(in);
	intake_look_again(in);
}

static void
intake_on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	intake_turn(arg);
}

static void
intake_on_again(evutil_socket_t fd, short what, void *arg)
{
	struct intake *in = arg;

	(void)fd;
	(void)what;
	if (in->grow_to > 0 && in->queue != NULL && in->running)
		intake_grow(in, in->grow_to);
	else
		intake_turn(in);
}

/* The ring for the attached queue. */
static int
intake_make_ring(struct intake *in)
{
	struct ring_spec spec = {
		.kind = in->attributes.kind == IPCQ_POSIX ? RING_POSIX : RING_SYSV,
		.uri = in->spec.uri,
		.take = in->spec.take_text,
		.max_body = (uint32_t)in->attributes.message_size,
		.bytes = in->spec.ring_bytes,
	};

	if (in->ring != NULL)
		return 0;
	if (in->attributes.message_size > RECORD_BODY_MAX)
		return -EFBIG;
	return ring_create(&in->ring, runtime_dir_fd(in->runtime), &spec);
}

/* Means to wait for messages: an event on the descriptor, or a thread. */
static int
intake_make_wait(struct intake *in)
{
	if (in->attributes.kind == IPCQ_POSIX) {
		in->readable = event_new(in->base, ipcq_fd(in->queue),
		    EV_READ | EV_PERSIST, intake_on_readable, in);
		return in->readable == NULL ? -ENOMEM : 0;
	}
	if (in->waiter != NULL)
		return 0;
	return worker_new(&in->waiter, in->base, intake_on_waiter, in);
}

static int
intake_open(struct intake *in)
{
	int rc;

	in->ring_failed = false;
	rc = ipcq_open(&in->queue, in->spec.uri,
	    IPCQ_READ | (in->spec.create ? IPCQ_CREATE : 0), &in->spec.attributes);
	if (rc < 0)
		return rc;
	rc = ipcq_attributes(in->queue, &in->attributes);
	if (rc == 0) {
		rc = intake_make_ring(in);
		in->ring_failed = rc < 0;
	}
	if (rc == 0)
		rc = intake_make_wait(in);
	if (rc < 0)
		intake_close_queue(in);
	return rc;
}

static void
intake_attach(struct intake *in)
{
	int rc = intake_open(in);

	if (rc < 0) {
		intake_report(in, rc);
		return;
	}
	in->reason = REASON_NONE;
	in->detail[0] = '\0';
	in->reported = false;
	intake_unblock(in);
	in->grow_to = 0;
	in->grow_failed = false;
	log_event(EVENT_QUEUE_ATTACHED, &(struct log_fields){ .queue = in->spec.name },
	    "queue %s: receiving from %s", quote(in->spec.name).text,
	    quote(in->spec.uri).text);
	if (in->attributes.message_size > ring_max_body(in->ring))
		intake_grow(in, (uint32_t)in->attributes.message_size);
	else
		event_active(in->again, 0, 0);
}

/* The name is gone: what the orphan holds is taken first, then it is left. */
static void
intake_check_removed(struct intake *in)
{
	struct ipcq_attributes at;
	int rc = ipcq_attributes(in->queue, &at);

	if (rc < 0) {
		intake_lose(in, rc);
		return;
	}
	if (!at.removed)
		return;
	if (!in->orphan)
		log_event(EVENT_QUEUE_VANISHED,
		    &(struct log_fields){ .queue = in->spec.name },
		    "queue %s: %s was removed; taking what it still holds, then "
		    "waiting for a new one",
		    quote(in->spec.name).text, quote(in->spec.uri).text);
	in->orphan = true;
	intake_turn(in);
}

static void
intake_on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct intake *in = arg;
	struct outlet *ol;

	(void)fd;
	(void)what;
	if (in->queue == NULL)
		intake_attach(in);
	else
		intake_check_removed(in);
	if (in->grow_to > 0)
		intake_space(in);
	if (!in->prepared || in->resize)
		intake_turn(in);
	/* What could not be done before for want of memory is tried again. */
	TAILQ_FOREACH (ol, &in->outlets, link)
		outlet_feed(ol);
}

static int
intake_copy_spec(struct intake *in, const struct intake_spec *spec)
{
	in->spec = *spec;
	in->spec.name = in->name = strdup(spec->name);
	in->spec.uri = in->uri = strdup(spec->uri);
	in->spec.take_text = in->take_text = strdup(spec->take_text);
	if (in->name == NULL || in->uri == NULL || in->take_text == NULL)
		return -ENOMEM;
	return 0;
}

int
intake_new(struct intake **ret, struct event_base *base, struct runtime *rt,
    const struct intake_spec *spec, struct ring *ring)
{
	struct intake *in = calloc(1, sizeof(*in));

	if (in == NULL)
		return -ENOMEM;
	TAILQ_INIT(&in->outlets);
	in->base = base;
	in->runtime = rt;
	in->again = event_new(base, -1, 0, intake_on_again, in);
	in->tick = event_new(base, -1, EV_PERSIST, intake_on_tick, in);
	if (intake_copy_spec(in, spec) < 0 || in->again == NULL || in->tick == NULL) {
		intake_free(in);
		return -ENOMEM;
	}
	in->ring = ring;
	*ret = in;
	return 0;
}

void
intake_free(struct intake *in)
{
	if (in == NULL)
		return;
	intake_close_queue(in);
	worker_free(in->waiter);
	if (in->again != NULL)
		event_free(in->again);
	if (in->tick != NULL)
		event_free(in->tick);
	ring_close(in->ring);
	free(in->name);
	free(in->uri);
	free(in->take_text);
	free(in);
}

void
intake_start(struct intake *in)
{
	const struct timeval tick = { .tv_usec = TICK_US };

	in->running = true;
	(void)event_add(in->tick, &tick);
	intake_attach(in);
}

void
intake_stop(struct intake *in)
{
	in->running = false;
	(void)event_del(in->tick);
	intake_close_queue(in);
	in->reason = REASON_STOPPING;
	(void)snprintf(in->detail, sizeof(in->detail), "nothing is received any more");
}

void
intake_hold(struct intake *in, bool on)
{
	struct outlet *ol;

	if (in->held == on)
		return;
	in->held = on;
	if (in->queue == NULL)
		return;
	if (!on) {
		event_active(in->again, 0, 0);
		return;
	}
	if (in->readable != NULL)
		(void)event_del(in->readable);
	intake_end_wait(in);
	/* What the waiter took at last. */
	TAILQ_FOREACH (ol, &in->outlets, link)
		outlet_feed(ol);
}

void
intake_add(struct intake *in, struct outlet *ol)
{
	TAILQ_INSERT_TAIL(&in->outlets, ol, link);
	in->prepared = false;
}

void
intake_remove(struct intake *in, struct outlet *ol)
{
	TAILQ_REMOVE(&in->outlets, ol, link);
}

struct ring *
intake_ring(const struct intake *in)
{
	return in->ring;
}

const char *
intake_name(const struct intake *in)
{
	return in->spec.name;
}

const struct intake_spec *
intake_spec(const struct intake *in)
{
	return &in->spec;
}

const struct ipcq_attributes *
intake_attributes(const struct intake *in)
{
	return &in->attributes;
}

/* Why nothing is received. */
static struct cause
intake_cause(const struct intake *in)
{
	if (in->queue == NULL)
		return (struct cause){ in->reason, in->detail };
	if (!in->blocked)
		return (struct cause){ REASON_NONE, "" };
	if (in->grow_failed)
		return (struct cause){ REASON_RING_SPACE,
			"the ring cannot be made larger for larger messages" };
	if (in->grow_to > 0)
		return (struct cause){ REASON_RING_GROWS,
			"the ring must drain before it can grow for larger messages" };
	return (struct cause){ REASON_RING_FULL, "the ring is full" };
}

struct cause
intake_absence(const struct intake *in)
{
	if (in->queue != NULL)
		return (struct cause){ REASON_NONE, "" };
	return (struct cause){ in->reason, in->detail };
}

void
intake_numbers(const struct intake *in, struct intake_numbers *ret)
{
	struct ipcq_attributes at;

	*ret = (struct intake_numbers){
		.attached = in->queue != NULL,
		.held = in->held,
		.cause = intake_cause(in),
		.blocked_since_ms = in->blocked_time.since_ms,
		.received = in->received,
		.blocked_ms = stopwatch_read_ms(&in->blocked_time, clock_coarse_ms()),
	};
	if (in->queue != NULL && ipcq_attributes(in->queue, &at) == 0) {
		ret->depth = at.kind == IPCQ_POSIX ? at.messages : at.bytes;
		ret->capacity = at.kind == IPCQ_POSIX ? at.max_messages : at.max_bytes;
		ret->attributes = at;
	}
	if (in->ring != NULL) {
		ret->ring_records = ring_records(in->ring);
		ret->ring_used = ring_used(in->ring);
		ret->ring_bytes = ring_bytes(in->ring);
		ret->max_body = ring_max_body(in->ring);
	}
}
