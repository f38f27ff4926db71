/* Bringing a running daemon from one configuration to another. All of it, or nothing:
 *
 * 1. what cannot change while it runs is refused;
 * 2. what can fail is made beside what runs: listeners, rings, streams, logs, targets, peers;
 * 3. if all of it could be made, what goes is parted from what stays, by steps that cannot fail, and
 *    what is new begins. Else what was made is undone, and nothing has changed.
 *
 * All three are one turn of the loop. docs/architecture.md, section "Reload". */
#ifndef MQBRIDGE_CHANGE_CHANGE_H
#define MQBRIDGE_CHANGE_CHANGE_H

#include <stdbool.h>

#include "base/compiler.h"
#include "config/conf.h"

struct assembly;
struct diff;

/* Who is told of each fault, as by conf_load(). */
struct change_faults {
	conf_fault_fn *tell;
	void *arg;
	int count;
	bool incomplete; /* not all could be undone, which is among the faults */
	/* One that is known before: what log_try() says, since it waits for the disk. It counts if a log
	 * must be made. */
	int log_rc;
	/* By change_check(), with its own argument: what cannot be tried without an effect on what runs. */
	conf_fault_fn *untried;
	void *untried_arg;
};

/* Could df, which leads from the configuration of as to conf, be applied? As far as can be
 * told without doing it: new addresses are listened at for a moment. cf->count tells, and
 * cf->untried of the rest. */
void change_check(struct assembly *as, const struct conf *conf, const struct diff *df,
    struct change_faults *cf);

/* Apply it: 0, and as uses conf, which is borrowed as the one before was, and the one before not
 * any more; or -errno, told in cf, and nothing has changed. */
int change_apply(struct assembly *as, const struct conf *conf, const struct diff *df,
    struct change_faults *cf) MUST_CHECK;

#endif
