/* The overflow logs that earlier runs left in the state directory. A stream finds its own; one
 * whose stream is gone, as after a power cut, is found by the route that stands for it. The rest
 * is kept as it is and logged (INVARIANTS I17). */
#ifndef MQBRIDGE_ASSEMBLY_FOUND_LOGS_H
#define MQBRIDGE_ASSEMBLY_FOUND_LOGS_H

#include "base/compiler.h"
#include "base/id.h"

struct found_logs; /* opaque */

/* Look through the directory. One that cannot be read is set aside under another name. 0 or
 * -errno, logged. */
int found_logs_open(struct found_logs **ret, int state_fd) MUST_CHECK;
/* Before that and before anything is renamed: what the runtime directory proves to have messages
 * in a log must be there, and whose log it is must be known. 0; or -errno, logged: the daemon must
 * not start. */
int found_logs_check(int runtime_fd, int state_fd) MUST_CHECK;
void found_logs_close(struct found_logs *fl); /* NULL is fine */

/* The id of the log of that stream; NULL: it has none. Each is found once. */
const struct id *found_logs_of(struct found_logs *fl, const struct id *stream);
/* The id of a log without stream, by what it was for; NULL: there is none. */
const struct id *found_logs_lost(
    struct found_logs *fl, const char *uri, const char *take, const char *label);
/* That one was not opened, and can be found again. */
void found_logs_give_back(struct found_logs *fl, const struct id *log);

/* One line each of what nobody found. */
void found_logs_report(const struct found_logs *fl);

#endif
