/* Loading what is left of a damaged image. Private to the spool; docs/spool-format.md, section 6,
 * "Damage". */
#ifndef MQBRIDGE_SPOOL_IMAGE_SALVAGE_H
#define MQBRIDGE_SPOOL_IMAGE_SALVAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "spool/anchor.h"

struct salvage {
	struct anchor anchor; /* all 0: not known */
	uint32_t whole;       /* files that were made as they had been */
	uint32_t partial; /* rings and journals with gaps, which recovery will find */
	uint32_t dropped; /* marks that cannot be trusted */
	bool incomplete;  /* files may be missing of which nothing is left */
};

/* Make the files in runtime_fd that can be read from the image of that descriptor. Rings and
 * journals have checks of their own, so they are made also when the image says that they are
 * damaged; where their bytes are lost they get zeros, which recovery takes for damage. Marks
 * have none: they are left out, and then all that is in flight to this host is in doubt.
 * 0; -EBADMSG: nothing of an image was found; or -errno. */
int image_salvage(int image_fd, int runtime_fd, struct salvage *ret) MUST_CHECK;

#endif
