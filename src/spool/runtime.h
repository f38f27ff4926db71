/* The runtime directory: lock, epoch and clock of everything that rings, journals and marks
 * keep on tmpfs. One daemon or tool at a time holds it. INVARIANTS I5, I19, I22. */
#ifndef MQBRIDGE_SPOOL_RUNTIME_H
#define MQBRIDGE_SPOOL_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct runtime; /* opaque; used by one thread */

/* Open and lock the runtime directory (tmpfs) and the state directory. Both must exist.
 * Then bring the state into force: a complete tmpfs state wins over an image; else an image
 * in the state directory is loaded (incomplete leftovers are removed first); else the state
 * starts empty, or with the files that lost their epoch, since nothing could replace them.
 * An image is unlinked, and the directory synced, before this returns; but one that is of another
 * lineage than the state that counts is only renamed, and runtime_damage() tells.
 * 0; -EBUSY: another process holds one of the directories; -EMEDIUMTYPE: runtime_dir is not
 * on tmpfs; -EBADMSG: nothing can be read from the image (it was set aside by renaming, the error
 * text tells where; the caller must not start); -ENOTSUP: made by a newer version; or
 * -errno. On failure *ret is untouched and, when error is not NULL, *error is a malloc'ed text that
 * names the file and the reason and belongs to the caller, or NULL without memory. */
int runtime_open(struct runtime **ret, const char *runtime_dir, const char *state_dir,
    char **error) MUST_CHECK;
/* For tools, beside a daemon that is stopped: lock and look, bring nothing into force, make
 * and remove nothing. As runtime_open(), or 1, *ret untouched: no daemon ran there since the
 * boot, runtime_dir is absent or was never used. */
int runtime_open_stopped(struct runtime **ret, const char *runtime_dir,
    const char *state_dir, char **error) MUST_CHECK;
void runtime_close(struct runtime *rt); /* unlocks; NULL is fine */

int runtime_dir_fd(const struct runtime *rt);    /* borrowed */
int runtime_state_fd(const struct runtime *rt);  /* borrowed */
bool runtime_restored(const struct runtime *rt); /* an image was loaded */
/* There was nothing at all, neither of a running daemon nor of one that stopped. */
bool runtime_is_new(const struct runtime *rt);

/* What was damaged in image or epoch and how opening went on, for the log; NULL: nothing. */
const char *runtime_damage(const struct runtime *rt);

/* Does the runtime directory hold a complete state? Always after runtime_open(). */
bool runtime_complete(const struct runtime *rt);

/* A random number by which a state and the images of it are known, over restarts and reboots; 0:
 * not known, as the state was made by an older version or its epoch is damaged. */
uint32_t runtime_lineage(const struct runtime *rt);

/* The runtime clock: CLOCK_BOOTTIME plus an offset kept with the state, so that it goes on
 * over a reboot with image (by the wall clock, never backwards). For ages only. */
int64_t runtime_clock_ns(const struct runtime *rt);

#endif
