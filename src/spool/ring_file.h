/* The file of a ring: layout, making, mapping. For the spool's own use.
 * docs/spool-format.md, section 3. */
#ifndef MQBRIDGE_SPOOL_RING_FILE_H
#define MQBRIDGE_SPOOL_RING_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/id.h"

#define RING_MAGIC        UINT64_C(0x3130474e5242514d) /* "MQBRNG01" */
#define RING_VERSION      1
#define RING_URI_SIZE     512  /* bytes with the NUL */
#define RING_TAKE_SIZE    32   /* bytes with the NUL */
#define RING_WORDS_OFFSET 4096 /* bytes; of struct ring_words in the file */
#define RING_COPY_OFFSET  6144 /* bytes; of a second struct ring_header */
#define RING_DATA_OFFSET  8192 /* bytes; at least: raised to the page size */
#define RING_BYTES_MAX    (UINT64_C(1) << 40) /* of the data area; sanity bound */
#define RING_POSITION_MAX (UINT64_C(1) << 56) /* sanity bound; never reached */
#define RING_NAME_SIZE    64 /* bytes; of "ring-<id>.new" with its NUL */

/* Written once, at offset 0, and again at RING_COPY_OFFSET: what damages one page leaves one
 * of them. Rings of older programs have no copy. */
struct ring_header {
	uint64_t magic;
	uint32_t version;
	uint32_t kind; /* enum ring_kind */
	struct id id;
	uint64_t data_offset; /* of the data area in the file, whole pages */
	uint64_t bytes;       /* of the data area, whole pages */
	uint32_t max_body;
	uint32_t reserved;
	char uri[RING_URI_SIZE];
	char take[RING_TAKE_SIZE];
	uint32_t reserved2;
	uint32_t crc; /* CRC-32C, seed 0, of all before it */
};

struct ring_tail {
	uint64_t position; /* of the oldest live record, or of the head */
	uint64_t number;   /* that it has, or that the next record gets */
};

/* What all messages so far had as length; for struct ring_words. */
#define RING_UNIFORM_NONE  UINT64_MAX       /* there was none yet */
#define RING_UNIFORM_MIXED (UINT64_MAX - 1) /* there were several */

/* Changing words, each group on a cache line of its own. */
struct ring_words {
	_Alignas(64) uint64_t generation; /* tail[generation % 2] is in force */
	struct ring_tail tail[2];
	uint64_t tail_check[2]; /* ring_tail_check(), 0: none, by an older program */
	/* The kernel writes the type of a zero-length System V message here. */
	_Alignas(64) int64_t type_slot;
	/* The record that it becomes, stored before that record is begun; 0: none
	 * yet. */
	uint64_t type_number;
	_Alignas(64) uint64_t uniform; /* a length, or RING_UNIFORM_ */
};

struct ring_map {
	uint8_t *base;              /* of header and words; NULL: nothing is mapped */
	struct ring_header *header; /* the first that is right */
	struct ring_words *words;
	uint8_t *data;               /* twice in a row */
	uint64_t data_offset, bytes; /* of the header, which is in others' reach */
	uint64_t missing; /* bytes that the file was too short; they are 0 now */
	bool older;       /* of an older program: no copy, no proof of the tails */
};

/* Geometry: fill in data_offset, bytes and max_body. -EINVAL: beyond the sanity
 * bounds. */
int ring_file_size(
    struct ring_header *hd, uint32_t max_body, uint64_t wished_bytes) MUST_CHECK;
/* Make the file of that header under a temporary name: allocated, padded, mapped; words
 * are 0 until the caller sets them and then calls ring_file_publish(), which renames it
 * to "ring-<id>" or, on failure, removes it. Computes hd->crc. */
int ring_file_make(struct ring_map *ret, int dir_fd, struct ring_header *hd) MUST_CHECK;
int ring_file_publish(int dir_fd, const struct id *id) MUST_CHECK;
void ring_file_discard(int dir_fd, const struct id *id); /* the temporary file */
enum ring_file_use {
	RING_FILE_LOOK, /* change nothing: what is too short is refused */
	RING_FILE_MEND, /* lengthen what is too short */
};
/* Map a file after checking header and size. -EBADMSG; -ENOTSUP: of a future version; or
 * -errno. */
int ring_file_map(struct ring_map *ret, int dir_fd, const char *file,
    enum ring_file_use use) MUST_CHECK;
void ring_file_unmap(struct ring_map *map);
/* Write the header that is right over the other. true: the first one was wrong. */
bool ring_file_mend_header(struct ring_map *map);

/* What proves a tail: its generation, and a checksum of both. Never 0. Pure. */
uint64_t ring_tail_check(uint64_t generation, const struct ring_tail *tail);

#endif
