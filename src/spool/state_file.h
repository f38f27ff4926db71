/* Which files of the runtime directory are the state: "ring-<id>", "stream-<id>", "log-<id>" and
 * "marks".
 * The epoch, the lock and the control socket are not. Pure. */
#ifndef MQBRIDGE_SPOOL_STATE_FILE_H
#define MQBRIDGE_SPOOL_STATE_FILE_H

#include <stdbool.h>

#define STATE_FILE_NAME 64 /* bytes with NUL */

/* Numbers are part of the image's format. */
enum state_file_kind {
	STATE_FILE_NONE = 0,
	STATE_FILE_RING = 1,
	STATE_FILE_STREAM = 2,
	STATE_FILE_MARKS = 3,
	STATE_FILE_LOG = 4,
};

enum state_file_kind state_file_kind(const char *name);
bool state_file_is(const char *name); /* kind is not NONE */

/* What a kill left of a file of the state, or of the epoch, that was being made: its name
 * with a suffix behind a dot. */
bool state_file_is_temporary(const char *name);

#endif
