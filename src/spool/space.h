/* The share of a file system that the store leaves to others: asked before anything is
 * written to the state directory. */
#ifndef MQBRIDGE_SPOOL_SPACE_H
#define MQBRIDGE_SPOOL_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* The larger of the two stays free. All 0: nothing is kept. */
struct space_reserve {
	unsigned percent; /* of the whole file system */
	uint64_t bytes;
};

/* May need bytes more be taken of a file system of total bytes, of which available are free
 * to us? Pure. */
bool space_allows(const struct space_reserve *sr, uint64_t total, uint64_t available,
    uint64_t need) MUST_CHECK;

/* The same for the file system that fd is on: 0, -ENOSPC or another -errno. */
int space_check(int fd, const struct space_reserve *sr, uint64_t need) MUST_CHECK;

#endif
