/* The format of a segment of an overflow log: a file of frames, each a header and a run of
 * records. For the spool's own use, and for the tools that look at a store.
 * docs/spool-format.md, section 8. */
#ifndef MQBRIDGE_SPOOL_SEGMENT_H
#define MQBRIDGE_SPOOL_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/id.h"
#include "record/record.h"

#define SEGMENT_MAGIC    UINT64_C(0x31304745534c514d) /* "MQLSEG01" */
#define SEGMENT_VERSION  1
#define SEGMENT_BYTES    (UINT64_C(16) << 20) /* a segment is closed above that */
#define SEGMENT_MAX      (UINT64_C(1) << 31)  /* bytes of a file at most */
#define SEGMENT_FRAME    65536 /* bytes of a frame with its header, but of one record */
#define SEGMENT_PIECE    (UINT64_C(256) << 10) /* bytes that are read at once */
#define SEGMENT_SENT     INT64_MAX /* priority of records that were in flight */
#define SEGMENT_REQUEUED 1         /* flag: from a dead letter, whose key follows */

/* In front of each run of records, 8-aligned. */
struct segment_frame {
	uint64_t magic;
	uint32_t version;
	uint32_t flags;
	struct id log;
	struct id ring;   /* whose seed the records' checksums have */
	struct id stream; /* requeued: of the dead letter's key, else 0 */
	uint64_t segment; /* number of the file in its log */
	int64_t priority;
	uint64_t offset; /* of this header in the file */
	uint64_t bytes;  /* of the records behind it */
	uint64_t before; /* records in the file in front of it */
	uint64_t first_number, last_number;
	int64_t captured_ns; /* of the first */
	int64_t clock_ns,
	    wall_ns; /* runtime clock and wall clock when it was written */
	uint32_t count;
	uint32_t max_body; /* the largest body, bytes */
	uint32_t reserved;
	uint32_t crc; /* CRC-32C of all before it, seeded with the log's id */
};

/* Of its records' checksums: the ring's, and that a dead letter's key is part of for what was
 * requeued. So without its header, which tells which letter it was, such a record is not found, and
 * the letter counts. */
uint32_t segment_seed(const struct segment_frame *fr);
/* What crc must be. */
uint32_t segment_frame_crc(const struct segment_frame *fr);
/* Complete magic, version and crc. */
void segment_frame_seal(struct segment_frame *fr);

struct segment_file { /* borrows its descriptor */
	int fd;
	struct id log;
	uint64_t number;
	uint64_t end;     /* bytes that count; what is missing of them reads as 0 */
	uint64_t records; /* in these bytes, as they were written; 0: not known */
	bool strict;      /* -EIO where the disk cannot be read, which else is damage */
};

/* Can anything of it be read? Else it is not some blocks, but the disk, that is gone. */
bool segment_is_readable(const struct segment_file *sf);
/* Is it a frame of that file at that place? 1; 0; -ENOTSUP: of a newer version. Pure. */
int segment_frame_check(const struct segment_frame *fr, const struct segment_file *sf,
    uint64_t offset) MUST_CHECK;
/* Where its records end, within the file. */
uint64_t segment_frame_end(
    const struct segment_frame *fr, const struct segment_file *sf);
/* Read the one at that place: 1; 0: there is none; -ENOTSUP or -errno. */
int segment_frame_read(struct segment_frame *ret, const struct segment_file *sf,
    uint64_t offset) MUST_CHECK;
/* The first offset from there on, on which a frame lies, or the end. 0 or -errno. */
int segment_find(
    uint64_t *ret, const struct segment_file *sf, uint64_t offset) MUST_CHECK;

/* Whole records, one behind the other, of one frame. */
struct segment_run {
	uint64_t from, to; /* offsets in the file */
	uint32_t count;
	uint32_t flags; /* of the frame */
	struct id ring;
	uint32_t seed;             /* that their checksums have */
	int64_t clock_ns, wall_ns; /* 0: its frame's header is lost */
};

struct segment_gap { /* something that is no record and should be */
	uint64_t offset;
	uint64_t end; /* what is lost began before that offset */
	/* Lost by it, as far as can be told; below 0: so many more are there than should be, as
	 * blocks of the file changed places. */
	int64_t records;
};

/* What was read and checked of a file, with the state word of the records 0. */
struct segment_piece {
	uint64_t from, to; /* offsets: whole frames, or what should be frames */
	uint64_t last;     /* of the last record in it, 0: none */
	uint8_t *bytes;    /* of the file, from there; 8-aligned */
	struct segment_run *runs;
	size_t n_runs, runs_room;
	struct segment_gap *gaps;
	size_t n_gaps, gaps_room;
};

/* Read a piece that begins with the frame in which the offset `want` lies. hint: the offset of
 * a frame at or before it, from which it is searched. Records whose frame's header is lost are
 * found by themselves if they are of that ring or a neighbour's. *ret: segment_piece_done() is due.
 * 0; -ENOTSUP; -ENOMEM; or -errno. */
int segment_load(struct segment_piece *ret, const struct segment_file *sf,
    uint64_t hint, uint64_t want, const struct id *ring) MUST_CHECK;
void segment_piece_done(struct segment_piece *pc);

static inline struct record *
segment_record(const struct segment_piece *pc, uint64_t offset)
{
	return (struct record *)(void *)(pc->bytes + (offset - pc->from));
}

#endif
