/* What several commands do with a queue. */
#ifndef MQBRIDGE_TOOLS_IPCQ_QUEUE_H
#define MQBRIDGE_TOOLS_IPCQ_QUEUE_H

#include "base/compiler.h"
#include "lib/ipcq.h"
#include "tools/ipcq_call.h"

/* Open the queue of the call. Returns CALL_DONE, and *ret belongs to the caller; or an exit
 * status, and the failure was said. */
int queue_open(struct ipcq **ret, const struct call *ca, unsigned flags) MUST_CHECK;

/* For what needs a handle, but no right to read: opens as is permitted. 0 or -errno. */
int queue_open_any(struct ipcq **ret, const char *uri) MUST_CHECK;

/* How the call chooses and waits. */
struct ipcq_options queue_options(const struct call *ca);

#endif
