/* The line to send, out of the words of a command line. Pure but for memory. */
#ifndef MQBRIDGE_CLIENT_COMPOSE_H
#define MQBRIDGE_CLIENT_COMPOSE_H

#include <stddef.h>

#include "base/compiler.h"

struct text;

/* Each behind a blank. What is an argument is put in quotes if it has to be (control/request.h), so that
 * it stays one word; but not what is of a body, and not what may be the words of a command, which
 * may come as one. "json" and "yes" at the end are names where the command would lack one else. Returns
 * 0 or -ENOMEM; the rest is in line->rc. */
int compose_words(struct text *line, const char *const *words, size_t n) MUST_CHECK;

#endif
