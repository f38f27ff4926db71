#include "spool/marks.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "record/record.h"
#include "spool/marks_file.h"

/* All stores that recovery depends on: one instruction, and neither earlier nor later stores
 * are moved across. That is all that a kill asks for; the marks have one thread. */
static inline void
store_u64(volatile uint64_t *at, uint64_t value)
{
	atomic_signal_fence(memory_order_seq_cst);
	*at = value;
	atomic_signal_fence(memory_order_seq_cst);
}

static inline void
store_u32(volatile uint32_t *at, uint32_t value)
{
	atomic_signal_fence(memory_order_seq_cst);
	*at = value;
	atomic_signal_fence(memory_order_seq_cst);
}

static struct marks_entry *
entry_at(const struct marks *mk, uint64_t number)
{
	return &mk->entries[(number - 1) % MARKS_DOUBTS];
}

/* The entry counts from the last store on; a kill before it leaves no trace. */
static void
append_doubt(struct marks *mk, const struct id *stream, uint64_t seq, uint64_t last_seq,
    enum doubt_outcome outcome)
{
	uint64_t number = mk->header->doubts_written + 1;
	uint64_t total = marks_doubts_total(mk);
	struct marks_entry *en = entry_at(mk, number);

	memset(en, 0, sizeof(*en));
	en->stream = *stream;
	en->seq = seq;
	en->last_seq = last_seq;
	en->wall_ns = clock_wall_ns();
	en->total = total + (last_seq - seq + 1);
	en->outcome = outcome;
	store_u64(&mk->header->doubts_written, number);
}

/* One doubt per crash, also if this is killed and runs again: the number of the entry is
 * noted in the slot before it is written, so the next run sees whether it was. */
static bool
recover_doubt(struct marks *mk, struct mark *m)
{
	bool written = m->recording != 0 && m->recording <= mk->header->doubts_written;
	bool found = m->intent != 0 && (written || mark_in_doubt(m));

	if (found && !written) {
		store_u64(&m->recording, mk->header->doubts_written + 1);
		append_doubt(mk, &m->stream, m->intent, m->intent, DOUBT_PENDING);
	}
	if (found)
		store_u64(&m->doubt, m->intent);
	store_u64(&m->intent, 0);
	store_u64(&m->recording, 0);
	return found;
}

static bool
recover_slot(struct marks *mk, struct mark *m)
{
	if (m->state != MARK_USED)
		return false;
	m->held = 0;
	m->label[MARK_LABEL - 1] = '\0';
	/* Put on the list but not passed: the sequence comes again and is judged anew. */
	for (unsigned i = 0; i < MARK_REJECTS; i++)
		if (m->rejects[i].seq > m->mark)
			m->rejects[i].seq = 0;
	return recover_doubt(mk, m);
}

static int
marks_map(struct marks **ret, int dir_fd)
{
	struct marks *mk = calloc(1, sizeof(*mk));
	int rc;

	if (mk == NULL)
		return -ENOMEM;
	rc = marks_file_open(mk, dir_fd);
	if (rc < 0) {
		marks_close(mk);
		return rc;
	}
	*ret = mk;
	return 0;
}

int
marks_open(struct marks **ret, int dir_fd, uint64_t *ret_new_doubts)
{
	struct marks *mk;
	uint64_t found = 0;
	int rc;

	rc = marks_map(&mk, dir_fd);
	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < mk->n_slots; i++)
		found += recover_slot(mk, &mk->slots[i]);
	*ret_new_doubts = found;
	*ret = mk;
	return 0;
}

int
marks_look(struct marks **ret, int dir_fd)
{
	/* Opening would make it. */
	if (faccessat(dir_fd, MARKS_FILE, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return marks_map(ret, dir_fd);
}

void
marks_close(struct marks *mk)
{
	if (mk == NULL)
		return;
	marks_file_close(mk);
	free(mk);
}

struct mark *
mark_find(struct marks *mk, const struct id *stream)
{
	for (unsigned i = 0; i < mk->n_slots; i++) {
		struct mark *m = &mk->slots[i];

		if (m->state == MARK_USED && id_equal(&m->stream, stream))
			return m;
	}
	return NULL;
}

/* A peer's label is "peer/entry", a local one has no slash. The slash, or the end, is compared
 * too, so that neither "edge" nor "edge2/in" counts as of the peer edge. */
static bool
is_same_peer(const char *label, const char *other)
{
	size_t len = strcspn(label, "/");

	return strncmp(label, other, len + 1) == 0;
}

/* What has rejects is as good as open: the sender asks for them, and a message that nobody
 * remembers as rejected would neither be delivered nor become a dead letter. */
static bool
may_evict(const struct mark *m)
{
	return m->held == 0 && mark_rejects(m) == 0;
}

/* Of the peer of label; label NULL: of any. */
static struct mark *
longest_unused(struct marks *mk, const char *label)
{
	struct mark *oldest = NULL;

	for (unsigned i = 0; i < mk->n_slots; i++) {
		struct mark *m = &mk->slots[i];

		if (oldest != NULL && m->used_ns >= oldest->used_ns)
			continue;
		if (may_evict(m) && (label == NULL || is_same_peer(label, m->label)))
			oldest = m;
	}
	return oldest;
}

/* Of the same peer first: else one that makes many streams would drive out the marks of all
 * others, whose messages would then be delivered twice. */
static struct mark *
find_victim(struct marks *mk, const char *label)
{
	struct mark *m = longest_unused(mk, label);

	return m != NULL ? m : longest_unused(mk, NULL);
}

static int
find_room(struct marks *mk, const char *label, struct mark **ret)
{
	unsigned i;
	int rc;

	for (i = 0; i < mk->n_slots; i++)
		if (mk->slots[i].state != MARK_USED)
			break;
	if (i == MARKS_STREAMS) {
		*ret = find_victim(mk, label);
		return *ret == NULL ? -ENOSPC : 0;
	}
	if (i == mk->n_slots) {
		rc = marks_file_grow(mk);
		if (rc < 0)
			return rc;
	}
	*ret = &mk->slots[i];
	return 0;
}

int
mark_new(struct marks *mk, const struct id *stream, const char *label, uint64_t start,
    struct mark **ret)
{
	struct mark *m;
	int rc;

	if (mark_find(mk, stream) != NULL)
		return -EEXIST;
	rc = find_room(mk, label, &m);
	if (rc < 0)
		return rc;
	store_u32(&m->state, 0);
	memset(m, 0, sizeof(*m));
	m->mark = start;
	m->stream = *stream;
	m->used_ns = clock_wall_ns();
	(void)snprintf(m->label, sizeof(m->label), "%s", label);
	store_u32(&m->state, MARK_USED);
	*ret = m;
	return 0;
}

void
mark_hold(struct mark *m)
{
	m->used_ns = clock_wall_ns();
	m->held++;
}

void
mark_unhold(struct mark *m)
{
	assert(m->held > 0);
	m->used_ns = clock_wall_ns();
	m->held--;
}

const struct id *
mark_stream(const struct mark *m)
{
	return &m->stream;
}

const char *
mark_label(const struct mark *m)
{
	return m->label;
}

uint64_t
mark_value(const struct mark *m)
{
	return m->mark;
}

struct mark *
marks_next(struct marks *mk, const struct mark *after)
{
	unsigned i = after == NULL ? 0 : (unsigned)(after - mk->slots) + 1;

	for (; i < mk->n_slots; i++)
		if (mk->slots[i].state == MARK_USED)
			return &mk->slots[i];
	return NULL;
}

bool
mark_in_doubt(const struct mark *m)
{
	return m->intent != 0 && m->intent - 1 == m->mark;
}

void
mark_intend(struct mark *m, uint64_t seq)
{
	store_u64(&m->intent, seq);
}

/* The intent may stay: it is no longer mark + 1. */
void
mark_pass(struct mark *m, uint64_t seq)
{
	store_u64(&m->mark, seq);
}

void
mark_withdraw(struct mark *m)
{
	store_u64(&m->intent, 0);
}

bool
mark_doubtful(const struct mark *m, uint64_t seq)
{
	return seq != 0 && m->doubt == seq;
}

static uint64_t
first_listed(const struct marks *mk)
{
	return mk->header->doubts_written - marks_doubts_listed(mk) + 1;
}

void
mark_doubt_resent(struct marks *mk, struct mark *m, const struct record *rec)
{
	uint64_t last = mk->header->doubts_written;

	/* Several crashes may have hit the same sequence: each has its entry. */
	for (uint64_t n = first_listed(mk); n <= last; n++) {
		struct marks_entry *en = entry_at(mk, n);

		if (en->outcome != DOUBT_PENDING || en->seq != m->doubt ||
		    !id_equal(&en->stream, &m->stream))
			continue;
		en->number = rec->number;
		en->type = rec->type;
		en->length = rec->length;
		en->body_crc = crc32c(0, rec->body, rec->length);
		store_u32(&en->outcome, DOUBT_RESENT);
	}
	store_u64(&m->doubt, 0);
}

void
marks_doubt_lost(
    struct marks *mk, const struct id *stream, uint64_t acked, uint64_t next)
{
	uint64_t last = mk->header->doubts_written;

	if (next <= acked || next - acked <= 1)
		return;
	/* After a kill before the stream got its slot the sender says the same again. */
	for (uint64_t n = first_listed(mk); n <= last; n++) {
		const struct marks_entry *en = entry_at(mk, n);

		if (en->outcome == DOUBT_LOST_STATE && en->seq == acked + 1 &&
		    en->last_seq == next - 1 && id_equal(&en->stream, stream))
			return;
	}
	append_doubt(mk, stream, acked + 1, next - 1, DOUBT_LOST_STATE);
}

/* The sequence on the list, or a free place, or NULL. */
static struct mark_reject *
reject_place(struct mark *m, uint64_t seq)
{
	struct mark_reject *room = NULL;

	for (unsigned i = 0; i < MARK_REJECTS; i++) {
		if (m->rejects[i].seq == seq)
			return &m->rejects[i];
		if (m->rejects[i].seq == 0 && room == NULL)
			room = &m->rejects[i];
	}
	return room;
}

int
mark_reject(struct mark *m, uint64_t seq, uint16_t reason)
{
	struct mark_reject *rj = reject_place(m, seq);

	if (rj == NULL)
		return -ENOSPC;
	mark_withdraw(m); /* refused, so a crash leaves no doubt about it */
	store_u64(&rj->reason, reason);
	store_u64(&rj->seq, seq);
	mark_pass(m, seq);
	return 0;
}

void
mark_reject_forget(struct mark *m, uint64_t seq)
{
	struct mark_reject *rj = seq == 0 ? NULL : reject_place(m, seq);

	if (rj != NULL)
		store_u64(&rj->seq, 0);
}

unsigned
mark_rejects(const struct mark *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MARK_REJECTS; i++)
		n += m->rejects[i].seq != 0;
	return n;
}

void
mark_reject_at(
    const struct mark *m, unsigned i, uint64_t *ret_seq, uint16_t *ret_reason)
{
	assert(i < mark_rejects(m));
	for (unsigned at = 0; at < MARK_REJECTS; at++) {
		const struct mark_reject *rj = &m->rejects[at];

		if (rj->seq == 0 || i-- != 0)
			continue;
		*ret_seq = rj->seq;
		*ret_reason = (uint16_t)rj->reason;
		return;
	}
}

uint64_t
marks_doubts_total(const struct marks *mk)
{
	uint64_t written = mk->header->doubts_written;

	return written == 0 ? 0 : entry_at(mk, written)->total;
}

unsigned
marks_doubts_listed(const struct marks *mk)
{
	uint64_t written = mk->header->doubts_written;

	return written < MARKS_DOUBTS ? (unsigned)written : MARKS_DOUBTS;
}

void
marks_doubt_at(const struct marks *mk, unsigned i, struct doubt *ret)
{
	const struct marks_entry *en = entry_at(mk, first_listed(mk) + i);

	ret->stream = en->stream;
	ret->seq = en->seq;
	ret->last_seq = en->last_seq;
	ret->number = en->number;
	ret->type = en->type;
	ret->length = en->length;
	ret->body_crc = en->body_crc;
	ret->wall_ns = en->wall_ns;
	ret->outcome = (enum doubt_outcome)en->outcome;
}

const char *
marks_doubt_label(struct marks *mk, const struct doubt *db)
{
	const struct mark *m = mark_find(mk, &db->stream);

	return m == NULL ? "" : mark_label(m);
}
