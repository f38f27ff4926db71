/* The send journal of a stream: a file on tmpfs with the place of every record in
 * flight. For the spool's own use. INVARIANTS I6..I8; docs/spool-format.md, section
 * 4. */
#ifndef MQBRIDGE_SPOOL_JOURNAL_H
#define MQBRIDGE_SPOOL_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/id.h"
#include "spool/stream.h"

#define JOURNAL_MAGIC          UINT64_C(0x31304e524a42514d) /* "MBQJRN01" */
#define JOURNAL_VERSION        1
#define JOURNAL_LABEL_SIZE     512  /* bytes with the NUL */
#define JOURNAL_WORDS_OFFSET   4096 /* bytes; of struct journal_words in the file */
#define JOURNAL_ENTRIES_OFFSET 8192 /* bytes; of the places */
#define JOURNAL_FILE_BYTES     (JOURNAL_ENTRIES_OFFSET + STREAM_WINDOW * 8)

/* Written once, at offset 0. */
struct journal_header {
	uint64_t magic;
	uint32_t version;
	uint32_t slot; /* in the ring */
	struct id stream;
	struct id ring;
	uint64_t first_number; /* the stream wants the ring's records from here on */
	uint32_t window;       /* STREAM_WINDOW */
	uint32_t reserved;
	char label[JOURNAL_LABEL_SIZE];
	uint32_t reserved2;
	uint32_t crc; /* CRC-32C, seed 0, of all before it */
};

/* Changing words. */
struct journal_words {
	uint64_t acked; /* all sequences up to here are settled */
	uint64_t next;  /* sequence of the next new record */
};

struct journal { /* all 0: not mapped */
	const struct journal_header *header;
	struct journal_words *words;
	uint64_t *places; /* positions in the ring, by sequence modulo the window */
};

/* Make the file "stream-<id>": temporary name, allocated, renamed. hd's magic, version,
 * window and crc are filled in. 0 or -errno. */
int journal_create(
    struct journal *ret, int dir_fd, struct journal_header *hd) MUST_CHECK;
/* -EBADMSG: not a journal, of a future version, damaged, or its words contradict each
 * other. */
int journal_open(struct journal *ret, int dir_fd, const char *file) MUST_CHECK;
void journal_close(struct journal *jn);
/* The header alone. */
int journal_read(struct journal_header *ret, int dir_fd, const char *file) MUST_CHECK;

static inline uint64_t
journal_place(const struct journal *jn, uint64_t seq)
{
	return jn->places[seq % STREAM_WINDOW];
}

/* A place is stored before the sequence counts: journal_place_set() for all new ones,
 * then journal_next_set(). */
static inline void
journal_place_set(struct journal *jn, uint64_t seq, uint64_t position)
{
	__atomic_store_n(&jn->places[seq % STREAM_WINDOW], position, __ATOMIC_RELEASE);
}

static inline void
journal_next_set(struct journal *jn, uint64_t next)
{
	__atomic_store_n(&jn->words->next, next, __ATOMIC_RELEASE);
}

static inline void
journal_acked_set(struct journal *jn, uint64_t acked)
{
	__atomic_store_n(&jn->words->acked, acked, __ATOMIC_RELEASE);
}

#endif
