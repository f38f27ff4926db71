#include "endpoint/outlet_purge.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/crash.h"
#include "endpoint/intake.h"
#include "endpoint/outlet_private.h"
#include "spool/log.h"
#include "spool/stream.h"

#define SLICE       2048 /* records of the ring on one turn of the loop: some 0.3 ms */
#define RETRY_MS    10   /* while a batch moves, or the log is read */
#define PATIENCE_MS 5000 /* without anything that could be purged */

struct purge {
	struct outlet *outlet;
	struct event *turn;
	uint64_t purged;
	bool counted;         /* what is in the log: nothing moves there any more */
	uint64_t in_log;      /* of the log that are still to go */
	uint64_t progress_ms; /* CLOCK_MONOTONIC */
	outlet_purged *done;
	void *owner;
};

static void
purge_end(struct purge *pu, int rc)
{
	struct outlet *ol = pu->outlet;

	ol->purge = NULL;
	if (ol->stream != NULL)
		stream_freeze(ol->stream, false);
	event_free(pu->turn);
	pu->done(pu->owner, rc, pu->purged);
	free(pu);
	intake_space(ol->intake);
	if (rc != -ECANCELED)
		outlet_feed(ol);
}

/* Of the log: how many went. */
static uint64_t
purge_log(struct purge *pu)
{
	struct outlet *ol = pu->outlet;
	struct stream_numbers nb;
	uint64_t count;

	/* What was on its way there when the purge began is still to be purged. */
	if (!pu->counted && ol->log.moving)
		return 0;
	if (pu->counted && pu->in_log == 0)
		return 0;
	stream_numbers(ol->stream, &nb);
	if (!pu->counted)
		pu->in_log = nb.log.waiting;
	pu->counted = true;
	/* The rest was sent meanwhile. */
	if (pu->in_log > nb.log.waiting)
		pu->in_log = nb.log.waiting;
	if (pu->in_log == 0)
		return 0;
	count = log_drop_oldest(ol->log.log, LOG_BATCH_BYTES);
	CRASH_POINT("outlet_purge.dropped");
	pu->in_log -= count < pu->in_log ? count : pu->in_log;
	return count;
}

static void
purge_on_turn(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval pause = clock_timeval(RETRY_MS);
	struct purge *pu = arg;
	struct outlet *ol = pu->outlet;
	uint64_t now = clock_monotonic_ms(), count;
	int rc;

	(void)fd;
	(void)what;
	count = purge_log(pu);
	rc = stream_purge(ol->stream, SLICE);
	if (rc > 0)
		count += (uint64_t)rc;
	pu->purged += count;
	ol->purged += count;
	if (rc == 0 && pu->counted && pu->in_log == 0) {
		purge_end(pu, 0);
		return;
	}
	if (count > 0) {
		pu->progress_ms = now;
		event_active(pu->turn, EV_TIMEOUT, 0);
		return;
	}
	if (now - pu->progress_ms >= PATIENCE_MS || event_add(pu->turn, &pause) < 0)
		purge_end(pu, -ETIMEDOUT);
}

int
outlet_purge(struct outlet *ol, outlet_purged *done, void *owner)
{
	const struct timeval at_once = { 0 };
	struct purge *pu;

	if (ol->purge != NULL || ol->requeue != NULL)
		return -EBUSY;
	if (ol->stream == NULL)
		return -ENODATA;
	pu = calloc(1, sizeof(*pu));
	if (pu == NULL)
		return -ENOMEM;
	pu->outlet = ol;
	pu->progress_ms = clock_monotonic_ms();
	pu->done = done;
	pu->owner = owner;
	pu->turn = evtimer_new(ol->env.base, purge_on_turn, pu);
	if (pu->turn == NULL || event_add(pu->turn, &at_once) < 0) {
		if (pu->turn != NULL)
			event_free(pu->turn);
		free(pu);
		return -ENOMEM;
	}
	/* What comes meanwhile stays. */
	stream_freeze(ol->stream, true);
	ol->purge = pu;
	return 0;
}

void
outlet_done_purge(struct outlet *ol)
{
	if (ol->purge != NULL)
		purge_end(ol->purge, -ECANCELED);
}
