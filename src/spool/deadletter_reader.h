/* One dead letter read in pieces, so that its body needs no memory. Used by the disk thread. */
#ifndef MQBRIDGE_SPOOL_DEADLETTER_READER_H
#define MQBRIDGE_SPOOL_DEADLETTER_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "spool/deadletter.h"

struct deadletter_reader; /* opaque; holds the file open: it may be deleted meanwhile */

/* Open it and check all of it. -ENOENT; -EBADMSG: it was damaged, and set aside; or -errno. */
int deadletter_reader_open(struct deadletter_reader **ret, struct deadletters *dl,
    const struct deadletter_key *key) MUST_CHECK;
void deadletter_reader_close(struct deadletter_reader *rd); /* NULL is fine */

/* Borrowed until it is closed. Its rec has no body behind it. */
const struct deadletter *deadletter_reader_letter(const struct deadletter_reader *rd);
/* Is the body UTF-8 without a NUL? */
bool deadletter_reader_is_text(const struct deadletter_reader *rd);

/* The next at most max bytes of the body: their number, 0 at the end, or -errno. */
int64_t deadletter_reader_body(
    struct deadletter_reader *rd, uint8_t *bytes, size_t max) MUST_CHECK;

#endif
