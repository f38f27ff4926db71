/* Looks through the text of a configuration as libconfig's scanner does, and joins it.
 * Internal to the layer; struct source is its result. */
#ifndef MQBRIDGE_CONFIG_SCAN_H
#define MQBRIDGE_CONFIG_SCAN_H

#include <stddef.h>

#include "base/compiler.h"
#include "config/source.h"

struct scan {
	struct source *src;
	struct fault_list *fl;
	int depth;  /* of includes */
	int nested; /* brackets open: */
	char open[SOURCE_NESTED_MAX];
	char last;        /* the last sign but blanks and comments */
	size_t name_line; /* joined line of the last name */
};

/* Append the text of that file to the source. 0, -EINVAL (no use to go on) or -ENOMEM.
 * */
int scan_text(struct scan *sc, size_t file, const char *text, size_t len) MUST_CHECK;

/* Of source.c: read what file includes by that name, and append it. */
int source_include(struct scan *sc, size_t file, const char *name) MUST_CHECK;

#endif
