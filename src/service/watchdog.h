/* The service manager's watchdog. It is fed only while the loop makes progress: a timer asks,
 * twice in its time, and the answer must come the way on which messages come, by a descriptor that
 * becomes readable and a callback in its turn. */
#ifndef MQBRIDGE_SERVICE_WATCHDOG_H
#define MQBRIDGE_SERVICE_WATCHDOG_H

#include "base/compiler.h"

struct event_base;
struct watchdog; /* opaque; used by the loop's thread */

/* *ret is NULL where no service manager watches. base is borrowed until watchdog_free().
 * 0 or -errno. */
int watchdog_new(struct watchdog **ret, struct event_base *base) MUST_CHECK;
void watchdog_free(struct watchdog *wd); /* NULL is fine */

#endif
