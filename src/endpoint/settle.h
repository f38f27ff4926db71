/* Settling a doubt: did a System V queue take the message whose call was killed? The kernel keeps
 * of a queue who sent last and when, and lets one look at what waits. docs/architecture.md has what
 * follows from it, and when nothing does. POSIX queues keep nothing of the kind. */
#ifndef MQBRIDGE_ENDPOINT_SETTLE_H
#define MQBRIDGE_ENDPOINT_SETTLE_H

#include <stdint.h>

#include "base/compiler.h"

struct doubt_evidence;
struct ipcq;
struct record;
struct settle_view; /* a queue at one moment */

enum settle_verdict {
	SETTLE_OPEN,      /* it cannot be told */
	SETTLE_TAKEN,     /* the queue took it */
	SETTLE_NOT_TAKEN, /* the queue did not take it */
};

/* Look at the System V queue q before this process sends anything to it, and the sooner after the
 * crash the better: what is received meanwhile tells nothing any more. Takes nothing from the
 * queue and never waits. *ret belongs to the caller. 0 or -errno. */
int settle_look(struct settle_view **ret, const struct ipcq *q) MUST_CHECK;
void settle_free(struct settle_view *sv); /* NULL is fine */

/* rec is the message in doubt, type its type in that queue. sv NULL: SETTLE_OPEN. Pure. */
enum settle_verdict settle_judge(const struct settle_view *sv,
    const struct doubt_evidence *ev, const struct record *rec, int64_t type);

#endif
