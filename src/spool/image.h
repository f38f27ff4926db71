/* The image of a clean stop: rings (live records only), journals, marks and clock in one
 * checksummed file "image" of the state directory. docs/spool-format.md, section 6; I19. */
#ifndef MQBRIDGE_SPOOL_IMAGE_H
#define MQBRIDGE_SPOOL_IMAGE_H

#include "base/compiler.h"

struct runtime;

/* Write the state that the runtime directory holds: temporary name, fsync, rename, fsync of
 * the directory. Rings, journals and marks must be closed; they are taken byte for byte and
 * recovered when they are opened again, so this also serves after a crash. Nothing may run
 * afterwards. The tmpfs state stays. Idempotent: an image that is there is replaced. 0 or
 * -errno, then an older image stays; *error as in runtime_open(). */
int image_save(struct runtime *rt, char **error) MUST_CHECK;

#endif
