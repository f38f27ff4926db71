/* A stream: the way of one source queue's records to one sink. It owns the send journal
 * on tmpfs (what was sent under which sequence number), and knows in memory what is
 * still to be sent, highest priority first. INVARIANTS I6..I8, I13;
 * docs/spool-format.md, section 4.
 *
 * Life of a record in a stream: waiting -> (stream_take: gets its sequence) in flight
 * -> settled. Or waiting -> parked (never fits; becomes a dead letter) -> settled. */
#ifndef MQBRIDGE_SPOOL_STREAM_H
#define MQBRIDGE_SPOOL_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/id.h"
#include "record/record.h"
#include "spool/log.h"

struct ring;
struct stream; /* opaque; used by the ring's thread */

#define STREAM_WINDOW                                                                  \
	16384 /* W: messages in flight at most; 8 bytes each in the journal */
#define STREAM_REJECTS 64 /* rejected and not yet stored as dead letters at most; I12 */

struct stream_numbers {
	uint64_t acked;     /* all sequences up to here are settled */
	uint64_t next;      /* the sequence that the next new record gets; 1 at first */
	uint64_t waiting;   /* no sequence yet and not parked: in ring and log */
	uint64_t in_flight; /* next - acked - 1 */
	int64_t oldest_captured_ns; /* of the oldest unsettled record, 0 if none */
	struct log_numbers log;     /* all 0 without one */
};

/* Make a stream from the ring's records committed from now on. label says where to
 * ("hub/orders"), at most 511 bytes, copied; it is what the stream is found by in the
 * configuration. The ring is borrowed and must outlive the stream. All streams that the
 * ring has already must be open, as each holds a slot of it. File "stream-<id>".
 * 0, -ENOSPC (no free slot, or tmpfs full), or -errno. */
int stream_create(
    struct stream **ret, int dir_fd, struct ring *rg, const char *label) MUST_CHECK;

/* Read whose stream a file is, without opening it: ring id and label (>= 512 bytes). */
int stream_identify(int dir_fd, const char *file, struct id *ret_ring, char *ret_label,
    size_t label_size) MUST_CHECK;
/* Open one after a restart: attaches to the ring, all unsettled records that are not in
 * flight wait again, those in flight are offered first. lg: its overflow log, borrowed, which
 * must outlive it; NULL: it has none.
 * 0, -EBADMSG (damaged, future version, or a place outside of ring and log), -EBUSY (open
 * already: its slot is taken), -errno. */
int stream_open(struct stream **ret, int dir_fd, const char *file, struct ring *rg,
    struct log *lg) MUST_CHECK;
/* A stream without one gets an overflow log, borrowed. 0 or -ENOMEM. */
int stream_use_log(struct stream *st, struct log *lg) MUST_CHECK;
struct log *stream_log(const struct stream *st); /* borrowed; NULL: none */
/* Nothing is sent before it is in the log: sync = "always". */
void stream_log_only(struct stream *st, bool on);
/* Nothing new is offered; what is in flight still is after a rewind. */
void stream_hold(struct stream *st, bool on);
/* New records of the ring are not let wait, stream_admit() does nothing. */
void stream_freeze(struct stream *st, bool on);
/* An operator deletes what waits in the ring: at most max_count records are settled without having been
 * sent. Those that came while it is frozen stay. Their number; -EBUSY: a batch of them is on its way
 * to the log. */
int stream_purge(struct stream *st, uint32_t max_count) MUST_CHECK;
/* The file stays, and the ring goes on keeping the stream's records; the stream can be
 * opened again when the ring was. NULL is fine. */
void stream_close(struct stream *st);
/* Ends one that was made just now and took nothing: its file goes too. */
void stream_undo(struct stream *st, int dir_fd);

const struct id *stream_id(const struct stream *st);
const char *stream_label(const struct stream *st);
/* Pieces of damage in its journal that opening found and mended. */
unsigned stream_mended(const struct stream *st);
void stream_numbers(const struct stream *st, struct stream_numbers *ret);
uint64_t stream_acked(const struct stream *st); /* all up to it are settled */

/* Does the stream still have to settle that record of the ring? */
bool stream_wants(const struct stream *st, const struct record *rec);

/* Let newly committed records of the ring wait. Call after each turn of intake. */
int stream_admit(struct stream *st) MUST_CHECK; /* 0 or -ENOMEM (call again later) */

/* The next record to hand to the sink and its sequence, or NULL: nothing waits, or the
 * window is full. After a rewind those in flight come again first, under their old
 * sequences. The record is borrowed until it is settled. *ret_new: it has not been sent
 * before. One that was sent and is damaged is record_void: its sequence belongs to it alone. */
const struct record *stream_peek(struct stream *st, uint64_t *ret_seq, bool *ret_new);
/* The peeked record goes to the sink: a new one is stored in the journal (place, then
 * next). Must be called before the first of its bytes leaves. */
void stream_take(struct stream *st);
/* Records that lie one behind the other in memory and carry consecutive sequences. */
struct stream_run {
	const struct record *first;
	uint64_t seq; /* of the first */
	uint32_t count;
	uint64_t bytes; /* that all of them span */
};
/* What stream_peek() and stream_take() would give one after the other, taken at once as
 * far as it lies in one piece: at most max_count records of together at most max_bytes,
 * none with a body above max_body. Returns their number; 0: nothing waits, or the first
 * alone is too large or damaged: peek, then take it (in chunks) or park it. */
uint32_t stream_take_run(struct stream *st, uint32_t max_count, uint64_t max_bytes,
    uint32_t max_body, struct stream_run *ret);

/* The peer has all up to seq: settled bits, then acked (I8). Held back before a
 * sequence that is rejected and not yet stored. Frees ring space. 0; -EBADMSG: seq was
 * never sent. */
int stream_acknowledge(struct stream *st, uint64_t seq) MUST_CHECK;

/* A resumed sink has all up to mark: what is in flight above it is offered again.
 * Settles nothing: call stream_reject() for each that the sink lists as rejected, then
 * stream_acknowledge(mark).
 * 0; -EBADMSG: mark < acked or mark >= next (I13..I15). */
int stream_rewind(struct stream *st, uint64_t mark) MUST_CHECK;

/* Was it taken and not settled? */
bool stream_in_flight(const struct stream *st, uint64_t seq);
/* The record of a sequence in flight, or record_void. Borrowed until settled. NULL: it is not in flight, or on
 * its way to the log (moved() comes) or in the log and not in memory (it is being read, and the log
 * tells when it is there). */
const struct record *stream_sent(const struct stream *st, uint64_t seq);
/* When it was captured; 0: it is not in flight, or in the log and not in memory. */
int64_t stream_captured_ns(const struct stream *st, uint64_t seq);
/* Is the record of that number in flight, and in the log? 1; 0; -EAGAIN: not all of those are in
 * memory, and what is missing is being read: ask again. */
int stream_logged(const struct stream *st, uint64_t number) MUST_CHECK;
/* As many are in flight as may be: until some are settled nothing new is offered. */
bool stream_window_full(const struct stream *st);
bool stream_is_empty(const struct stream *st); /* nothing waits or is in flight */

/* Sequence seq was rejected: acked does not pass it until stream_reject_stored().
 * Idempotent. Call it before acknowledging seq. After a crash the sink tells its list
 * again.
 * 0; -ENOSPC: STREAM_REJECTS are pending; -EBADMSG: not in flight. */
int stream_reject(struct stream *st, uint64_t seq) MUST_CHECK;
/* The dead letter is on disk: what was acknowledged meanwhile is settled. */
void stream_reject_stored(struct stream *st, uint64_t seq);

/* The peeked new record can never be sent: takes it out of the order without a
 * sequence; it is settled by stream_park_stored(). After a crash before that it waits
 * again.
 * -ENOSPC: STREAM_REJECTS are parked; -EINVAL: nothing is peeked, or it is not new; -EAGAIN: in
 * the log, and something before it is not settled. */
int stream_park(struct stream *st, const struct record **ret) MUST_CHECK;
void stream_park_stored(struct stream *st, const struct record *rec);

/* Move to the log: a batch of what is in flight up to sequence sent_to, whose memory no sink points
 * to, and then of the oldest waiting records of the ring before the position end. Ends with
 * moved() from disk_collect(): their number, or -errno and nothing is changed (-EDQUOT: the log is
 * full; -ENOSPC; -EIO ...). Returns the number on their way; 0: there is nothing to move;
 * -EBUSY: a batch is on its way; or -errno. */
typedef void stream_moved(void *owner, int rc);
int stream_move(struct stream *st, uint64_t sent_to, uint64_t end, stream_moved *moved,
    void *owner) MUST_CHECK;
/* The same batch, for something else than the log; borrowed until stream_batch_end(), with the
 * items, of which the first count leave the ring (in flight: with their places). */
int stream_batch(struct stream *st, uint64_t sent_to, uint64_t end,
    const struct log_item **ret) MUST_CHECK;
void stream_batch_end(struct stream *st, const struct log_item *items, size_t count);

#endif
