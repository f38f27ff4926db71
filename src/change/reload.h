/* Reading the configuration again while the daemon runs. It is read by a thread of its own, as
 * names of users may come from afar; then it is compared with the one in force and applied in one turn
 * of the loop (change/change.h), or refused as a whole. */
#ifndef MQBRIDGE_CHANGE_RELOAD_H
#define MQBRIDGE_CHANGE_RELOAD_H

#include <stdbool.h>

#include "base/compiler.h"

struct assembly;
struct conf;
struct control_reply;
struct event_base;
struct reload; /* opaque; used by the loop's thread */

struct reload_spec { /* all borrowed */
	struct event_base *base;
	const char *config; /* path */
	struct assembly *assembly;
	const bool *stopping; /* the daemon ends: nothing is applied any more */
	/* The one in force. It is replaced, and the one before is freed. */
	struct conf **conf;
	/* For what is no part of the assembly: make what conf needs beside what is in use, without
	 * keeping conf. 0 or -errno, and *ret_key says what of it cannot be used: nothing has changed.
	 * After 0 one of the others is called: use it from now on, or give it up. */
	int (*prepare)(void *owner, const struct conf *conf, const char **ret_key);
	void (*commit)(void *owner);
	void (*undo)(void *owner);
	/* Could prepare() succeed? 0; 1: it was not tried, as it has an effect on what is in use; or
	 * -errno. *ret_key as above, but after 0. */
	int (*try)(void *owner, const struct conf *conf, const char **ret_key);
	void *owner;
};

int reload_new(struct reload **ret, const struct reload_spec *spec) MUST_CHECK;
/* One that is under way is given up; its client must be gone. Its thread is not waited for if it
 * does not end at once, as when the disk or a name service does not answer. NULL is fine. */
void reload_free(struct reload *rl);

/* Begin: 0 and reply, if it is not NULL, will be ended; or -EBUSY: one is under way. check: only
 * say what would be done. */
int reload_begin(struct reload *rl, bool check, struct control_reply *reply) MUST_CHECK;
/* The client that asked has left. */
void reload_forget(struct reload *rl);
/* SIGHUP: now, or after the one that is under way. */
void reload_signal(struct reload *rl);

#endif
