/* Reading files that may be shorter than they should be, on disks that may not be read
 * everywhere. Private to segment*.c. */
#ifndef MQBRIDGE_SPOOL_SEGMENT_READ_H
#define MQBRIDGE_SPOOL_SEGMENT_READ_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct segment_file;

/* What is behind the file's end becomes 0, and so do blocks that cannot be read (EIO), unless it is to be
 * strict. 0 or -errno. */
int segment_read(
    const struct segment_file *sf, uint8_t *to, size_t len, uint64_t at) MUST_CHECK;

#endif
