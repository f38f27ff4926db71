#include "endpoint/outlet_requeue.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "endpoint/intake.h"
#include "endpoint/outlet_private.h"
#include "flow/sink.h"
#include "record/record.h"
#include "spool/deadletter.h"
#include "spool/disk.h"
#include "spool/log.h"
#include "spool/ring.h"

#define RETRY_MS  10   /* while records are being moved to the log, or read from it */
#define TRIES_MAX 1000 /* of those: ten seconds, far more than a batch takes */

struct requeue {
	struct disk_job job; /* first: a job is cast to its requeue */
	struct outlet *outlet;
	const struct deadletter *letter; /* borrowed */
	struct deadletter_key key;
	struct event *retry;
	unsigned tries;
	bool appended;
	outlet_requeued *done;
	void *owner;
};

static void
requeue_end(struct requeue *rq, int rc)
{
	struct outlet *ol = rq->outlet;
	struct sink *snk = ol->source.sink;

	ol->requeue = NULL;
	event_free(rq->retry);
	rq->done(rq->owner, rc, rq->appended);
	free(rq);
	if (snk != NULL)
		snk->ops->kick(snk);
}

static int
remove_run(struct disk_job *job)
{
	struct requeue *rq = (struct requeue *)job;
	struct deadletters *dl = rq->outlet->env.dead;
	int rc = deadletters_remove(dl, &rq->key);

	return rc < 0 && rc != -ENOENT ? rc : deadletters_sync(dl);
}

static void
remove_done(struct disk_job *job, int rc)
{
	requeue_end((struct requeue *)job, rc);
}

static void
on_appended(void *owner, const struct log_item *items, size_t count, int rc)
{
	struct requeue *rq = owner;

	(void)items;
	(void)count;
	if (rc < 0) {
		requeue_end(rq, rc);
		return;
	}
	rq->appended = true;
	rq->job = (struct disk_job){ .run = remove_run, .done = remove_done };
	disk_submit(rq->outlet->env.disk, &rq->job);
}

static bool
is_of_stream(const struct outlet *ol, const struct deadletter *dt)
{
	return id_equal(&dt->ring, ring_id(intake_ring(ol->intake))) &&
	       id_equal(&dt->stream, stream_id(ol->stream));
}

/* Its record may be in flight and have moved to the log: -EINPROGRESS then; -EAGAIN: not known yet. */
static int
logged(const struct outlet *ol, const struct deadletter *dt)
{
	int rc = is_of_stream(ol, dt) ? stream_logged(ol->stream, dt->number) : 0;

	return rc == 1 ? -EINPROGRESS : rc;
}

static bool
has_room(const struct outlet *ol, const struct deadletter *dt)
{
	uint64_t limit = ol->log.policy.log_limit;
	uint64_t bytes = record_stride(dt->rec->length);
	struct log_numbers nb;

	log_numbers(ol->log.log, &nb);
	return bytes <= limit && nb.bytes <= limit - bytes;
}

/* 0: on its way, or to be tried again. */
static int
requeue_try(struct requeue *rq)
{
	const struct timeval pause = clock_timeval(RETRY_MS);
	struct outlet *ol = rq->outlet;
	bool by_priority = ring_kind(intake_ring(ol->intake)) == RING_POSIX;
	int rc = logged(ol, rq->letter);

	if (rc == 0 && !has_room(ol, rq->letter))
		rc = -EDQUOT;
	if (rc == 0)
		rc = log_requeue(ol->log.log, rq->letter,
		    by_priority ? rq->letter->rec->type : 0, on_appended, rq);
	if ((rc != -EBUSY && rc != -EAGAIN) || rq->tries++ == TRIES_MAX)
		return rc == -EAGAIN ? -EINPROGRESS : rc;
	return event_add(rq->retry, &pause) == 0 ? 0 : -ENOMEM;
}

static void
requeue_on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct requeue *rq = arg;
	int rc;

	(void)fd;
	(void)what;
	rc = requeue_try(rq);
	if (rc < 0)
		requeue_end(rq, rc);
}

/* Is its record still one of the ring's that the stream has to settle? */
static bool
is_unsettled(const struct outlet *ol, const struct deadletter *dt)
{
	const struct ring *rg = intake_ring(ol->intake);

	if (!is_of_stream(ol, dt))
		return false;
	for (uint64_t at = ring_tail(rg); at < ring_head(rg); at = ring_after(rg, at)) {
		const struct record *rec = ring_at(rg, at);

		if (rec->number == dt->number)
			return stream_wants(ol->stream, rec);
	}
	return false;
}

static int
requeue_check(const struct outlet *ol, const struct deadletter *dt)
{
	if (ol->stream == NULL || outlet_found_log(ol) != NULL)
		return -EAGAIN;
	if (ol->log.log == NULL || ol->log.policy.log_limit == 0)
		return -EOPNOTSUPP;
	if (strcmp(dt->uri, ring_uri(intake_ring(ol->intake))) != 0)
		return -EXDEV;
	if (ol->requeue != NULL)
		return -EBUSY;
	return is_unsettled(ol, dt) ? -EINPROGRESS : 0;
}

int
outlet_requeue(
    struct outlet *ol, const struct deadletter *dt, outlet_requeued *done, void *owner)
{
	struct requeue *rq;
	int rc = requeue_check(ol, dt);

	if (rc < 0)
		return rc;
	rq = calloc(1, sizeof(*rq));
	if (rq == NULL)
		return -ENOMEM;
	rq->outlet = ol;
	rq->letter = dt;
	rq->key = (struct deadletter_key){ dt->ring, dt->number, dt->stream };
	rq->done = done;
	rq->owner = owner;
	rq->retry = event_new(ol->env.base, -1, 0, requeue_on_retry, rq);
	rc = rq->retry == NULL ? -ENOMEM : requeue_try(rq);
	if (rc < 0) {
		if (rq->retry != NULL)
			event_free(rq->retry);
		free(rq);
		return rc;
	}
	ol->requeue = rq;
	return 0;
}

void
outlet_done_requeue(struct outlet *ol)
{
	/* Only one that waits for its next try is left when no job is. */
	if (ol->requeue != NULL)
		requeue_end(ol->requeue, -ECANCELED);
}
