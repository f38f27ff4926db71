#include "base/histogram.h"

#define BOUND_NS(ns, text)   INT64_C(ns),
#define BOUND_TEXT(ns, text) text,

const int64_t histogram_bounds_ns[HISTOGRAM_BOUNDS] = { HISTOGRAM_LIST(BOUND_NS) };
const char *const histogram_bounds_text[HISTOGRAM_BOUNDS] = { HISTOGRAM_LIST(
    BOUND_TEXT) };

void
histogram_copy(struct histogram *ret, const struct histogram *hi)
{
	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++)
		ret->counts[i] = __atomic_load_n(&hi->counts[i], __ATOMIC_RELAXED);
	ret->sum_ns = __atomic_load_n(&hi->sum_ns, __ATOMIC_RELAXED);
}
