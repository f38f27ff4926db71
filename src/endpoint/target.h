/* Inside of a target, shared by target.c (the queue) and delivery.c (the streams into it). */
#ifndef MQBRIDGE_ENDPOINT_TARGET_H
#define MQBRIDGE_ENDPOINT_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "endpoint/delivery.h"

struct delivery;
struct event;
struct record;
struct worker;

TAILQ_HEAD(delivery_list, delivery);

/* A System V message as msgsnd(2) wants it, for the worker thread alone. */
struct target_slot {
	int64_t type;
	uint8_t body[];
};

struct target {
	struct target_spec spec; /* its strings are the two below */
	char *name, *uri;
	struct event_base *base;
	struct marks *marks;
	struct ipcq *queue; /* NULL: not attached */
	struct ipcq_attributes attributes;
	struct event *writable; /* POSIX: armed while full */
	struct event *again;    /* deliveries wait for their next share of a turn */
	struct event *tick;
	struct worker *worker; /* System V: the record that found the queue full */
	struct target_slot *slot;
	size_t slot_size; /* of the body */
	uint32_t slot_length;
	struct delivery *blocked;     /* whose record the worker has */
	struct delivery_list open;    /* all deliveries into this target */
	struct delivery_list waiting; /* in the order in which they will be served */
	bool full;                    /* nobody tries until the queue has room */
	bool reported;
	uint64_t delivered, rejected;
	char reason[512];
};

struct delivery {
	struct sink sink;                 /* first: a sink is cast to its delivery */
	TAILQ_ENTRY(delivery) link;       /* of open */
	TAILQ_ENTRY(delivery) queue_link; /* of waiting */
	struct target *target;
	struct mark *mark;   /* NULL: a local route whose source was not ready yet */
	char *label;         /* of a local route, until it has its mark */
	const char *fault;   /* a local route that cannot be resumed, or NULL */
	enum flow_kind kind; /* of the source */
	uint64_t current;    /* the sequence taken and not settled, 0: none */
	bool queued;         /* is in waiting */
	bool held;           /* the rejected list is full */
};

/* delivery.c, called by target.c. */
enum delivery_end {
	DELIVERY_EMPTY, /* the source has nothing more for now */
	DELIVERY_SHARE, /* its share of the turn is used up */
	DELIVERY_FULL,  /* the queue has no room for its current record */
	DELIVERY_LOST,  /* the queue is gone or fails: the reason was noted */
};
/* Deliver until one of these ends it. */
enum delivery_end delivery_run(struct delivery *dv) MUST_CHECK;
/* The blocked record's call in the worker ended with rc. */
void delivery_unblocked(struct delivery *dv, int rc);
/* Put the current record into the slot: 0 or -ENOMEM. */
int delivery_fill_slot(struct delivery *dv) MUST_CHECK;

/* target.c, called by delivery.c. */
void target_serve(struct target *tg, struct delivery *dv);
void target_forget(struct target *tg, struct delivery *dv);
void target_lose(struct target *tg, int rc);

#endif
