/* The part of an outlet that the intake links it by. */
#ifndef MQBRIDGE_ENDPOINT_OUTLET_PRIVATE_H
#define MQBRIDGE_ENDPOINT_OUTLET_PRIVATE_H

#include <stdbool.h>
#include <sys/queue.h>

#include "endpoint/outlet.h"

struct event;
struct letter;

TAILQ_HEAD(letter_list, letter);

struct outlet {
	struct source source;     /* first: a source is cast to its outlet */
	TAILQ_ENTRY(outlet) link; /* of the intake's list */
	struct outlet_env env;
	struct intake *intake;
	struct stream *stream; /* NULL until the intake has a ring */
	char *route, *label;
	bool halted;
	bool reported;  /* that no stream can be made was logged */
	uint64_t high;  /* highest sequence ever taken since start */
	uint64_t acked; /* as last seen */
	uint64_t sent, resent, settled, rejected, last_progress_ms;
	struct letter_list letters; /* on their way to the dead-letter store */
	struct event *retry;        /* letters that could not be stored */
	char stopped[256];          /* why nothing is offered, "" */
};

/* outlet_letters.c: hand a record to the disk thread. seq 0: parked, it has none. 0 or -ENOMEM. */
int outlet_write_letter(struct outlet *ol, const struct record *rec, uint64_t seq,
    unsigned reason, const char *detail) MUST_CHECK;
bool outlet_has_letter(const struct outlet *ol, uint64_t seq);
int outlet_init_letters(struct outlet *ol) MUST_CHECK;
void outlet_done_letters(struct outlet *ol);

#endif
