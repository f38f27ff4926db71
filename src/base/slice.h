/* Work that would hold up the loop is done in slices, each on a turn of its own: what else the
 * loop has to do goes first. */
#ifndef MQBRIDGE_BASE_SLICE_H
#define MQBRIDGE_BASE_SLICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define SLICE_NS    (2 * INT64_C(1000000))
#define SLICE_ITEMS 100

struct slice {
	int64_t until_ns; /* CLOCK_MONOTONIC */
	unsigned left;    /* items */
};

static inline void
slice_begin(struct slice *sl)
{
	*sl = (struct slice){ clock_monotonic_ns() + SLICE_NS, SLICE_ITEMS };
}

/* May one more item be worked on? The first always. */
static inline bool
slice_has_room(struct slice *sl)
{
	if (sl->left == 0 ||
	    (sl->left < SLICE_ITEMS && clock_monotonic_ns() >= sl->until_ns))
		return false;
	sl->left--;
	return true;
}

#endif
