/* From one request line to its answer: finds the command, runs it, writes text or JSON.
 * Adds the command "help", made from the table. Knows no sockets. */
#ifndef MQBRIDGE_CONTROL_ANSWER_H
#define MQBRIDGE_CONTROL_ANSWER_H

#include <stddef.h>

#include "base/compiler.h"
#include "control/reply.h"

struct control_caller;
struct control_spec;
struct text;

#define ANSWER_MAX                                                                     \
	(4UL << 20) /* bytes; a longer one is refused, which bounds a client */

struct answer;   /* one that comes later */
struct answerer; /* the table with "help" in it */

/* Copies the table of spec, but not what it points to. name and context stay borrowed until
 * answerer_free(). Returns 0 or -errno. */
int answerer_new(struct answerer **ret, const struct control_spec *spec) MUST_CHECK;
void answerer_free(struct answerer *an); /* NULL is fine */

struct answer_request {
	const char *line; /* without its newline */
	size_t len;
	const struct control_caller *caller; /* as long as the answer */
	enum reply_fault *fault; /* what became of it, when it ended; NULL: no matter */
};

/* Answer one request into out, which is empty and takes ANSWER_MAX bytes. What is wrong with
 * the request is an answer too. Returns 0, -ENOMEM, or 1: the answer comes later, *ret
 * belongs to the caller, and out, which stays borrowed, is filled by it. */
int answerer_run(struct answerer *an, struct answer **ret, struct text *out,
    const struct answer_request *request) MUST_CHECK;

/* ready(owner, rc) is called when out was filled: rc 0: there will be more, 1: that was the
 * end, or -errno: there is nothing to send but a hang-up. Never called from the three below. */
void answer_listen(struct answer *aw, void (*ready)(void *owner, int rc), void *owner);
/* What was in out is with the client; out is empty. */
void answer_taken(struct answer *aw);
/* Tells the command, unless it has ended the answer; NULL is fine. */
void answer_free(struct answer *aw);

#endif
