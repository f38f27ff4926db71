/* A point in time that ties the runtime clock to the clocks of the machine, kept in the files
 * "epoch" and "image" so that ages go on over a restart and a reboot. Pure but for
 * anchor_boot(). INVARIANTS I22. */
#ifndef MQBRIDGE_SPOOL_ANCHOR_H
#define MQBRIDGE_SPOOL_ANCHOR_H

#include <stdint.h>

#include "base/id.h"

struct anchor {
	struct id boot;   /* of the kernel's boot; all zero: not known */
	int64_t boot_ns;  /* CLOCK_BOOTTIME */
	int64_t wall_ns;  /* CLOCK_REALTIME */
	int64_t clock_ns; /* the runtime clock at that moment */
};

/* The kernel's boot id, all zero where it cannot be read. */
void anchor_boot(struct id *ret);

/* What to add to CLOCK_BOOTTIME from now on (clock_ns of now is not used): within one boot as
 * before; over a reboot the clock goes on by the wall clock; backwards never. Times
 * that no clock shows count as 0. */
int64_t anchor_offset(const struct anchor *saved, const struct anchor *now);

#endif
