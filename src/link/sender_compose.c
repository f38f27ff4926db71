/* What a sender puts into the composition of its connection. */
#include <stdio.h>

#include "base/quote.h"
#include "link/link_private.h"
#include "record/record.h"
#include "spool/deadletter.h"
#include "spool/runtime.h"

/* The records of one data frame. */
#define DATA_MAX  (FRAME_PAYLOAD_MAX - FRAME_DATA_HEADER)
#define CHUNK_MAX (FRAME_PAYLOAD_MAX - FRAME_CHUNK_HEADER)

/* Records of a frame: from the source in runs, as much as fits. Returns their number. */
static uint32_t
sender_add_runs(struct sender *sn, uint64_t room, struct frame_data *da)
{
	struct session *ss = sn->peer->session;
	struct source *src = sn->sink.source;
	struct source_run run;

	while (session_room(ss) > 0 &&
	       src->ops->take_run(src, UINT32_MAX, room, sn->max_body, &run) > 0) {
		if (da->count == 0)
			da->first_seq = run.seq;
		session_add_piece(ss, run.first, run.bytes);
		da->count += run.count;
		da->length += (uint32_t)run.bytes;
		room -= run.bytes;
		sn->sent += run.bytes;
	}
	return da->count;
}

static bool
sender_compose_data(struct sender *sn)
{
	struct session *ss = sn->peer->session;
	uint64_t room = sn->credit - sn->sent;
	struct frame_data da = { .clock_ns =
				     runtime_clock_ns(sn->peer->owner->spec.runtime) };
	uint8_t *head;

	head = session_begin_frame(ss, FRAME_HEADER + FRAME_DATA_HEADER);
	if (head == NULL)
		return false;
	if (sender_add_runs(sn, room < DATA_MAX ? room : DATA_MAX, &da) == 0) {
		session_drop_frame(ss);
		return false;
	}
	(void)frame_encode_data(
	    head, FRAME_HEADER + FRAME_DATA_HEADER, sn->channel, &da);
	session_end_frame(ss, sn, da.first_seq + da.count - 1);
	return true;
}

/* The next piece of a record that is larger than a frame. */
static bool
sender_compose_chunk(struct sender *sn)
{
	struct session *ss = sn->peer->session;
	uint64_t total = record_stride(sn->chunk->length);
	uint64_t left = total - sn->chunk_at;
	struct frame_chunk ch = {
		.seq = sn->chunk_seq,
		.total = (uint32_t)total,
		.offset = (uint32_t)sn->chunk_at,
		.clock_ns = runtime_clock_ns(sn->peer->owner->spec.runtime),
		.length = (uint32_t)(left < CHUNK_MAX ? left : CHUNK_MAX),
	};
	const uint8_t *bytes = (const uint8_t *)sn->chunk + sn->chunk_at;
	uint8_t *head;

	if (session_room(ss) < 2)
		return false;
	head = session_begin_frame(ss, FRAME_HEADER + FRAME_CHUNK_HEADER);
	if (head == NULL)
		return false;
	(void)frame_encode_chunk(
	    head, FRAME_HEADER + FRAME_CHUNK_HEADER, sn->channel, &ch);
	session_add_piece(ss, bytes, ch.length);
	sn->sent += ch.length;
	sn->chunk_at += ch.length;
	session_end_frame(ss, sn, sn->chunk_at == total ? sn->chunk_seq : 0);
	if (sn->chunk_at == total)
		sn->chunk = NULL;
	return true;
}

/* The same to a peer that does not know VOID: a record that never checks, so that it gives the sequence
 * up as it does with any that is damaged twice. */
static bool
sender_compose_unreadable(struct sender *sn, uint64_t seq)
{
	static const struct record unreadable = { .reserved2 = 1 };
	struct session *ss = sn->peer->session;
	const struct frame_data da = {
		.first_seq = seq,
		.count = 1,
		.clock_ns = runtime_clock_ns(sn->peer->owner->spec.runtime),
		.length = RECORD_HEADER,
	};
	uint8_t *head = session_begin_frame(ss, FRAME_HEADER + FRAME_DATA_HEADER);

	if (head == NULL)
		return false;
	(void)frame_encode_data(
	    head, FRAME_HEADER + FRAME_DATA_HEADER, sn->channel, &da);
	session_add_piece(ss, &unreadable, RECORD_HEADER);
	return true;
}

static bool
sender_compose_gap(struct sender *sn, uint64_t seq)
{
	uint8_t *head =
	    session_begin_frame(sn->peer->session, FRAME_HEADER + FRAME_VOID_BYTES);

	if (head == NULL)
		return false;
	(void)frame_encode_number(
	    head, FRAME_HEADER + FRAME_VOID_BYTES, FRAME_VOID, sn->channel, seq);
	return true;
}

/* Of a record that was sent before nothing is left: its sequence passes without it. */
static bool
sender_compose_void(struct sender *sn, uint64_t seq)
{
	struct session *ss = sn->peer->session;
	struct source *src = sn->sink.source;

	if (RECORD_HEADER > sn->credit - sn->sent)
		return false;
	if (!(ss->version < 2 ? sender_compose_unreadable(sn, seq)
			      : sender_compose_gap(sn, seq)))
		return false;
	src->ops->take(src);
	sn->sent += RECORD_HEADER;
	session_end_frame(ss, sn, seq);
	return true;
}

/* What runs could not take: a record that never fits is refused, a large one begins to go in
 * chunks, a damaged one is told. true: something was done, go on. */
static bool
sender_handle_odd(struct sender *sn)
{
	struct source *src = sn->sink.source;
	const struct record *rec;
	char detail[128];
	uint64_t seq, stride;
	bool is_new;

	rec = src->ops->peek(src, &seq, &is_new);
	if (rec == NULL)
		return false;
	if (rec->flags & RECORD_DAMAGED)
		return sender_compose_void(sn, seq);
	if (is_new && rec->length > sn->max_body) {
		(void)snprintf(detail, sizeof(detail),
		    "%u bytes, but %.64s takes at most %u", rec->length,
		    quote(sn->entry).text, sn->max_body);
		return src->ops->refuse(src, DEAD_TOO_BIG, detail) == 0;
	}
	stride = record_stride(rec->length);
	if (stride > sn->credit - sn->sent ||
	    (stride <= DATA_MAX && rec->length <= sn->max_body)) {
		source_blocked(src);
		return false; /* the next ACK brings more credit */
	}
	/* Larger than a frame; or sent before a limit that fell: the receiver rejects it. */
	src->ops->take(src);
	sn->chunk = rec;
	sn->chunk_seq = seq;
	sn->chunk_at = 0;
	return true;
}

bool
sender_compose(struct sender *sn)
{
	if (sn->phase != SENDER_OPEN)
		return false;
	if (sn->max_body == 0) {
		source_blocked(sn->sink.source);
		return false;
	}
	if (sn->chunk != NULL)
		return sender_compose_chunk(sn);
	if (sender_compose_data(sn))
		return true;
	return sender_handle_odd(sn);
}
