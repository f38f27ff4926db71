/* The file "log-<id>" of the runtime directory: how far each segment of an overflow log is
 * written and settled, by single stores. For the log's own use, and for the tools that look at
 * it. docs/spool-format.md, section 8. */
#ifndef MQBRIDGE_SPOOL_LOG_CURSOR_H
#define MQBRIDGE_SPOOL_LOG_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/id.h"

#define LOG_CURSOR_MAGIC   UINT64_C(0x31304c4c514d424d) /* "MBMQLL01" */
#define LOG_CURSOR_VERSION 1
#define LOG_CURSOR_HEADER  4096  /* bytes; the slots follow */
#define LOG_CURSOR_AGAIN   2048  /* offset of the header's second copy */
#define LOG_CURSOR_NUMBERS 1024  /* offset of the highest number given; changing */
#define LOG_CURSOR_USED    1032  /* offset of the number of slots in use; changing */
#define LOG_CURSOR_STEP    64    /* slots by which the file grows: a page */
#define LOG_SEGMENTS       65536 /* slots at most */

struct log_cursor_header {
	uint64_t magic;
	uint32_t version;
	uint32_t slot_bytes;
	struct id log;
	uint32_t reserved;
	uint32_t crc; /* CRC-32C of all before it, seed 0 */
};

/* The words of a slot. Each has its value in the low half and in the high half a check of value,
 * segment and which word it is, so that what is flipped is not believed. */
enum log_word {
	LOG_SEGMENT,   /* number of the segment; the whole word 0: the slot is free */
	LOG_COMMITTED, /* offset: what is behind it does not count */
	LOG_SETTLED,   /* all records that begin before that offset are settled */
	LOG_SKIP_FROM, /* what begins from here ... */
	LOG_SKIP_TO,   /* ... to before here was dropped */
	LOG_WORDS,
};
/* One more, which does no harm when it is not known: records before committed. */
#define LOG_RECORDS       LOG_WORDS
#define LOG_RECORDS_CHECK 7 /* 5 and 6 are those of the header */

/* What a start would have to look through the whole file for. Two more words hold it, whose checks
 * count committed in as well: they are stored last, so they tell of what is committed, and of
 * all of it, or nothing. Programs that do not know them leave them alone. */
#define LOG_LARGEST       6
#define LOG_HIGHEST       7
#define LOG_LARGEST_CHECK 8
#define LOG_HIGHEST_CHECK 9
#define LOG_ANY_REQUEUED  (UINT32_C(1) << 31) /* in LOG_LARGEST */

struct log_sum {
	uint64_t records;
	uint32_t max_body; /* the longest body, bytes */
	bool requeued;     /* some came from dead letters */
	/* The highest number that one of the others has in the ring; of what is read from a slot only
	 * the low half is known. */
	uint64_t highest;
};

struct log_slot {
	uint64_t words[8];
};

struct log_slot_state {
	uint64_t value[LOG_WORDS];
	bool damaged[LOG_WORDS];
};

struct log_cursor {
	int fd;        /* -1: none */
	uint8_t *base; /* address space for all slots; the first are mapped */
	struct log_slot *slots;
	uint32_t n_slots; /* in the file */
	uint32_t next;    /* no slot before it is free */
	uint64_t numbers; /* the highest number that a segment was given */
	/* Slots in use, or one more in the midst of a change; UINT64_MAX: damaged. */
	uint64_t used;
	struct id log;
};

#define LOG_CURSOR_NONE ((struct log_cursor){ .fd = -1 })

/* Make the file under a temporary name; it counts when log_cursor_publish() has renamed it.
 * log_cursor_close() is due, also on failure. */
int log_cursor_make(
    struct log_cursor *ret, int dir_fd, const struct id *log) MUST_CHECK;
int log_cursor_publish(const struct log_cursor *cu, int dir_fd) MUST_CHECK;
/* One that was not published goes; log_cursor_close() is due. */
void log_cursor_discard(const struct log_cursor *cu, int dir_fd);
/* 0; -ENOENT; -EBADMSG; -ENOTSUP: of a newer version; or -errno. */
int log_cursor_open(
    struct log_cursor *ret, int dir_fd, const struct id *log) MUST_CHECK;
void log_cursor_close(struct log_cursor *cu);

/* Numbers up to there were given; stored before one is used. */
void log_cursor_set_numbers(struct log_cursor *cu, uint64_t numbers);
/* A slot for a new segment: nothing committed, nothing settled. Its index; -ENOSPC: there are
 * LOG_SEGMENTS, or tmpfs is full; or -errno. */
int64_t log_cursor_take(struct log_cursor *cu, uint64_t segment) MUST_CHECK;
void log_cursor_free(struct log_cursor *cu, uint32_t slot);
/* So many are in use: recovery has seen to it. */
void log_cursor_set_used(struct log_cursor *cu, uint64_t used);
/* 1; 0: it is free. */
int log_cursor_read(
    const struct log_cursor *cu, uint32_t slot, struct log_slot_state *ret) MUST_CHECK;

/* What a word is that has that value. */
static inline uint64_t
log_cursor_word(uint64_t segment, unsigned which, uint64_t value)
{
	uint64_t mixed = value + segment * UINT64_C(0x9e3779b97f4a7c15) +
			 (uint64_t)which * UINT64_C(0xc2b2ae3d27d4eb4f);

	mixed ^= mixed >> 29;
	mixed *= UINT64_C(0xbf58476d1ce4e5b9);
	return value | (mixed & UINT64_C(0xffffffff00000000));
}

static inline void
log_cursor_store(struct log_cursor *cu, uint32_t slot, uint64_t segment,
    enum log_word which, uint64_t value)
{
	__atomic_store_n(&cu->slots[slot].words[which],
	    log_cursor_word(segment, which, value), __ATOMIC_RELEASE);
}

/* What is in a segment up to committed, after that was stored. */
void log_cursor_store_sum(struct log_cursor *cu, uint32_t slot, uint64_t segment,
    uint64_t committed, const struct log_sum *ls);
/* true and *ret; false: nobody knows. */
bool log_cursor_sum(const struct log_cursor *cu, uint32_t slot, uint64_t segment,
    uint64_t committed, struct log_sum *ret) MUST_CHECK;

static inline void
log_cursor_store_records(
    struct log_cursor *cu, uint32_t slot, uint64_t segment, uint64_t records)
{
	__atomic_store_n(&cu->slots[slot].words[LOG_RECORDS],
	    log_cursor_word(segment, LOG_RECORDS_CHECK, records), __ATOMIC_RELEASE);
}

/* 0: not known. */
static inline uint64_t
log_cursor_records(const struct log_cursor *cu, uint32_t slot, uint64_t segment)
{
	uint64_t word = cu->slots[slot].words[LOG_RECORDS];
	uint64_t value = word & UINT32_MAX;

	return word == log_cursor_word(segment, LOG_RECORDS_CHECK, value) ? value : 0;
}

#endif
