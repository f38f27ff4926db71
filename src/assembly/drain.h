/* The last moments of a daemon: what was sent and is not acknowledged. After assembly_halt(). */
#ifndef MQBRIDGE_ASSEMBLY_DRAIN_H
#define MQBRIDGE_ASSEMBLY_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

struct assembly;

/* Does something still wait for acknowledgements, and do they still come? Times are those of
 * clock_monotonic_ms(). */
bool drain_is_busy(const struct assembly *as, uint64_t halted_ms, uint64_t now_ms);
uint64_t drain_in_flight(const struct assembly *as); /* messages */

#endif
