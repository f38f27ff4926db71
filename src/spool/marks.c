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
#include "base/crash.h"
#include "base/crc32c.h"
#include "record/record.h"
#include "spool/marks_file.h"

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
	return marks_recover_doubt(mk, m);
}

static int
marks_map(struct marks **ret, int dir_fd)
{
	struct marks *mk = calloc(1, sizeof(*mk));
	int rc;

	if (mk == NULL)
		return -ENOMEM;
	mk->peer_streams = MARKS_STREAMS;
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
	rc = marks_file_upgrade(mk);
	if (rc < 0) {
		marks_close(mk);
		return rc;
	}
	for (unsigned i = 0; i < mk->n_slots; i++)
		found += recover_slot(mk, &mk->slots[i]);
	marks_begin_calls(mk);
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

void
marks_share(struct marks *mk, size_t n_peers)
{
	/* One share is for the streams of this host. */
	size_t share = MARKS_STREAMS / (n_peers + 1);

	mk->peer_streams = share == 0 ? 1 : (unsigned)share;
}

/* Else one that never stores its rejects could keep everybody from new streams. */
static bool
has_its_share(const struct marks *mk, const char *label)
{
	unsigned n = 0;

	if (strchr(label, '/') == NULL)
		return false;
	for (unsigned i = 0; i < mk->n_slots; i++) {
		const struct mark *m = &mk->slots[i];

		n += m->state == MARK_USED && !may_evict(m) &&
		     is_same_peer(label, m->label);
	}
	return n >= mk->peer_streams;
}

static int
find_room(struct marks *mk, const char *label, struct mark **ret)
{
	unsigned i;
	int rc;

	if (has_its_share(mk, label))
		return -ENOSPC;
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
	marks_store_u32(&m->state, 0);
	CRASH_POINT("marks.slot_free");
	if (m->call.known && m->call.sent > mk->header->sent_unnoted)
		mk->header->sent_unnoted = m->call.sent;
	memset(m, 0, sizeof(*m));
	m->mark = start;
	m->stream = *stream;
	m->used_ns = clock_wall_ns();
	(void)snprintf(m->label, sizeof(m->label), "%s", label);
	CRASH_POINT("marks.slot_filled");
	marks_store_u32(&m->state, MARK_USED);
	CRASH_POINT("marks.slot_used");
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

int
mark_forget(struct mark *m)
{
	if (m->held > 0)
		return -EBUSY;
	/* What it sent stays noted in the slot until that is used again. */
	marks_store_u32(&m->state, 0);
	return 0;
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
	marks_store_u64(&m->intent, seq);
	CRASH_POINT("marks.intended");
}

/* The intent may stay: it is no longer mark + 1. */
void
mark_pass(struct mark *m, uint64_t seq)
{
	marks_store_u64(&m->mark, seq);
	CRASH_POINT("marks.passed");
}

void
mark_withdraw(struct mark *m)
{
	marks_store_u64(&m->intent, 0);
	CRASH_POINT("marks.withdrawn");
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
	marks_store_u64(&rj->reason, reason);
	CRASH_POINT("marks.reject_reason");
	marks_store_u64(&rj->seq, seq);
	CRASH_POINT("marks.rejected");
	mark_pass(m, seq);
	return 0;
}

void
mark_reject_forget(struct mark *m, uint64_t seq)
{
	struct mark_reject *rj = seq == 0 ? NULL : reject_place(m, seq);

	if (rj != NULL)
		marks_store_u64(&rj->seq, 0);
	CRASH_POINT("marks.reject_forgotten");
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
