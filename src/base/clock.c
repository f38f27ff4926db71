#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_MS     INT64_C(1000000)

static int64_t
read_ns(clockid_t id)
{
	struct timespec ts = { 0 };

	/* Cannot fail for the fixed clocks that this file names. */
	(void)clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * NS_PER_SECOND + ts.tv_nsec;
}

int64_t
clock_monotonic_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t
clock_monotonic_ms(void)
{
	return (uint64_t)(clock_monotonic_ns() / NS_PER_MS);
}

uint64_t
clock_coarse_ms(void)
{
	return (uint64_t)(read_ns(CLOCK_MONOTONIC_COARSE) / NS_PER_MS);
}

int64_t
clock_boot_ns(void)
{
	return read_ns(CLOCK_BOOTTIME);
}

int64_t
clock_wall_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

struct timeval
clock_timeval(uint64_t ms)
{
	return (struct timeval){
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000),
	};
}

char *
clock_format(char *buf, size_t size, int64_t wall_ns)
{
	int64_t rest_ns = wall_ns % NS_PER_SECOND;
	time_t seconds = wall_ns / NS_PER_SECOND;
	struct tm tm = { 0 };
	size_t used;

	if (rest_ns < 0) { /* before 1970: the division rounds towards zero */
		rest_ns += NS_PER_SECOND;
		seconds--;
	}
	(void)gmtime_r(&seconds, &tm);
	used = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(buf + used, size - used, ".%03dZ", (int)(rest_ns / NS_PER_MS));
	return buf;
}
