/* The event loop as the daemon needs it. */
#ifndef MQBRIDGE_SERVICE_LOOP_H
#define MQBRIDGE_SERVICE_LOOP_H

#include "base/compiler.h"

struct event_base;

/* What libevent has to say goes to our log from now on. 0; -ENOMEM; -ENOSYS, logged: without
 * epoll. *ret is for event_base_free(). */
int loop_new(struct event_base **ret) MUST_CHECK;

#endif
