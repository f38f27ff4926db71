/* What may stand where in a command: follows words through a row of the table (control/command.h).
 * Groups in brackets that begin with a word in small letters may come in any order. Pure. */
#ifndef MQBRIDGE_CLIENT_GRAMMAR_H
#define MQBRIDGE_CLIENT_GRAMMAR_H

#include <stddef.h>

/* One word that may come: of the row itself, or in capitals what it stands for; not ended by a NUL. */
typedef void grammar_fn(void *owner, const char *word, size_t len);

/* Returns how many of the n words are words of the row's own, which may be abbreviated, or -1: they do not
 * begin this command. If so, and next is not NULL, it is called with each that may follow. */
int grammar_follow(
    const char *row, const char *const *words, size_t n, grammar_fn *next, void *owner);

#endif
