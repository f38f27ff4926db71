/* The file of one dead letter: its name, its bytes, reading and writing it. Private to the
 * dead-letter store. docs/spool-format.md, section 7. */
#ifndef MQBRIDGE_SPOOL_DEADLETTER_FILE_H
#define MQBRIDGE_SPOOL_DEADLETTER_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "spool/deadletter.h"

#define LETTER_NUMBER_DIGITS 20
#define LETTER_NAME          (2 * ID_TEXT + LETTER_NUMBER_DIGITS + 1) /* with NUL */
#define LETTER_TEXTS         4
#define LETTER_TEXT_MAX      4096 /* bytes of one text with its NUL; longer ones are cut */

/* The file: this, the texts each with its NUL, padding with zeros to RECORD_ALIGN, the record. */
struct letter {
	char magic[8];
	uint32_t version;
	uint16_t reason;
	uint16_t flags;
	struct id ring;
	uint64_t number;
	struct id stream;
	int64_t wall_ns;
	uint32_t text_bytes[LETTER_TEXTS]; /* with NUL */
	uint64_t record_bytes;             /* header and body */
	uint32_t crc; /* over this up to here, texts and padding, record */
	uint32_t reserved;
};

/* All before the body, at most. */
#define LETTER_FRONT_MAX                                                               \
	(sizeof(struct letter) + (size_t)LETTER_TEXTS * LETTER_TEXT_MAX +              \
	    RECORD_ALIGN + RECORD_HEADER)
#define LETTER_MAX (LETTER_FRONT_MAX + RECORD_BODY_MAX)

struct letter_front {
	struct deadletter dead; /* points into bytes; rec has its header only */
	size_t len;             /* up to the body */
	uint32_t crc;
	uint64_t file_bytes;
	_Alignas(RECORD_ALIGN) uint8_t bytes[LETTER_FRONT_MAX];
};

char *letter_name(char buf[LETTER_NAME], const struct deadletter_key *key);
bool letter_is_name(const char *name);

struct letter_bytes { /* what a file begins with, aligned for a record */
	const uint8_t *at;
	size_t have;
	uint64_t file_bytes; /* size of the file */
};

/* A letter out of its bytes, into which dt then points. *ret_front: where its body begins. 0,
 * -EBADMSG, or -ENOTSUP: of a later version. The checksum is not looked at. */
int letter_parse(struct deadletter *dt, size_t *ret_front, const char *name,
    const struct letter_bytes *lb) MUST_CHECK;

/* The same of a file: opens it, and on success *ret_fd belongs to the caller. Any -errno. */
int letter_open(
    struct letter_front *ret, int *ret_fd, int dir_fd, const char *name) MUST_CHECK;
/* Read all of it and check its checksum: 0, -EBADMSG, or -errno. *ret_text: is the body UTF-8
 * without a NUL? */
int letter_verify(const struct letter_front *fr, int fd, bool *ret_text) MUST_CHECK;
/* A whole one; *ret_bytes belongs to the caller, and dt points into it. */
int letter_load(
    struct deadletter *dt, char **ret_bytes, int dir_fd, const char *name) MUST_CHECK;

/* Everything before the record's body, as one malloc'ed piece. */
int letter_compose(
    const struct deadletter *dt, uint8_t **ret, size_t *ret_len) MUST_CHECK;
/* Write and sync it under NAME.new, rename it, over what is there. The directory is not synced. */
int letter_put(int dir_fd, const char *name, const struct record *rec,
    const uint8_t *front, size_t front_len) MUST_CHECK;

#endif
