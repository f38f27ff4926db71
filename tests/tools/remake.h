/* A program that removes its own queue while it is in use, and goes on with the next one of the
 * same name. What is known of every message meanwhile stands in its ledger. */
#ifndef TOOLS_REMAKE_H
#define TOOLS_REMAKE_H

#include <stdbool.h>

#include "ledger.h"
#include "queue.h"

struct remake {
	const char *queue; /* its name */
	bool makes;        /* the program makes the next one; else somebody else does */
	long shift;        /* of a consumer: received type less sent type */
};

/* By the only producer of a queue. POSIX: what waits in it stays readable to who has it open.
 * System V: what waits in it is destroyed; these messages, the last that were sent, are noted
 * in the ledger, which is right only while nobody takes any. when_empty waits until that is
 * nothing. */
void remake_source(
    const struct remake *rm, struct queue *q, struct ledger *lg, bool when_empty);

/* By the only consumer. POSIX: unlinks, then takes what is there. System V: takes what is there,
 * then removes; nothing is destroyed only while nobody sends. */
void remake_destination(const struct remake *rm, struct queue *q, struct ledger *lg);

#endif
