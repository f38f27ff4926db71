/* Inside of an intake, shared by intake.c (life, attaching) and intake_turn.c (receiving). */
#ifndef MQBRIDGE_ENDPOINT_INTAKE_PRIVATE_H
#define MQBRIDGE_ENDPOINT_INTAKE_PRIVATE_H

#include <sys/queue.h>

#include "base/stopwatch.h"
#include "endpoint/intake.h"
#include "endpoint/outlet_private.h"

struct event;
struct worker;

TAILQ_HEAD(outlet_list, outlet);

struct intake {
	struct intake_spec spec; /* its strings are the three below */
	char *name, *uri, *take_text;
	struct event_base *base;
	struct runtime *runtime;
	struct ring *ring;
	struct ipcq *queue; /* NULL: not attached */
	struct ipcq_attributes attributes;
	struct event *readable; /* POSIX: the descriptor; NULL when not attached */
	struct event *again;   /* the turn's share was used up: go on on the next one */
	struct event *tick;    /* attach, notice a removal */
	struct worker *waiter; /* System V */
	struct outlet_list outlets;
	bool running; /* between start and stop */
	bool held;    /* nothing is received for now */
	bool blocked; /* the ring is full, or must be empty before it can grow */
	struct stopwatch blocked_time;
	bool prepared; /* all outlets have their streams */
	bool orphan; /* POSIX: the queue's name is gone; it is left when it is empty */
	bool reported;    /* the reason was logged */
	bool ring_failed; /* it was the ring that could not be made */
	bool grow_failed; /* that it could not grow was logged */
	bool resize;      /* ring_bytes changed: when the ring is empty next */
	uint32_t grow_to; /* the ring must grow to this body first; 0: no */
	uint64_t received;
	enum reason reason; /* why not attached */
	char detail[512];
};

/* Receive until the queue is empty or the share of the turn is used up, then feed the outlets and wait
 * for more by the queue's own means. */
void intake_turn(struct intake *in);
/* The waiter saw a message, took an empty one, or failed. */
void intake_on_waiter(void *owner, int rc);
void intake_unblock(struct intake *in);
/* The queue is gone: close it, the tick attaches anew. */
void intake_lose(struct intake *in, int rc);
void intake_leave(struct intake *in);  /* the same for an orphan that is empty */
void intake_resize(struct intake *in); /* as in->resize says, if the ring is empty */
/* The ring must hold bodies of that size: now if it is empty, else when it has drained. */
void intake_grow(struct intake *in, uint32_t max_body);

#endif
