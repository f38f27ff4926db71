#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/quote.h"
#include "base/reason.h"
#include "endpoint/intake.h"
#include "endpoint/outlet_private.h"
#include "endpoint/queue_reason.h"
#include "spool/deadletter.h"

#define DROPS_MS 10000 /* how often it is told how many were dropped by the policy */

void
outlet_log_tell_dropped(struct outlet *ol)
{
	struct outlet_log *og = &ol->log;

	if (og->dropped == og->dropped_told)
		return;
	log_event(EVENT_LOG_FULL,
	    &(struct log_fields){
		.route = ol->route, .reason = reason_name(REASON_LOG_FULL) },
	    "route %s: its overflow log is full (log_limit): %" PRIu64
	    " messages from queue %s were dropped (overflow)",
	    quote(ol->route).text, og->dropped - og->dropped_told,
	    quote(intake_name(ol->intake)).text);
	og->dropped_told = og->dropped;
}

/* Is that something new? */
static bool
log_set_trouble(struct outlet *ol, enum reason reason, const char *text)
{
	struct outlet_log *og = &ol->log;

	if (strcmp(text, og->detail) == 0)
		return false;
	outlet_log_tell_dropped(ol);
	og->drops_ms = 0;
	(void)snprintf(og->detail, sizeof(og->detail), "%s", text);
	og->reason = reason;
	return true;
}

void
outlet_log_trouble(struct outlet *ol, int rc)
{
	struct outlet_log *og = &ol->log;
	char text[sizeof(og->detail)];

	(void)snprintf(text, sizeof(text), "overflow log: %s",
	    rc == -EDQUOT ? "full (log_limit)" : strerror(-rc));
	if (!log_set_trouble(ol, queue_reason_log(rc), text))
		return;
	if (rc == -EDQUOT)
		log_event(EVENT_LOG_FULL,
		    &(struct log_fields){
			.route = ol->route, .reason = reason_name(og->reason) },
		    "route %s: its overflow log is full (log_limit): what comes from "
		    "queue %s stays there until something was sent",
		    quote(ol->route).text, quote(intake_name(ol->intake)).text);
	else
		log_event(EVENT_DISK_FAILED,
		    &(struct log_fields){
			.route = ol->route, .reason = reason_name(og->reason) },
		    "route %s: cannot write its overflow log: %s; make room in the "
		    "state directory or mend its disk; until then it is tried again",
		    quote(ol->route).text, strerror(-rc));
}

void
outlet_log_dropped(struct outlet *ol, uint64_t count, const char *which)
{
	struct outlet_log *og = &ol->log;

	og->dropped += count;
	if (og->drops_ms != 0)
		return; /* the tick tells */
	og->drops_ms = clock_monotonic_ms();
	og->reason = REASON_LOG_FULL;
	(void)snprintf(og->detail, sizeof(og->detail),
	    "overflow log: full (log_limit): %s messages are dropped", which);
	outlet_log_tell_dropped(ol);
}

void
outlet_log_mended(struct outlet *ol, const char *how)
{
	outlet_log_tell_dropped(ol);
	ol->log.drops_ms = 0;
	if (ol->log.detail[0] == '\0')
		return;
	log_event(EVENT_LOG_WRITABLE, &(struct log_fields){ .route = ol->route },
	    "route %s: its overflow log %s", quote(ol->route).text, how);
	ol->log.reason = REASON_NONE;
	ol->log.detail[0] = '\0';
}

/* Now and then: what was dropped since; nothing was: that is over. */
void
outlet_log_review_drops(struct outlet *ol)
{
	struct outlet_log *og = &ol->log;
	uint64_t now_ms = clock_monotonic_ms();

	if (og->drops_ms == 0 || now_ms < og->drops_ms + DROPS_MS)
		return;
	if (og->dropped == og->dropped_told) {
		outlet_log_mended(ol, "takes messages, and drops none any more");
		return;
	}
	og->drops_ms = now_ms;
	outlet_log_tell_dropped(ol);
}

/* Neither log nor dead-letter store takes what comes. */
void
outlet_shed_trouble(struct outlet *ol, int rc)
{
	struct outlet_log *og = &ol->log;
	char text[sizeof(og->detail)];

	(void)snprintf(text, sizeof(text),
	    "overflow log: full (log_limit); dead-letter store: %s",
	    deadletters_why(rc));
	if (!log_set_trouble(ol, queue_reason_letter(rc), text))
		return;
	log_event(EVENT_LETTERS_FULL,
	    &(struct log_fields){
		.route = ol->route, .reason = reason_name(og->reason) },
	    "route %s: its overflow log is full (log_limit), and what it has no room "
	    "for cannot become dead letters: %s; it stays in queue %s until there is "
	    "room or something was sent",
	    quote(ol->route).text, deadletters_why(rc),
	    quote(intake_name(ol->intake)).text);
}
