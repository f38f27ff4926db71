#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spool/log_private.h"

/* Where that number is or would be. */
static size_t
segment_position(const struct log *lg, uint64_t number)
{
	size_t low = 0, high = lg->n_segments;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (lg->segments[middle]->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct log_segment *
log_find(const struct log *lg, uint64_t number)
{
	size_t at = segment_position(lg, number);

	if (at == lg->n_segments || lg->segments[at]->number != number)
		return NULL;
	return lg->segments[at];
}

static size_t
lane_position(const struct log *lg, int64_t priority)
{
	size_t low = 0, high = lg->n_lanes;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (lg->lanes[middle].priority > priority)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct log_lane *
log_lane_find(const struct log *lg, int64_t priority)
{
	size_t at = lane_position(lg, priority);

	if (at == lg->n_lanes || lg->lanes[at].priority != priority)
		return NULL;
	return &lg->lanes[at];
}

/* Room for one more; the new array, or NULL. */
static void *
more(void *at, size_t n, size_t *room, size_t size)
{
	void *ret;

	if (n < *room)
		return at;
	ret = realloc(at, (n == 0 ? 8 : 2 * n) * size);
	if (ret != NULL)
		*room = n == 0 ? 8 : 2 * n;
	return ret;
}

static struct log_lane *
lane_add(struct log *lg, int64_t priority)
{
	size_t at = lane_position(lg, priority);
	struct log_lane *lanes;

	if (at < lg->n_lanes && lg->lanes[at].priority == priority)
		return &lg->lanes[at];
	lanes = more(lg->lanes, lg->n_lanes, &lg->lanes_room, sizeof(*lanes));
	if (lanes == NULL)
		return NULL;
	lg->lanes = lanes;
	memmove(lanes + at + 1, lanes + at, (lg->n_lanes - at) * sizeof(*lanes));
	lanes[at] = (struct log_lane){ .priority = priority };
	lg->n_lanes++;
	if (at <= lg->top)
		lg->top++;
	return &lanes[at];
}

static void
lane_remove(struct log *lg, struct log_lane *ln)
{
	size_t at = (size_t)(ln - lg->lanes);

	lg->n_lanes--;
	memmove(ln, ln + 1, (lg->n_lanes - at) * sizeof(*ln));
	if (at < lg->top)
		lg->top--;
}

static void
top_update(struct log *lg)
{
	while (lg->top < lg->n_lanes && lg->lanes[lg->top].reading == NULL)
		lg->top++;
}

void
log_lane_update(struct log *lg, int64_t priority)
{
	struct log_lane *ln = log_lane_find(lg, priority);
	struct log_segment *sg = ln->reading;

	/* Only the last is ever appended to. */
	if (sg == NULL)
		sg = ln->last;
	while (sg != NULL && sg->read >= sg->end)
		sg = sg->next;
	ln->reading = sg;
	if (sg != NULL && (size_t)(ln - lg->lanes) < lg->top)
		lg->top = (size_t)(ln - lg->lanes);
	top_update(lg);
}

int
log_index_add(struct log *lg, struct log_segment *sg)
{
	struct log_segment **segments = more(lg->segments, lg->n_segments,
	    &lg->segments_room, sizeof(struct log_segment *));
	struct log_lane *ln;
	size_t at;

	if (segments == NULL)
		return -ENOMEM;
	lg->segments = segments;
	ln = lane_add(lg, sg->priority);
	if (ln == NULL)
		return -ENOMEM;
	assert(ln->last == NULL || ln->last->number < sg->number);
	at = segment_position(lg, sg->number);
	memmove(segments + at + 1, segments + at,
	    (lg->n_segments - at) * sizeof(struct log_segment *));
	segments[at] = sg;
	lg->n_segments++;
	sg->next = NULL;
	if (ln->last == NULL)
		ln->first = sg;
	else
		ln->last->next = sg;
	ln->last = sg;
	log_lane_update(lg, sg->priority);
	return 0;
}

void
log_index_remove(struct log *lg, struct log_segment *sg)
{
	struct log_lane *ln = log_lane_find(lg, sg->priority);
	struct log_segment *before = NULL;
	size_t at = segment_position(lg, sg->number);

	lg->n_segments--;
	memmove(lg->segments + at, lg->segments + at + 1,
	    (lg->n_segments - at) * sizeof(struct log_segment *));
	for (struct log_segment *it = ln->first; it != sg; it = it->next)
		before = it;
	if (before == NULL)
		ln->first = sg->next;
	else
		before->next = sg->next;
	if (ln->last == sg)
		ln->last = before;
	if (ln->reading == sg)
		ln->reading = sg->next;
	sg->next = NULL;
	if (ln->first == NULL)
		lane_remove(lg, ln);
	else
		log_lane_update(lg, ln->priority);
	top_update(lg);
}

void
log_segment_account(struct log *lg, struct log_segment *sg)
{
	uint64_t live = sg->settled < sg->end ? sg->end - sg->settled : 0;
	uint64_t skip = sg->skip_from >= sg->settled && sg->skip_to > sg->skip_from
			    ? sg->skip_to - sg->skip_from
			    : 0;

	live = skip < live ? live - skip : 0;
	lg->live += live - sg->live;
	sg->live = live;
}

void
log_segment_free(struct log *lg, struct log_segment *sg)
{
	if (sg == NULL)
		return;
	while (sg->chunks != NULL)
		log_chunk_free(lg, sg->chunks);
	free(sg);
}
