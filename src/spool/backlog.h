/* What of a ring is still to be sent, highest priority first, first in first out within
 * one. Pure: knows positions and priorities, no records. Runs of records that lie one
 * behind the other and have one priority are one entry of a heap, so a queue that uses
 * one priority costs nothing per message; there are never more entries than records. */
#ifndef MQBRIDGE_SPOOL_BACKLOG_H
#define MQBRIDGE_SPOOL_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct backlog_run {
	uint64_t position; /* of its first record */
	uint64_t end;      /* behind its last; equal: the run is used up */
	int64_t priority;
};

struct backlog { /* all 0 is an empty one; backlog_done() ends it */
	struct backlog_run *heap;
	size_t used, room;
	struct backlog_run newest; /* not in the heap, so that it can be extended */
	uint64_t count;            /* records */
};

void backlog_done(struct backlog *bl);

/* A record from position to end. Positions only grow from call to call. 0 or
 * -ENOMEM. */
int backlog_push(
    struct backlog *bl, uint64_t position, uint64_t end, int64_t priority) MUST_CHECK;

/* The record that comes next: true, its position and priority; or false: none. */
bool backlog_peek(struct backlog *bl, uint64_t *ret_position, int64_t *ret_priority);
/* Take the record that backlog_peek() gave; end is what it was pushed with. */
void backlog_pop(struct backlog *bl, uint64_t end);
/* What lies before a position, count records, waits no more. */
void backlog_drop_before(struct backlog *bl, uint64_t position, uint64_t count);

#endif
