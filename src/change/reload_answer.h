/* What a reload says: in its answer on the control socket, if one waits, and in the log. */
#ifndef MQBRIDGE_CHANGE_RELOAD_ANSWER_H
#define MQBRIDGE_CHANGE_RELOAD_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct assembly;
struct conf;
struct control_reply;
struct diff;

#define RELOAD_FAULTS 256 /* told of one reload; more are only counted */

/* "file:line: key: why", in order. All 0 at first. */
struct reload_faults {
	char *texts[RELOAD_FAULTS];
	size_t n, count; /* of them there; of all */
	bool incomplete; /* as one of them tells, something was changed */
};

/* A conf_fault_fn: one more, copied. */
void reload_fault(
    void *faults, const char *file, int line, const char *key, const char *why);
void reload_faults_done(struct reload_faults *rf);

struct reload_answer {
	bool check;                  /* nothing is applied */
	struct control_reply *reply; /* NULL: only the log */
	/* What a check says it has not tried. */
	const struct reload_faults *untried;
};

/* What an operator should know of a change, df, that as has not made yet. 0 or -ENOMEM. */
int reload_answer_warn(const struct reload_answer *ra, const struct assembly *as,
    const struct conf *after, const struct diff *df) MUST_CHECK;
/* Both end the reply. */
void reload_answer_done(const struct reload_answer *ra, const struct diff *df);
void reload_answer_refuse(
    const struct reload_answer *ra, const char *config, const struct reload_faults *rf);

#endif
