/* The commands of the control socket: one table, given by the daemon, from which dispatch, help and
 * completion are made. A command fills a reply with items; text and JSON come from the same. */
#ifndef MQBRIDGE_CONTROL_COMMAND_H
#define MQBRIDGE_CONTROL_COMMAND_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#define CONTROL_WHY_MAX 512 /* bytes of a refusal with its NUL */

/* What run() returns when the command answers later, see below. */
#define CONTROL_LATER 1

/* What run() returns when the operator has to confirm: reply->error is the question. The
 * same request with "yes" as its last word is then the confirmed one. */
#define CONTROL_CONFIRM (-ECANCELED)

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
	/* NULL, or one line why it was refused; static, or in why, or lives as long as the context. */
	const char *error;
	char why[CONTROL_WHY_MAX]; /* room for such a line */
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

struct control_command {
	/* "show status": what the request line must be, abbreviable per word; single blanks.
	 * Behind it what else it takes, in capitals or brackets: "drop ID... [FORCE]": a
	 * word in brackets may be absent, one that ends in "..." may be repeated and is the
	 * last. "[yes]" at the very end: it may have to be confirmed. */
	const char *words;
	const char *help; /* one line */
	/* Ends with a NULL member, which is not the first. */
	const struct control_column *columns;
	int as_list; /* a single item is shown as "heading: value" lines */
	/* Returns 0 or -errno (then reply->error says why, or strerror() does). The client is told
	 * that it used the command wrongly (-EINVAL), may not (-EPERM, -EACCES), named what is
	 * not there (-ENOENT), must confirm (CONTROL_CONFIRM), or was refused (all others).
	 *
	 * Or CONTROL_LATER: the command has set reply->later and keeps reply. It ends it by
	 * control_reply_end() on a later turn of the loop, unless later->gone() came before.
	 * Either it fills in the reply as above, or, answering in lines of its own, it puts
	 * pieces, the next after later->taken(), at most CONTROL_PIECE_MAX each. */
	int (*run)(void *context, struct control_reply *reply);
};

#define CONTROL_PIECE_MAX (1UL << 20) /* bytes */

/* Not from within run(). The pieces together are whole lines, none empty; the line that ends
 * the answer is added at its end. Nothing is put in a reply that has items. */
void control_reply_put(struct control_reply *reply, const void *bytes, size_t len);
/* rc as returned by run(). reply is not to be used any more. After pieces an rc < 0 hangs up,
 * so that the client sees that the answer is not whole. */
void control_reply_end(struct control_reply *reply, int rc);

#endif
