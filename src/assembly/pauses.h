/* What an operator has paused or is draining, by name: routes and peers. The pauses are kept in
 * the state directory (assembly/pause_file.h); draining is not, a restart ends it. What they mean
 * for the objects of the daemon is assembly/hold.h. Used by the loop's thread. */
#ifndef MQBRIDGE_ASSEMBLY_PAUSES_H
#define MQBRIDGE_ASSEMBLY_PAUSES_H

#include <stdbool.h>
#include <stddef.h>

#include "assembly/pause_file.h"
#include "base/compiler.h"

struct disk;
struct pauses; /* opaque */

/* Read the file; disk writes it and is borrowed. What was found wrong is logged. 0 or -errno. */
int pauses_open(struct pauses **ret, int state_fd, struct disk *disk) MUST_CHECK;
/* No job of it may be on the disk thread; NULL is fine. */
void pauses_free(struct pauses *ps);

/* Borrowed until the next change; NULL: none of that name. */
const struct pause *pauses_find(
    const struct pauses *ps, enum pause_kind kind, const char *name);
size_t pauses_count(const struct pauses *ps);
const struct pause *pauses_at(const struct pauses *ps, size_t i); /* i < count */

/* Add one, copied, or let the one of that name be as it says. 1: it is new or was changed; 0: it
 * was so before, and goes on with who made it; -ENOSPC: there are PAUSES_MAX; -ENOMEM. */
int pauses_set(struct pauses *ps, const struct pause *pause) MUST_CHECK;
bool pauses_clear(struct pauses *ps, enum pause_kind kind, const char *name);

/* Write them, as they are now, to the disk: done(owner, rc) comes on a later turn, when they or
 * later ones are there or failed to be. 0 or -ENOMEM. pauses_forget(): owner is not told. */
int pauses_save(
    struct pauses *ps, void (*done)(void *owner, int rc), void *owner) MUST_CHECK;
void pauses_forget(struct pauses *ps, const void *owner);

/* A drain of that name begins, or ends without a pause. -EBUSY: there is one already; -ENOMEM. */
int pauses_drain_begin(
    struct pauses *ps, enum pause_kind kind, const char *name) MUST_CHECK;
/* false: there was none (any more: a resume or pause ended it). */
bool pauses_drain_end(struct pauses *ps, enum pause_kind kind, const char *name);
bool pauses_is_draining(
    const struct pauses *ps, enum pause_kind kind, const char *name);

/* What holds a route, of itself and of its peer (NULL: a local one). */
enum pauses_hold {
	PAUSES_NONE = 0, /* it flows */
	PAUSES_DRAINING, /* its source is not read, if all routes of that are held so */
	PAUSES_PAUSED,   /* it offers nothing new */
	PAUSES_DRAINED,  /* both */
};
struct pauses_verdict {
	enum pauses_hold hold;
	const struct pause
	    *pause; /* who did it; borrowed until the next change; or NULL */
};
void pauses_judge(const struct pauses *ps, const char *route, const char *peer,
    struct pauses_verdict *ret);
/* The same for what comes from a peer. */
void pauses_judge_peer(
    const struct pauses *ps, const char *peer, struct pauses_verdict *ret);

/* "by uid 1000 since 2026-01-31T12:00:00.123Z" into buf (>= PAUSE_WHO), which is returned. */
#define PAUSE_WHO 96
char *pause_who(char *buf, size_t size, const struct pause *pause);

#endif
