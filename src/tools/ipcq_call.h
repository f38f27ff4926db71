/* One call of ipcq: its words, read and checked. */
#ifndef MQBRIDGE_TOOLS_IPCQ_CALL_H
#define MQBRIDGE_TOOLS_IPCQ_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"
#include "lib/ipcq.h"
#include "tools/ipcq_message.h"

#define CALL_PROGRAM "ipcq"

/* Exit statuses. 3 is left out: mqbridgectl has it for a daemon that does not answer, and
 * ipcq needs none. */
enum call_status {
	CALL_DONE = 0,
	CALL_FAILED = 1,
	CALL_USAGE = 2,
	CALL_DENIED = 4,
	CALL_ABSENT = 5,
	CALL_UNREADY = 6, /* empty, full or timed out */
};

/* Options, as bits of a set. */
#define CALL_MAX_MESSAGES 0x000001u
#define CALL_MESSAGE_SIZE 0x000002u
#define CALL_MAX_BYTES    0x000004u
#define CALL_MODE         0x000008u
#define CALL_EXCLUSIVE    0x000010u
#define CALL_OWNER        0x000020u
#define CALL_GROUP        0x000040u
#define CALL_PRIORITY     0x000080u
#define CALL_TYPE         0x000100u
#define CALL_EXCEPT       0x000200u
#define CALL_TIMEOUT      0x000400u
#define CALL_NONBLOCK     0x000800u
#define CALL_FILE         0x001000u
#define CALL_LINES        0x002000u
#define CALL_COUNT        0x004000u
#define CALL_ALL          0x008000u
#define CALL_FOLLOW       0x010000u
#define CALL_OUTPUT       0x020000u
#define CALL_JSON         0x040000u
#define CALL_POSITION     0x080000u
#define CALL_SPLIT        0x100000u

struct call {
	FILE *in;
	FILE *out;
	FILE *err;
	const struct call_command *command;
	unsigned given;      /* options */
	const char *uri;     /* NULL when the command has none */
	enum ipcq_kind kind; /* of uri */
	const char *message; /* send: the word, NULL when there is none */
	const char *file;    /* --file */
	int64_t type;        /* --priority, --type or --except */
	uint64_t timeout_ms; /* --timeout */
	uint64_t count;      /* --count */
	uint64_t position;   /* --position */
	enum message_form output;
	struct ipcq_create create; /* also what set is to change */
};

/* A row of the table of commands. */
struct call_command {
	const char *name;
	const char *synopsis; /* what follows the name */
	const char *brief;    /* one line */
	const char *help;     /* whole lines */
	unsigned options;
	bool has_uri;
	bool may_be_private;
	bool has_message;
	int (*run)(struct call *ca); /* returns the exit status */
};

/* Say on err what is wrong with the words: "WHAT WHY". Returns CALL_USAGE. */
int call_usage(const struct call *ca, const char *what, const char *why);

/* Read the words behind the name of the command, which is argv[0]. Returns 0; 1: --help was
 * among them; or CALL_USAGE, which was said. */
int call_read(struct call *ca, int argc, char **argv) MUST_CHECK;

#endif
