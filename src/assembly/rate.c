#include "assembly/rate.h"

void
rate_add(struct rate *ra, uint64_t now_ms, uint64_t count)
{
	ra->at_ms[ra->next] = now_ms;
	ra->count[ra->next] = count;
	ra->next = (ra->next + 1) % RATE_SAMPLES;
	if (ra->n < RATE_SAMPLES)
		ra->n++;
}

double
rate_get(const struct rate *ra, uint64_t now_ms, uint64_t count)
{
	unsigned oldest = (ra->next + RATE_SAMPLES - ra->n) % RATE_SAMPLES;

	if (ra->n == 0 || now_ms <= ra->at_ms[oldest] || count < ra->count[oldest])
		return 0;
	return (double)(count - ra->count[oldest]) * 1000 /
	       (double)(now_ms - ra->at_ms[oldest]);
}
