/* The commands of the control socket: one table, given by the daemon, from which dispatch, help and
 * completion are made. A command fills a reply with items; text and JSON come from the same. */
#ifndef MQBRIDGE_CONTROL_COMMAND_H
#define MQBRIDGE_CONTROL_COMMAND_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <jansson.h>

#include "base/compiler.h"

struct text;

#define CONTROL_WHY_MAX 512 /* bytes of a refusal with its NUL */

/* What run() returns when the command answers later, see below. */
#define CONTROL_LATER 1

/* What run() returns when the operator has to confirm: reply->error is the question. The
 * same request with "yes" as its last word is then the confirmed one. */
#define CONTROL_CONFIRM (-ECANCELED)

/* What run() returns, or an answer ends with, when what was waited for did not come. */
#define CONTROL_UNREACHED (-ETIME)

/* Who may use a command; each may do what those before it may. A viewer looks; an operator
 * does what can be undone, and sees the bodies of messages; an admin does what cannot be
 * undone, and what changes the configuration. */
enum control_role {
	CONTROL_VIEWER = 1, /* 0 is none, so that a command without a role is noticed */
	CONTROL_OPERATOR,
	CONTROL_ADMIN,
};

/* The process that connected, as it was then. */
struct control_caller {
	uid_t uid;
	gid_t gid;
	pid_t pid; /* 0: it is not in our pid namespace */
	enum control_role role;
};

struct control_later {
	/* Everything that was put is with the client: put more, or end. */
	void (*taken)(void *owner);
	/* The client has left, and the reply with it. */
	void (*gone)(void *owner);
};

struct control_reply {
	const char *kind; /* "status", "queues", ...; set by a command that returns 0 */
	/* Both are empty arrays when a command is run, are filled by it, and belong to the reply. */
	json_t *items;    /* of objects */
	json_t *warnings; /* of strings */
	/* Items before those, as control_reply_write() leaves them; NULL: none. */
	const struct text *written;
	/* NULL, or one line why it was refused; static, or in why, or lives as long as the context. */
	const char *error;
	char why[CONTROL_WHY_MAX];           /* room for such a line */
	const struct control_caller *caller; /* as long as the reply */
	bool as_json;                        /* for pieces; items become either */
	/* Words behind those of the command, as many as it takes; until run() returns. */
	const char *const *args;
	size_t n_args;
	bool confirmed; /* "yes" was the last of them; it is not counted */
	/* Set by a command that answers later, with its owner. */
	const struct control_later *later;
	void *owner;
};

/* A column of the text form: the member of each item, and its heading. */
struct control_column {
	const char *member;
	const char *heading;
};

struct control_command { // NOLINT(clang-analyzer-optin.performance.Padding)
	/* "show status": what the request line must be, abbreviable per word; single blanks.
	 * Behind it what else it takes, in capitals or brackets: "drop ID... [FORCE]": a
	 * word in brackets may be absent, or several: "[timeout D]"; one that ends in "..."
	 * may be repeated and is the last. It may be one of several, "ROUTE|all"; words in
	 * small letters then stand for themselves. ROUTE, PEER, QUEUE, LETTER-ID, HELD-ID,
	 * STREAM-ID and AREA are completed with what the daemon has (client/complete.c); "[route|peer]"
	 * before "ROUTE|PEER" says which of both. A BODY is never logged. "[yes]" at the very end: it may have to be confirmed.
	 *
	 * Several commands may begin with the same words: the first is meant that takes so many
	 * words more, and has the first of them, until one in brackets comes, where they stand in small
	 * letters: "tap ROUTE body" goes before "tap ROUTE [every N]". */
	const char *words;
	enum control_role role; /* the least that may use it; never 0 */
	const char *help;       /* one line */
	/* Ends with a NULL member, which is not the first. */
	const struct control_column *columns;
	int as_list; /* a single item is shown as "heading: value" lines */
	/* Returns 0 or -errno (then reply->error says why, or strerror() does). The client is told
	 * that it used the command wrongly (-EINVAL), may not (-EPERM, -EACCES), named what is
	 * not there (-ENOENT), must confirm (CONTROL_CONFIRM), waited in vain
	 * (CONTROL_UNREACHED), or was refused (all others). That the caller's role is high
	 * enough has been checked.
	 *
	 * Or CONTROL_LATER: the command has set reply->later and keeps reply. It ends it by
	 * control_reply_end() on a later turn of the loop, unless later->gone() came before.
	 * It fills in the reply as above. Before that it may put pieces, which are lines of its
	 * own, the next after later->taken(), at most CONTROL_PIECE_MAX each: with as_json
	 * each line is a JSON object without the member "schema", else it begins neither with
	 * "error: " nor with "warning: ". */
	int (*run)(void *context, struct control_reply *reply);
};

/* Why it was refused, in a line that names the object: rc, for run() to return. */
int control_reply_refuse(struct control_reply *reply, int rc, const char *format, ...)
    PRINTF_LIKE(3, 4);

#define CONTROL_PIECE_MAX (1UL << 20) /* bytes */

/* What items has is written now if its form allows that, and items is empty again. For those who make
 * many on several turns of the loop: at the end of the answer little is left to do. */
void control_reply_write(struct control_reply *reply);

/* Not from within run(). The pieces together are whole lines, none empty; what ends the
 * answer is added at its end. */
void control_reply_put(struct control_reply *reply, const void *bytes, size_t len);
/* rc as returned by run(). reply is not to be used any more. After pieces an rc of 0 without
 * a reply->kind ends the answer with no more than its empty line; with it the reply is
 * written behind the pieces; an rc < 0 writes the error there, or hangs up in the middle of
 * a line, so that the client sees that the answer is not whole. */
void control_reply_end(struct control_reply *reply, int rc);

#endif
