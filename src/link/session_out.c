#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash.h"
#include "link/link_private.h"
#include "link/receiver.h"
#include "net/conn.h"

/* Of one composition: what was composed cannot be overtaken by a heartbeat, so it is bounded. */
#define COMPOSITION_BYTES ((size_t)256 << 10)
#define CONTROL_MAX                                                                    \
	((size_t)1 << 20) /* bytes of control frames that wait for a slow reader */
#define FLUSH_ROUNDS 8    /* compositions of one turn of the loop */

void
session_wake(struct session *ss)
{
	if (!ss->dead)
		event_active(ss->wake, 0, 0);
}

int
session_send(struct session *ss, const uint8_t *bytes, size_t length)
{
	struct session_out *out = &ss->out;
	size_t need = out->waiting_length + length;

	if (ss->dead)
		return -EPIPE;
	if (length == 0)
		return -EINVAL;
	if (need > CONTROL_MAX) {
		ss->failed = -ENOBUFS;
		session_wake(ss);
		return -ENOBUFS;
	}
	if (need > out->waiting_size) {
		uint8_t *grown = realloc(out->waiting, need * 2);

		if (grown == NULL) {
			ss->failed = -ENOMEM;
			session_wake(ss);
			return -ENOMEM;
		}
		out->waiting = grown;
		out->waiting_size = need * 2;
	}
	memcpy(out->waiting + out->waiting_length, bytes, length);
	out->waiting_length = need;
	session_wake(ss);
	return 0;
}

unsigned
session_room(const struct session *ss)
{
	return (unsigned)(SESSION_IOV - ss->out.pieces);
}

void
session_add_piece(struct session *ss, const void *bytes, size_t length)
{
	struct session_out *out = &ss->out;
	/* writev(2) only reads, but its type does not say so. */
	const union {
		const void *bytes;
		void *base;
	} piece = { .bytes = bytes };

	out->iov[out->pieces++] =
	    (struct iovec){ .iov_base = piece.base, .iov_len = length };
	out->bytes += length;
}

uint8_t *
session_begin_frame(struct session *ss, size_t head_length)
{
	struct session_out *out = &ss->out;
	struct session_frame *fr = &out->frame[out->frames];

	if (out->frames == SESSION_FRAMES || session_room(ss) < 2)
		return NULL;
	session_add_piece(ss, fr->head, head_length);
	return fr->head;
}

void
session_end_frame(struct session *ss, struct sender *sn, uint64_t seq)
{
	struct session_out *out = &ss->out;
	struct session_frame *fr = &out->frame[out->frames++];

	fr->sender = seq > 0 ? sn : NULL;
	fr->seq = seq;
	fr->end = out->pieces;
}

void
session_drop_frame(struct session *ss)
{
	struct session_out *out = &ss->out;

	out->pieces--;
	out->bytes -= out->iov[out->pieces].iov_len;
}

void
session_forget_sender(struct session *ss, const struct sender *sn)
{
	struct session_out *out = &ss->out;

	for (unsigned i = out->written; i < out->frames; i++)
		if (out->frame[i].sender == sn)
			out->frame[i].sender = NULL;
}

/* The control frames that wait become the first piece. */
static void
session_compose_control(struct session *ss)
{
	struct session_out *out = &ss->out;
	uint8_t *bytes = out->waiting;
	size_t size = out->waiting_size;

	if (out->waiting_length == 0)
		return;
	session_add_piece(ss, out->waiting, out->waiting_length);
	out->waiting = out->control;
	out->waiting_size = out->control_size;
	out->waiting_length = 0;
	out->control = bytes;
	out->control_size = size;
}

/* Data of the streams in turn, one frame each. */
static void
session_compose_data(struct session *ss)
{
	struct session_out *out = &ss->out;
	struct sender *sn;

	while (out->frames < SESSION_FRAMES && session_room(ss) >= 2 &&
	       out->bytes < COMPOSITION_BYTES &&
	       (sn = TAILQ_FIRST(&ss->ready)) != NULL) {
		TAILQ_REMOVE(&ss->ready, sn, ready_link);
		sn->ready = sender_compose(sn);
		if (sn->ready)
			TAILQ_INSERT_TAIL(&ss->ready, sn, ready_link);
	}
}

/* 0 or -errno: acknowledgements first, so that they never wait behind data. */
static int
session_compose(struct session *ss)
{
	struct session_out *out = &ss->out;
	struct receiver *rv;
	int rc = 0;

	while (rc == 0 && (rv = TAILQ_FIRST(&ss->due)) != NULL)
		rc = receiver_acknowledge(rv);
	out->first = out->pieces = 0;
	out->frames = out->written = 0;
	out->bytes = 0;
	session_compose_control(ss);
	if (ss->established)
		session_compose_data(ss);
	return rc;
}

/* Frames that are all written: what they carried may be acknowledged. */
static void
session_note_written(struct session_out *out)
{
	while (
	    out->written < out->frames && out->frame[out->written].end <= out->first) {
		const struct session_frame *fr = &out->frame[out->written++];

		if (fr->sender != NULL)
			fr->sender->written_seq = fr->seq;
	}
}

/* Forget what was written. */
static void
session_advance(struct session *ss, size_t written)
{
	struct session_out *out = &ss->out;

	while (written > 0 && written >= out->iov[out->first].iov_len) {
		written -= out->iov[out->first].iov_len;
		out->first++;
	}
	if (written > 0) {
		struct iovec *iov = &out->iov[out->first];

		iov->iov_base = (uint8_t *)iov->iov_base + written;
		iov->iov_len -= written;
	}
	session_note_written(out);
}

/* The present composition: 0 when it is all written. */
static int
session_write(struct session *ss)
{
	struct session_out *out = &ss->out;

	while (out->first < out->pieces) {
		ssize_t n = conn_writev(
		    ss->conn, out->iov + out->first, out->pieces - out->first);

		if (n < 0)
			return (int)n;
		if (ss->peer != NULL)
			ss->peer->sent_bytes += (uint64_t)n;
		session_advance(ss, (size_t)n);
		CRASH_POINT("session.written");
	}
	return 0;
}

int
session_flush(struct session *ss)
{
	int rc;

	for (int i = 0; i < FLUSH_ROUNDS; i++) {
		/* Without a REJECT, say, an ACK that covers it must not go out. */
		if (ss->failed < 0)
			return ss->failed;
		rc = session_write(ss);
		if (rc == -EAGAIN)
			break;
		if (rc < 0)
			return rc;
		rc = session_compose(ss);
		if (rc < 0)
			return rc;
		if (ss->out.pieces == 0)
			break;
	}
	conn_want_write(ss->conn, ss->out.first < ss->out.pieces);
	return 0;
}

void
session_done_out(struct session *ss)
{
	free(ss->out.waiting);
	free(ss->out.control);
}
