/* The backlog of a route is deleted: what waits in ring and log when it is asked for, never what
 * is in flight. In slices, so that the loop does its other work. */
#ifndef MQBRIDGE_ENDPOINT_OUTLET_PURGE_H
#define MQBRIDGE_ENDPOINT_OUTLET_PURGE_H

#include <stdint.h>

#include "base/compiler.h"

struct outlet;

/* purged: so many messages are gone. rc: 0: all of them; -ETIMEDOUT: the rest is pinned, by a disk
 * that does not answer or by what is in flight before it; -ECANCELED: the outlet ends. */
typedef void outlet_purged(void *owner, int rc, uint64_t purged);

/* One at a time. done is never called from here. 0; -EBUSY: one is going on, or a requeue;
 * -ENODATA: its queue was never there; or -ENOMEM. */
int outlet_purge(struct outlet *ol, outlet_purged *done, void *owner) MUST_CHECK;

#endif
