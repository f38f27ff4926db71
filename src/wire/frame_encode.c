/* Structs to frames; the mirror image of frame_decode.c. docs/wire-protocol.md. */
#include "wire/frame.h"
#include "wire/writer.h"

/* section 5 */
size_t
frame_encode_hello(uint8_t *buf, size_t size, const struct frame_hello *he)
{
	struct writer wr;

	writer_begin(&wr, buf, size, FRAME_HELLO, 0);
	writer_u32(&wr, FRAME_MAGIC);
	writer_u16(&wr, he->version_min);
	writer_u16(&wr, he->version_max);
	writer_id(&wr, &he->instance);
	writer_u32(&wr, he->heartbeat_ms);
	writer_text(&wr, he->name, FRAME_NAME_MAX);
	return writer_end(&wr, 0);
}

/* section 6 */
size_t
frame_encode_open(
    uint8_t *buf, size_t size, uint32_t channel, const struct frame_open *op)
{
	struct writer wr;

	writer_begin(&wr, buf, size, FRAME_OPEN, channel);
	writer_id(&wr, &op->stream);
	writer_id(&wr, &op->ring);
	writer_u64(&wr, op->acked);
	writer_u64(&wr, op->next);
	writer_u64(&wr, op->max_messages);
	writer_u64(&wr, op->max_bytes);
	writer_u32(&wr, op->max_body);
	writer_u32(&wr, op->mode);
	writer_u8(&wr, op->kind);
	writer_u8(&wr, 0);
	writer_u16(&wr, 0);
	writer_text(&wr, op->route, FRAME_NAME_MAX);
	writer_text(&wr, op->source, FRAME_NAME_MAX);
	writer_text(&wr, op->uri, FRAME_URI_MAX);
	writer_text(&wr, op->take, FRAME_TAKE_MAX);
	writer_text(&wr, op->entry, FRAME_NAME_MAX);
	return writer_end(&wr, 0);
}

/* section 7 */
size_t
frame_encode_opened(
    uint8_t *buf, size_t size, uint32_t channel, const struct frame_opened *od)
{
	struct writer wr;

	if (od->rejects > FRAME_REJECTS_MAX)
		return 0;
	writer_begin(&wr, buf, size, FRAME_OPENED, channel);
	writer_u64(&wr, od->mark);
	writer_u64(&wr, od->credit);
	writer_u32(&wr, od->max_body);
	writer_u8(&wr, od->kind);
	writer_u8(&wr, 0);
	writer_u16(&wr, od->rejects);
	for (uint16_t i = 0; i < od->rejects; i++) {
		writer_u64(&wr, od->reject[i].seq);
		writer_u16(&wr, od->reject[i].reason);
	}
	return writer_end(&wr, 0);
}

/* section 7 */
size_t
frame_encode_refused(
    uint8_t *buf, size_t size, uint32_t channel, const struct frame_refused *re)
{
	struct writer wr;

	writer_begin(&wr, buf, size, FRAME_REFUSED, channel);
	writer_u16(&wr, re->code);
	writer_u16(&wr, 0);
	writer_u32(&wr, re->retry_ms);
	writer_reason(&wr, re->text);
	return writer_end(&wr, 0);
}

/* section 8 */
size_t
frame_encode_data(
    uint8_t *buf, size_t size, uint32_t channel, const struct frame_data *da)
{
	struct writer wr;

	writer_begin(&wr, buf, size, FRAME_DATA, channel);
	writer_u64(&wr, da->first_seq);
	writer_u32(&wr, da->count);
	writer_u32(&wr, 0);
	writer_u64(&wr, (uint64_t)da->clock_ns);
	return writer_end(&wr, da->length);
}

/* section 9 */
size_t
frame_encode_chunk(
    uint8_t *buf, size_t size, uint32_t channel, const struct frame_chunk *ch)
{
	struct writer wr;

	writer_begin(&wr, buf, size, FRAME_CHUNK, channel);
	writer_u64(&wr, ch->seq);
	writer_u32(&wr, ch->total);
	writer_u32(&wr, ch->offset);
	writer_u64(&wr, (uint64_t)ch->clock_ns);
	writer_u64(&wr, 0);
	return writer_end(&wr, ch->length);
}

/* section 10 */
size_t
frame_encode_ack(
    uint8_t *buf, size_t size, uint32_t channel, const struct frame_ack *ac)
{
	struct writer wr;

	writer_begin(&wr, buf, size, FRAME_ACK, channel);
	writer_u64(&wr, ac->mark);
	writer_u64(&wr, ac->credit);
	return writer_end(&wr, 0);
}

/* section 10 */
size_t
frame_encode_limits(
    uint8_t *buf, size_t size, uint32_t channel, const struct frame_limits *li)
{
	struct writer wr;

	writer_begin(&wr, buf, size, FRAME_LIMITS, channel);
	writer_u64(&wr, li->credit);
	writer_u32(&wr, li->max_body);
	writer_u8(&wr, li->kind);
	writer_u8(&wr, 0);
	writer_u16(&wr, 0);
	return writer_end(&wr, 0);
}

/* section 11 */
size_t
frame_encode_reject(
    uint8_t *buf, size_t size, uint32_t channel, const struct frame_reject *re)
{
	struct writer wr;

	writer_begin(&wr, buf, size, FRAME_REJECT, channel);
	writer_u64(&wr, re->seq);
	writer_u16(&wr, re->reason);
	writer_reason(&wr, re->text);
	return writer_end(&wr, 0);
}

/* section 10 */
size_t
frame_encode_cause(
    uint8_t *buf, size_t size, uint32_t channel, const struct frame_cause *ca)
{
	struct writer wr;

	writer_begin(&wr, buf, size, FRAME_CAUSE, channel);
	writer_reason(&wr, ca->reason);
	writer_reason(&wr, ca->detail);
	return writer_end(&wr, 0);
}

/* section 12 */
size_t
frame_encode_close(uint8_t *buf, size_t size, const struct frame_close *cl)
{
	struct writer wr;

	writer_begin(&wr, buf, size, FRAME_CLOSE, 0);
	writer_u16(&wr, cl->code);
	writer_reason(&wr, cl->text);
	return writer_end(&wr, 0);
}

/* sections 11 and 13 */
size_t
frame_encode_number(
    uint8_t *buf, size_t size, enum frame_type type, uint32_t channel, uint64_t number)
{
	struct writer wr;

	writer_begin(&wr, buf, size, (uint8_t)type, channel);
	writer_u64(&wr, number);
	return writer_end(&wr, 0);
}

/* section 12 */
size_t
frame_encode_shut(uint8_t *buf, size_t size, uint32_t channel)
{
	struct writer wr;

	writer_begin(&wr, buf, size, FRAME_SHUT, channel);
	return writer_end(&wr, 0);
}
