/* The file "marks": layout, making, mapping, growing. Private to marks.c.
 * docs/spool-format.md, section 5. */
#ifndef MQBRIDGE_SPOOL_MARKS_FILE_H
#define MQBRIDGE_SPOOL_MARKS_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/id.h"
#include "spool/marks.h"

#define MARKS_FILE   "marks"
#define MARKS_HEADER 4096 /* the header's page */
#define MARKS_SLOT   2048 /* one stream; the hot words share the first cache line */
#define MARKS_STEP   16   /* slots by which the file grows; whole pages */
#define MARK_LABEL   512  /* with its NUL */
#define MARK_USED    UINT32_C(0x4b52414d)

/* What changes is outside the checksum. */
struct marks_header {
	char magic[8];
	uint32_t version;
	uint32_t slot_bytes;
	uint32_t doubts; /* entries in the list of doubts */
	uint32_t crc;    /* over the fields before it */
	uint64_t doubts_written;
};

struct
    marks_entry { /* of the list of doubts; number n lies at (n - 1) % MARKS_DOUBTS */
	struct id stream;
	uint64_t seq;
	uint64_t last_seq;
	uint64_t number;
	int64_t type;
	int64_t wall_ns;
	uint64_t total; /* messages in doubt, this entry's and all before it */
	uint32_t length;
	uint32_t body_crc;
	uint32_t outcome;
	uint32_t reserved;
};

struct mark_reject {
	uint64_t seq; /* 0: free */
	uint64_t reason;
};

struct mark { /* a slot */
	uint64_t mark;
	uint64_t intent;
	uint64_t doubt;     /* the sequence that a crash left in doubt, 0: none */
	uint64_t recording; /* number of the entry that recovery is writing, 0: none */
	struct id stream;
	int64_t used_ns; /* wall clock when last held or let go, for eviction */
	uint32_t state;  /* MARK_USED or free */
	uint32_t held;   /* by open streams of this process */
	struct mark_reject rejects[MARK_REJECTS];
	char label[MARK_LABEL];
	uint8_t reserved[MARKS_SLOT - 64 - sizeof(struct mark_reject[MARK_REJECTS]) -
			 MARK_LABEL];
};

#define MARKS_LIST       (MARKS_DOUBTS * sizeof(struct marks_entry))
#define MARKS_SLOTS_AT   (MARKS_HEADER + MARKS_LIST)
#define MARKS_STEP_BYTES ((size_t)MARKS_STEP * MARKS_SLOT)
#define MARKS_MAPPED     (MARKS_SLOTS_AT + (size_t)MARKS_STREAMS * MARKS_SLOT)

_Static_assert(sizeof(struct marks_entry) == 80, "layout of the list of doubts");
_Static_assert(MARKS_LIST % 4096 == 0, "slots start on a page");
_Static_assert(sizeof(struct mark) == MARKS_SLOT, "layout of a slot");
_Static_assert(offsetof(struct mark, rejects) == 64, "layout of a slot");
_Static_assert(MARKS_STEP_BYTES % 4096 == 0, "growing by whole pages");
_Static_assert(MARKS_STREAMS % MARKS_STEP == 0, "growing up to the last slot");

struct marks {
	int fd;        /* -1: none */
	uint8_t *base; /* address space for MARKS_STREAMS slots; the first are mapped */
	struct marks_header *header;
	struct marks_entry *entries;
	struct mark *slots;
	unsigned n_slots; /* in the file */
};

/* Open or make the file and map it into *mk, which is all zero. 0; -EBADMSG: damaged or of a
 * future version; or -errno. marks_file_close() is due also on failure. */
int marks_file_open(struct marks *mk, int dir_fd) MUST_CHECK;
void marks_file_close(struct marks *mk);

/* More free slots, in the space reserved; those in use stay where they are. n_slots must be
 * below MARKS_STREAMS. */
int marks_file_grow(struct marks *mk) MUST_CHECK;

#endif
