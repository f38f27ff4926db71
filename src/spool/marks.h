/* What was delivered, by stream: mark, intent, rejected list; and the list of deliveries that
 * a crash left in doubt. One tmpfs file "marks". INVARIANTS I9..I14; docs/spool-format.md, section 5. */
#ifndef MQBRIDGE_SPOOL_MARKS_H
#define MQBRIDGE_SPOOL_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/id.h"

struct marks; /* opaque; used by one thread */
/* A stream's slot; borrowed, valid until marks_close(), also when marks grow. */
struct mark;
struct record;

#define MARK_REJECTS  64   /* rejected, not yet stored by the sender, at most */
#define MARKS_STREAMS 1024 /* slots; when all are used, mark_new() evicts one */
#define MARKS_DOUBTS  4096 /* of the newest doubts are listed; all are counted */
#define MARK_POISON   3    /* crashes in delivering one message; then it is held, I11 */

enum doubt_outcome {
	DOUBT_PENDING = 0, /* the sequence has not come again */
	DOUBT_RESENT = 1,  /* it came again and was delivered: perhaps twice */
	DOUBT_LOST_STATE =
	    2, /* the marks were lost, I14: seq to last_seq, still pending */
	DOUBT_DROPPED = 3, /* it came again and was not delivered: perhaps lost */
	DOUBT_HELD = 4,    /* it came again and was put away for an operator */
	DOUBT_FOUND = 5,   /* settled: the queue has taken it, so not delivered again */
	DOUBT_NOT_TAKEN = 6, /* settled: the queue has not taken it, so delivered */
	DOUBT_GONE = 7, /* its sender has lost it: perhaps delivered, perhaps not */
};
const char *doubt_outcome_name(enum doubt_outcome outcome); /* "pending"; never NULL */

struct doubt {
	struct id stream;
	uint64_t seq;
	uint64_t last_seq; /* == seq but for DOUBT_LOST_STATE */
	uint64_t number;   /* of the record, 0 until it came again */
	int64_t type;
	uint32_t length;
	uint32_t body_crc; /* CRC-32C of the body alone, so that it can be compared */
	int64_t wall_ns;   /* when it was noticed */
	enum doubt_outcome outcome;
};

/* Open the file in dir_fd or make it. Every intent that is mark + 1 becomes a doubt, once, over
 * any number of kills in here. *ret_new_doubts: how many this call found. No slot is held.
 * 0; -EBADMSG: damaged or of a future version; -ENOSPC (tmpfs full) or -errno. */
int marks_open(struct marks **ret, int dir_fd, uint64_t *ret_new_doubts) MUST_CHECK;
/* For tools: open it as it is and recover nothing. -ENOENT: there is none. */
int marks_look(struct marks **ret, int dir_fd) MUST_CHECK;
void marks_close(struct marks *mk); /* NULL is fine */
/* So many peers share the slots: one may keep at most its share from eviction, by open streams
 * and by rejects that are not stored. Until this is called one may have all. */
void marks_share(struct marks *mk, size_t n_peers);

struct mark *mark_find(struct marks *mk, const struct id *stream);
/* All slots, for showing: the first for NULL, then the one after; NULL at the end. */
struct mark *marks_next(struct marks *mk, const struct mark *after);
/* A slot for a stream not known before, its mark set to start. label: "peer/entry" or the route's
 * for a local stream; at most 511 bytes, copied (cut if longer). When all slots are used, the
 * one let go longest ago that is not held and has no rejects is evicted: of the same peer, as
 * the label says, and only if it has none, of any. So a peer with many streams loses its own.
 * -EEXIST; -ENOSPC: all slots, or the peer's share, are held by open streams or have rejects, or
 * tmpfs is full. */
int mark_new(struct marks *mk, const struct id *stream, const char *label,
    uint64_t start, struct mark **ret) MUST_CHECK;
/* A held slot is not evicted. Holds are counted. */
void mark_hold(struct mark *m);
void mark_unhold(struct mark *m);

const struct id *mark_stream(const struct mark *m);
const char *mark_label(const struct mark *m);
uint64_t mark_value(const struct mark *m);

/* Delivery of seq == mark + 1: intend, call, then pass or withdraw. One store each. */
void mark_intend(struct mark *m, uint64_t seq);
void mark_pass(struct mark *m, uint64_t seq);
void mark_withdraw(struct mark *m);

/* The intended delivery was made, but into a queue that nobody may ever read: it is in
 * doubt, as after a crash. */
void mark_doubt(struct marks *mk, struct mark *m);

/* Is a delivery intended and neither passed nor withdrawn? After a crash: in doubt. */
bool mark_in_doubt(const struct mark *m);

/* Forget the stream: if it comes again, it is unknown (I14). -EBUSY: it is held. */
int mark_forget(struct mark *m) MUST_CHECK;

/* Is seq one that a crash, or the loss of the marks, left in doubt? seq is above the mark. */
bool mark_doubtful(const struct mark *m, uint64_t seq);
/* mark_pass() of such a sequence: the doubt ends so, and rec fills in what is shown. After a crash in
 * here it is still in doubt, or passed. */
void mark_pass_doubt(struct marks *mk, struct mark *m, uint64_t seq,
    const struct record *rec, enum doubt_outcome outcome);
/* The kernel has not taken it: it is to be delivered, and is not in doubt any more. */
void mark_doubt_not_taken(
    struct marks *mk, struct mark *m, uint64_t seq, const struct record *rec);
/* How many crashes hit a call for seq that did not wait for room. */
unsigned mark_crashes(const struct marks *mk, const struct mark *m, uint64_t seq);
/* I14: the state was lost and a sender says that (acked, next) was in flight: one entry, which
 * counts as next - acked - 1 messages; the same said again is not counted again. The caller
 * bounds that number, or the total may wrap: FRAME_WINDOW_MAX for a peer. m: the
 * stream's mark, where it is remembered; all of it is in doubt. Before mark_pass() of acked. */
void mark_lose_state(struct marks *mk, struct mark *m, uint64_t acked, uint64_t next);

/* What is noted of calls that put messages into System V queues, so that a later process may
 * find out whether the one in doubt is there. Queues are told apart by their id.
 *
 * Before mark_intend(). */
void mark_note_call(const struct marks *mk, struct mark *m, int queue);
void mark_note_wait(struct mark *m, uint64_t seq); /* the call may wait for room */
/* The kernel took it. m NULL: a message that belongs to no stream was sent. */
void mark_note_sent(struct marks *mk, struct mark *m, const struct record *rec);

struct doubt_evidence {
	int queue;
	pid_t pid; /* that made the call, 0: cannot be told from others */
	/* CLOCK_REALTIME when it was intended, 0: the clock was set since. */
	int64_t intent_s;
	bool sent; /* what it had sent to that queue right before is known: */
	int64_t sent_type;
	uint32_t sent_length, sent_crc; /* crc: the record's body_crc */
};
/* Is any doubt about a message for that queue? */
bool marks_have_evidence(const struct marks *mk, int queue);
/* false: nothing is known that could help. */
bool mark_doubt_evidence(
    const struct marks *mk, const struct mark *m, struct doubt_evidence *ret);

/* Rejected sequences that the sender has not stored yet. seq == mark + 1 is withdrawn, put on
 * the list, then passed. -ENOSPC: the list is full, the stream must wait. */
int mark_reject(struct mark *m, uint64_t seq, uint16_t reason) MUST_CHECK;
void mark_reject_forget(struct mark *m, uint64_t seq);
unsigned mark_rejects(const struct mark *m);
/* i < mark_rejects(m); in no order. */
void mark_reject_at(
    const struct mark *m, unsigned i, uint64_t *ret_seq, uint16_t *ret_reason);

/* All messages ever in doubt, and the newest entries, oldest first: index 0 ..
 * marks_doubts_listed() - 1. */
uint64_t marks_doubts_total(const struct marks *mk);
unsigned marks_doubts_listed(const struct marks *mk);
void marks_doubt_at(const struct marks *mk, unsigned i, struct doubt *ret);
/* Label of the stream of a doubt, "" if its slot is gone. */
const char *marks_doubt_label(struct marks *mk, const struct doubt *db);

#endif
