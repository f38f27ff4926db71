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

/* Put a run to where it belongs at or below a place whose children are in order. */
static void
heap_sink(struct backlog *bl, size_t at, struct backlog_run run)
{
	size_t child;

	for (; (child = 2 * at + 1) < bl->used; at = child) {
		if (child + 1 < bl->used &&
		    run_before(&bl->heap[child + 1], &bl->heap[child]))
			child++;
		if (!run_before(&bl->heap[child], &run))
			break;
		bl->heap[at] = bl->heap[child];
	}
	bl->heap[at] = run;
}

static void
heap_remove_first(struct backlog *bl)
{
	bl->used--;
	heap_sink(bl, 0, bl->heap[bl->used]);
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

bool
backlog_peek(struct backlog *bl, uint64_t *ret_position, int64_t *ret_priority)
{
	const struct backlog_run *run = first_run(bl);

	if (run == NULL)
		return false;
	*ret_position = run->position;
	*ret_priority = run->priority;
	return true;
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

void
backlog_drop_before(struct backlog *bl, uint64_t position, uint64_t count)
{
	struct backlog_run *newest = &bl->newest;
	size_t kept = 0;

	for (size_t i = 0; i < bl->used; i++) {
		struct backlog_run run = bl->heap[i];

		if (run.position < position)
			run.position = position;
		if (run.position < run.end)
			bl->heap[kept++] = run;
	}
	bl->used = kept;
	for (size_t i = kept / 2; i-- > 0;)
		heap_sink(bl, i, bl->heap[i]);
	if (newest->position < position)
		newest->position = position < newest->end ? position : newest->end;
	bl->count -= count;
}
