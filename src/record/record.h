/* A record: one message as it lies in a ring, in the overflow log, and on the wire.
 * Pure: knows layout and checksums, no files and no queues. docs/spool-format.md,
 * section 2. */
#ifndef MQBRIDGE_RECORD_RECORD_H
#define MQBRIDGE_RECORD_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/id.h"

/* Fills all free space. A byte that does not occur in UTF-8 text (0xF5..0xFD), so that
 * the end of a text cut off by SIGKILL can be found. */
#define RECORD_PAD 0xF9

#define RECORD_ALIGN  8  /* bytes; every record starts on a multiple of it */
#define RECORD_HEADER 48 /* bytes before the body */

#define RECORD_LENGTH_NONE UINT32_MAX /* open, or cut off: the length is not known */
#define RECORD_BODY_MAX    ((uint32_t)1 << 30) /* bytes; sanity bound for any input */

/* Type of an open record: a value that no message has. Of a POSIX queue the kernel
 * writes only the low half (a priority, 0..32767), so its open value has an empty high
 * half. */
#define RECORD_TYPE_OPEN_POSIX INT64_C(0xffffffff)
#define RECORD_TYPE_OPEN_SYSV  INT64_C(-1)

/* bytes; binary bodies of one size end in a few pad bytes by chance, in more they do
 * not, and a text that much shorter than all before it must not be lengthened */
#define RECORD_USUAL_GAP 8

#define RECORD_CRC_UNSET UINT32_C(0xf9f9f9f9) /* a header_crc not yet computed */

/* flags */
#define RECORD_RECOVERED UINT16_C(0x0001) /* cut off by SIGKILL; its end was guessed */
/* In a ring only: stands where a damaged record was, is settled by all, never sent. */
#define RECORD_DAMAGED UINT16_C(0x8000)

/* state: the only word that changes after commit, outside the checksums */
#define RECORD_SETTLED(slot) (UINT32_C(1) << (slot)) /* by the stream in that slot */
#define RECORD_SLOTS         16 /* streams that one ring can feed */

/* After commit all but state is immutable. Little-endian, as all we run on. */
struct record {
	uint32_t length; /* of body, bytes */
	uint16_t flags;
	uint16_t reserved;   /* 0 */
	uint64_t number;     /* predecessor's + 1; the first record of a ring is 1 */
	int64_t captured_ns; /* runtime clock, spool/runtime.h */
	/* over length, flags, reserved, number, captured_ns, body_crc, type: 36
	 * bytes */
	uint32_t header_crc;
	uint32_t body_crc;
	uint32_t state;
	uint32_t reserved2; /* 0 */
	int64_t type;       /* POSIX priority or System V type; right before the body */
	uint8_t body[];
};

/* Stands in a stream for one that was sent and is damaged: its sequence must pass, and there is
 * nothing to deliver. Its flag is RECORD_DAMAGED, all else is 0. */
extern const struct record record_void;

_Static_assert(sizeof(struct record) == RECORD_HEADER, "layout of a record");

/* Bytes from one record to the next, for a body of that length. */
static inline uint64_t
record_stride(uint32_t length)
{
	return (RECORD_HEADER + (uint64_t)length + RECORD_ALIGN - 1) &
	       ~(uint64_t)(RECORD_ALIGN - 1);
}

/* Seed of both checksums: the CRC-32C of the 16-byte ring id, so that a record forged
 * inside a body is never taken for one. */
uint32_t record_seed(const struct id *ring_id);

/* Compute and store both checksums of a record whose other fields are final: first
 * body_crc, then header_crc with a release store. */
void record_seal(struct record *rec, uint32_t seed);

/* Check a record of which `available` bytes can be read. flags are the caller's to
 * judge.
 * 0; -EBADMSG: the stride does not fit into available or the length into
 * RECORD_BODY_MAX, a checksum or a reserved field is wrong; -ENODATA: sealed not yet
 * (header_crc is RECORD_CRC_UNSET and wrong). */
int record_check(
    const struct record *rec, uint64_t available, uint32_t seed) MUST_CHECK;

/* The header alone, before the body is complete: 0 or -EBADMSG. */
int record_check_header(const struct record *rec, uint32_t seed) MUST_CHECK;

/* Length of a body that was cut off: up to the last of the max bytes that is not the
 * pad. usual is the length that all messages of this queue had so far, or 0: it is
 * taken instead when the end found is at most RECORD_USUAL_GAP bytes before it.
 * Pure. */
uint32_t record_recovered_length(const uint8_t *body, uint32_t max, uint32_t usual);

#endif
