#include <errno.h>
#include <event2/event.h>
#include <sched.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/quote.h"
#include "base/reason.h"
#include "endpoint/intake_private.h"
#include "endpoint/worker.h"
#include "spool/ring.h"
#include "spool/runtime.h"

/* One queue's share of a turn of the loop, so that no queue starves another. */
#define TURN_MESSAGES 256
#define TURN_BYTES    (UINT64_C(256) * 1024)
/* At a small queue depth the producer fills the queue again while it is drained: letting it
 * run saves a round of the event loop a message. bench/README.md has the measurement. */
#define TURN_YIELDS 4

static unsigned
intake_flags(const struct intake *in)
{
	return IPCQ_NOWAIT | (in->spec.take.except ? IPCQ_EXCEPT : 0);
}

/* One message into the ring: its length, or -errno. */
static ssize_t
intake_receive(struct intake *in, int64_t now_ns)
{
	struct record *rec;
	ssize_t n;
	int rc;

	rc = ring_reserve(in->ring, &rec);
	if (rc < 0)
		return rc;
	do {
		n = ipcq_receive_slot(in->queue, rec->body, ring_max_body(in->ring),
		    in->spec.take.select, intake_flags(in));
	} while (n == -EINTR);
	if (n >= 0)
		ring_commit(in->ring, rec, (uint32_t)n, now_ns);
	return n;
}

/* 0: the share is used up; else -errno of the call that ended the turn. */
static int
intake_drain(struct intake *in)
{
	int64_t now_ns = runtime_clock_ns(in->runtime);
	unsigned count = 0, yields = TURN_YIELDS;
	size_t bytes = 0;
	ssize_t n;

	while (count < TURN_MESSAGES && bytes < TURN_BYTES) {
		n = intake_receive(in, now_ns);
		if (n == -EAGAIN && count > 0 && yields > 0) {
			yields--;
			(void)sched_yield();
			continue;
		}
		if (n < 0)
			return (int)n;
		count++;
		bytes += (size_t)n;
		in->received++;
	}
	return 0;
}

static int
intake_wait_call(void *arg)
{
	struct intake *in = arg;

	return ipcq_wait(in->queue, in->spec.take.select,
	    intake_flags(in) & IPCQ_EXCEPT, ring_type_slot(in->ring));
}

/* The queue was empty: let it tell when it is not. */
static void
intake_arm(struct intake *in)
{
	if (in->readable != NULL)
		(void)event_add(in->readable, NULL);
	else if (!worker_busy(in->waiter))
		worker_run(in->waiter, intake_wait_call, in);
}

static void
intake_block(struct intake *in)
{
	in->blocked = true;
	stopwatch_start(&in->blocked_time, clock_coarse_ms());
	if (in->readable != NULL)
		(void)event_del(in->readable);
}

void
intake_unblock(struct intake *in)
{
	in->blocked = false;
	if (in->blocked_time.since_ms != 0)
		stopwatch_stop(&in->blocked_time, clock_coarse_ms());
}

/* What the end of the turn means. */
static void
intake_after(struct intake *in, int rc)
{
	switch (rc) {
	case 0:
		if (in->readable != NULL)
			intake_arm(in); /* the descriptor is still readable */
		else
			event_active(in->again, 0, 0);
		return;
	case -EAGAIN:
		if (in->orphan)
			intake_leave(in);
		else
			intake_arm(in);
		return;
	case -E2BIG:
		intake_grow(in, ring_max_body(in->ring) * 2);
		return;
	case -EMSGSIZE:
		intake_grow(in, (uint32_t)in->attributes.message_size);
		return;
	default:
		intake_lose(in, rc);
	}
}

static void
intake_feed(struct intake *in)
{
	struct outlet *ol;

	TAILQ_FOREACH (ol, &in->outlets, link)
		outlet_feed(ol);
}

/* Nothing is received before every outlet has its stream: it would not be theirs. */
static bool
intake_prepare(struct intake *in)
{
	struct outlet *ol;

	if (in->prepared)
		return true;
	TAILQ_FOREACH (ol, &in->outlets, link) {
		if (outlet_prepare(ol) < 0)
			return false; /* the tick tries again */
	}
	in->prepared = true;
	/* What was settled by all before a crash, or is wanted by nobody any more. */
	(void)ring_release(in->ring);
	intake_space(in);
	return true;
}

void
intake_turn(struct intake *in)
{
	int rc;

	/* Without its queue too: an outlet may have something from before. */
	if (!in->running || in->ring == NULL || !intake_prepare(in) ||
	    in->queue == NULL || in->blocked || in->held)
		return;
	/* The waiter owns the type slot while it waits, and comes first in order. */
	if (in->waiter != NULL && worker_busy(in->waiter))
		return;
	if (in->resize)
		intake_resize(in);
	rc = in->readable == NULL
		 ? ring_commit_zero(in->ring, runtime_clock_ns(in->runtime))
		 : 0;
	if (rc >= 0) {
		in->received += (uint64_t)rc;
		rc = intake_drain(in);
	}
	/* First: a local sink settles while it is fed, and that may make room. */
	if (rc == -ENOSPC)
		intake_block(in);
	intake_feed(in);
	if (rc != -ENOSPC)
		intake_after(in, rc);
}

void
intake_on_waiter(void *owner, int rc)
{
	struct intake *in = owner;

	if (rc < 0 && rc != -EINTR) {
		intake_lose(in, rc);
		return;
	}
	intake_turn(in);
}

void
intake_grow(struct intake *in, uint32_t max_body)
{
	int rc;

	in->grow_to = max_body;
	if (ring_used(in->ring) > 0) {
		intake_block(in);
		return;
	}
	rc = ring_regrow(in->ring, max_body, in->spec.ring_bytes);
	if (rc < 0 && in->grow_failed) {
		intake_block(in);
		return;
	}
	in->grow_failed = rc < 0;
	if (rc < 0) {
		log_event(EVENT_RING_SHORT,
		    &(struct log_fields){ .queue = in->spec.name,
			.reason = reason_name(REASON_RING_SPACE) },
		    "queue %s: cannot make its ring larger for messages of %u bytes: "
		    "%s; free space in the ring directory",
		    quote(in->spec.name).text, max_body, strerror(-rc));
		intake_block(in);
		return; /* the tick tries again */
	}
	log_event(EVENT_RING_GROWN, &(struct log_fields){ .queue = in->spec.name },
	    "queue %s: ring made larger for messages of %u bytes",
	    quote(in->spec.name).text, max_body);
	in->grow_to = 0;
	intake_unblock(in);
	event_active(in->again, 0, 0);
}

bool
intake_waits_to_grow(const struct intake *in)
{
	return in->blocked && in->grow_to > 0;
}

void
intake_space(struct intake *in)
{
	if (!in->blocked || !in->running || in->queue == NULL)
		return;
	if (in->grow_to > 0 && ring_used(in->ring) > 0)
		return;
	intake_unblock(in);
	event_active(in->again, 0, 0);
}
