/* The faults of one configuration, gathered and then told in the order of lines.
 * Internal to the layer. */
#ifndef MQBRIDGE_CONFIG_FAULT_H
#define MQBRIDGE_CONFIG_FAULT_H

#include <stdarg.h>
#include <stddef.h>

#include "base/compiler.h"
#include "config/conf.h"

struct source;

struct fault {
	size_t
	    line; /* of the text as struct source joined it; 0: the file as a whole */
	size_t order;
	char *key;
	char *why;
};

struct fault_list {
	struct fault *items;
	size_t count;
	size_t room;
	size_t lost; /* for want of memory */
};

/* key and the words are copied. */
void fault_add(struct fault_list *fl, size_t line, const char *key, const char *fmt,
    ...) PRINTF_LIKE(4, 5);
void fault_vadd(struct fault_list *fl, size_t line, const char *key, const char *fmt,
    va_list args) PRINTF_LIKE(4, 0);

/* How many there are; at most INT_MAX. */
int fault_count(const struct fault_list *fl);

/* Tell all of them. */
void fault_report(
    struct fault_list *fl, const struct source *src, conf_fault_fn *fault, void *arg);
void fault_done(struct fault_list *fl);

#endif
