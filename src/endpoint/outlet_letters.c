#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "base/quote.h"
#include "base/reason.h"
#include "endpoint/intake.h"
#include "endpoint/outlet_private.h"
#include "endpoint/queue_reason.h"
#include "flow/sink.h"
#include "spool/deadletter.h"
#include "spool/disk.h"
#include "spool/ring.h"

#define RETRY_US 500000 /* after the dead-letter store had no room */

/* One dead letter on its way to the disk. The record stays in the ring until it is there. */
struct letter {
	struct disk_job job; /* first: a job is cast to its letter */
	TAILQ_ENTRY(letter) link;
	struct outlet *outlet;
	struct deadletters *store;
	struct deadletter dead;
	uint64_t seq; /* 0: parked */
	bool failed;  /* waits for the retry */
	bool again;   /* failed once */
	char detail[160];
};

static int
letter_run(struct disk_job *job)
{
	struct letter *lt = (struct letter *)job;

	return deadletters_store(lt->store, &lt->dead);
}

static void
letter_stored(struct letter *lt)
{
	struct outlet *ol = lt->outlet;
	struct sink *snk = ol->source.sink;

	ol->rejected++;
	ol->rejected_for[lt->dead.reason < DEAD_REASONS ? lt->dead.reason : 0]++;
	log_event(EVENT_DEAD_LETTER,
	    &(struct log_fields){
		.route = ol->route, .queue = intake_name(ol->intake) },
	    "route %s: message %llu of queue %s is a dead letter: %s%s%s",
	    quote(ol->route).text, (unsigned long long)lt->dead.number,
	    quote(intake_name(ol->intake)).text, dead_reason_text(lt->dead.reason),
	    lt->detail[0] != '\0' ? ": " : "", quote(lt->detail).text);
	CRASH_POINT("outlet.letter_stored");
	if (lt->seq == 0)
		stream_park_stored(ol->stream, lt->dead.rec);
	else
		stream_reject_stored(ol->stream, lt->seq);
	CRASH_POINT("outlet.letter_settled");
	if (lt->seq != 0 && snk != NULL)
		snk->ops->stored(snk, lt->seq);
	TAILQ_REMOVE(&ol->letters, lt, link);
	free(lt);
	intake_space(ol->intake);
}

static void
letter_failed(struct letter *lt, int rc)
{
	const struct timeval retry = { .tv_usec = RETRY_US };
	struct outlet *ol = lt->outlet;
	bool first = ol->stopped[0] == '\0';

	lt->failed = lt->again = true;
	ol->stopped_reason = queue_reason_letter(rc);
	(void)snprintf(ol->stopped, sizeof(ol->stopped), "dead-letter store: %s",
	    deadletters_why(rc));
	if (first)
		log_event(EVENT_LETTERS_FULL,
		    &(struct log_fields){
			.route = ol->route, .reason = reason_name(ol->stopped_reason) },
		    "route %s stopped: cannot store a dead letter: %s; make room "
		    "(mqbridgectl purge dead-letters) or raise the limit",
		    quote(ol->route).text, ol->stopped);
	(void)event_add(ol->retry, &retry);
}

/* Could all be stored that could not be once? */
static bool
letters_recovered(const struct outlet *ol)
{
	const struct letter *lt;

	TAILQ_FOREACH (lt, &ol->letters, link)
		if (lt->again)
			return false;
	return true;
}

static void
letter_done(struct disk_job *job, int rc)
{
	struct letter *lt = (struct letter *)job;
	struct outlet *ol = lt->outlet;

	if (rc < 0) {
		letter_failed(lt, rc);
		return;
	}
	letter_stored(lt);
	if (ol->stopped[0] != '\0' && letters_recovered(ol)) {
		ol->stopped[0] = '\0';
		log_event(EVENT_LETTERS_STORED,
		    &(struct log_fields){ .route = ol->route },
		    "route %s goes on: dead letters can be stored",
		    quote(ol->route).text);
	}
	if (ol->source.sink != NULL)
		ol->source.sink->ops->kick(ol->source.sink);
}

static void
letters_on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct outlet *ol = arg;
	struct letter *lt;

	(void)fd;
	(void)what;
	TAILQ_FOREACH (lt, &ol->letters, link) {
		if (!lt->failed)
			continue;
		lt->failed = false;
		disk_submit(ol->env.disk, &lt->job);
	}
}

int
outlet_write_letter(struct outlet *ol, const struct record *rec, uint64_t seq,
    unsigned reason, const char *detail)
{
	struct ring *rg = intake_ring(ol->intake);
	struct letter *lt = calloc(1, sizeof(*lt));

	if (lt == NULL)
		return -ENOMEM;
	(void)snprintf(lt->detail, sizeof(lt->detail), "%s", detail);
	lt->job = (struct disk_job){ .run = letter_run, .done = letter_done };
	lt->outlet = ol;
	lt->store = ol->env.dead;
	lt->seq = seq;
	lt->dead = (struct deadletter){
		.ring = *ring_id(rg),
		.number = rec->number,
		.stream = *stream_id(ol->stream),
		.reason = (uint16_t)reason,
		.wall_ns = clock_wall_ns(),
		.uri = ring_uri(rg),
		.label = ol->label,
		.route = ol->route,
		.detail = lt->detail,
		.route_limit = ol->log.policy.dead_letter_limit,
		.rec = rec,
	};
	TAILQ_INSERT_TAIL(&ol->letters, lt, link);
	disk_submit(ol->env.disk, &lt->job);
	return 0;
}

bool
outlet_has_letter(const struct outlet *ol, uint64_t seq)
{
	const struct letter *lt;

	TAILQ_FOREACH (lt, &ol->letters, link)
		if (lt->seq == seq)
			return true;
	return false;
}

int
outlet_init_letters(struct outlet *ol)
{
	TAILQ_INIT(&ol->letters);
	ol->retry = event_new(ol->env.base, -1, 0, letters_on_retry, ol);
	return ol->retry == NULL ? -ENOMEM : 0;
}

void
outlet_done_letters(struct outlet *ol)
{
	struct letter *lt;

	if (ol->retry != NULL)
		event_free(ol->retry);
	/* Those that could not be stored stay unsettled in the ring and come again. */
	while ((lt = TAILQ_FIRST(&ol->letters)) != NULL) {
		TAILQ_REMOVE(&ol->letters, lt, link);
		free(lt);
	}
}
