/* Which dead letters a command means: ROUTE, ID... or "all". */
#ifndef MQBRIDGE_COMMANDS_LETTERS_CHOICE_H
#define MQBRIDGE_COMMANDS_LETTERS_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "spool/deadletter.h"

struct commands_context;
struct control_reply;

struct letters_choice {
	char *route;                 /* all of that route; NULL, and no keys: all */
	struct deadletter_key *keys; /* these, or those that there were at some time */
	size_t n_keys;
	bool by_id; /* the operator named each */
};

/* From the words of a request; none, and the word "all", mean all. 0, or -errno with the reason
 * in the reply. */
int letters_choice_parse(struct letters_choice *ret, const struct commands_context *cx,
    struct control_reply *reply) MUST_CHECK;
void letters_choice_done(struct letters_choice *lc);

/* Put in keys what there is now; those that are held for a decision are left out and counted. 0
 * or -ENOMEM. */
int letters_choice_fix(
    struct letters_choice *lc, struct deadletters *dl, uint64_t *ret_held) MUST_CHECK;

/* "dead letter 17-3fa9c1d2", "3 dead letters of route orders", "all 12 dead letters": for a
 * question and the log. Fixed ones only. */
void letters_choice_format(const struct letters_choice *lc, char *text, size_t size);

#endif
