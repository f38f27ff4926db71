/* Names of files in a directory, sorted. */
#ifndef MQBRIDGE_SPOOL_NAMES_H
#define MQBRIDGE_SPOOL_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct names { /* names_done() ends it */
	char **at;
	size_t n;
};

/* All names in dir_fd that wanted() likes, in the order of their bytes. 0 or -errno. */
int names_list(
    struct names *ret, int dir_fd, bool (*wanted)(const char *name)) MUST_CHECK;
void names_done(struct names *nm);

/* Unlink what names_list() would give. 0 or the first -errno, after trying all. */
int names_remove(int dir_fd, bool (*wanted)(const char *name));

#endif
