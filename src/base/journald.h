/* Lines for systemd's journal, with fields, by its native protocol: one datagram a line. */
#ifndef MQBRIDGE_BASE_JOURNALD_H
#define MQBRIDGE_BASE_JOURNALD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct log_line;

#define JOURNALD_ENTRY_MAX 8192 /* bytes; more than a line and four names take */

/* Is our stderr the journal, as JOURNAL_STREAM says? Then its fields can be had too. */
bool journald_is_stderr(void);

/* The line as the journal reads it into buf; the length, or -E2BIG. Fields: MESSAGE, PRIORITY,
 * SYSLOG_IDENTIFIER, MQB_AREA; of events MESSAGE_ID, MQB_EVENT, and MQB_ROUTE, MQB_PEER,
 * MQB_QUEUE, MQB_REASON as far as they are told; MQB_REPEATED. */
int journald_format(
    char buf[JOURNALD_ENTRY_MAX], const struct log_line *ln, int priority) MUST_CHECK;

/* Send it, by *fd, a socket that is opened when it is -1. Never waits. 0 or -errno; -EAGAIN: the
 * journal hangs, and the line is lost. */
int journald_send(int *fd, const char *entry, size_t len) MUST_CHECK;

#endif
