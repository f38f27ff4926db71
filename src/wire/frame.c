/* The header of a frame, and texts. */
#include "wire/frame.h"

#include <errno.h>
#include <string.h>

#include "record/record.h"
#include "wire/reader.h"

int
frame_decode(struct frame *ret, size_t *ret_size, const uint8_t *bytes, size_t len,
    uint32_t max_payload)
{
	struct reader rd = { .at = bytes, .left = len };
	struct frame fr = { 0 };
	uint32_t length;
	uint16_t extension;

	if (len < FRAME_HEADER)
		return -EAGAIN;
	length = reader_u32(&rd);
	fr.type = reader_u8(&rd);
	fr.flags = reader_u8(&rd);
	extension = reader_u16(&rd);
	fr.channel = reader_u32(&rd);
	if (length > max_payload || extension > length || extension % RECORD_ALIGN != 0)
		return -EBADMSG;
	if (len - FRAME_HEADER < length)
		return -EAGAIN;
	fr.payload = bytes + FRAME_HEADER + extension;
	fr.length = length - extension;
	*ret = fr;
	*ret_size = FRAME_HEADER + (size_t)length;
	return 0;
}

struct frame_text
frame_text(const char *text)
{
	/* Longer than the field: above every bound, so the encoder notices. */
	struct frame_text ft = { .bytes = text,
		.length = (uint16_t)strnlen(text, UINT16_MAX) };

	return ft;
}

char *
frame_text_copy(char *buf, size_t size, struct frame_text text)
{
	size_t len = text.length;

	if (size == 0)
		return buf;
	if (len > size - 1)
		len = size - 1;
	if (len > 0)
		memcpy(buf, text.bytes, len);
	buf[len] = '\0';
	return buf;
}
