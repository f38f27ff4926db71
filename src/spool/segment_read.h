/* Reading files that may be shorter than they should be, on disks that may not be read
 * everywhere. Private to segment*.c. */
#ifndef MQBRIDGE_SPOOL_SEGMENT_READ_H
#define MQBRIDGE_SPOOL_SEGMENT_READ_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* What is behind the file's end, or cannot be read (EIO), becomes 0. 0 or -errno. */
int segment_read(int fd, uint8_t *to, size_t len, uint64_t at) MUST_CHECK;

#endif
