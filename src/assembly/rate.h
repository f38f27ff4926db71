/* How fast a counter has grown over the last seconds. Pure. */
#ifndef MQBRIDGE_ASSEMBLY_RATE_H
#define MQBRIDGE_ASSEMBLY_RATE_H

#include <stdint.h>

#define RATE_SAMPLES 6 /* with one a second the rate is that of five to six seconds */

struct rate { /* all 0 to begin */
	uint64_t at_ms[RATE_SAMPLES], count[RATE_SAMPLES];
	unsigned next, n;
};

void rate_add(struct rate *ra, uint64_t now_ms, uint64_t count);
/* A second, from the oldest sample until now; 0 without one. A counter that fell began anew. */
double rate_get(const struct rate *ra, uint64_t now_ms, uint64_t count);

#endif
