/* A ring: the records of one source queue, in a file on tmpfs into which the kernel
 * itself receives. INVARIANTS I1..I5; layout in docs/spool-format.md, section 3.
 *
 * Positions count bytes since the ring was made and only grow; the place in the file is
 * the position modulo its size. The data area is mapped twice in a row, so that every
 * record lies in one piece in memory whatever its position. */
#ifndef MQBRIDGE_SPOOL_RING_H
#define MQBRIDGE_SPOOL_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/id.h"
#include "record/record.h"

struct ring; /* opaque; used by one thread, but for the type slot */

enum ring_kind { RING_POSIX = 1, RING_SYSV = 2 };

/* What a ring is for. uri and take are its identity for finding it again. */
struct ring_spec {
	enum ring_kind kind;
	const char *uri;   /* at most 511 bytes; copied */
	const char *take;  /* at most 31 bytes, "" for all; copied */
	uint32_t max_body; /* the largest message that must fit, bytes */
	uint64_t
	    bytes; /* wished size; raised to four records of max_body and whole pages */
};

#define RING_SPANS 16 /* of damage, that a report tells one by one */

/* A piece of the file that held records which are given up. */
struct ring_span {
	uint64_t offset;  /* in the file */
	uint64_t bytes;   /* may go on at the beginning of the data area */
	uint64_t number;  /* of the first record */
	uint64_t records; /* 0: not known, these were the newest */
};

/* What opening found and mended. */
struct ring_report {
	bool recovered; /* the open record was cut off by a kill, and committed */
	uint32_t recovered_length;
	bool zero_committed; /* a zero-length message waited in the type slot */
	uint64_t damaged;    /* records given up because a checksum was wrong: they stay
			     in the ring as settled by all, RECORD_DAMAGED */
	uint64_t damaged_position;         /* of the first of them */
	uint64_t spans;                    /* pieces of the file that they lay in */
	struct ring_span span[RING_SPANS]; /* the first of them */
	/* Bytes between the newest record and the oldest that should be free and are
	 * not, and are too many for a flipped bit: newest records may have been there.
	 * A span of 0 records tells where. */
	uint64_t lost_bytes;
	uint64_t moved;     /* whole records that stood where they do not belong */
	bool header_mended; /* from its copy */
	bool tail_mended;   /* from the records */
	uint64_t missing;   /* bytes that the file was too short */
};

/* Make a ring: temporary name, fallocate, pad, header, rename to "ring-<id>".
 * 0, -ENOSPC (tmpfs full) or -errno. *ret belongs to the caller: ring_close(). */
int ring_create(struct ring **ret, int dir_fd, const struct ring_spec *spec) MUST_CHECK;

/* Open and recover the ring in that file. now_ns: capture time for a recovered record.
 * All its streams must be opened before anything of it is acknowledged: a stream that
 * is not attached keeps no record. A zero-length message stays in the type slot when
 * the ring is full.
 * 0; -EBADMSG: not a ring, or damaged as a whole; -ENOTSUP: of a future version; or
 * -errno. */
int ring_open(struct ring **ret, int dir_fd, const char *file, int64_t now_ns,
    struct ring_report *report) MUST_CHECK;
void ring_close(struct ring *rg); /* unmaps, never changes the file; NULL is fine */

/* An empty ring (head == tail) gets a file of a new size for larger messages: same id,
 * numbers and positions go on, renamed over the old one. What ring_reserve() and
 * ring_type_slot() gave is no longer valid, so no waiter may run.
 * 0; -EBUSY: there are records, or a zero-length message waits in the type slot; or
 * -errno. On failure the ring stays as it was. */
int ring_regrow(struct ring *rg, uint32_t max_body, uint64_t bytes) MUST_CHECK;

/* Opening found the oldest record, but not how often the ring had gone round: positions may
 * differ from earlier ones by a multiple of its size. */
bool ring_lost_count(const struct ring *rg);

const struct id *ring_id(const struct ring *rg);
enum ring_kind ring_kind(const struct ring *rg);
const char *ring_uri(const struct ring *rg);
const char *ring_take(const struct ring *rg);
uint32_t ring_max_body(const struct ring *rg);
uint64_t ring_bytes(const struct ring *rg);   /* size of the data area */
uint64_t ring_used(const struct ring *rg);    /* bytes of live records */
uint64_t ring_records(const struct ring *rg); /* live records */
uint32_t ring_seed(const struct ring *rg);    /* of the checksums */
uint64_t ring_next_number(
    const struct ring *rg); /* of the record to be committed next */

/* Intake. Space for one message of max_body bytes, its header ready for the kernel
 * (length NONE, type open): pass rec->body to the receiving call, &rec->type stands
 * right before it. The same record is returned until it is committed; nothing must be
 * undone when nothing was received. 0 or -ENOSPC (try after the next
 * ring_release()). */
int ring_reserve(struct ring *rg, struct record **ret) MUST_CHECK;
/* The first thing after the kernel's return, with its length and type as the kernel
 * wrote them. Stores the length (release), then seals. Settled by nobody yet. */
void ring_commit(struct ring *rg, struct record *rec, uint32_t length, int64_t now_ns);

/* The type slot (System V): msgrcv(id, slot, 0, ...) of a waiter thread may take a
 * message of length 0 and writes its type there, RECORD_TYPE_OPEN_SYSV otherwise. While
 * a waiter uses it the loop must not receive (the order would break).
 * ring_commit_zero() commits what the slot holds as a record and opens the slot again:
 * 1 committed, 0 the slot was empty, -ENOSPC: no waiter may start until it
 * succeeded. */
int64_t *ring_type_slot(struct ring *rg);
int ring_commit_zero(struct ring *rg, int64_t now_ns) MUST_CHECK;

/* Records between tail and head. Pointers are borrowed until the record is freed; one
 * record may be seen at two addresses over time, so compare numbers. */
uint64_t ring_tail(const struct ring *rg);
uint64_t ring_head(const struct ring *rg);
struct record *ring_at(
    const struct ring *rg, uint64_t position); /* tail <= position < head */
uint64_t ring_after(
    const struct ring *rg, uint64_t position); /* the next record's position */

/* Streams that must settle a record before it is freed. A stream takes a slot and wants
 * the records from first_number on. ring_attach: 0, -EBUSY (slot taken) or -EINVAL. */
int ring_attach(struct ring *rg, unsigned slot, uint64_t first_number) MUST_CHECK;
void ring_detach(struct ring *rg, unsigned slot); /* its wishes no longer count */
int ring_free_slot(const struct ring *rg); /* a slot no stream holds, or -ENOSPC */
/* Is the record for that slot's stream, settled or not? Never, when it is damaged. */
bool ring_wants(const struct ring *rg, unsigned slot, const struct record *rec);
/* The stream in that slot is done with the record. */
void ring_settle_record(struct ring *rg, const struct record *rec, unsigned slot);
/* Free the oldest records that all attached streams have settled; with no stream
 * attached nothing is freed. Stores the tail first, then pads (I4). Returns the number
 * of records freed. */
uint64_t ring_release(struct ring *rg);

#endif
