/* Inside of a ring, shared by ring.c (the way of a record) and ring_recover.c
 * (opening). */
#ifndef MQBRIDGE_SPOOL_RING_PRIVATE_H
#define MQBRIDGE_SPOOL_RING_PRIVATE_H

#include "base/crash.h"
#include "spool/ring.h"
#include "spool/ring_file.h"

struct ring {
	struct ring_map map;
	struct ring_header
	    header;           /* a copy, so that what is lent of it stays in place */
	struct record *open;  /* prepared at the head; NULL: not yet */
	uint64_t bytes;       /* of the data area */
	uint64_t tail, head;  /* positions */
	uint64_t tail_place;  /* tail % bytes */
	uint64_t tail_number; /* of the record at the tail */
	uint64_t next_number;
	int64_t type_open;    /* by kind */
	uint64_t body_stride; /* of a record of max_body */
	uint32_t max_body;
	uint32_t seed;
	uint32_t attached;      /* slots, as their settled bits */
	uint64_t first_highest; /* of first_number of the attached slots */
	uint64_t first_number[RECORD_SLOTS];
	int dir_fd;
	bool lost_count;
};

/* The tail's place is below the size and position - tail at most the size, so the
 * second mapping spares the division. */
static inline struct record *
ring_record(const struct ring *rg, uint64_t position)
{
	return (struct record *)(void *)(rg->map.data + rg->tail_place +
					 (position - rg->tail));
}

/* A new tail: into the unused one, with its proof, then the generation in one store. */
static inline void
ring_tail_store(struct ring_words *words, struct ring_tail tail)
{
	uint64_t generation = words->generation + 1;

	words->tail[generation % 2] = tail;
	CRASH_POINT("ring.tail_written");
	words->tail_check[generation % 2] = ring_tail_check(generation, &tail);
	CRASH_POINT("ring.tail_checked");
	__atomic_store_n(&words->generation, generation, __ATOMIC_RELEASE);
}

/* Before a mapped file is used: is the tail in force the one that was stored? If not, find it
 * by the records. *ret_lost_count: see ring_lost_count(). 0 or -EBADMSG: neither tails nor
 * records tell. */
int ring_tail_mend(
    struct ring_map *map, struct ring_report *report, bool *ret_lost_count) MUST_CHECK;
/* There is damage at the head: count all whole records behind it, and substitutes for the numbers
 * between. 1; 0: there is no whole record; or -ENOMEM. */
int ring_go_on(struct ring *rg, struct ring_report *report) MUST_CHECK;
/* Substitutes at the head for that many numbers; the last has extra bytes. */
void ring_place_damaged(
    struct ring *rg, uint64_t numbers, uint64_t extra, struct ring_report *report);
/* One more piece of damage. */
void ring_report_span(struct ring_report *report, const struct ring_span *span);

/* The record at the head is sealed: count it. */
void ring_advance(struct ring *rg, const struct record *rec);
/* Bring a mapped ring whose tail is loaded into order: head, free space, type slot. */
int ring_recover(
    struct ring *rg, int64_t now_ns, struct ring_report *report) MUST_CHECK;

#endif
