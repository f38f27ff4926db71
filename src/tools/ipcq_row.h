/* What is known of a queue, for people and for programs. */
#ifndef MQBRIDGE_TOOLS_IPCQ_ROW_H
#define MQBRIDGE_TOOLS_IPCQ_ROW_H

#include <jansson.h>
#include <stdio.h>

#include "base/compiler.h"
#include "lib/ipcq.h"

/* uri: the name to show, which may be another one than that of the list. */

/* Belongs to the caller; NULL: no memory. What is not known is null. */
json_t *row_json(const struct ipcq_listed *li, const char *uri) MUST_CHECK;
/* A line for each thing: "name: value"; "-" when it is not known. */
void row_print_lines(const struct ipcq_listed *li, const char *uri, FILE *out);
/* A line of the table; NULL: its headings. The name is last, as it may hold blanks. */
void row_print(const struct ipcq_listed *li, FILE *out);

#endif
