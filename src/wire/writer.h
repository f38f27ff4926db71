/* A bounded cursor that writes one frame, little-endian. A failure sticks: write all
 * fields, then ask once with writer_end(). */
#ifndef MQBRIDGE_WIRE_WRITER_H
#define MQBRIDGE_WIRE_WRITER_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wire/frame.h"

struct writer {
	uint8_t *buf;
	size_t size;
	size_t used;
	bool bad; /* it did not fit, or a text is above its bound */
};

static inline void
writer_bytes(struct writer *wr, const void *bytes, size_t len)
{
	if (wr->bad || len > wr->size - wr->used) {
		wr->bad = true;
		return;
	}
	if (len > 0)
		memcpy(wr->buf + wr->used, bytes, len);
	wr->used += len;
}

static inline void
writer_u8(struct writer *wr, uint8_t value)
{
	writer_bytes(wr, &value, sizeof(value));
}

static inline void
writer_u16(struct writer *wr, uint16_t value)
{
	value = htole16(value);
	writer_bytes(wr, &value, sizeof(value));
}

static inline void
writer_u32(struct writer *wr, uint32_t value)
{
	value = htole32(value);
	writer_bytes(wr, &value, sizeof(value));
}

static inline void
writer_u64(struct writer *wr, uint64_t value)
{
	value = htole64(value);
	writer_bytes(wr, &value, sizeof(value));
}

static inline void
writer_id(struct writer *wr, const struct id *value)
{
	writer_bytes(wr, value->bytes, sizeof(value->bytes));
}

/* A name must arrive exactly or not at all. */
static inline void
writer_text(struct writer *wr, struct frame_text text, size_t max)
{
	if (text.length > max ||
	    (text.length > 0 && memchr(text.bytes, 0, text.length) != NULL)) {
		wr->bad = true;
		return;
	}
	writer_u16(wr, text.length);
	writer_bytes(wr, text.bytes, text.length);
}

/* A reason in words is better cut, at the start of a UTF-8 character, than not sent. */
static inline void
writer_reason(struct writer *wr, struct frame_text text)
{
	if (text.length > FRAME_TEXT_MAX) {
		text.length = FRAME_TEXT_MAX;
		while (text.length > 0 && (text.bytes[text.length] & 0xC0) == 0x80)
			text.length--;
	}
	writer_text(wr, text, FRAME_TEXT_MAX);
}

/* Begin a frame in buf, with its header; the length is filled in by writer_end(). */
static inline void
writer_begin(
    struct writer *wr, uint8_t *buf, size_t size, uint8_t type, uint32_t channel)
{
	wr->buf = buf;
	wr->size = size;
	wr->used = 0;
	wr->bad = false;
	writer_u32(wr, 0);
	writer_u8(wr, type);
	writer_u8(wr, 0);  /* flags */
	writer_u16(wr, 0); /* extension */
	writer_u32(wr, channel);
	writer_u32(wr, 0); /* reserved */
}

/* Bytes in buf, or 0. behind: bytes of payload that the caller sends after them. */
static inline size_t
writer_end(struct writer *wr, uint32_t behind)
{
	uint64_t length;
	uint32_t field;

	if (wr->bad)
		return 0;
	length = wr->used - FRAME_HEADER + (uint64_t)behind;
	if (length > FRAME_PAYLOAD_MAX)
		return 0;
	field = htole32((uint32_t)length);
	memcpy(wr->buf, &field, sizeof(field));
	return wr->used;
}

#endif
