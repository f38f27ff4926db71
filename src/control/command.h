/* The commands of the control socket: one table, given by the daemon, from which dispatch, help and
 * completion are made. A command fills a reply with items; text and JSON come from the same. */
#ifndef MQBRIDGE_CONTROL_COMMAND_H
#define MQBRIDGE_CONTROL_COMMAND_H

#include <jansson.h>

struct control_reply {
	const char *kind; /* "status", "queues", ...; set by a command that returns 0 */
	/* Both are empty arrays when a command is run, are filled by it, and belong to the reply. */
	json_t *items;    /* of objects */
	json_t *warnings; /* of strings */
	/* NULL, or one line why it was refused; static, or lives as long as the context. */
	const char *error;
};

/* A column of the text form: the member of each item, and its heading. */
struct control_column {
	const char *member;
	const char *heading;
};

struct control_command {
	/* "show status": what the request line must be, abbreviable per word; single blanks. */
	const char *words;
	const char *help; /* one line */
	/* Ends with a NULL member, which is not the first. */
	const struct control_column *columns;
	int as_list; /* a single item is shown as "heading: value" lines */
	/* Returns 0 or -errno (then reply->error says why, or strerror() does). The client is told
	 * that it used the command wrongly (-EINVAL), may not (-EPERM, -EACCES), named what is
	 * not there (-ENOENT), or was refused (all others). */
	int (*run)(void *context, struct control_reply *reply);
};

#endif
