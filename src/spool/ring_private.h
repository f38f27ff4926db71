/* Inside of a ring, shared by ring.c (the way of a record) and ring_recover.c
 * (opening). */
#ifndef MQBRIDGE_SPOOL_RING_PRIVATE_H
#define MQBRIDGE_SPOOL_RING_PRIVATE_H

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
};

/* The tail's place is below the size and position - tail at most the size, so the
 * second mapping spares the division. */
static inline struct record *
ring_record(const struct ring *rg, uint64_t position)
{
	return (struct record *)(void *)(rg->map.data + rg->tail_place +
					 (position - rg->tail));
}

/* The record at the head is sealed: count it. */
void ring_advance(struct ring *rg, const struct record *rec);
/* Bring a mapped ring whose tail is loaded into order: head, free space, type slot. */
int ring_recover(
    struct ring *rg, int64_t now_ns, struct ring_report *report) MUST_CHECK;

#endif
