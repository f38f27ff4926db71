/* A command that shows many objects: its items are made some a turn of the loop, so that no
 * other work waits for them. */
#ifndef MQBRIDGE_COMMANDS_LISTING_H
#define MQBRIDGE_COMMANDS_LISTING_H

#include <stddef.h>

#include "base/compiler.h"

struct commands_context;
struct control_reply;

/* Put object number i into the reply's items: 1; or 0: there is no such object any more, the list
 * is at its end; or -errno. What comes or goes between two turns may be missing, or be there
 * twice. */
typedef int listing_step(
    const struct commands_context *cx, struct control_reply *reply, size_t i);

/* What a command returns, with reply->kind set before: 0, -errno, or CONTROL_LATER when one turn
 * was not enough. cx is borrowed until the answer ends. */
int listing_run(const struct commands_context *cx, struct control_reply *reply,
    listing_step *step) MUST_CHECK;

#endif
