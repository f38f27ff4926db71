/* A command that goes on until something has come about: it looks again and again, tells a
 * line a second how far it is, and ends with the condition, with its time, or with its client.
 * Used by the loop's thread. */
#ifndef MQBRIDGE_COMMANDS_WATCH_H
#define MQBRIDGE_COMMANDS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "control/text.h"

struct commands_context;
struct control_reply;
struct event;
struct watch;

/* At once, with those that tap a route, so that other clients find a place. */
#define WATCHES_MAX 16

struct watch_ops {
	/* 0: not yet; else it has ended by watch_end() or will be. Not after that. */
	void (*look)(struct watch *wa);
	/* Lines on how far it is, each with its newline. */
	void (*tell)(struct watch *wa, struct text *out);
	/* It ended with rc: fill in the reply, or its error. Returns the rc for the client. */
	int (*fill)(struct watch *wa, struct control_reply *reply, int rc);
	/* Before the end, also when the client left: undo what lasts only as long as it. Frees. */
	void (*end)(struct watch *wa);
};

struct watch { /* first in its owner, which is malloc'ed */
	const struct watch_ops *ops;
	struct commands_context *cx;
	struct control_reply *reply;
	struct event *timer;
	uint64_t begun_ms, told_ms; /* CLOCK_MONOTONIC */
	uint64_t deadline_ms;       /* 0: none (any more) */
	bool telling;               /* a line is not with the client yet */
	bool ended;
	int rc;
};

/* Begin: what run() of the command returns, CONTROL_LATER or -errno; then ops->end() was not
 * called. timeout_ms: 0: none. */
int watch_begin(struct watch *wa, struct control_reply *reply,
    struct commands_context *cx, uint64_t timeout_ms) MUST_CHECK;
/* The answer goes on a later turn. rc: 0, CONTROL_UNREACHED or another -errno. */
void watch_end(struct watch *wa, int rc);
uint64_t watch_ms(const struct watch *wa); /* since it began */

/* One more of WATCHES_MAX: 0, or -EBUSY with the reason in the reply. */
int watch_admit(struct commands_context *cx, struct control_reply *reply) MUST_CHECK;
void watch_leave(struct commands_context *cx);

#endif
