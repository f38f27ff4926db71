/* Settings of systemd's files with their drop-ins, as systemd.unit(5) and logind.conf(5) say: the
 * first directory that has a file wins, the last assignment in it and the drop-ins counts. */
#ifndef MQBRIDGE_CLIENT_INI_H
#define MQBRIDGE_CLIENT_INI_H

#include <stddef.h>

#include "base/compiler.h"

struct ini {
	const char *file;        /* "logind.conf" */
	const char *const *dirs; /* the most important first; a NULL behind the last */
};

/* Where the file is: 0 with its path, or -ENOENT. */
int ini_path(char *ret, size_t size, const struct ini *in) MUST_CHECK;
/* The value of a setting, whatever section it stands in: 0, -ENOENT: it has none. */
int ini_read(char *ret, size_t size, const struct ini *in, const char *key) MUST_CHECK;

#endif
