/* The last events of the log, for the control socket. Used by the loop's thread, in which
 * log_event() is called. */
#ifndef MQBRIDGE_COMMANDS_EVENTS_H
#define MQBRIDGE_COMMANDS_EVENTS_H

#include <stdint.h>

#include <jansson.h>

#include "base/compiler.h"

#define EVENTS_KEPT 1000
#define EVENTS_TEXT 512 /* bytes of a text with its NUL; a longer one is cut */

struct events; /* opaque */

/* Sees what is logged from now on; one at a time. 0 or -ENOMEM. */
int events_new(struct events **ret) MUST_CHECK;
void events_free(struct events *ev); /* NULL is fine */

/* Events have numbers from 1 on. The oldest that is kept, and the one that comes next: where
 * they are equal there is none. */
uint64_t events_oldest(const struct events *ev);
uint64_t events_next(const struct events *ev);

/* Append the event of that number, which is kept, as an item: number, time, level, event, route,
 * peer, queue, reason, text, repeated. 0 or -ENOMEM. */
int events_item(const struct events *ev, uint64_t number, json_t *array) MUST_CHECK;
/* In the place of missing events that a reader was too slow for. */
int events_missing_item(uint64_t missing, json_t *array) MUST_CHECK;

#endif
