#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

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
	if (need > CONTROL_MAX)
		return -ENOBUFS;
	if (need > out->waiting_size) {
		uint8_t *grown = realloc(out->waiting, need * 2);

		if (grown == NULL)
			return -ENOMEM;
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

bool
session_add_piece(struct session *ss, const void *bytes, size_t length)
{
	struct session_out *out = &ss->out;

	if (out->pieces == SESSION_IOV)
		return false;
	/* writev(2) only reads, but its type does not say so. */
	out->iov[out->pieces++] =
	    (struct iovec){ .iov_base = (void *)(uintptr_t)bytes, .iov_len = length };
	out->bytes += length;
	return true;
}

uint8_t *
session_add_head(struct session *ss, size_t length)
{
	struct session_out *out = &ss->out;
	uint8_t *head;

	if (out->frames == SESSION_FRAMES || session_room(ss) < 2)
		return NULL;
	head = out->head[out->frames++];
	(void)session_add_piece(ss, head, length);
	return head;
}

void
session_drop_head(struct session *ss)
{
	struct session_out *out = &ss->out;

	out->frames--;
	out->pieces--;
	out->bytes -= out->iov[out->pieces].iov_len;
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
	(void)session_add_piece(ss, out->waiting, out->waiting_length);
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
	out->frames = 0;
	out->bytes = 0;
	session_compose_control(ss);
	if (ss->established)
		session_compose_data(ss);
	return rc;
}

/* Forget what was written. */
static void
session_advance(struct session *ss, size_t written)
{
	struct session_out *out = &ss->out;

	while (written > 0) {
		struct iovec *iov = &out->iov[out->first];

		if (written < iov->iov_len) {
			iov->iov_base = (uint8_t *)iov->iov_base + written;
			iov->iov_len -= written;
			return;
		}
		written -= iov->iov_len;
		out->first++;
	}
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
	}
	return 0;
}

int
session_flush(struct session *ss)
{
	int rc;

	for (int i = 0; i < FLUSH_ROUNDS; i++) {
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
