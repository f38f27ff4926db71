/* Payloads to structs. Each field is read unchecked by the bounded reader, which is
 * asked once at the end; what the reader cannot know is checked between.
 * docs/wire-protocol.md. */
#include <errno.h>

#include "record/record.h"
#include "wire/frame.h"
#include "wire/reader.h"

/* section 5 */
int
frame_decode_hello(struct frame_hello *ret, const struct frame *fr)
{
	struct frame_hello he = { 0 };
	struct reader rd;

	reader_init(&rd, fr);
	if (reader_u32(&rd) != FRAME_MAGIC)
		return -EBADMSG;
	he.version_min = reader_u16(&rd);
	he.version_max = reader_u16(&rd);
	he.instance = reader_id(&rd);
	he.heartbeat_ms = reader_u32(&rd);
	he.name = reader_text(&rd, FRAME_NAME_MAX);
	if (reader_end(&rd) != 0 || he.heartbeat_ms == 0 ||
	    he.heartbeat_ms > FRAME_HEARTBEAT_MAX_MS)
		return -EBADMSG;
	*ret = he;
	return 0;
}

/* section 6 */
int
frame_decode_open(struct frame_open *ret, const struct frame *fr)
{
	struct frame_open op = { 0 };
	struct reader rd;

	reader_init(&rd, fr);
	op.stream = reader_id(&rd);
	op.ring = reader_id(&rd);
	op.acked = reader_u64(&rd);
	op.next = reader_u64(&rd);
	op.max_messages = reader_u64(&rd);
	op.max_bytes = reader_u64(&rd);
	op.max_body = reader_u32(&rd);
	op.mode = reader_u32(&rd);
	op.kind = reader_u8(&rd);
	reader_skip(&rd, 3);
	op.route = reader_text(&rd, FRAME_NAME_MAX);
	op.source = reader_text(&rd, FRAME_NAME_MAX);
	op.uri = reader_text(&rd, FRAME_URI_MAX);
	op.take = reader_text(&rd, FRAME_TAKE_MAX);
	op.entry = reader_text(&rd, FRAME_NAME_MAX);
	if (reader_end(&rd) != 0)
		return -EBADMSG;
	*ret = op;
	return 0;
}

/* section 7 */
int
frame_decode_opened(struct frame_opened *ret, const struct frame *fr)
{
	struct frame_opened od = { 0 };
	struct reader rd;

	reader_init(&rd, fr);
	od.mark = reader_u64(&rd);
	od.credit = reader_u64(&rd);
	od.max_body = reader_u32(&rd);
	od.kind = reader_u8(&rd);
	reader_skip(&rd, 1);
	od.rejects = reader_u16(&rd);
	if (od.rejects > FRAME_REJECTS_MAX)
		return -EBADMSG;
	for (uint16_t i = 0; i < od.rejects; i++) {
		od.reject[i].seq = reader_u64(&rd);
		od.reject[i].reason = reader_u16(&rd);
	}
	if (reader_end(&rd) != 0)
		return -EBADMSG;
	*ret = od;
	return 0;
}

/* section 7 */
int
frame_decode_refused(struct frame_refused *ret, const struct frame *fr)
{
	struct frame_refused re = { 0 };
	struct reader rd;

	reader_init(&rd, fr);
	re.code = reader_u16(&rd);
	reader_skip(&rd, 2);
	re.retry_ms = reader_u32(&rd);
	re.text = reader_text(&rd, FRAME_TEXT_MAX);
	if (reader_end(&rd) != 0)
		return -EBADMSG;
	*ret = re;
	return 0;
}

/* Section 8. The records are not walked here: a damaged length must be told from a
 * broken rule, and only the checksums can do that. */
int
frame_decode_data(struct frame_data *ret, const struct frame *fr)
{
	struct frame_data da = { 0 };
	struct reader rd;

	reader_init(&rd, fr);
	da.first_seq = reader_u64(&rd);
	da.count = reader_u32(&rd);
	reader_skip(&rd, 4);
	da.clock_ns = (int64_t)reader_u64(&rd);
	da.length = (uint32_t)rd.left;
	da.records = reader_take(&rd, rd.left);
	if (reader_end(&rd) != 0 || da.first_seq == 0 || da.count == 0 ||
	    da.first_seq > UINT64_MAX - da.count)
		return -EBADMSG;
	if (da.length % RECORD_ALIGN != 0 || da.length / RECORD_HEADER < da.count)
		return -EBADMSG;
	*ret = da;
	return 0;
}

/* section 9 */
int
frame_decode_chunk(struct frame_chunk *ret, const struct frame *fr)
{
	struct frame_chunk ch = { 0 };
	struct reader rd;

	reader_init(&rd, fr);
	ch.seq = reader_u64(&rd);
	ch.total = reader_u32(&rd);
	ch.offset = reader_u32(&rd);
	ch.clock_ns = (int64_t)reader_u64(&rd);
	reader_skip(&rd, 8);
	ch.length = (uint32_t)rd.left;
	ch.bytes = reader_take(&rd, rd.left);
	if (reader_end(&rd) != 0 || ch.seq == 0 || ch.seq == UINT64_MAX)
		return -EBADMSG;
	if (ch.total % RECORD_ALIGN != 0 || ch.total < RECORD_HEADER ||
	    ch.total > record_stride(RECORD_BODY_MAX))
		return -EBADMSG;
	if (ch.length == 0 || ch.offset >= ch.total || ch.length > ch.total - ch.offset)
		return -EBADMSG;
	*ret = ch;
	return 0;
}

/* section 10 */
int
frame_decode_ack(struct frame_ack *ret, const struct frame *fr)
{
	struct frame_ack ac = { 0 };
	struct reader rd;

	reader_init(&rd, fr);
	ac.mark = reader_u64(&rd);
	ac.credit = reader_u64(&rd);
	if (reader_end(&rd) != 0)
		return -EBADMSG;
	*ret = ac;
	return 0;
}

/* section 10 */
int
frame_decode_limits(struct frame_limits *ret, const struct frame *fr)
{
	struct frame_limits li = { 0 };
	struct reader rd;

	reader_init(&rd, fr);
	li.credit = reader_u64(&rd);
	li.max_body = reader_u32(&rd);
	li.kind = reader_u8(&rd);
	reader_skip(&rd, 3);
	if (reader_end(&rd) != 0)
		return -EBADMSG;
	*ret = li;
	return 0;
}

/* section 11 */
int
frame_decode_reject(struct frame_reject *ret, const struct frame *fr)
{
	struct frame_reject re = { 0 };
	struct reader rd;

	reader_init(&rd, fr);
	re.seq = reader_u64(&rd);
	re.reason = reader_u16(&rd);
	re.text = reader_text(&rd, FRAME_TEXT_MAX);
	if (reader_end(&rd) != 0)
		return -EBADMSG;
	*ret = re;
	return 0;
}

/* section 10 */
int
frame_decode_cause(struct frame_cause *ret, const struct frame *fr)
{
	struct frame_cause ca = { 0 };
	struct reader rd;

	reader_init(&rd, fr);
	ca.reason = reader_text(&rd, FRAME_TEXT_MAX);
	ca.detail = reader_text(&rd, FRAME_TEXT_MAX);
	if (reader_end(&rd) != 0)
		return -EBADMSG;
	*ret = ca;
	return 0;
}

/* section 12 */
int
frame_decode_close(struct frame_close *ret, const struct frame *fr)
{
	struct frame_close cl = { 0 };
	struct reader rd;

	reader_init(&rd, fr);
	cl.code = reader_u16(&rd);
	cl.text = reader_text(&rd, FRAME_TEXT_MAX);
	if (reader_end(&rd) != 0)
		return -EBADMSG;
	*ret = cl;
	return 0;
}

/* sections 11 and 13 */
int
frame_decode_number(uint64_t *ret, const struct frame *fr)
{
	struct reader rd;
	uint64_t number;

	reader_init(&rd, fr);
	number = reader_u64(&rd);
	if (reader_end(&rd) != 0)
		return -EBADMSG;
	*ret = number;
	return 0;
}

/* section 12 */
int
frame_decode_shut(const struct frame *fr)
{
	return fr->length == 0 ? 0 : -EBADMSG;
}
