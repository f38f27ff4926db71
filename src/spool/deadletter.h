/* Dead letters: messages that can never be delivered, whole, each with its reason, as one file
 * "dead-letters/<ring id>-<number>-<stream id>" of the state directory. The streams of one
 * queue reject the same record each for itself; storing what one of them rejected twice is
 * storing it once. INVARIANTS I12; docs/spool-format.md, section 7. */
#ifndef MQBRIDGE_SPOOL_DEADLETTER_H
#define MQBRIDGE_SPOOL_DEADLETTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/id.h"
#include "record/record.h"

struct deadletters; /* opaque; _store() may run on another thread, one at a time */

/* Numbers are part of the wire protocol and of the file format: never reuse one. */
enum dead_reason {
	DEAD_TOO_BIG = 1, /* for the destination's message size */
	DEAD_TYPE = 2, /* no such type or priority at the destination's kind of queue */
	DEAD_CHECKSUM = 3,   /* damaged twice on the way */
	DEAD_NEVER_FITS = 4, /* msgsnd would wait for ever: larger than msg_qbytes */
	DEAD_REFUSED = 5, /* the destination's kernel refused it for another reason */
};
const char *dead_reason_text(unsigned reason); /* "too big", ...; never NULL */

struct deadletter {
	struct id ring;
	uint64_t number;
	struct id stream; /* that could not deliver it; with ring and number the key */
	uint16_t reason;
	int64_t wall_ns;    /* when it was stored */
	const char *uri;    /* source queue */
	const char *label;  /* route's destination */
	const char *route;  /* route's name */
	const char *detail; /* one sentence with the numbers, or "" */
	const struct record
	    *rec; /* whole, unchanged but for its state, which is 0 when read */
};

/* Make the directory if needed, remove temporary files, count what is there. max_bytes: the
 * quota of disk space, for which each file counts in whole blocks of 4096 bytes. */
int deadletters_open(
    struct deadletters **ret, int state_fd, uint64_t max_bytes) MUST_CHECK;
/* For tools: look at what is there; make and remove nothing, store nothing. -ENOENT: no
 * directory. */
int deadletters_look(struct deadletters **ret, int state_fd) MUST_CHECK;
void deadletters_close(struct deadletters *dl);

/* Write, fsync, rename, fsync of the directory: slow, meant for the disk thread. Everything dt
 * points to must stay until it returns. Texts are cut at 4095 bytes. 0 (also if it was there already), -EDQUOT (quota) or -errno. */
int deadletters_store(struct deadletters *dl, const struct deadletter *dt) MUST_CHECK;

uint64_t deadletters_count(const struct deadletters *dl); /* any thread */
uint64_t deadletters_bytes(const struct deadletters *dl); /* as the quota counts */

/* Read at most max of them, in the order of their names; each is borrowed by the callback for
 * its run (rec lies in memory of its own). Damaged files are counted in *ret_damaged, also when
 * the walk ends early: the callback ends it by a value other than 0, which is returned. */
int deadletters_each(struct deadletters *dl, size_t max,
    int (*each)(const struct deadletter *dt, void *arg), void *arg,
    uint64_t *ret_damaged) MUST_CHECK;

#endif
