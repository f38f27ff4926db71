/* How long something has lasted altogether. It is started and stopped any number of times; time
 * is an argument. Set all bytes to 0 to begin. */
#ifndef MQBRIDGE_BASE_STOPWATCH_H
#define MQBRIDGE_BASE_STOPWATCH_H

#include <stdint.h>

struct stopwatch {
	uint64_t since_ms; /* when it was started, 0: it is stopped */
	uint64_t total_ms; /* of all that ended */
};

/* now_ms is not 0. Nothing happens if it runs. */
static inline void
stopwatch_start(struct stopwatch *sw, uint64_t now_ms)
{
	if (sw->since_ms == 0)
		sw->since_ms = now_ms;
}

static inline void
stopwatch_stop(struct stopwatch *sw, uint64_t now_ms)
{
	if (sw->since_ms != 0 && now_ms > sw->since_ms)
		sw->total_ms += now_ms - sw->since_ms;
	sw->since_ms = 0;
}

static inline uint64_t
stopwatch_read_ms(const struct stopwatch *sw, uint64_t now_ms)
{
	if (sw->since_ms == 0 || now_ms <= sw->since_ms)
		return sw->total_ms;
	return sw->total_ms + now_ms - sw->since_ms;
}

#endif
