#include "remake.h"

#include <err.h>
#include <errno.h>
#include <time.h>

#define PAUSE_NS 1000000

/* The next one, with the attributes of this one. */
static void
remake_next(const struct remake *rm, struct queue *q, enum queue_use use)
{
	if (rm->makes)
		queue_create(rm->queue, q->messages, (long)q->size);
	queue_close(q);
	queue_open(q, rm->queue, use);
}

void
remake_source(
    const struct remake *rm, struct queue *q, struct ledger *lg, bool when_empty)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	uint64_t waiting = queue_waiting(q);

	while (when_empty && waiting > 0) {
		(void)nanosleep(&pause, NULL);
		waiting = queue_waiting(q);
	}
	queue_remove(rm->queue);
	if (q->sysv && waiting > 0)
		ledger_gone(lg, lg->head->count - waiting, waiting);
	ledger_removed(lg);
	remake_next(rm, q, QUEUE_WRITE);
}

static void
remake_drain(const struct remake *rm, struct queue *q, struct ledger *lg)
{
	ssize_t n;

	queue_set_nowait(q);
	for (;;) {
		n = queue_receive(q, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOMSG))
			return;
		if (n < 0)
			err(1, "receiving from %s", rm->queue);
		ledger_append(
		    lg, q->buffer->body, (size_t)n, q->buffer->type - rm->shift);
		ledger_count(lg, (size_t)n);
	}
}

void
remake_destination(const struct remake *rm, struct queue *q, struct ledger *lg)
{
	if (q->sysv)
		remake_drain(rm, q, lg);
	queue_remove(rm->queue);
	ledger_removed(lg);
	if (!q->sysv)
		remake_drain(rm, q, lg);
	remake_next(rm, q, QUEUE_READ);
}
