/* One run of conf_load(): what its parts share. Internal to the layer. */
#ifndef MQBRIDGE_CONFIG_LOAD_H
#define MQBRIDGE_CONFIG_LOAD_H

#include <libconfig.h>

#include "base/compiler.h"
#include "config/conf.h"
#include "config/fault.h"
#include "config/source.h"

struct load {
	struct conf *cf;
	struct source src;
	struct fault_list faults;
	config_t lc;
	size_t lines_room; /* of cf's lines */
};

/* A fault of that setting: its line, its path, and the words. */
void load_fault(struct load *ld, const config_setting_t *st, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* A key that is not in that group. */
void load_missing(struct load *ld, const config_setting_t *group, const char *key);

/* Memory for what a list holds, width bytes each, into member: a pointer and the count behind
 * it. Returns how many, with *ret borrowed from the member; 0 for an empty list and after a
 * fault. */
int load_items(struct load *ld, const config_setting_t *st, size_t width, void *member,
    char **ret);

/* The setting of a key of an object: lists are "queues", "peers" and so on. The object
 * itself when it has no such key. */
const config_setting_t *load_setting(
    const struct load *ld, const char *list, size_t index, const char *key);

#endif
