/* What is told of a command that only operators and admins may use: who asked for what, and
 * what became of it. */
#ifndef MQBRIDGE_CONTROL_CHANGE_H
#define MQBRIDGE_CONTROL_CHANGE_H

#include <stddef.h>

#include "base/compiler.h"
#include "control/reply.h"
#include "control/server.h" /* control_change_fn */

struct control_caller;
struct control_command;
struct control_reply;

struct control_change { /* borrowed while it is told */
	const struct control_caller *caller;
	/* The command, unabbreviated, and what stood behind it, as far as it is no body of a
	 * message: one line, printable UTF-8. */
	const char *request;
	enum reply_fault fault; /* REPLY_DONE: it was done */
	const char *why;        /* NULL: done; else why not, one line, printable */
};

/* The request of such a change, malloc'ed. Words of the request that stand where the table has
 * BODY are left out. NULL: memory is short. */
char *change_request(
    const struct control_command *cm, const struct control_reply *rp) MUST_CHECK;

#endif
