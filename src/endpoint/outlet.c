#include "endpoint/outlet.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/quote.h"
#include "base/reason.h"
#include "endpoint/intake.h"
#include "endpoint/outlet_private.h"
#include "flow/sink.h"
#include "spool/ring.h"
#include "spool/runtime.h"

static struct outlet *
outlet_of(struct source *src)
{
	return (struct outlet *)src;
}

static bool
outlet_offers(const struct outlet *ol)
{
	return ol->stream != NULL && !ol->halted && ol->stopped[0] == '\0' &&
	       ol->requeue == NULL;
}

static int
outlet_info(struct source *src, struct source_info *ret)
{
	struct outlet *ol = outlet_of(src);
	const struct ipcq_attributes *at = intake_attributes(ol->intake);
	const struct intake_spec *spec = intake_spec(ol->intake);
	struct ring *rg = intake_ring(ol->intake);
	struct stream_numbers nb;
	uint32_t max_body;

	/* The log may have larger bodies than the ring. */
	if (ol->stream == NULL || outlet_found_log(ol) != NULL)
		return -EAGAIN;
	stream_numbers(ol->stream, &nb);
	max_body = ring_max_body(rg);
	if (ol->log.log != NULL && log_max_body(ol->log.log) > max_body)
		max_body = log_max_body(ol->log.log);
	*ret = (struct source_info){
		.stream = *stream_id(ol->stream),
		.ring = *ring_id(rg),
		.acked = nb.acked,
		.next = nb.next,
		.kind = ring_kind(rg) == RING_POSIX ? FLOW_POSIX : FLOW_SYSV,
		.max_body = max_body,
		.max_messages = at->max_messages,
		.max_bytes = at->max_bytes,
		.mode = at->mode,
		.route = ol->route,
		.entry = spec->name,
		.uri = spec->uri,
		.take = spec->take_text,
	};
	return 0;
}

static const struct record *
outlet_peek(struct source *src, uint64_t *ret_seq, bool *ret_new)
{
	struct outlet *ol = outlet_of(src);

	if (!outlet_offers(ol))
		return NULL;
	return stream_peek(ol->stream, ret_seq, ret_new);
}

static NOT_INLINE void
outlet_show(struct outlet *ol, const struct source_run *run)
{
	struct outlet_tap *tap;

	LIST_FOREACH(tap, &ol->taps, link)
	tap->see(tap, run, ol->high);
}

static void
outlet_count(struct outlet *ol, const struct source_run *run)
{
	uint64_t last = run->seq + run->count - 1;
	uint64_t fresh = last > ol->high ? last - ol->high : 0;
	uint32_t count = run->count;

	if (!LIKELY(LIST_EMPTY(&ol->taps)))
		outlet_show(ol, run);
	ol->sent += count;
	if (fresh < count)
		ol->resent += count - fresh;
	if (last > ol->high)
		ol->high = last;
}

static void
outlet_unblocked(struct outlet *ol)
{
	if (ol->blocked.since_ms != 0)
		stopwatch_stop(&ol->blocked, clock_coarse_ms());
}

static void
outlet_blocked(struct source *src)
{
	struct outlet *ol = outlet_of(src);

	if (ol->blocked.since_ms == 0 && ol->stream != NULL &&
	    !stream_is_empty(ol->stream))
		stopwatch_start(&ol->blocked, clock_coarse_ms());
}

static void
outlet_take(struct source *src)
{
	struct outlet *ol = outlet_of(src);
	struct source_run run = { .count = 1 };
	bool is_new;

	run.first = stream_peek(ol->stream, &run.seq, &is_new);
	if (run.first == NULL)
		return;
	run.bytes = record_stride(run.first->length);
	stream_take(ol->stream);
	outlet_count(ol, &run);
	outlet_unblocked(ol);
}

static uint32_t
outlet_take_run(struct source *src, uint32_t max_count, uint64_t max_bytes,
    uint32_t max_body, struct source_run *ret)
{
	struct outlet *ol = outlet_of(src);
	struct stream_run run;

	if (!outlet_offers(ol))
		return 0;
	if (stream_take_run(ol->stream, max_count, max_bytes, max_body, &run) == 0) {
		if (stream_window_full(ol->stream))
			outlet_blocked(src);
		return 0;
	}
	outlet_unblocked(ol);
	*ret = (struct source_run){ run.first, run.seq, run.count, run.bytes };
	outlet_count(ol, ret);
	return run.count;
}

static const struct record *
outlet_taken(struct source *src, uint64_t seq)
{
	return stream_sent(outlet_of(src)->stream, seq);
}

/* What is acknowledged up to seq has arrived just now. */
static void
outlet_time(struct outlet *ol, uint64_t seq)
{
	uint64_t first = (ol->timed > ol->acked ? ol->timed : ol->acked) + 1;
	bool letters = !TAILQ_EMPTY(&ol->letters) || !TAILQ_EMPTY(&ol->unread);
	int64_t now_ns, captured_ns;

	if (seq < first || !stream_in_flight(ol->stream, seq))
		return;
	now_ns = runtime_clock_ns(ol->env.runtime);
	for (uint64_t at = first; at <= seq; at++) {
		if (letters &&
		    (outlet_has_letter(ol, at) || outlet_awaits_letter(ol, at)))
			continue;
		captured_ns = stream_captured_ns(ol->stream, at);
		if (captured_ns != 0)
			histogram_add(&ol->transit, now_ns - captured_ns);
	}
	ol->timed = seq;
}

/* After acknowledgements: what the numbers and the intake make of it. */
static void
outlet_progress(struct outlet *ol)
{
	uint64_t acked = stream_acked(ol->stream);

	if (acked == ol->acked)
		return;
	ol->settled += acked - ol->acked;
	ol->acked = acked;
	ol->last_progress_ms = clock_coarse_ms();
	outlet_unblocked(ol);
	intake_space(ol->intake);
	outlet_turn_log(ol);
}

static int
outlet_settle(struct source *src, uint64_t seq)
{
	struct outlet *ol = outlet_of(src);
	int rc;

	outlet_time(ol, seq);
	rc = stream_acknowledge(ol->stream, seq);
	if (rc == 0)
		outlet_progress(ol);
	return rc;
}

static int
outlet_reject(struct source *src, uint64_t seq, unsigned reason, const char *detail)
{
	struct outlet *ol = outlet_of(src);
	const struct record *rec;
	int rc;

	if (outlet_has_letter(ol, seq) || outlet_awaits_letter(ol, seq))
		return 0;
	if (!stream_in_flight(ol->stream, seq)) {
		/* Settled before: it was stored, only the sink does not know yet. */
		src->sink->ops->stored(src->sink, seq);
		return 0;
	}
	rec = stream_sent(ol->stream, seq);
	if (rec == &record_void) {
		/* Nothing is left of it to be stored. */
		src->sink->ops->stored(src->sink, seq);
		return 0;
	}
	rc = stream_reject(ol->stream, seq);
	if (rc < 0)
		return rc;
	if (rec == NULL)
		return outlet_await_letter(ol, seq, reason, detail);
	return outlet_write_letter(ol, rec, seq, reason, detail);
}

static int
outlet_refuse(struct source *src, unsigned reason, const char *detail)
{
	struct outlet *ol = outlet_of(src);
	const struct record *rec;

	if (stream_park(ol->stream, &rec) < 0)
		return -EAGAIN;
	/* Without memory it stays parked in the ring and is offered again after a restart. */
	return outlet_write_letter(ol, rec, 0, reason, detail) < 0 ? -EAGAIN : 0;
}

static int
outlet_rewind(struct source *src, uint64_t mark)
{
	struct outlet *ol = outlet_of(src);
	uint64_t known = ol->timed > ol->acked ? ol->timed : ol->acked;
	int rc = stream_rewind(ol->stream, mark);

	/* When it arrived is not known, only that it need not be sent again. */
	if (rc == 0 && mark > known) {
		ol->duplicates += mark - known;
		ol->timed = mark;
	}
	return rc;
}

static const struct source_ops outlet_ops = {
	.info = outlet_info,
	.peek = outlet_peek,
	.take = outlet_take,
	.take_run = outlet_take_run,
	.taken = outlet_taken,
	.settle = outlet_settle,
	.reject = outlet_reject,
	.refuse = outlet_refuse,
	.rewind = outlet_rewind,
	.blocked = outlet_blocked,
};

/* What the numbers start from. */
static void
outlet_adopt(struct outlet *ol, struct stream *st)
{
	struct stream_numbers nb;

	stream_numbers(st, &nb);
	ol->stream = st;
	stream_hold(st, ol->held);
	ol->acked = nb.acked;
	ol->high = nb.next - 1;
}

int
outlet_new(struct outlet **ret, const struct outlet_env *env, struct intake *in,
    const struct outlet_spec *spec)
{
	struct outlet *ol = calloc(1, sizeof(*ol));

	if (ol == NULL) {
		stream_close(spec->stream);
		return -ENOMEM;
	}
	ol->source.ops = &outlet_ops;
	ol->env = *env;
	ol->intake = in;
	ol->held = spec->held;
	ol->route = strdup(spec->route);
	ol->label = strdup(spec->label);
	TAILQ_INIT(&ol->unread);
	if (outlet_init_letters(ol) < 0 || ol->route == NULL || ol->label == NULL ||
	    outlet_init_log(ol, &spec->policy, spec->log) < 0) {
		ol->intake = NULL;
		ol->stream = spec->stream;
		outlet_free(ol);
		return -ENOMEM;
	}
	intake_add(in, ol);
	if (spec->stream != NULL)
		outlet_adopt(ol, spec->stream);
	*ret = ol;
	return 0;
}

void
outlet_done_taps(struct outlet *ol)
{
	struct outlet_tap *tap;

	while ((tap = LIST_FIRST(&ol->taps)) != NULL) {
		LIST_REMOVE(tap, link);
		tap->gone(tap);
	}
}

void
outlet_free(struct outlet *ol)
{
	if (ol == NULL)
		return;
	if (ol->intake != NULL)
		intake_remove(ol->intake, ol);
	outlet_done_requeue(ol);
	outlet_done_purge(ol);
	outlet_done_taps(ol);
	outlet_done_letters(ol);
	outlet_done_unread(ol);
	stream_close(ol->stream);
	outlet_done_log(ol);
	outlet_done_names(ol);
	free(ol->route);
	free(ol->label);
	free(ol);
}

struct source *
outlet_source(struct outlet *ol)
{
	return &ol->source;
}

static int
outlet_make_stream(struct outlet *ol)
{
	struct stream *st;
	int rc;

	if (ol->stream != NULL)
		return 0;
	rc = stream_create(
	    &st, runtime_dir_fd(ol->env.runtime), intake_ring(ol->intake), ol->label);
	if (rc == 0) {
		ol->reported = false;
		outlet_adopt(ol, st);
		return 0;
	}
	if (!ol->reported)
		log_event(EVENT_RING_SHORT,
		    &(struct log_fields){
			.route = ol->route, .reason = reason_name(REASON_RING_SPACE) },
		    "route %s: cannot make its send journal in the ring directory: %s; "
		    "nothing is received from queue %s",
		    quote(ol->route).text, strerror(-rc),
		    quote(intake_name(ol->intake)).text);
	ol->reported = true;
	return rc;
}

int
outlet_prepare(struct outlet *ol)
{
	int rc = outlet_make_stream(ol);

	return rc < 0 ? rc : outlet_prepare_log(ol);
}

int
outlet_prepare_new(struct outlet *ol)
{
	int rc = outlet_make_stream(ol);

	return rc < 0 || outlet_found_log(ol) != NULL ? rc : outlet_prepare_log(ol);
}

void
outlet_feed(struct outlet *ol)
{
	if (ol->stream == NULL || stream_admit(ol->stream) < 0)
		return; /* no memory: the intake's tick comes again */
	if (ol->blocked.since_ms != 0 && stream_is_empty(ol->stream))
		outlet_unblocked(ol); /* what waited was purged */
	if (ol->source.sink != NULL)
		ol->source.sink->ops->kick(ol->source.sink);
	outlet_turn_log(ol);
}

void
outlet_halt(struct outlet *ol)
{
	ol->halted = true;
	outlet_halt_opening(ol);
}

static struct cause
outlet_stopped(const struct outlet *ol)
{
	if (ol->stopped[0] != '\0')
		return (struct cause){ ol->stopped_reason, ol->stopped };
	if (ol->reported)
		return (struct cause){ REASON_RING_SPACE,
			"its send journal cannot be made in the ring directory" };
	return (struct cause){ REASON_NONE, "" };
}

void
outlet_add_tap(struct outlet *ol, struct outlet_tap *tap)
{
	LIST_INSERT_HEAD(&ol->taps, tap, link);
}

void
outlet_remove_tap(struct outlet_tap *tap)
{
	LIST_REMOVE(tap, link);
}

void
outlet_hold(struct outlet *ol, bool on)
{
	if (ol->held == on)
		return;
	ol->held = on;
	if (ol->stream == NULL)
		return;
	stream_hold(ol->stream, on);
	if (!on && ol->source.sink != NULL)
		ol->source.sink->ops->kick(ol->source.sink);
}

void
outlet_numbers(const struct outlet *ol, struct outlet_numbers *ret)
{
	*ret = (struct outlet_numbers){
		.sent = ol->sent,
		.resent = ol->resent,
		.settled = ol->settled,
		.duplicates = ol->duplicates,
		.rejected = ol->rejected,
		.rejected_for = ol->rejected_for,
		.blocked_ms = stopwatch_read_ms(&ol->blocked, clock_coarse_ms()),
		.transit = &ol->transit,
		.last_progress_ms = ol->last_progress_ms,
		.dropped = ol->log.dropped,
		.purged = ol->purged,
		.stopped = outlet_stopped(ol),
		.log = { ol->log.reason, ol->log.detail },
	};
	if (ol->stream != NULL)
		stream_numbers(ol->stream, &ret->stream);
}
