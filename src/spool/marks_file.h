/* The file "marks": layout, making, mapping, growing. Private to marks.c and marks_doubt.c.
 * docs/spool-format.md, section 5. */
#ifndef MQBRIDGE_SPOOL_MARKS_FILE_H
#define MQBRIDGE_SPOOL_MARKS_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
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

/* Who makes calls of the kernel, and under which clock. */
struct marks_process {
	struct id boot;     /* of the kernel; all zero: not known */
	uint64_t pid_space; /* inode of the PID namespace, 0: not known */
	int64_t clock_ns;   /* CLOCK_REALTIME - CLOCK_BOOTTIME at its start */
	uint32_t pid;       /* 0: none yet */
	uint32_t reserved;
};

/* What changes is outside the checksum. */
struct marks_header {
	char magic[8];
	uint32_t version;
	uint32_t slot_bytes;
	uint32_t doubts; /* entries in the list of doubts */
	uint32_t crc;    /* over the fields before it */
	uint64_t doubts_written;
	struct marks_process process; /* that makes the calls noted in the slots */
	uint64_t sent;                /* counts what it sent to System V queues */
	uint64_t sent_unnoted;        /* the last of these that no slot has */
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
	uint32_t flags; /* MARKS_ENTRY_... */
};

/* No sign that the message itself did harm. */
#define MARKS_ENTRY_HARMLESS 1u

/* What tells, after a kill, whether a System V queue took the message. */
struct mark_call {
	int64_t intent_s; /* CLOCK_REALTIME_COARSE before the call */
	int32_t queue;    /* its id */
	uint32_t known;   /* 1: this is filled in */
	uint64_t before;  /* the header's sent when it was intended */
	/* The last message before it that the same process sent there, 0: none or not known. */
	uint64_t sent;
	int64_t sent_type;
	uint32_t sent_length;
	uint32_t sent_crc; /* the record's body_crc */
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
	uint64_t lost_last;    /* all up to here are in doubt: the state was lost */
	uint64_t waits;        /* the sequence whose call waits for room, 0: none */
	struct mark_call call; /* of the running process */
	struct mark_call doubt_call; /* of the one that left the doubt */
	struct marks_process doubt_process;
	uint8_t reserved[296];
};

#define MARKS_LIST       (MARKS_DOUBTS * sizeof(struct marks_entry))
#define MARKS_SLOTS_AT   (MARKS_HEADER + MARKS_LIST)
#define MARKS_STEP_BYTES ((size_t)MARKS_STEP * MARKS_SLOT)
#define MARKS_MAPPED     (MARKS_SLOTS_AT + (size_t)MARKS_STREAMS * MARKS_SLOT)

_Static_assert(sizeof(struct marks_header) == 88, "layout of the header");
_Static_assert(sizeof(struct marks_entry) == 80, "layout of the list of doubts");
_Static_assert(MARKS_LIST % 4096 == 0, "slots start on a page");
_Static_assert(sizeof(struct mark) == MARKS_SLOT, "layout of a slot");
_Static_assert(offsetof(struct mark, rejects) == 64, "layout of a slot");
_Static_assert(offsetof(struct mark, lost_last) == 1600, "layout of a slot");
_Static_assert(MARKS_STEP_BYTES % 4096 == 0, "growing by whole pages");
_Static_assert(MARKS_STREAMS % MARKS_STEP == 0, "growing up to the last slot");

struct marks {
	int fd;        /* -1: none */
	uint8_t *base; /* address space for MARKS_STREAMS slots; the first are mapped */
	struct marks_header *header;
	struct marks_entry *entries;
	struct mark *slots;
	unsigned n_slots;      /* in the file */
	unsigned peer_streams; /* that one peer may keep from eviction */
};

/* All stores that recovery depends on: one instruction, and neither earlier nor later stores
 * are moved across. That is all that a kill asks for; the marks have one thread. */
static inline void
marks_store_u64(volatile uint64_t *at, uint64_t value)
{
	atomic_signal_fence(memory_order_seq_cst);
	*at = value;
	atomic_signal_fence(memory_order_seq_cst);
}

static inline void
marks_store_u32(volatile uint32_t *at, uint32_t value)
{
	atomic_signal_fence(memory_order_seq_cst);
	*at = value;
	atomic_signal_fence(memory_order_seq_cst);
}

/* Open or make the file and map it into *mk, which is all zero. 0; -EBADMSG: damaged or of a
 * future version; or -errno. marks_file_close() is due also on failure. */
int marks_file_open(struct marks *mk, int dir_fd) MUST_CHECK;
void marks_file_close(struct marks *mk);
/* Make an older version, whose new fields are all 0, one of ours. */
int marks_file_upgrade(struct marks *mk) MUST_CHECK;

/* More free slots, in the space reserved; those in use stay where they are. n_slots must be
 * below MARKS_STREAMS. */
int marks_file_grow(struct marks *mk) MUST_CHECK;

/* marks_doubt.c, called by marks.c: what a crash left in a slot becomes a doubt. */
bool marks_recover_doubt(struct marks *mk, struct mark *m);
/* When all slots are recovered: the calls from now on are those of this process. */
void marks_begin_calls(struct marks *mk);

#endif
