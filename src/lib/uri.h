/* The names of queues, taken apart. Internal to the library. */
#ifndef MQBRIDGE_LIB_URI_H
#define MQBRIDGE_LIB_URI_H

#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "lib/ipcq.h"

#define URI_POSIX_MAX 255 /* bytes after the slash: NAME_MAX, as the kernel counts */

enum uri_form {
	URI_POSIX,   /* posix:/orders */
	URI_KEY,     /* sysv:0x4d51 */
	URI_FTOK,    /* sysv:/srv/app#7 */
	URI_ID,      /* sysv:id:42 */
	URI_PRIVATE, /* IPCQ_PRIVATE */
};

struct uri {
	enum uri_form form;
	uint32_t key;            /* URI_KEY */
	int id;                  /* URI_ID */
	int project;             /* URI_FTOK: 1..255 */
	char path[IPCQ_URI_MAX]; /* URI_POSIX: with its slash; URI_FTOK */
};

/* 0, -EINVAL (none of the forms) or -ENAMETOOLONG. */
int uri_parse(struct uri *ret, const char *text) MUST_CHECK;

enum ipcq_kind uri_kind(const struct uri *u);

/* The System V key of URI_KEY and URI_FTOK: 0 or -errno of stat(2). */
int uri_key(key_t *ret, const struct uri *u) MUST_CHECK;

#endif
