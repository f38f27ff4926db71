/* Answers on a terminal: tables that fit it, states in colour. */
#ifndef MQBRIDGE_CLIENT_SCREEN_H
#define MQBRIDGE_CLIENT_SCREEN_H

#include <stdio.h>

#include "base/compiler.h"

struct query;
struct table_style;

/* What suits out: its width if it is a terminal, and colour unless NO_COLOR or TERM=dumb says
 * otherwise; all 0 if it is none. */
void screen_style(struct table_style *ret, FILE *out);

/* Does a line only show something? REPLY_DONE, -ENOTSUP: it does not, or an exit status with its
 * reason in qu->why. */
int screen_may_repeat(struct query *qu, const char *line) MUST_CHECK;

/* Answer a line that only shows something, laid out for the terminal. Returns the exit status
 * (a failure with its reason in qu->why), or -ENOTSUP: the line is of another kind, and was not
 * sent. */
int screen_show(FILE *out, struct query *qu, const char *line) MUST_CHECK;

#endif
