/* When to dial again: at once, then decorrelated jitter. Pure. */
#ifndef MQBRIDGE_LINK_BACKOFF_H
#define MQBRIDGE_LINK_BACKOFF_H

#include <stdint.h>

#define BACKOFF_MIN_MS 25
#define BACKOFF_MAX_MS 10000

struct backoff {
	uint32_t last_ms; /* 0: no failure since the last success */
};

/* The pause before the next attempt: the first within 50 ms, then between BACKOFF_MIN_MS and three
 * times the last pause, at most BACKOFF_MAX_MS, so that peers that failed together part. */
uint32_t backoff_next(struct backoff *bo, uint32_t random);
void backoff_reset(struct backoff *bo); /* a connection proved good */

#endif
