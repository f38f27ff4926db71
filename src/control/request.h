/* A request: a line cut into words, and the command that the first of them name. Pure.
 *
 * Each word may be abbreviated as long as only one word of the table can be meant in its
 * place: "sh q" is "show queues" until another "show q..." is added. A word written out
 * always means itself. The longest command that matches is taken; what stands behind it is
 * left to the caller, as arguments. */
#ifndef MQBRIDGE_CONTROL_REQUEST_H
#define MQBRIDGE_CONTROL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "control/server.h"

#define REQUEST_WORDS_MAX 256  /* in one line, without the "json" at its end */
#define REQUEST_WHY_MAX   1024 /* bytes of an explanation with its NUL */

struct control_command;

struct request {
	char text[CONTROL_LINE_MAX + 1];      /* the line, each word ended by a NUL */
	const char *words[REQUEST_WORDS_MAX]; /* in text; do not copy the struct */
	size_t n_words;
};

struct request_match {
	const struct control_command *command; /* borrowed from the table */
	size_t n_words; /* of the request name the command; the others are arguments */
};

/* Is the last word "json"? Asks for the form of the answer, whatever else is wrong. */
bool request_wants_json(const char *line, size_t len);

/* Cut a line, given without its newline, at its blanks; the "json" at its end is left out.
 * Returns 0, -EMSGSIZE (longer than CONTROL_LINE_MAX), -EILSEQ (control characters, or not
 * UTF-8) or -E2BIG (more than REQUEST_WORDS_MAX words). */
int request_split(struct request *ret, const char *line, size_t len) MUST_CHECK;

/* Find a command among the n of the table. Returns 0 or, with the reason in why as
 * printable text: -EINVAL (empty, or only the beginning of commands), -ENOENT (none is
 * called so; why names those that are near) or -ENOTUNIQ (a word may mean several). */
int request_match(struct request_match *ret, char why[REQUEST_WHY_MAX],
    const struct request *rq, const struct control_command *commands,
    size_t n) MUST_CHECK;

/* What a command takes behind its own words. */
struct request_arguments {
	size_t min, max; /* words, without the "yes" */
	bool confirms;   /* and a "yes" */
};
void request_arguments(struct request_arguments *ret, const struct control_command *cm);

/* Are these n words, without a "yes", such as stand behind its own? */
bool request_fits(
    const struct control_command *cm, const char *const *args, size_t n) MUST_CHECK;
/* Do both begin with the same words, all that are their own? */
bool request_same_words(
    const struct control_command *a, const struct control_command *b);

/* The word number i of its own, counted from 0; returns its length, 0 when it has none. */
size_t request_word(const struct control_command *cm, size_t i, const char **ret);
/* How many bytes of cm->words are words of its own, without the blank behind them. */
size_t request_words_len(const struct control_command *cm);
/* Where in cm->words the argument number i begins, counted from 0: "ROUTE [yes]"; the last if it
 * may be repeated; NULL: there is none. */
const char *request_argument(const struct control_command *cm, size_t i);

#endif
