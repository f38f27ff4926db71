/* What differs between two configurations, and what a running daemon can make of it. Pure.
 *
 * Objects are compared that are enabled: one that is enabled now is added, one that is not any
 * more is removed. They are the same object when their name is (of a listener: its address). */
#ifndef MQBRIDGE_CONFIG_DIFF_H
#define MQBRIDGE_CONFIG_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct conf;

enum diff_kind { DIFF_DAEMON, DIFF_QUEUE, DIFF_LISTENER, DIFF_PEER, DIFF_ROUTE };
enum diff_change { DIFF_ADDED, DIFF_REMOVED, DIFF_CHANGED };

/* How a change of a key is applied; of several keys the last of these counts. */
enum diff_how {
	DIFF_IN_PLACE, /* while the object goes on */
	DIFF_REMAKE,   /* by ending the object and making it anew */
	DIFF_RESTART   /* not while the daemon runs */
};

struct diff_item {
	enum diff_kind kind;
	enum diff_change change;
	const char *name; /* as it would be shown; borrowed from the configurations */
	const void *before, *after; /* struct conf_queue and so on, or NULL; borrowed */
	enum diff_how how;          /* of what is changed */
	char **keys;                /* that changed: "heartbeat", "create.mode" */
	size_t n_keys;
};

struct diff {
	struct diff_item
	    *items; /* in the order of kinds; of each: removed, then the rest */
	size_t count;
};

/* *ret is as long as both configurations; diff_done(). 0 or -ENOMEM. */
int diff_make(
    struct diff *ret, const struct conf *before, const struct conf *after) MUST_CHECK;
void diff_done(struct diff *df); /* all zero is fine */

const struct diff_item *diff_find(
    const struct diff *df, enum diff_kind kind, const char *name);

const char *diff_kind_name(enum diff_kind kind);       /* "queue" */
const char *diff_change_name(enum diff_change change); /* "added" */

/* How is a change of that key applied: "receive_memory", "queues.create.mode". One that is not
 * known needs a restart. */
enum diff_how diff_how_of(const char *key);
/* Why a key of DIFF_RESTART cannot change, in words. */
const char *diff_why_not(const char *key);

#endif
