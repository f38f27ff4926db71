/* Opening a ring after whatever ended its last user. Every step may itself be killed:
 * the next opening then comes to the same end. docs/spool-format.md, section 3. */
#include <errno.h>
#include <string.h>

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
	__atomic_store_n(&rec->length, length, __ATOMIC_RELEASE);
	record_seal(rec, rg->seed);
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
	record_seal(rec, rg->seed);
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

/* The first whole record behind damage at the head; 0: there is none. Its number is one
 * that fits into the space between, so free space and freed records are passed
 * quickly. */
static uint64_t
find_behind(const struct ring *rg)
{
	uint64_t position = rg->head + RECORD_HEADER;

	for (; position - rg->tail + RECORD_HEADER <= rg->bytes;
	     position += RECORD_ALIGN) {
		const struct record *rec = ring_record(rg, position);
		uint64_t most = (position - rg->head) / RECORD_HEADER;

		if (rec->number > rg->next_number &&
		    rec->number - rg->next_number <= most &&
		    record_check(rec, bytes_from(rg, position), rg->seed) == 0)
			return position;
	}
	return 0;
}

/* A record that stands for a damaged one. Its flag comes first: half written it is
 * damage again, never a message. */
static void
place_damaged(struct ring *rg, uint32_t length, struct ring_report *report)
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
	if (report->damaged++ == 0)
		report->damaged_position = rg->head;
	ring_advance(rg, rec);
}

/* Fill the space before the next whole record with as many as numbers are missing. */
static int
bridge_damage(struct ring *rg, uint64_t next, struct ring_report *report)
{
	uint64_t number = ring_record(rg, next)->number, last;

	while (rg->next_number + 1 < number)
		place_damaged(rg, 0, report);
	last = next - rg->head - RECORD_HEADER;
	if (last > RECORD_BODY_MAX)
		return -EBADMSG;
	place_damaged(rg, (uint32_t)last, report);
	return 0;
}

/* The newest record is damaged: its number is used up all the same. */
static void
end_damaged(struct ring *rg, const struct record *rec, struct ring_report *report)
{
	uint32_t length = rec->length;

	if (length > RECORD_BODY_MAX ||
	    record_stride(length) > bytes_from(rg, rg->head))
		length = 0;
	place_damaged(rg, length, report);
}

/* One record at the head: 1 it counts, 0 there is none, or -errno. */
static int
recover_next(struct ring *rg, int64_t now_ns, struct ring_report *report)
{
	struct record *rec;
	enum found found = FOUND_END;
	uint64_t next;

	if (bytes_from(rg, rg->head) < RECORD_HEADER)
		return 0;
	rec = ring_record(rg, rg->head);
	if (rec->number == rg->next_number)
		found = recover_numbered(rg, rec, now_ns, report);
	if (found == FOUND_RECORD)
		return 1;
	/* Also where nothing seems to be: the number itself may be what is damaged. */
	next = find_behind(rg);
	if (next != 0) {
		int rc = bridge_damage(rg, next, report);

		return rc < 0 ? rc : 1;
	}
	if (found == FOUND_END)
		return 0;
	end_damaged(rg, rec, report);
	return 1;
}

int
ring_recover(struct ring *rg, int64_t now_ns, struct ring_report *report)
{
	int rc;

	if (rg->tail > RING_POSITION_MAX || rg->tail % RECORD_ALIGN != 0 ||
	    rg->tail_number == 0 || rg->tail_number > RING_POSITION_MAX)
		return -EBADMSG;
	do {
		rc = recover_next(rg, now_ns, report);
	} while (rc > 0);
	if (rc < 0)
		return rc;
	/* A kill may have come between a tail and its pad; nothing is received before
	 * this. */
	memset(ring_record(rg, rg->head), RECORD_PAD, bytes_from(rg, rg->head));
	if (rg->header.kind != RING_SYSV)
		return 0;
	rc = ring_commit_zero(rg, now_ns);
	if (rc < 0 && rc != -ENOSPC)
		return rc;
	report->zero_committed = rc > 0;
	return 0;
}
