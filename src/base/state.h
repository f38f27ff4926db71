/* What a queue, a route, a peer and the daemon are doing: closed lists, which every surface
 * shows by the same words. Why it is not good is a reason (base/reason.h). */
#ifndef MQBRIDGE_BASE_STATE_H
#define MQBRIDGE_BASE_STATE_H

#include <stddef.h>

#include "base/compiler.h"

/* How much a state needs an operator. */
enum state_rank {
	STATE_GOOD,
	STATE_NOTICE,  /* somebody wants it so */
	STATE_WARNING, /* something waits */
	STATE_BAD      /* nothing goes on before it is mended */
};

/* X(SYMBOL, word, rank): of two the later is the worse. */
#define STATE_LIST(X)                                                                  \
	X(FLOWING, "flowing", STATE_GOOD)     /* routes */                             \
	X(IDLE, "idle", STATE_GOOD)           /* routes: nothing to carry */           \
	X(ATTACHED, "attached", STATE_GOOD)   /* queues */                             \
	X(UNUSED, "unused", STATE_GOOD)       /* queues: nobody takes or sends */      \
	X(CONNECTED, "connected", STATE_GOOD) /* peers */                              \
	X(RUNNING, "running", STATE_GOOD)     /* the daemon */                         \
	X(PAUSED, "paused", STATE_NOTICE)     /* by an operator */                     \
	X(DRAINING, "draining", STATE_NOTICE) /* by an operator */                     \
	X(ORPHAN, "orphan", STATE_NOTICE)     /* kept, though nothing is configured */ \
	X(STOPPING, "stopping", STATE_NOTICE) /* the daemon */                         \
	X(CONNECTING, "connecting", STATE_WARNING) /* peers */                         \
	X(HANDSHAKE, "handshake", STATE_WARNING)   /* peers */                         \
	X(DEGRADED, "degraded", STATE_WARNING)     /* it flows, something is wrong */  \
	X(FULL, "full", STATE_WARNING)       /* queues: there is no room for more */   \
	X(BLOCKED, "blocked", STATE_WARNING) /* queues: their producers wait */        \
	X(WAITING, "waiting", STATE_WARNING) /* for what is not there */               \
	X(STALLED, "stalled", STATE_BAD)     /* routes: work, and nothing goes on */   \
	X(REFUSED, "refused", STATE_BAD)     /* routes: by the peer */                 \
	X(FAILED, "failed", STATE_BAD)       /* queues: they cannot be used */         \
	X(STOPPED, "stopped", STATE_BAD)     /* routes: nothing is offered or taken */

enum state {
#define STATE_ENUM(symbol, word, rank) STATE_##symbol,
	STATE_LIST(STATE_ENUM)
#undef STATE_ENUM
	    STATE_END /* behind the last */
};

enum state_kind {
	STATE_OF_DAEMON,
	STATE_OF_QUEUE,
	STATE_OF_ROUTE,
	STATE_OF_PEER,
};

const char *state_name(enum state state); /* static */
/* 0, or -ENOENT: no state is called so. */
int state_find(enum state *ret, const char *name) MUST_CHECK;
enum state_rank state_rank(enum state state);
/* The states that an object of that kind can have; static. */
const enum state *state_list(enum state_kind kind, size_t *ret_n);

#endif
