/* How often something took how long: counts in fixed buckets. Adding costs a few comparisons and
 * an increment. One thread adds, others may copy. Set all bytes to 0 to begin. */
#ifndef MQBRIDGE_BASE_HISTOGRAM_H
#define MQBRIDGE_BASE_HISTOGRAM_H

#include <stdint.h>

/* X(nanoseconds, seconds as text): the largest value of each bucket, a few in each power of
 * ten. The text is canonical for OpenMetrics. */
#define HISTOGRAM_LIST(X)                                                              \
	X(100000, "0.0001")                                                            \
	X(250000, "0.00025")                                                           \
	X(500000, "0.0005")                                                            \
	X(1000000, "0.001")                                                            \
	X(2500000, "0.0025")                                                           \
	X(5000000, "0.005")                                                            \
	X(10000000, "0.01")                                                            \
	X(25000000, "0.025")                                                           \
	X(50000000, "0.05")                                                            \
	X(100000000, "0.1")                                                            \
	X(250000000, "0.25")                                                           \
	X(500000000, "0.5")                                                            \
	X(1000000000, "1.0")                                                           \
	X(2500000000, "2.5")                                                           \
	X(5000000000, "5.0")                                                           \
	X(10000000000, "10.0")                                                         \
	X(60000000000, "60.0")                                                         \
	X(600000000000, "600.0")

enum {
#define HISTOGRAM_MEMBER(ns, text) HISTOGRAM_BOUND_##ns,
	HISTOGRAM_LIST(HISTOGRAM_MEMBER)
#undef HISTOGRAM_MEMBER
	    HISTOGRAM_BOUNDS /* how many */
};

struct histogram {
	uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* the last: above all bounds */
	uint64_t sum_ns;
};

extern const int64_t histogram_bounds_ns[HISTOGRAM_BOUNDS];
extern const char *const histogram_bounds_text[HISTOGRAM_BOUNDS]; /* seconds */

/* What is negative, as after a step of a clock, counts as 0. */
static inline void
histogram_add(struct histogram *hi, int64_t ns)
{
	unsigned i = 0;

	while (i < HISTOGRAM_BOUNDS && ns > histogram_bounds_ns[i])
		i++;
	/* With one writer a plain addition; the store is whole for who reads beside it. */
	__atomic_store_n(&hi->counts[i], hi->counts[i] + 1, __ATOMIC_RELAXED);
	if (ns > 0)
		__atomic_store_n(
		    &hi->sum_ns, hi->sum_ns + (uint64_t)ns, __ATOMIC_RELAXED);
}

/* Any thread. What is added meanwhile may be in some of it. */
void histogram_copy(struct histogram *ret, const struct histogram *hi);

#endif
