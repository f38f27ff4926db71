#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/crc32c.h"
#include "record/record.h"
#include "spool/anchor.h"
#include "spool/marks.h"
#include "spool/marks_file.h"

#define PID_SPACE_FILE "/proc/self/ns/pid"
/* Between two readings of two clocks; a clock that is set jumps further, or it does no harm. */
#define CLOCK_SKEW_NS INT64_C(50000000)

const char *
doubt_outcome_name(enum doubt_outcome outcome)
{
	static const char *const names[] = {
		[DOUBT_PENDING] = "pending",
		[DOUBT_RESENT] = "resent",
		[DOUBT_LOST_STATE] = "lost-state",
		[DOUBT_DROPPED] = "dropped",
		[DOUBT_HELD] = "held",
		[DOUBT_FOUND] = "settled-found",
		[DOUBT_NOT_TAKEN] = "settled-not-taken",
		[DOUBT_GONE] = "gone",
	};

	return (unsigned)outcome < ARRAY_LEN(names) ? names[outcome] : "unknown";
}

static struct marks_entry *
entry_at(const struct marks *mk, uint64_t number)
{
	return &mk->entries[(number - 1) % MARKS_DOUBTS];
}

static uint64_t
first_listed(const struct marks *mk)
{
	return mk->header->doubts_written - marks_doubts_listed(mk) + 1;
}

/* The entry counts from the last store on; a kill before it leaves no trace. */
static void
append_doubt(struct marks *mk, const struct marks_entry *what)
{
	uint64_t number = mk->header->doubts_written + 1;
	uint64_t total = marks_doubts_total(mk);
	struct marks_entry *en = entry_at(mk, number);

	*en = *what;
	en->wall_ns = clock_wall_ns();
	en->total = total + (what->last_seq - what->seq + 1);
	CRASH_POINT("marks.doubt_entry");
	marks_store_u64(&mk->header->doubts_written, number);
	CRASH_POINT("marks.doubt_written");
}

/* The newest message that the same process sent to the queue of m's call, by another slot. */
static uint64_t
others_sent(const struct marks *mk, const struct mark *m)
{
	uint64_t sent = mk->header->sent_unnoted;

	for (unsigned i = 0; i < mk->n_slots; i++) {
		const struct mark_call *other = &mk->slots[i].call;

		if (&mk->slots[i] != m && other->known &&
		    other->queue == m->call.queue && other->sent > sent)
			sent = other->sent;
	}
	return sent;
}

/* Keep for the doubt what is noted for the call that was killed: the slot's and the
 * header's are soon those of this process. */
static void
keep_evidence(struct marks *mk, struct mark *m)
{
	uint64_t others = others_sent(mk, m);

	m->doubt_call = m->call;
	m->doubt_process = mk->header->process;
	/* Another stream sent last, or even while the call was made. */
	if (others > m->call.sent)
		m->doubt_call.sent = 0;
	if (others > m->call.before)
		m->doubt_process.pid = 0;
}

/* What was intended is in doubt, and noted once, also if this is killed and runs again: the
 * number of the entry is stored in the slot before it is written, so the next run sees whether it was. */
static void
note_doubt(struct marks *mk, struct mark *m, bool written, uint32_t flags)
{
	const struct marks_entry what = { .stream = m->stream,
		.seq = m->intent,
		.last_seq = m->intent,
		.outcome = DOUBT_PENDING,
		.flags = flags };

	if (!written) {
		marks_store_u64(&m->recording, mk->header->doubts_written + 1);
		CRASH_POINT("marks.doubt_recording");
		append_doubt(mk, &what);
	}
	keep_evidence(mk, m);
	CRASH_POINT("marks.doubt_evidence");
	marks_store_u64(&m->doubt, m->intent);
	CRASH_POINT("marks.doubt_noted");
}

/* One doubt per crash. */
bool
marks_recover_doubt(struct marks *mk, struct mark *m)
{
	bool written = m->recording != 0 && m->recording <= mk->header->doubts_written;
	bool found = m->intent != 0 && (written || mark_in_doubt(m));

	if (found)
		note_doubt(
		    mk, m, written, m->waits == m->intent ? MARKS_ENTRY_HARMLESS : 0);
	marks_store_u64(&m->intent, 0);
	CRASH_POINT("marks.doubt_intent");
	marks_store_u64(&m->recording, 0);
	CRASH_POINT("marks.doubt_recorded");
	return found;
}

void
mark_doubt(struct marks *mk, struct mark *m)
{
	if (!mark_in_doubt(m))
		return;
	note_doubt(mk, m, false, MARKS_ENTRY_HARMLESS);
	/* The queue that took it is gone, and the next one knows nothing of it. */
	m->doubt_call.known = 0;
	marks_store_u64(&m->intent, 0);
	marks_store_u64(&m->recording, 0);
}

void
marks_begin_calls(struct marks *mk)
{
	struct marks_process *me = &mk->header->process;
	struct stat st;

	for (unsigned i = 0; i < mk->n_slots; i++) {
		struct mark *m = &mk->slots[i];

		marks_store_u64(&m->waits, 0);
		memset(&m->call, 0, sizeof(m->call));
	}
	mk->header->sent = mk->header->sent_unnoted = 0;
	memset(me, 0, sizeof(*me));
	anchor_boot(&me->boot);
	if (stat(PID_SPACE_FILE, &st) == 0)
		me->pid_space = st.st_ino;
	me->clock_ns = clock_wall_ns() - clock_boot_ns();
	CRASH_POINT("marks.calls_begun");
	marks_store_u32(&me->pid, (uint32_t)getpid());
}

bool
mark_doubtful(const struct mark *m, uint64_t seq)
{
	return seq != 0 && (m->doubt == seq || seq <= m->lost_last);
}

static bool
entry_is_of(const struct marks_entry *en, const struct mark *m, uint64_t seq)
{
	return en->seq <= seq && seq <= en->last_seq &&
	       id_equal(&en->stream, &m->stream);
}

static bool
entry_is_pending(const struct marks_entry *en)
{
	return en->outcome == DOUBT_PENDING || en->outcome == DOUBT_LOST_STATE;
}

static void
note_outcome(struct marks *mk, const struct mark *m, uint64_t seq,
    const struct record *rec, enum doubt_outcome outcome)
{
	uint64_t last = mk->header->doubts_written;

	/* Several crashes may have hit the same sequence: each has its entry. An entry of many is
	 * settled with its last. */
	if (m->doubt != seq && m->lost_last != seq)
		return;
	for (uint64_t n = first_listed(mk); n <= last; n++) {
		struct marks_entry *en = entry_at(mk, n);

		if (!entry_is_of(en, m, seq) || en->last_seq != seq ||
		    !entry_is_pending(en))
			continue;
		en->number = rec->number;
		en->type = rec->type;
		en->length = rec->length;
		en->body_crc = crc32c(0, rec->body, rec->length);
		marks_store_u32(&en->outcome, outcome);
		CRASH_POINT("marks.doubt_outcome");
	}
}

static void
end_doubt(struct mark *m, uint64_t seq)
{
	if (m->doubt == seq)
		marks_store_u64(&m->doubt, 0);
	if (m->lost_last == seq)
		marks_store_u64(&m->lost_last, 0);
}

void
mark_pass_doubt(struct marks *mk, struct mark *m, uint64_t seq,
    const struct record *rec, enum doubt_outcome outcome)
{
	note_outcome(mk, m, seq, rec, outcome);
	mark_pass(m, seq);
	CRASH_POINT("marks.doubt_passed");
	end_doubt(m, seq);
	CRASH_POINT("marks.doubt_ended");
}

void
mark_doubt_not_taken(
    struct marks *mk, struct mark *m, uint64_t seq, const struct record *rec)
{
	note_outcome(mk, m, seq, rec, DOUBT_NOT_TAKEN);
	end_doubt(m, seq);
}

unsigned
mark_crashes(const struct marks *mk, const struct mark *m, uint64_t seq)
{
	uint64_t last = mk->header->doubts_written;
	unsigned crashes = 0;

	/* The stream stands still between them, so they are in a row. */
	if (m->doubt != seq)
		return 0;
	for (uint64_t n = first_listed(mk); n <= last; n++) {
		const struct marks_entry *en = entry_at(mk, n);

		crashes += en->seq == seq && entry_is_of(en, m, seq) &&
			   en->outcome != DOUBT_LOST_STATE &&
			   (en->flags & MARKS_ENTRY_HARMLESS) == 0;
	}
	return crashes;
}

void
mark_lose_state(struct marks *mk, struct mark *m, uint64_t acked, uint64_t next)
{
	struct marks_entry what = { .stream = m->stream,
		.seq = acked + 1,
		.last_seq = next - 1,
		.outcome = DOUBT_LOST_STATE };
	uint64_t last = mk->header->doubts_written;

	if (next <= acked || next - acked <= 1)
		return;
	marks_store_u64(&m->lost_last, next - 1);
	/* After a kill before the mark was passed the sender says the same again. */
	for (uint64_t n = first_listed(mk); n <= last; n++) {
		const struct marks_entry *en = entry_at(mk, n);

		if (en->outcome == DOUBT_LOST_STATE && en->seq == what.seq &&
		    en->last_seq == what.last_seq && id_equal(&en->stream, &m->stream))
			return;
	}
	append_doubt(mk, &what);
}

void
mark_note_call(const struct marks *mk, struct mark *m, int queue)
{
	struct timespec now;

	if (!m->call.known || m->call.queue != queue) {
		m->call.sent = 0;
		m->call.queue = queue;
		m->call.known = 1;
	}
	m->call.before = mk->header->sent;
	/* The kernel stamps the queue with this very clock: a stamp before it is of another
	 * message. */
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
	m->call.intent_s = now.tv_sec;
	CRASH_POINT("marks.call_noted");
}

void
mark_note_wait(struct mark *m, uint64_t seq)
{
	marks_store_u64(&m->waits, seq);
}

void
mark_note_sent(struct marks *mk, struct mark *m, const struct record *rec)
{
	uint64_t sent = ++mk->header->sent;

	if (m == NULL) {
		mk->header->sent_unnoted = sent;
		return;
	}
	m->call.sent_type = rec->type;
	m->call.sent_length = rec->length;
	m->call.sent_crc = rec->body_crc;
	m->call.sent = sent;
	CRASH_POINT("marks.sent_noted");
}

bool
mark_doubt_evidence(
    const struct marks *mk, const struct mark *m, struct doubt_evidence *ret)
{
	static const struct id unknown;
	const struct marks_process *me = &mk->header->process;
	const struct marks_process *it = &m->doubt_process;
	const struct mark_call *call = &m->doubt_call;

	if (!call->known || id_equal(&it->boot, &unknown) ||
	    !id_equal(&it->boot, &me->boot))
		return false;
	*ret = (struct doubt_evidence){ .queue = call->queue };
	/* In another namespace the same number means another process. */
	if (it->pid_space == me->pid_space && me->pid_space != 0)
		ret->pid = (pid_t)it->pid;
	if (llabs(it->clock_ns - me->clock_ns) < CLOCK_SKEW_NS)
		ret->intent_s = call->intent_s;
	ret->sent = call->sent != 0;
	ret->sent_type = call->sent_type;
	ret->sent_length = call->sent_length;
	ret->sent_crc = call->sent_crc;
	return true;
}

bool
marks_have_evidence(const struct marks *mk, int queue)
{
	for (unsigned i = 0; i < mk->n_slots; i++) {
		const struct mark *m = &mk->slots[i];

		if (m->state == MARK_USED && m->doubt > m->mark &&
		    m->doubt_call.known && m->doubt_call.queue == queue)
			return true;
	}
	return false;
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
