/* The listener for metrics and for the status page, as the configuration wants it. */
#ifndef MQBRIDGE_DAEMON_MONITOR_H
#define MQBRIDGE_DAEMON_MONITOR_H

#include <stdbool.h>

#include "base/compiler.h"

struct activation;
struct commands_context;
struct conf;
struct event_base;
struct monitor; /* opaque; used by the loop's thread */

/* Nothing listens yet. base and context are borrowed until monitor_free(). 0 or -ENOMEM. */
int monitor_new(struct monitor **ret, struct event_base *base,
    struct commands_context *context) MUST_CHECK;
void monitor_free(struct monitor *mo); /* NULL is fine; the loop must turn once more */

/* Listen as conf wants it, at start and after each reload, on the socket that the service manager has
 * for it, if it has one; what is as it was goes on. First what is new is made beside what listens; conf
 * is not kept. 0 or -errno, logged, and nothing has changed. Then one of the others is called. */
int monitor_prepare(struct monitor *mo, const struct conf *conf,
    struct activation *activation) MUST_CHECK;
void monitor_commit(struct monitor *mo, struct activation *activation);
void monitor_undo(struct monitor *mo, struct activation *activation);
/* Would the one that listens have to be silent for the one that conf wants? */
bool monitor_must_move(const struct monitor *mo, const struct conf *conf,
    const struct activation *activation);

#endif
