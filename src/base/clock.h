/* Clocks. Nothing waits against the wall clock. */
#ifndef MQBRIDGE_BASE_CLOCK_H
#define MQBRIDGE_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

int64_t clock_monotonic_ns(void); /* CLOCK_MONOTONIC */
uint64_t clock_monotonic_ms(void);
/* The same clock as of the last tick of the kernel, 1 to 10 ms ago: costs a third. */
uint64_t clock_coarse_ms(void);
int64_t clock_boot_ns(void); /* CLOCK_BOOTTIME: goes on while suspended */
int64_t clock_wall_ns(void); /* CLOCK_REALTIME: for showing and for image files only */

/* As timers and socket options want it. */
struct timeval clock_timeval(uint64_t ms);

/* RFC 3339 with milliseconds, UTC, into buf (>= 30 bytes), which is returned. */
char *clock_format(char *buf, size_t size, int64_t wall_ns);

#endif
