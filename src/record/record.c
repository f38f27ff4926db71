#include "record/record.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/crash.h"
#include "base/crc32c.h"

/* What header_crc covers, in one piece for one call: the record up to captured_ns as it
 * lies there, then body_crc and type. docs/spool-format.md, section 2. */
#define COVERED_FRONT offsetof(struct record, header_crc)
#define COVERED_BYTES (COVERED_FRONT + sizeof(uint32_t) + sizeof(int64_t))

_Static_assert(COVERED_BYTES == 36, "bytes under header_crc");

const struct record record_void = { .flags = RECORD_DAMAGED };

uint32_t
record_seed(const struct id *ring_id)
{
	return crc32c(0, ring_id->bytes, sizeof(ring_id->bytes));
}

static uint32_t
header_crc(const struct record *rec, uint32_t seed)
{
	uint8_t covered[COVERED_BYTES];

	memcpy(covered, rec, COVERED_FRONT);
	memcpy(covered + COVERED_FRONT, &rec->body_crc, sizeof(rec->body_crc));
	memcpy(covered + COVERED_FRONT + sizeof(rec->body_crc), &rec->type,
	    sizeof(rec->type));
	return crc32c(seed, covered, sizeof(covered));
}

void
record_seal(struct record *rec, uint32_t seed)
{
	rec->body_crc = crc32c(seed, rec->body, rec->length);
	CRASH_POINT("record.body_crc");
	/* A kill between the two leaves a record that is not sealed yet. */
	__atomic_store_n(&rec->header_crc, header_crc(rec, seed), __ATOMIC_RELEASE);
}

static bool
header_fields_right(const struct record *rec)
{
	return rec->length <= RECORD_BODY_MAX && rec->reserved == 0 &&
	       rec->reserved2 == 0;
}

int
record_check_header(const struct record *rec, uint32_t seed)
{
	if (!header_fields_right(rec) || rec->header_crc != header_crc(rec, seed))
		return -EBADMSG;
	return 0;
}

int
record_check(const struct record *rec, uint64_t available, uint32_t seed)
{
	bool right;

	if (available < RECORD_HEADER || !header_fields_right(rec) ||
	    record_stride(rec->length) > available)
		return -EBADMSG;
	right = rec->header_crc == header_crc(rec, seed) &&
		rec->body_crc == crc32c(seed, rec->body, rec->length);
	if (right)
		return 0;
	return rec->header_crc == RECORD_CRC_UNSET ? -ENODATA : -EBADMSG;
}

uint32_t
record_recovered_length(const uint8_t *body, uint32_t max, uint32_t usual)
{
	uint64_t padding, word;
	uint32_t end = max;

	memset(&padding, RECORD_PAD, sizeof(padding));
	/* Whole words first: max is the queue's largest message, most of it free
	 * space. */
	for (; end >= sizeof(word); end -= (uint32_t)sizeof(word)) {
		memcpy(&word, body + end - sizeof(word), sizeof(word));
		if (word != padding)
			break;
	}
	while (end > 0 && body[end - 1] == RECORD_PAD)
		end--;
	if (usual > end && usual <= max && usual - end <= RECORD_USUAL_GAP)
		return usual;
	return end;
}
