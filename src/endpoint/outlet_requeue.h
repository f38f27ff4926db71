/* A dead letter goes back into its route: appended to the route's overflow log with its key, then
 * deleted. The route offers nothing meanwhile: what was sent and settled before the letter is
 * deleted could be sent a second time after a crash. INVARIANTS I21. */
#ifndef MQBRIDGE_ENDPOINT_OUTLET_REQUEUE_H
#define MQBRIDGE_ENDPOINT_OUTLET_REQUEUE_H

#include <stdbool.h>

#include "base/compiler.h"

struct deadletter;
struct outlet;

/* rc: 0; -ECANCELED: the daemon stops; or -errno: why it could not be appended, and the letter
 * stays; or, with *appended, why it could not be deleted. */
typedef void outlet_requeued(void *owner, int rc, bool appended);

/* One at a time. dt stays until done, which is never called from here. 0; -EOPNOTSUPP: the route
 * has no overflow log; -EAGAIN: its queue is not there; -EXDEV: the letter came from another
 * queue; -EINPROGRESS: the message is still in the ring, or in the log and in flight, as the one who
 * rejected it does not know yet that the letter is stored (done may be told that too); -EBUSY: another one is on its way;
 * -EDQUOT: the log is full (done may be told that too); or -errno. */
int outlet_requeue(struct outlet *ol, const struct deadletter *dt,
    outlet_requeued *done, void *owner) MUST_CHECK;

#endif
