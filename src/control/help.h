/* What commands there are, and how each is used: "help", of the daemon and of its client. Pure. */
#ifndef MQBRIDGE_CONTROL_HELP_H
#define MQBRIDGE_CONTROL_HELP_H

#include <stddef.h>

#include "base/compiler.h"

struct control_command;
struct control_reply;

/* Its own row of a table, but for run(). */
extern const struct control_command help_command;

/* Fill the reply with those of the n commands that the words in reply->args mean, which may be
 * abbreviated, and which may be those of a whole request: all without one. Returns 0 or -errno
 * as of run(); -EINVAL: no command is called so. */
int help_run(struct control_reply *reply, const struct control_command *commands,
    size_t n) MUST_CHECK;

#endif
