/* Standard output for messages, of which none may be lost. */
#ifndef MQBRIDGE_TOOLS_IPCQ_OUTPUT_H
#define MQBRIDGE_TOOLS_IPCQ_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

/* Can anything be written there at all? */
bool output_is_open(int fd);

/* All of it, waiting for room also where fd does not block, and across signals. 0 or
 * -errno; then some of it may have been written. */
int output_write(int fd, const void *bytes, size_t len) MUST_CHECK;

#endif
