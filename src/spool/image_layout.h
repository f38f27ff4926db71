/* Layout of the file "image"; docs/spool-format.md, section 6. Private to image*.c. */
#ifndef MQBRIDGE_SPOOL_IMAGE_LAYOUT_H
#define MQBRIDGE_SPOOL_IMAGE_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "spool/anchor.h"
#include "spool/state_file.h"

#define IMAGE_FILE      "image"
#define IMAGE_TEMPORARY "image.tmp"
#define IMAGE_DAMAGED   "image.damaged-" /* and the time */
#define IMAGE_MAGIC     "MQBIMAGE"
#define IMAGE_VERSION   1

#define IMAGE_SECTION_MAGIC UINT32_C(0x54434553)
#define IMAGE_CHUNK         65536 /* bytes of one extent at most */
#define IMAGE_PAGE          4096 /* what holds only the fill byte is left out by pages */
#define IMAGE_FILE_MAX      (UINT64_C(1) << 40) /* bytes; sanity bound of one file */

struct image_header {
	char magic[8];
	uint32_t version;
	uint32_t sections;
	uint64_t bytes; /* of the whole image */
	struct anchor anchor;
	uint32_t lineage; /* of the state in it; 0: not known */
	uint32_t crc;     /* over the fields before it */
};

struct image_section { /* one file; its extents follow */
	uint32_t magic;
	uint32_t kind;              /* enum state_file_kind */
	char name[STATE_FILE_NAME]; /* ascending from section to section */
	uint64_t file_bytes;
	uint64_t stored_bytes; /* of the extents with their headers */
	uint32_t fill;         /* the byte that is everywhere else in the file */
	uint32_t data_crc;     /* over the stored bytes */
	uint32_t reserved;
	uint32_t crc; /* over the fields before it */
};

struct image_extent { /* a piece of the file; its bytes follow; ascending, disjoint */
	uint64_t at;
	uint32_t bytes; /* 1 to IMAGE_CHUNK */
	uint32_t reserved;
};

_Static_assert(sizeof(struct image_header) == 72, "layout of the image");
_Static_assert(sizeof(struct image_section) == 104, "layout of the image");
_Static_assert(sizeof(struct image_extent) == 16, "layout of the image");

#endif
