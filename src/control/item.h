/* One item of an answer on the control socket while it is filled in. A failure is kept and
 * told at the end. */
#ifndef MQBRIDGE_CONTROL_ITEM_H
#define MQBRIDGE_CONTROL_ITEM_H

#include <stdint.h>

#include <jansson.h>

#include "base/compiler.h"

struct item {
	json_t *object;
	int rc; /* the first failure */
};

void item_begin(struct item *it);
/* What is not there, NULL or "", is null. Bytes that are not UTF-8 are quoted. */
void item_text(struct item *it, const char *member, const char *text);
void item_count(struct item *it, const char *member, uint64_t value);
void item_number(struct item *it, const char *member, int64_t value);
void item_real(struct item *it, const char *member, double value);
/* Takes over value; NULL: it could not be made. */
void item_value(struct item *it, const char *member, json_t *value);
void item_null(struct item *it, const char *member);
/* Into the array, or thrown away if something failed: 0 or -ENOMEM. */
int item_end(struct item *it, json_t *array) MUST_CHECK;

#endif
