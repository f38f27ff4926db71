#include "link/backoff.h"

#define FIRST_SPREAD_MS 25 /* the first pause is below BACKOFF_MIN_MS + this */

uint32_t
backoff_next(struct backoff *bo, uint32_t random)
{
	uint32_t spread = FIRST_SPREAD_MS;
	uint32_t ms;

	if (bo->last_ms > 0)
		spread = bo->last_ms * 3 - BACKOFF_MIN_MS;
	ms = BACKOFF_MIN_MS + random % spread;
	bo->last_ms = ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
	return bo->last_ms;
}

void
backoff_reset(struct backoff *bo)
{
	bo->last_ms = 0;
}
