/* A worker: one thread that makes one blocking system call at a time for the loop, for what
 * cannot be polled (System V queues). The loop keeps everything else to itself. */
#ifndef MQBRIDGE_ENDPOINT_WORKER_H
#define MQBRIDGE_ENDPOINT_WORKER_H

#include <stdbool.h>

#include "base/compiler.h"

struct event_base;
struct worker; /* opaque; all calls are made in the loop's thread */

/* call(arg) runs in the thread; on_done(owner, its result) then in the loop. */
int worker_new(struct worker **ret, struct event_base *base,
    void (*on_done)(void *owner, int rc), void *owner) MUST_CHECK;
/* Cancels first, without calling on_done; NULL is fine. */
void worker_free(struct worker *wk);

/* The same, but who does not end within ms is left to go on until the process ends, as with a disk
 * that does not answer: false, and wk and what the call was given must stay. */
bool worker_leave(struct worker *wk, unsigned ms) MUST_CHECK;

/* Only while not busy. arg must stay until on_done or worker_cancel(). The call must end with
 * -EINTR after a signal: nothing in it may restart. */
void worker_run(struct worker *wk, int (*call)(void *arg), void *arg);
bool worker_busy(const struct worker *wk);
/* End the running call now by a signal and wait for it (microseconds). true and its result,
 * which may be success, or false when nothing ran. on_done is not called for it. */
bool worker_cancel(struct worker *wk, int *ret_rc);

#endif
