#include "spool/backlog.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define FIRST_ROOM 16 /* runs; most queues use one priority and need one */

static bool
run_before(const struct backlog_run *a, const struct backlog_run *b)
{
	if (a->priority != b->priority)
		return a->priority > b->priority;
	return a->position < b->position;
}

void
backlog_done(struct backlog *bl)
{
	free(bl->heap);
	*bl = (struct backlog){ 0 };
}

static int
heap_add(struct backlog *bl, struct backlog_run run)
{
	size_t at = bl->used;

	if (bl->used == bl->room) {
		size_t room = bl->room == 0 ? FIRST_ROOM : 2 * bl->room;
		struct backlog_run *heap = realloc(bl->heap, room * sizeof(*heap));

		if (heap == NULL)
			return -ENOMEM;
		bl->heap = heap;
		bl->room = room;
	}
	bl->used++;
	while (at > 0) {
		size_t parent = (at - 1) / 2;

		if (!run_before(&run, &bl->heap[parent]))
			break;
		bl->heap[at] = bl->heap[parent];
		at = parent;
	}
	bl->heap[at] = run;
	return 0;
}

static void
heap_remove_first(struct backlog *bl)
{
	struct backlog_run last = bl->heap[--bl->used];
	size_t at = 0, child;

	for (; (child = 2 * at + 1) < bl->used; at = child) {
		if (child + 1 < bl->used &&
		    run_before(&bl->heap[child + 1], &bl->heap[child]))
			child++;
		if (!run_before(&bl->heap[child], &last))
			break;
		bl->heap[at] = bl->heap[child];
	}
	bl->heap[at] = last;
}

int
backlog_push(struct backlog *bl, uint64_t position, uint64_t end, int64_t priority)
{
	struct backlog_run *newest = &bl->newest;
	bool empty = newest->position == newest->end;

	assert(position >= newest->end && position < end);
	if (empty || newest->priority != priority || newest->end != position) {
		int rc = empty ? 0 : heap_add(bl, *newest);

		if (rc < 0)
			return rc;
		newest->position = position;
		newest->priority = priority;
	}
	newest->end = end;
	bl->count++;
	return 0;
}

/* The run that comes next, or NULL. */
static struct backlog_run *
first_run(struct backlog *bl)
{
	struct backlog_run *run = &bl->newest;

	if (bl->used > 0 &&
	    (run->position == run->end || run_before(&bl->heap[0], run)))
		run = &bl->heap[0];
	return run->position == run->end ? NULL : run;
}

int
backlog_peek(struct backlog *bl, uint64_t *ret_position)
{
	const struct backlog_run *run = first_run(bl);

	if (run == NULL)
		return 0;
	*ret_position = run->position;
	return 1;
}

void
backlog_pop(struct backlog *bl, uint64_t end)
{
	struct backlog_run *run = first_run(bl);

	assert(run != NULL && end > run->position && end <= run->end);
	/* Runs of one priority do not overlap, so the heap stays in order. */
	run->position = end;
	bl->count--;
	if (run != &bl->newest && run->position == run->end)
		heap_remove_first(bl);
}
