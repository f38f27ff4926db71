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
struct text;

struct request {
	char line[CONTROL_LINE_MAX + 1];      /* as it came, without the "json" */
	char text[CONTROL_LINE_MAX + 1];      /* the words there, each ended by a NUL */
	const char *words[REQUEST_WORDS_MAX]; /* in text; do not copy the struct */
	bool quoted[REQUEST_WORDS_MAX];       /* was it written in quotes? */
	size_t n_words;
};

struct request_match {
	const struct control_command *command; /* borrowed from the table */
	size_t n_words; /* of the request name the command; the others are arguments */
};

/* Is the last word "json"? Asks for the form of the answer, whatever else is wrong. */
bool request_wants_json(const char *line, size_t len);

/* Cut a line, given without its newline, at its blanks; the "json" at its end is left out. A word that
 * begins with a quote goes to the next one, behind which it ends; within, \" and \\ stand for a quote
 * and a backslash, \xNN for the byte with that hexadecimal number, which is not 00. It is
 * not empty. One that is not so is left as it is, for request_settle() to refuse. Returns 0, -EMSGSIZE (longer than CONTROL_LINE_MAX), -EILSEQ (control characters, or not
 * UTF-8) or -E2BIG (more than REQUEST_WORDS_MAX words). */
int request_split(struct request *ret, const char *line, size_t len) MUST_CHECK;

/* Find a command among the n of the table. Returns 0 or, with the reason in why as
 * printable text: -EINVAL (empty, or only the beginning of commands), -ENOENT (none is
 * called so; why names those that are near) or -ENOTUNIQ (a word may mean several). */
int request_match(struct request_match *ret, char why[REQUEST_WHY_MAX],
    const struct request *rq, const struct control_command *commands,
    size_t n) MUST_CHECK;

/* The command is known, its words are the first n_words: its BODY is cut at nothing but blanks, as a
 * quote there means itself. Returns 0, -E2BIG, or -EINVAL: a word begins with a quote, and is not
 * quoted as it should be. */
int request_settle(
    struct request *rq, const struct control_command *cm, size_t n_words) MUST_CHECK;
/* Is what a command takes as number i of its arguments the body of a message, or a part of it? */
bool request_is_body(const struct control_command *cm, size_t i);
/* Is the last argument the "yes" that a command may want? In quotes it is a name. */
bool request_confirms(
    const struct request *rq, const struct control_command *cm, size_t n_words);
/* And the one before a "json", which was hardly meant as a name? */
bool request_is_swapped(
    const struct request *rq, const struct control_command *cm, size_t n_words);
/* Write a word so that it is one of a request, in quotes if it has to be. */
void request_put_word(struct text *out, const char *word, bool in_quotes);

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
