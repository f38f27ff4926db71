#include "endpoint/outlet_log.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/quote.h"
#include "endpoint/intake.h"
#include "endpoint/outlet_private.h"
#include "flow/sink.h"
#include "spool/deadletter.h"
#include "spool/ring.h"
#include "spool/runtime.h"

#define RETRY_MS   500 /* after a failure; it goes on within a second of its mending */
#define SPACE_MS   100 /* the same while there is no space: asking for it costs little */
#define STALLED_MS 250 /* no progress for that long: what is in flight moves too */
#define SHED_JOB   16  /* dead letters of one job of the disk thread */

static struct ring *
outlet_ring(const struct outlet *ol)
{
	return intake_ring(ol->intake);
}

/* It is there, and all that has to be done before anything goes there is. */
static bool
log_in_use(const struct outlet *ol)
{
	return ol->log.log != NULL && stream_log(ol->stream) != NULL;
}

static void
log_wait(struct outlet *ol, uint32_t ms)
{
	const struct timeval pause = clock_timeval(ms);

	(void)event_add(ol->log.tick, &pause);
}

/* After a failure: until it is worth trying again. */
static void
log_wait_mended(struct outlet *ol, int rc)
{
	log_wait(ol, rc == -ENOSPC ? SPACE_MS : RETRY_MS);
}

/* ---- the log is full: what the route's policy says ---------------------------------- */

static int
shed_run(struct disk_job *job)
{
	struct outlet_shed *sd = (struct outlet_shed *)job;
	struct outlet *ol = sd->outlet;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < SHED_JOB && sd->stored < sd->count; i++) {
		const struct deadletter dl = {
			.ring = *ring_id(outlet_ring(ol)),
			.number = sd->items[sd->stored].rec->number,
			.stream = *stream_id(ol->stream),
			.reason = DEAD_QUOTA,
			.wall_ns = clock_wall_ns(),
			.uri = ring_uri(outlet_ring(ol)),
			.label = ol->label,
			.route = ol->route,
			.detail = "the overflow log is full",
			.route_limit = ol->log.policy.dead_letter_limit,
			.rec = sd->items[sd->stored].rec,
		};

		rc = deadletters_store(ol->env.dead, &dl);
		if (rc == 0)
			sd->stored++;
	}
	return rc;
}

static void
shed_done(struct disk_job *job, int rc)
{
	struct outlet_shed *sd = (struct outlet_shed *)job;
	struct outlet *ol = sd->outlet;

	if (rc == 0 && sd->stored < sd->count) {
		disk_submit(ol->env.disk, &sd->job);
		return;
	}
	ol->rejected += sd->stored;
	stream_batch_end(ol->stream, sd->items, sd->stored);
	sd->items = NULL;
	ol->log.moving = false;
	if (rc < 0) {
		outlet_shed_trouble(ol, rc);
		ol->log.failed = true;
		log_wait_mended(ol, rc);
	} else {
		outlet_log_mended(
		    ol, "is full, and what it has no room for becomes dead letters");
	}
	intake_space(ol->intake);
	outlet_turn_log(ol);
}

/* The oldest of the ring become dead letters. */
static bool
shed_letters(struct outlet *ol)
{
	struct outlet_shed *sd = &ol->log.shed;
	int count = stream_batch(ol->stream, 0, ring_head(outlet_ring(ol)), &sd->items);

	if (count <= 0)
		return false;
	sd->job = (struct disk_job){ .run = shed_run, .done = shed_done };
	sd->outlet = ol;
	sd->count = (size_t)count;
	sd->stored = 0;
	ol->log.moving = true;
	disk_submit(ol->env.disk, &sd->job);
	return true;
}

static bool
drop_from_ring(struct outlet *ol)
{
	const struct log_item *items;
	int count = stream_batch(ol->stream, 0, ring_head(outlet_ring(ol)), &items);

	if (count <= 0)
		return false;
	stream_batch_end(ol->stream, items, (size_t)count);
	outlet_log_dropped(ol, (uint64_t)count, "the newest");
	intake_space(ol->intake);
	return true;
}

static bool
drop_from_log(struct outlet *ol)
{
	uint64_t count = log_drop_oldest(ol->log.log, LOG_BATCH_BYTES);

	if (count > 0)
		outlet_log_dropped(ol, count, "the oldest");
	return count > 0;
}

/* What is dropped next is being loaded. */
static bool
log_can_drop(const struct outlet *ol)
{
	struct log_numbers nb;

	log_numbers(ol->log.log, &nb);
	return ol->log.policy.overflow == OUTLET_DROP_OLDEST && nb.waiting > 0;
}

/* Something was done about a full log, so that it is worth going on at once. */
static bool
log_full(struct outlet *ol)
{
	switch (ol->log.policy.overflow) {
	case OUTLET_DROP_OLDEST:
		return drop_from_log(ol);
	case OUTLET_DROP_NEWEST:
		return drop_from_ring(ol);
	case OUTLET_DEAD_LETTER:
		return shed_letters(ol);
	default:
		return false;
	}
}

/* ---- moving ------------------------------------------------------------------------ */

/* Up to which sequence the sink does not point into the ring any more. */
static uint64_t
sink_written(const struct outlet *ol)
{
	struct sink *snk = ol->source.sink;

	if (snk == NULL || snk->ops->written == NULL)
		return UINT64_MAX;
	return snk->ops->written(snk);
}

static bool
sink_stalled(const struct outlet *ol)
{
	return clock_monotonic_ms() >= ol->last_progress_ms + STALLED_MS;
}

/* Nothing more can move now: what did must be on the disk. */
static void
log_reached(struct outlet *ol)
{
	struct outlet_log *og = &ol->log;

	if (og->until != 0)
		log_sync(og->log);
	og->until = 0;
}

/* The batch could not go to the log: what now, and when is it tried again? */
static void
log_refused(struct outlet *ol, int rc)
{
	struct outlet_log *og = &ol->log;

	if (rc == -EDQUOT && log_full(ol)) {
		if (!og->moving)
			log_wait(ol, 0);
		return;
	}
	if (rc == -EDQUOT)
		log_reached(ol);
	if (rc != -EDQUOT || !log_can_drop(ol))
		outlet_log_trouble(ol, rc);
	og->full = rc == -EDQUOT;
	og->failed = !og->full;
	if (og->full)
		log_wait(ol, STALLED_MS);
	else
		log_wait_mended(ol, rc);
}

static void
log_on_moved(void *owner, int rc)
{
	struct outlet *ol = owner;

	ol->log.moving = false;
	if (rc < 0) {
		log_refused(ol, rc);
	} else {
		if (ol->log.drops_ms == 0)
			outlet_log_mended(ol, "takes messages again");
		intake_space(ol->intake);
		outlet_read_letters(ol);
		outlet_turn_log(ol);
	}
	if (ol->source.sink != NULL)
		ol->source.sink->ops->kick(ol->source.sink);
}

/* How far into the ring records must move, 0: none must. *ret_sent: and those in flight up
 * to that sequence. */
static uint64_t
log_target(struct outlet *ol, uint64_t *ret_sent)
{
	const struct outlet_log *og = &ol->log;
	const struct ring *rg = outlet_ring(ol);

	*ret_sent = 0;
	if (og->policy.sync == LOG_SYNC_ALWAYS)
		return ring_head(rg);
	if (ring_used(rg) > ring_bytes(rg) / 2 || intake_waits_to_grow(ol->intake)) {
		if (sink_stalled(ol))
			*ret_sent = sink_written(ol);
		return ring_head(rg);
	}
	if (og->until > ring_tail(rg)) {
		*ret_sent = sink_written(ol);
		return og->until;
	}
	return 0;
}

void
outlet_turn_log(struct outlet *ol)
{
	struct outlet_log *og = &ol->log;
	uint64_t sent, end;
	int rc;

	if (!log_in_use(ol))
		return;
	if (!event_pending(og->tick, EV_TIMEOUT, NULL))
		log_wait(ol, og->policy.sync_interval_ms);
	if (og->moving || og->full || og->failed || og->policy.log_limit == 0 ||
	    ol->purge != NULL)
		return;
	end = log_target(ol, &sent);
	if (end == 0) {
		log_reached(ol);
		return;
	}
	rc = stream_move(ol->stream, sent, end, log_on_moved, ol);
	if (rc > 0)
		og->moving = true;
	else if (rc == 0)
		log_reached(ol);
	else if (rc != -EBUSY)
		log_refused(ol, rc);
}

static void
log_tell_damage(struct outlet *ol)
{
	struct log_damage dm;

	while (log_damage(ol->log.log, &dm))
		log_event(EVENT_STORE_DAMAGED,
		    &(struct log_fields){ .route = ol->route },
		    "route %s: %s is damaged at %" PRIu64 ": %" PRIu64
		    " messages are lost there; the file is kept with another name when "
		    "all else in it is delivered",
		    quote(ol->route).text, dm.file, dm.offset, dm.records);
}

/* Something was appended, settled, or can be read. */
void
outlet_on_log_changed(void *owner)
{
	struct outlet *ol = owner;

	ol->log.full = false;
	log_tell_damage(ol);
	outlet_read_letters(ol);
	if (ol->source.sink != NULL)
		ol->source.sink->ops->kick(ol->source.sink);
	outlet_turn_log(ol);
}

static bool
log_at_rest(const struct outlet *ol)
{
	struct stream_numbers nb;

	stream_numbers(ol->stream, &nb);
	return nb.waiting == 0 && nb.in_flight == 0 && nb.log.bytes == 0;
}

static void
log_on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct outlet *ol = arg;
	struct outlet_log *og = &ol->log;

	(void)fd;
	(void)what;
	og->full = og->failed = false;
	if (og->policy.sync == LOG_SYNC_INTERVAL)
		og->until = ring_head(outlet_ring(ol));
	log_save_cursors(og->log);
	outlet_log_review_drops(ol);
	if (!log_at_rest(ol))
		outlet_turn_log(ol);
	else
		outlet_log_mended(ol, "is empty, and its disk is not needed now");
}

/* ---- life -------------------------------------------------------------------------- */

static int
log_make(struct outlet *ol, const struct log_spec *spec)
{
	struct outlet_log *og = &ol->log;
	uint64_t replayed = 0;
	int rc;

	if (outlet_found_log(ol) == NULL)
		return log_create(&og->log, &ol->env.log, spec);
	rc = outlet_open_log(ol, spec, &og->log, &replayed);
	if (rc == 0)
		log_event(EVENT_STORE_RECOVERED,
		    &(struct log_fields){ .route = ol->route },
		    "route %s: goes on with its overflow log, whose send journal is "
		    "gone: %" PRIu64 " messages may be sent a second time",
		    quote(ol->route).text, replayed);
	return rc;
}

/* What fails here is tried again with the same log. */
static int
log_begin_use(struct outlet *ol)
{
	int rc = 0;

	/* Those that a crash left in both, as they were being requeued. */
	if (!id_is_none(&ol->log.found))
		rc = deadletters_settle(ol->env.dead, ol->log.log);
	return rc < 0 ? rc : stream_use_log(ol->stream, ol->log.log);
}

int
outlet_prepare_log(struct outlet *ol)
{
	struct outlet_log *og = &ol->log;
	struct ring *rg = outlet_ring(ol);
	const struct log_spec spec = {
		.stream = *stream_id(ol->stream),
		.ring = *ring_id(rg),
		.seed = ring_seed(rg),
		.uri = ring_uri(rg),
		.take = ring_take(rg),
		.label = ol->label,
		.limit = og->policy.log_limit,
		.sync = og->policy.sync,
		.changed = outlet_on_log_changed,
		.owner = ol,
	};
	int rc = 0;

	if (log_in_use(ol))
		return 0;
	if (og->log == NULL)
		og->log = stream_log(ol->stream);
	if (og->log != NULL)
		log_configure(og->log, spec.limit, spec.sync, spec.changed, ol);
	else if (spec.limit > 0 || outlet_found_log(ol) != NULL)
		rc = log_make(ol, &spec);
	if (rc == 0 && og->log != NULL)
		rc = log_begin_use(ol);
	if (rc < 0) {
		if (rc != -EINPROGRESS)
			outlet_log_trouble(ol, rc);
		return rc;
	}
	outlet_log_mended(
	    ol, og->log != NULL ? "is made" : "is not asked for any more");
	if (og->log == NULL)
		return 0;
	stream_log_only(ol->stream, spec.sync == LOG_SYNC_ALWAYS);
	log_wait(ol, og->policy.sync_interval_ms);
	/* What was read from it before now has told nobody. */
	if (ol->source.sink != NULL)
		ol->source.sink->ops->kick(ol->source.sink);
	return 0;
}

void
outlet_sync(struct outlet *ol)
{
	if (ol->log.log != NULL)
		log_sync(ol->log.log);
}

bool
outlet_busy(const struct outlet *ol)
{
	return ol->log.log != NULL && log_busy(ol->log.log);
}

int
outlet_synced(const struct outlet *ol)
{
	if (ol->log.log == NULL || log_synced(ol->log.log))
		return 0;
	log_event(EVENT_DISK_FAILED, &(struct log_fields){ .route = ol->route },
	    "route %s: its overflow log is NOT all on the disk: what was written last "
	    "may not survive a reboot",
	    quote(ol->route).text);
	return -EIO;
}

int
outlet_init_log(
    struct outlet *ol, const struct outlet_policy *policy, const struct id *found)
{
	ol->log.policy = *policy;
	if (found != NULL)
		ol->log.found = *found;
	ol->log.tick = event_new(ol->env.base, -1, 0, log_on_tick, ol);
	return ol->log.tick == NULL ? -ENOMEM : 0;
}

void
outlet_done_log(struct outlet *ol)
{
	if (ol->log.tick != NULL)
		event_free(ol->log.tick);
	outlet_done_opening(ol);
	outlet_log_tell_dropped(ol);
	log_close(ol->log.log);
}
