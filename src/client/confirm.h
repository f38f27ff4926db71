/* Asking the user whether what cannot be undone shall be done. */
#ifndef MQBRIDGE_CLIENT_CONFIRM_H
#define MQBRIDGE_CLIENT_CONFIRM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/compiler.h"

struct text;

/* The question in the daemon's answer that something has to be confirmed; malloc'ed. NULL:
 * memory is short. */
char *confirm_question(const struct text *answer, bool as_json) MUST_CHECK;

/* Ask on out, read a line of in; anything but "y" and "yes" is no. */
bool confirm_ask(FILE *in, FILE *out, const char *question) MUST_CHECK;

#endif
