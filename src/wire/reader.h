/* A bounded cursor over little-endian bytes from outside. A failure sticks: read all
 * fields, then ask once with reader_end(). What could not be read is 0. */
#ifndef MQBRIDGE_WIRE_READER_H
#define MQBRIDGE_WIRE_READER_H

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wire/frame.h"

struct reader {
	const uint8_t *at;
	size_t left;
	bool bad;
};

static inline void
reader_init(struct reader *rd, const struct frame *fr)
{
	rd->at = fr->payload;
	rd->left = fr->length;
	rd->bad = false;
}

/* The next len bytes, or NULL. */
static inline const uint8_t *
reader_take(struct reader *rd, size_t len)
{
	const uint8_t *at = rd->at;

	if (rd->bad || len > rd->left) {
		rd->bad = true;
		return NULL;
	}
	if (len > 0)
		rd->at += len;
	rd->left -= len;
	return at;
}

/* Reserved bytes are sent as 0 and not looked at, so that a later version may use
 * them. */
static inline void
reader_skip(struct reader *rd, size_t len)
{
	(void)reader_take(rd, len);
}

static inline uint8_t
reader_u8(struct reader *rd)
{
	const uint8_t *at = reader_take(rd, 1);

	return at != NULL ? *at : 0;
}

static inline uint16_t
reader_u16(struct reader *rd)
{
	uint16_t value = 0;
	const uint8_t *at = reader_take(rd, sizeof(value));

	if (at != NULL)
		memcpy(&value, at, sizeof(value));
	return le16toh(value);
}

static inline uint32_t
reader_u32(struct reader *rd)
{
	uint32_t value = 0;
	const uint8_t *at = reader_take(rd, sizeof(value));

	if (at != NULL)
		memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static inline uint64_t
reader_u64(struct reader *rd)
{
	uint64_t value = 0;
	const uint8_t *at = reader_take(rd, sizeof(value));

	if (at != NULL)
		memcpy(&value, at, sizeof(value));
	return le64toh(value);
}

static inline struct id
reader_id(struct reader *rd)
{
	struct id value = { { 0 } };
	const uint8_t *at = reader_take(rd, sizeof(value.bytes));

	if (at != NULL)
		memcpy(value.bytes, at, sizeof(value.bytes));
	return value;
}

/* u16 length and that many bytes, at most max, without NUL. */
static inline struct frame_text
reader_text(struct reader *rd, size_t max)
{
	struct frame_text text = { .bytes = "", .length = reader_u16(rd) };
	const uint8_t *at = reader_take(rd, text.length);

	if (at == NULL || text.length > max || memchr(at, 0, text.length) != NULL) {
		rd->bad = true;
		text.length = 0;
		return text;
	}
	text.bytes = (const char *)at;
	return text;
}

/* 0 when all was there and nothing is left, else -EBADMSG. */
static inline int
reader_end(const struct reader *rd)
{
	return rd->bad || rd->left > 0 ? -EBADMSG : 0;
}

#endif
