/* Loading an image of a clean stop into an empty runtime directory. Private to the spool; see
 * spool/image.h for the other direction. docs/spool-format.md, section 6. */
#ifndef MQBRIDGE_SPOOL_IMAGE_LOAD_H
#define MQBRIDGE_SPOOL_IMAGE_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "spool/anchor.h"

struct image_info {
	struct anchor anchor; /* when it was saved */
	uint32_t files;
	uint64_t bytes;   /* of the image */
	uint32_t lineage; /* as runtime_lineage(); 0 too of a damaged one */
	/* It is damaged, and this is why; NULL: it is whole. */
	const char *damage;
	uint32_t partial; /* of the files, rings and journals with gaps */
	uint32_t dropped; /* files besides, marks that cannot be trusted */
	bool incomplete;  /* files may be missing of which nothing is left */
};

#define IMAGE_SUPERSEDED "image.superseded-" /* and the time: of another state */
#define IMAGE_ASIDE_NAME 64                  /* bytes of a name with its NUL */

/* Rename it to "image.damaged-<time>", or with another beginning, never over another file. name:
 * what it is called now. 0 or -errno. */
int image_set_aside(
    int state_fd, const char *beginning, char *name, size_t size) MUST_CHECK;

/* Of which state is it? Only its header is looked at. Results as image_check(). */
int image_lineage(int state_fd, uint32_t *ret, char **error) MUST_CHECK;

/* 1, 0 or -errno. */
int image_exists(int state_fd) MUST_CHECK;

/* Check all of it, change nothing. 0; -EBADMSG: damaged; -ENOTSUP: of a newer version; or
 * -errno. *error as in runtime_open(). */
int image_check(int state_fd, struct image_info *ret, char **error) MUST_CHECK;

/* Check all of it, then make its files in runtime_fd; of a damaged one what is left of them. The
 * image stays, but one in which files are missing is refused and renamed to "image.damaged-<time>". What is
 * made is complete only when the caller says so, also when this fails on the way. Results as
 * image_check(). */
int image_load(
    int runtime_fd, int state_fd, struct image_info *ret, char **error) MUST_CHECK;

/* The same for tools, into a directory of theirs: the image stays under its name always. */
int image_load_look(
    int runtime_fd, int state_fd, struct image_info *ret, char **error) MUST_CHECK;

#endif
