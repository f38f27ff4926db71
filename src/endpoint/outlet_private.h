/* The part of an outlet that the intake links it by. */
#ifndef MQBRIDGE_ENDPOINT_OUTLET_PRIVATE_H
#define MQBRIDGE_ENDPOINT_OUTLET_PRIVATE_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/histogram.h"
#include "base/stopwatch.h"
#include "endpoint/outlet.h"
#include "endpoint/outlet_log.h"
#include "spool/deadletter.h"

struct event;
struct letter;
struct purge;
struct outlet_name;
struct requeue;
struct unread;

TAILQ_HEAD(letter_list, letter);
TAILQ_HEAD(unread_list, unread);

struct outlet {
	struct source source;     /* first: a source is cast to its outlet */
	TAILQ_ENTRY(outlet) link; /* of the intake's list */
	struct outlet_env env;
	struct intake *intake;
	struct stream *stream; /* NULL until the intake has a ring */
	char *route, *label;
	struct outlet_name *former; /* names that a job may still use */
	bool halted;
	bool held;      /* nothing new is offered: it is paused */
	bool reported;  /* that no stream can be made was logged */
	uint64_t high;  /* highest sequence ever taken since start */
	uint64_t acked; /* as last seen */
	uint64_t timed; /* sequence: all up to it are in transit, or need not be */
	uint64_t sent, resent, settled, duplicates, rejected, last_progress_ms;
	uint64_t rejected_for[DEAD_REASONS]; /* [0]: a reason that we do not know */
	struct stopwatch blocked;
	struct histogram transit;   /* from capture to settlement */
	struct letter_list letters; /* on their way to the dead-letter store */
	struct unread_list unread;  /* letters whose record is not in memory */
	struct event *retry;        /* letters that could not be stored */
	struct requeue *requeue;    /* nothing is offered while there is one */
	struct purge *purge;        /* nothing moves to the log while there is one */
	struct outlet_tap_list taps;
	uint64_t purged;
	struct outlet_log log;
	enum reason stopped_reason;
	char stopped[256]; /* why nothing is offered, "" */
};

/* outlet_letters.c: hand a record to the disk thread. seq 0: parked, it has none. 0 or -ENOMEM. */
int outlet_write_letter(struct outlet *ol, const struct record *rec, uint64_t seq,
    unsigned reason, const char *detail) MUST_CHECK;
/* outlet_unread.c: the same for a record in flight that is in the overflow log and not in memory: it
 * is written when it was read. */
int outlet_await_letter(
    struct outlet *ol, uint64_t seq, unsigned reason, const char *detail) MUST_CHECK;
void outlet_read_letters(struct outlet *ol);
bool outlet_awaits_letter(const struct outlet *ol, uint64_t seq);
void outlet_done_unread(struct outlet *ol);
bool outlet_has_letter(const struct outlet *ol, uint64_t seq);
void outlet_done_requeue(struct outlet *ol);
void outlet_done_purge(struct outlet *ol); /* outlet_purge.c */
int outlet_init_letters(struct outlet *ol) MUST_CHECK;
void outlet_done_letters(struct outlet *ol);
void outlet_done_names(struct outlet *ol); /* outlet_change.c */
void outlet_done_taps(struct outlet *ol);  /* outlet.c */

#endif
