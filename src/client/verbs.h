/* The tables of commands: the daemon's, as the client learns it from "help", and what the client does
 * itself; or all of our version, which needs no daemon. */
#ifndef MQBRIDGE_CLIENT_VERBS_H
#define MQBRIDGE_CLIENT_VERBS_H

#include <stddef.h>

#include <jansson.h>

#include "base/compiler.h"

struct control_command;
struct query;

struct verbs {
	/* As in the daemon, but that they do nothing, and the client's own behind them; strings are in
	 * document, or static. Columns are known of the daemon's. */
	struct control_command *commands;
	size_t n;
	struct control_column *columns; /* of all of them */
	json_t *document;
};

/* Ask for the table; it belongs to the caller, verbs_done(). REPLY_DONE or an exit status with
 * the reason in qu->why. */
int verbs_ask(struct verbs *ret, struct query *qu) MUST_CHECK;
/* All of our version. Returns 0 or -ENOMEM. */
int verbs_built_in(struct verbs *ret) MUST_CHECK;
void verbs_done(struct verbs *ve);

/* The command that a line means; NULL: none, or the daemon has to say what is wrong with it. */
const struct control_command *verbs_find(const struct verbs *ve, const char *line);

/* The client's own, as in the tables. */
const struct control_command *verbs_own(size_t *ret_n);

#endif
