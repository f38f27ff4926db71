/* Loading an image of a clean stop into an empty runtime directory. Private to the spool; see
 * spool/image.h for the other direction. docs/spool-format.md, section 6. */
#ifndef MQBRIDGE_SPOOL_IMAGE_LOAD_H
#define MQBRIDGE_SPOOL_IMAGE_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "spool/anchor.h"

struct image_info {
	struct anchor anchor; /* when it was saved */
	uint32_t files;
	uint64_t bytes; /* of the image */
};

/* 1, 0 or -errno. */
int image_exists(int state_fd) MUST_CHECK;

/* Check all of it, change nothing. 0; -EBADMSG: damaged; -ENOTSUP: of a newer version; or
 * -errno. *error as in runtime_open(). */
int image_check(int state_fd, struct image_info *ret, char **error) MUST_CHECK;

/* Check all of it, then make its files in runtime_fd. The image stays, but a damaged one is
 * renamed to "image.damaged-<time>". What is made is complete only when the caller says so,
 * also when this fails on the way. Results as image_check(). */
int image_load(
    int runtime_fd, int state_fd, struct image_info *ret, char **error) MUST_CHECK;

#endif
