/* The items of an answer as text for people: a row of headings and a row for each, numbers to the
 * right; or a single one, or those too wide for a terminal, as lines "heading: value". Pure. */
#ifndef MQBRIDGE_CONTROL_TABLE_H
#define MQBRIDGE_CONTROL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

struct control_command;
struct text;

#define TABLE_CELL_MAX 4096 /* bytes; a longer value is cut and ends in "..." */

struct table_style {
	size_t width; /* of the terminal, in characters; 0: lines of any length */
	bool colour;  /* of states and headings, by escape sequences of ECMA-48 */
};

/* With the columns of the command. Failures are kept in out. */
void table_write(struct text *out, const struct control_command *cm,
    const json_t *items, const struct table_style *style);

/* One value into tx, which is emptied first: never empty, and printable. NULL stands for an
 * absent member. */
void table_value(struct text *tx, const json_t *value);

#endif
