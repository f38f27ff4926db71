/* Ending between two messages and not within one: who has taken a message prints it before a
 * signal ends the program. */
#ifndef MQBRIDGE_TOOLS_IPCQ_STOP_H
#define MQBRIDGE_TOOLS_IPCQ_STOP_H

#include <stdbool.h>

#include "base/compiler.h"

/* From now on SIGINT, SIGTERM and SIGHUP, unless they are ignored, only ask to stop, and so
 * does the going of the reader when descriptor fd is a pipe or a socket: a thread watches it.
 * Calls that wait with IPCQ_INTERRUPTIBLE then say -EINTR, also when the signal came right
 * before them; writing to fd goes on. fd is -1 for who writes nothing: then every call ends.
 * 0 or -errno. */
int stop_catch(int fd) MUST_CHECK;

bool stop_asked(void);

/* End by the signal that asked, as if it had not been caught. */
void stop_die(void);

#endif
