/* Answers: a filled reply as text for people or as one line of JSON for programs, errors,
 * and what an answer says about its request. Pure.
 *
 * Every answer ends with an empty line and holds no other: strings pass through quote(), and
 * an empty one is shown as "". Text: a row of headings and a row for each item, numbers to
 * the right; a single item of a command with as_list as lines "heading: value"; then lines
 * "warning: ...". Null is "-", arrays are joined with ", ". */
#ifndef MQBRIDGE_CONTROL_REPLY_H
#define MQBRIDGE_CONTROL_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/compiler.h"

struct control_command;
struct control_reply;
struct text;

#define REPLY_SCHEMA "org.mqbridge/1" /* docs/control.schema.json */

/* What became of a request. Of a fault text says "error: " and, but for a refusal, its kind
 * and ": "; JSON has the kind as "code". The numbers are mqbridgectl's exit status. */
enum reply_fault {
	REPLY_DONE = 0,
	REPLY_REFUSED = 1,   /* "refused" */
	REPLY_USAGE = 2,     /* "usage" */
	REPLY_DENIED = 4,    /* "not permitted", "not-permitted" */
	REPLY_ABSENT = 5,    /* "no such object", "no-such-object" */
	REPLY_UNREACHED = 6, /* "condition not reached", "condition-not-reached" */
	REPLY_WARNED = 7,    /* no fault: done, with warnings */
	REPLY_CONFIRM = 8,   /* "confirm"; no exit status: the client asks its user */
};

/* The kind of fault of what a command's run() returned. */
enum reply_fault reply_fault_of(int rc);

/* Write an answer; failures are kept in out. */
void reply_write_text(
    struct text *out, const struct control_command *cm, const struct control_reply *rp);
void reply_write_json(struct text *out, const char *name, int64_t wall_ns,
    const struct control_reply *rp);
/* Only items, one behind the other, and behind those that out has: what rp->written is of. */
void reply_write_items(struct text *out, const json_t *items);
/* why must be UTF-8 without control characters. */
void reply_write_error(
    struct text *out, int as_json, enum reply_fault fault, const char *why);

/* Lines "warning: ..." of an array of strings. */
void reply_write_warnings(struct text *out, const json_t *warnings);

/* The same with the warnings of rp behind it: more of why. */
void reply_write_refusal(struct text *out, const struct control_reply *rp,
    enum reply_fault fault, const char *why);

/* What a whole answer says: a value of enum reply_fault, or -EBADMSG when as_json and it is
 * neither a document of this schema nor an error. */
int reply_read(const char *answer, size_t len, int as_json) MUST_CHECK;

#endif
