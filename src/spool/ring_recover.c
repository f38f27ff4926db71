/* Opening a ring after whatever ended its last user. Every step may itself be killed:
 * the next opening then comes to the same end. docs/spool-format.md, section 3. */
#include <errno.h>
#include <string.h>

#include "base/crash.h"
#include "spool/ring_private.h"

#define POSIX_PRIORITY_MAX 32767 /* mq_overview(7); MQ_PRIO_MAX - 1 */
#define ALL_SETTLED        ((UINT32_C(1) << RECORD_SLOTS) - 1)

static uint64_t
bytes_from(const struct ring *rg, uint64_t position)
{
	return rg->bytes - (position - rg->tail);
}

/* Did the kernel write this type? */
static bool
type_right(const struct ring *rg, int64_t type)
{
	if (rg->header.kind == RING_SYSV)
		return type >= 1;
	return type >= 0 && type <= POSIX_PRIORITY_MAX;
}

/* The kernel has the message delivered and its length was not stored any more. */
static void
finish_cut_off(
    struct ring *rg, struct record *rec, int64_t now_ns, struct ring_report *report)
{
	uint64_t uniform = rg->map.words->uniform;
	uint32_t usual = uniform <= rg->max_body ? (uint32_t)uniform : 0;
	uint32_t length = record_recovered_length(rec->body, rg->max_body, usual);

	rec->flags = RECORD_RECOVERED;
	rec->captured_ns = now_ns;
	CRASH_POINT("ring_recover.flagged");
	__atomic_store_n(&rec->length, length, __ATOMIC_RELEASE);
	CRASH_POINT("ring_recover.length");
	record_seal(rec, rg->seed);
	CRASH_POINT("ring_recover.sealed");
	report->recovered = true;
	report->recovered_length = length;
	ring_advance(rg, rec);
}

/* The length was stored, the checksums were not. */
static void
finish_unsealed(
    struct ring *rg, struct record *rec, int64_t now_ns, struct ring_report *report)
{
	if (rec->captured_ns == 0)
		rec->captured_ns = now_ns;
	CRASH_POINT("ring_recover.captured");
	record_seal(rec, rg->seed);
	CRASH_POINT("ring_recover.resealed");
	if (rec->flags & RECORD_RECOVERED) {
		report->recovered = true;
		report->recovered_length = rec->length;
	}
	ring_advance(rg, rec);
}

enum found { FOUND_RECORD, FOUND_END, FOUND_DAMAGE };

/* Judge and finish what lies at the head under the next number. */
static enum found
recover_numbered(
    struct ring *rg, struct record *rec, int64_t now_ns, struct ring_report *report)
{
	uint64_t available = bytes_from(rg, rg->head);
	int rc = record_check(rec, available, rg->seed);

	if (rc == 0) {
		ring_advance(rg, rec);
		return FOUND_RECORD;
	}
	if (rec->header_crc != RECORD_CRC_UNSET || available < rg->body_stride ||
	    (rec->flags & ~RECORD_RECOVERED) != 0)
		return FOUND_DAMAGE;
	/* Nothing was received, or a zero-length message is still in the type slot. */
	if (rec->type == rg->type_open)
		return FOUND_END;
	if (!type_right(rg, rec->type))
		return FOUND_DAMAGE;
	if (rec->length == RECORD_LENGTH_NONE)
		finish_cut_off(rg, rec, now_ns, report);
	else if (rc == -ENODATA && rec->length <= rg->max_body)
		finish_unsealed(rg, rec, now_ns, report);
	else
		return FOUND_DAMAGE;
	return FOUND_RECORD;
}

/* A record that stands for a damaged one. Its flag comes first: half written it is
 * damage again, never a message. */
static void
place_substitute(struct ring *rg, uint32_t length)
{
	struct record *rec = ring_record(rg, rg->head);

	__atomic_store_n(&rec->flags, RECORD_DAMAGED, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	rec->length = length;
	rec->reserved = 0;
	rec->number = rg->next_number;
	rec->state = ALL_SETTLED;
	rec->reserved2 = 0;
	record_seal(rec, rg->seed);
	ring_advance(rg, rec);
}

static void
place_damaged(struct ring *rg, uint32_t length, struct ring_report *report)
{
	if (report->damaged++ == 0)
		report->damaged_position = rg->head;
	place_substitute(rg, length);
}

void
ring_report_span(struct ring_report *report, const struct ring_span *span)
{
	if (report->spans < RING_SPANS)
		report->span[report->spans] = *span;
	report->spans++;
}

static uint64_t
file_offset(const struct ring *rg, uint64_t position)
{
	return rg->header.data_offset + position % rg->bytes;
}

/* What was placed from that position and number on. */
static void
report_placed(const struct ring *rg, uint64_t position, uint64_t number,
    struct ring_report *report)
{
	struct ring_span span = { .offset = file_offset(rg, position),
		.bytes = rg->head - position,
		.number = number,
		.records = rg->next_number - number };

	ring_report_span(report, &span);
}

void
ring_place_damaged(
    struct ring *rg, uint64_t numbers, uint64_t extra, struct ring_report *report)
{
	uint64_t from = rg->head, first = rg->next_number;

	/* A length has a bound, so much space may need more than one of them. */
	while (numbers > 0) {
		uint64_t length = numbers == 1 ? extra : 0;

		if (length > RECORD_BODY_MAX)
			length = RECORD_BODY_MAX;
		extra -= length;
		place_damaged(rg, (uint32_t)length, report);
		numbers--;
	}
	report_placed(rg, from, first, report);
}

/* The newest record is damaged: its number is used up all the same. */
static void
end_damaged(struct ring *rg, const struct record *rec, struct ring_report *report)
{
	uint64_t from = rg->head, first = rg->next_number;
	uint32_t length = rec->length;

	if (length > RECORD_BODY_MAX ||
	    record_stride(length) > bytes_from(rg, rg->head))
		length = 0;
	place_damaged(rg, length, report);
	report_placed(rg, from, first, report);
}

/* One record at the head: 1 it counts, 0 there is none, or -errno. */
static int
recover_next(struct ring *rg, int64_t now_ns, struct ring_report *report)
{
	struct record *rec;
	enum found found = FOUND_END;
	int rc;

	if (bytes_from(rg, rg->head) < RECORD_HEADER)
		return 0;
	rec = ring_record(rg, rg->head);
	if (rec->number == rg->next_number)
		found = recover_numbered(rg, rec, now_ns, report);
	if (found == FOUND_RECORD)
		return 1;
	/* Also where nothing seems to be: the number itself may be what is damaged. */
	rc = ring_go_on(rg, report);
	if (rc != 0)
		return rc;
	if (found == FOUND_END)
		return 0;
	end_damaged(rg, rec, report);
	return 1;
}

#define PIECE      4096 /* bytes compared at once */
#define LEAST_LOST 32 /* bytes of free space that are not the pad; a header has more */

/* Is that field as it was, or as ring_reserve() sets it? */
#define FIELD_PREPARED(rec, field, value)                                              \
	((rec)->field == (value) || is_padding(&(rec)->field, sizeof((rec)->field)))

static bool
is_padding(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	return len == 0 || (*at == RECORD_PAD && memcmp(at, at + 1, len - 1) == 0);
}

/* A header that a kill left while, or after, it was prepared for the kernel. */
static bool
is_prepared(const struct ring *rg, const struct record *rec)
{
	return (rec->length == 0 || FIELD_PREPARED(rec, length, RECORD_LENGTH_NONE)) &&
	       FIELD_PREPARED(rec, flags, 0) && FIELD_PREPARED(rec, reserved, 0) &&
	       FIELD_PREPARED(rec, number, rg->next_number) &&
	       rec->header_crc == RECORD_CRC_UNSET && FIELD_PREPARED(rec, state, 0) &&
	       FIELD_PREPARED(rec, reserved2, 0) &&
	       FIELD_PREPARED(rec, type, rg->type_open);
}

/* Are there whole records from that position up to the tail, all freed? */
static bool
is_freed(const struct ring *rg, uint64_t position)
{
	while (position < rg->tail) {
		const struct record *rec =
		    (const void *)(rg->map.data + position % rg->bytes);

		if (rec->number >= rg->tail_number ||
		    record_check(rec, rg->tail - position, rg->seed) < 0)
			return false;
		position += record_stride(rec->length);
	}
	return position == rg->tail;
}

/* Free space that a kill may have left as it was: the last of what the last release did not
 * pad, whole records and one before them of which a part is padded. */
static uint64_t
freed_from(const struct ring *rg, bool damaged)
{
	const struct ring_words *words = rg->map.words;
	uint64_t older = words->tail[(words->generation + 1) % 2].position;
	uint64_t position = older;

	if (older >= rg->tail || rg->tail - older > rg->bytes ||
	    older % RECORD_ALIGN != 0)
		return rg->tail;
	while (!is_freed(rg, position))
		position += RECORD_ALIGN;
	/* Beside damage it is rather that. */
	if (damaged)
		return position;
	return position - older > rg->body_stride ? position - rg->body_stride : older;
}

struct lost {
	uint64_t first, last; /* positions */
	uint64_t bytes;       /* that are not the pad */
};

/* Free space is the pad, but for those two pieces. */
static struct lost
find_lost(const struct ring *rg, bool damaged)
{
	const uint8_t *bytes = (const uint8_t *)ring_record(rg, rg->head);
	uint64_t len = bytes_from(rg, rg->head),
		 freed = rg->tail - freed_from(rg, damaged);
	struct lost lost = { 0 };
	uint64_t at = 0;

	/* Into the body only the kernel writes, and it is called when all is prepared. */
	if (len >= RECORD_HEADER && is_prepared(rg, ring_record(rg, rg->head)))
		at = ring_record(rg, rg->head)->number == rg->next_number
			 ? rg->body_stride
			 : RECORD_HEADER;
	len = len > freed ? len - freed : 0;
	while (at < len) {
		uint64_t step = len - at < PIECE ? len - at : PIECE;

		if (is_padding(bytes + at, step)) {
			at += step;
			continue;
		}
		for (uint64_t end = at + step; at < end; at++) {
			if (bytes[at] == RECORD_PAD)
				continue;
			if (lost.bytes++ == 0)
				lost.first = rg->head + at;
			lost.last = rg->head + at;
		}
	}
	return lost;
}

/* If much of the free space is not free, records were there, the newest, and nothing tells how
 * many: as many numbers as can have been are used up. The smallest record for each, so that no
 * two that a journal points to fall on one. */
static void
give_up_lost(struct ring *rg, struct ring_report *report)
{
	struct lost lost = find_lost(rg, report->damaged > 0 || report->header_mended);
	struct ring_span span = { .number = rg->next_number };

	/* What was moved, or has used up all space, may have covered what was left of others. */
	if (lost.bytes < LEAST_LOST && report->damaged > 0 &&
	    (report->moved > 0 || bytes_from(rg, rg->head) < RECORD_HEADER)) {
		span.offset = file_offset(rg, rg->head);
		ring_report_span(report, &span);
	}
	if (lost.bytes < LEAST_LOST)
		return;
	span.offset = file_offset(rg, lost.first);
	span.bytes = lost.last - lost.first + 1;
	report->lost_bytes = lost.bytes;
	ring_report_span(report, &span);
	while (rg->head <= lost.last && bytes_from(rg, rg->head) >= RECORD_HEADER)
		place_substitute(rg, 0);
}

/* A type that no kernel wrote is not that of a message. */
static void
mend_type_slot(struct ring *rg)
{
	int64_t *slot = ring_type_slot(rg);

	if (*slot != RECORD_TYPE_OPEN_SYSV && !type_right(rg, *slot))
		*slot = RECORD_TYPE_OPEN_SYSV;
}

int
ring_recover(struct ring *rg, int64_t now_ns, struct ring_report *report)
{
	int rc;

	do {
		rc = recover_next(rg, now_ns, report);
	} while (rc > 0);
	if (rc < 0)
		return rc;
	give_up_lost(rg, report);
	/* A kill may have come between a tail and its pad; nothing is received before
	 * this. */
	CRASH_POINT("ring_recover.counted");
	memset(ring_record(rg, rg->head), RECORD_PAD, bytes_from(rg, rg->head));
	CRASH_POINT("ring_recover.padded");
	if (rg->header.kind != RING_SYSV)
		return 0;
	mend_type_slot(rg);
	rc = ring_commit_zero(rg, now_ns);
	if (rc < 0 && rc != -ENOSPC)
		return rc;
	report->zero_committed = rc > 0;
	return 0;
}
