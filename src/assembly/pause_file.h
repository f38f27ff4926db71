/* The file "pauses" in the state directory: what an operator has paused. Format:
 * docs/spool-format.md, section 9. */
#ifndef MQBRIDGE_ASSEMBLY_PAUSE_FILE_H
#define MQBRIDGE_ASSEMBLY_PAUSE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

#define PAUSE_FILE "pauses"
#define PAUSE_NAME 256  /* bytes of a name with its NUL */
#define PAUSES_MAX 8192 /* of one daemon: routes and peers */

enum pause_kind { PAUSE_ROUTE = 1, PAUSE_PEER = 2 };

/* One pause. It belongs to a name, so that it outlives a reload and a restart. */
struct pause {
	enum pause_kind kind;
	bool drained; /* its backlog was sent out first, and its queues are not read */
	uid_t uid;    /* of the operator */
	int64_t wall_ns;
	char name[PAUSE_NAME];
};

/* What a reading found. */
struct pause_report {
	char kept[64];     /* name that a damaged file has now, "" */
	const char *fault; /* what is wrong with it, static; NULL: nothing */
	int rc;            /* it could not be renamed, or not be read: -errno */
};

/* The bytes of the file for n pauses: malloc'ed, or NULL. Pure. */
void *pause_encode(const struct pause *pauses, size_t n, size_t *ret_len);
/* Those that bytes hold, at most PAUSES_MAX, into *ret, malloc'ed, or NULL when there are none.
 * Each entry has a checksum of its own, so whole ones of a damaged file count. Pure.
 * 0; -EBADMSG: damaged or no such file, *ret has what is whole; -ENOTSUP: of a later version,
 * *ret has none; -ENOMEM. */
int pause_decode(
    struct pause **ret, size_t *ret_n, const void *bytes, size_t len) MUST_CHECK;

/* Read the file, if there is one. One that is damaged is renamed to "pauses.damaged-<time>", one of
 * a later version to "pauses.future-<time>", and what counts of it is written anew.
 * 0 with *ret as pause_decode() has it, or -ENOMEM. */
int pause_file_load(struct pause **ret, size_t *ret_n, int state_fd,
    struct pause_report *report) MUST_CHECK;

#endif
