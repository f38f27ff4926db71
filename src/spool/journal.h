/* The send journal of a stream: a file on tmpfs with the place of every record in
 * flight. For the spool's own use. INVARIANTS I6..I8; docs/spool-format.md, section
 * 4. */
#ifndef MQBRIDGE_SPOOL_JOURNAL_H
#define MQBRIDGE_SPOOL_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/crash.h"
#include "base/id.h"
#include "record/record.h"
#include "spool/stream.h"

#define JOURNAL_MAGIC          UINT64_C(0x31304e524a42514d) /* "MBQJRN01" */
#define JOURNAL_VERSION        2    /* 1 had no copy, no complements and no checks */
#define JOURNAL_LABEL_SIZE     512  /* bytes with the NUL */
#define JOURNAL_WORDS_OFFSET   4096 /* bytes; of struct journal_words in the file */
#define JOURNAL_COPY_OFFSET    6144 /* bytes; of a second struct journal_header */
#define JOURNAL_ENTRIES_OFFSET 8192 /* bytes; of the places */
#define JOURNAL_FILE_BYTES     (JOURNAL_ENTRIES_OFFSET + STREAM_WINDOW * 8)

/* Written once, at offset 0, and again at JOURNAL_COPY_OFFSET: what damages one page leaves
 * one of them. */
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
	/* Their complements, stored after them: what is damaged can be told. */
	uint64_t acked_not;
	uint64_t next_not;
};

struct journal { /* all 0: not mapped */
	struct journal_header *header;
	struct journal_words *words;
	/* By sequence modulo the window: the place with a check; journal_encode(). */
	uint64_t *places;
	unsigned mended; /* pieces of damage that opening has mended */
};

/* Make the file "stream-<id>": temporary name, allocated, renamed. hd's magic, version,
 * window and crc are filled in. 0 or -errno. */
int journal_create(
    struct journal *ret, int dir_fd, struct journal_header *hd) MUST_CHECK;
/* Words and places are as they lie there until journal_recover().
 * -EBADMSG: not a journal, or both headers are damaged; -ENOTSUP: of a future version. */
int journal_open(struct journal *ret, int dir_fd, const char *file) MUST_CHECK;
void journal_close(struct journal *jn);

struct ring;
/* Find out what the words were, and the places in flight, with the help of the ring, and put
 * right what can be: the stream's slot needs to be attached to nothing yet.
 * 0; -EBADMSG: what is damaged cannot be told any more, and nothing was changed. */
int journal_recover(struct journal *jn, const struct ring *ring) MUST_CHECK;
/* The header alone. */
int journal_read(struct journal_header *ret, int dir_fd, const char *file) MUST_CHECK;

/* Bits of an entry that are its check: the low ones, which are 0 in every place, and, but in places
 * of the overflow log, high ones that no position reaches. */
#define JOURNAL_CHECK_LOW  UINT64_C(7)
#define JOURNAL_CHECK_HIGH (UINT64_C(127) << 56)
#define JOURNAL_IN_LOG     (UINT64_C(1) << 63) /* as LOG_PLACE of spool/log.h */

static inline uint64_t
journal_decode(uint64_t entry)
{
	return entry & JOURNAL_IN_LOG
		   ? entry & ~JOURNAL_CHECK_LOW
		   : entry & ~(JOURNAL_CHECK_LOW | JOURNAL_CHECK_HIGH);
}

/* The low bits are never 0, and others for every place that differs in one bit, as 2^n is no
 * multiple of 7. All of them are others, but once in 889, for what another sequence had there. */
static inline uint64_t
journal_encode(uint64_t place, uint64_t seq)
{
	uint64_t low = (place / RECORD_ALIGN + seq) % 7 + 1;
	uint64_t mixed = place / RECORD_ALIGN * UINT64_C(0x9e3779b97f4a7c15) +
			 seq * UINT64_C(0xc2b2ae3d27d4eb4f);

	if (place & JOURNAL_IN_LOG)
		return place | low;
	return place | low | (mixed >> 57) << 56;
}

static inline uint64_t
journal_place(const struct journal *jn, uint64_t seq)
{
	return journal_decode(jn->places[seq % STREAM_WINDOW]);
}

/* A place is stored before the sequence counts: journal_place_set() for all new ones,
 * then journal_next_set(). */
static inline void
journal_place_set(struct journal *jn, uint64_t seq, uint64_t position)
{
	__atomic_store_n(&jn->places[seq % STREAM_WINDOW],
	    journal_encode(position, seq), __ATOMIC_RELEASE);
}

static inline void
journal_next_set(struct journal *jn, uint64_t next)
{
	__atomic_store_n(&jn->words->next, next, __ATOMIC_RELEASE);
	CRASH_POINT("journal.next");
	__atomic_store_n(&jn->words->next_not, ~next, __ATOMIC_RELEASE);
}

static inline void
journal_acked_set(struct journal *jn, uint64_t acked)
{
	__atomic_store_n(&jn->words->acked, acked, __ATOMIC_RELEASE);
	CRASH_POINT("journal.acked");
	__atomic_store_n(&jn->words->acked_not, ~acked, __ATOMIC_RELEASE);
}

#endif
