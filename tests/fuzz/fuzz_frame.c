/* wire/frame.h, as a connection uses it: a stream of frames from a stranger. What
 * decodes must lie inside the input, keep to its bounds, and encode to a frame that
 * decodes to the same. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "wire/frame.h"

static const uint8_t *input;
static size_t input_size;
static uint8_t once[FRAME_ENCODE_MAX], twice[FRAME_ENCODE_MAX];

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
must_lie_inside(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	must(len == 0 ||
	     (at >= input && len <= input_size && at <= input + input_size - len));
}

static void
must_be_text(struct frame_text text, size_t max)
{
	char copy[16];

	must(text.length <= max);
	must_lie_inside(text.bytes, text.length);
	must(strlen(frame_text_copy(copy, sizeof(copy), text)) < sizeof(copy));
}

/* Encode and decode a struct that was decoded, and encode that: both must be the same
 * bytes. The decoded texts of the second round point into the first. */
#define AGAIN(decode, first_size, second_size, value)                                  \
	do {                                                                           \
		struct frame again;                                                    \
		size_t size = (first_size), got;                                       \
		must(size > 0);                                                        \
		must(frame_decode(&again, &got, once, size, FRAME_PAYLOAD_MAX) == 0);  \
		must(got == size && decode(&(value), &again) == 0);                    \
		must((second_size) == size && memcmp(once, twice, size) == 0);         \
	} while (0)

static void
try_hello(const struct frame *fr)
{
	struct frame_hello he;

	if (frame_decode_hello(&he, fr) != 0)
		return;
	must_be_text(he.name, FRAME_NAME_MAX);
	AGAIN(frame_decode_hello, frame_encode_hello(once, sizeof(once), &he),
	    frame_encode_hello(twice, sizeof(twice), &he), he);
}

static void
try_open(const struct frame *fr)
{
	struct frame_open op;

	if (frame_decode_open(&op, fr) != 0)
		return;
	must_be_text(op.route, FRAME_NAME_MAX);
	must_be_text(op.source, FRAME_NAME_MAX);
	must_be_text(op.uri, FRAME_URI_MAX);
	must_be_text(op.take, FRAME_TAKE_MAX);
	must_be_text(op.entry, FRAME_NAME_MAX);
	AGAIN(frame_decode_open, frame_encode_open(once, sizeof(once), 1, &op),
	    frame_encode_open(twice, sizeof(twice), 1, &op), op);
}

static void
try_opened(const struct frame *fr)
{
	struct frame_opened od;

	if (frame_decode_opened(&od, fr) != 0)
		return;
	must(od.rejects <= FRAME_REJECTS_MAX);
	AGAIN(frame_decode_opened, frame_encode_opened(once, sizeof(once), 1, &od),
	    frame_encode_opened(twice, sizeof(twice), 1, &od), od);
}

static void
try_refused(const struct frame *fr)
{
	struct frame_refused re;

	if (frame_decode_refused(&re, fr) != 0)
		return;
	must_be_text(re.text, FRAME_TEXT_MAX);
	AGAIN(frame_decode_refused, frame_encode_refused(once, sizeof(once), 1, &re),
	    frame_encode_refused(twice, sizeof(twice), 1, &re), re);
}

static void
try_data(const struct frame *fr)
{
	struct frame_data da;

	if (frame_decode_data(&da, fr) != 0)
		return;
	must_lie_inside(da.records, da.length);
	must(da.count >= 1 && da.first_seq >= 1 &&
	     da.first_seq + da.count > da.first_seq);
	must(frame_encode_data(once, sizeof(once), 1, &da) ==
	     FRAME_HEADER + FRAME_DATA_HEADER);
}

static void
try_chunk(const struct frame *fr)
{
	struct frame_chunk ch;

	if (frame_decode_chunk(&ch, fr) != 0)
		return;
	must_lie_inside(ch.bytes, ch.length);
	must((uint64_t)ch.offset + ch.length <= ch.total && ch.length >= 1);
	must(frame_encode_chunk(once, sizeof(once), 1, &ch) ==
	     FRAME_HEADER + FRAME_CHUNK_HEADER);
}

static void
try_ack_and_limits(const struct frame *fr)
{
	struct frame_ack ac;
	struct frame_limits li;

	if (frame_decode_ack(&ac, fr) == 0)
		AGAIN(frame_decode_ack, frame_encode_ack(once, sizeof(once), 1, &ac),
		    frame_encode_ack(twice, sizeof(twice), 1, &ac), ac);
	if (frame_decode_limits(&li, fr) == 0)
		AGAIN(frame_decode_limits,
		    frame_encode_limits(once, sizeof(once), 1, &li),
		    frame_encode_limits(twice, sizeof(twice), 1, &li), li);
}

static void
try_reject(const struct frame *fr)
{
	struct frame_reject re;

	if (frame_decode_reject(&re, fr) != 0)
		return;
	must_be_text(re.text, FRAME_TEXT_MAX);
	AGAIN(frame_decode_reject, frame_encode_reject(once, sizeof(once), 1, &re),
	    frame_encode_reject(twice, sizeof(twice), 1, &re), re);
}

static void
try_close(const struct frame *fr)
{
	struct frame_close cl;

	if (frame_decode_close(&cl, fr) != 0)
		return;
	must_be_text(cl.text, FRAME_TEXT_MAX);
	AGAIN(frame_decode_close, frame_encode_close(once, sizeof(once), &cl),
	    frame_encode_close(twice, sizeof(twice), &cl), cl);
}

static void
try_number(const struct frame *fr)
{
	enum frame_type type = (enum frame_type)fr->type;
	uint64_t number;

	if (frame_decode_number(&number, fr) != 0)
		return;
	AGAIN(frame_decode_number,
	    frame_encode_number(once, sizeof(once), type, 1, number),
	    frame_encode_number(twice, sizeof(twice), type, 1, number), number);
}

static void
try_payload(const struct frame *fr)
{
	static const struct {
		enum frame_type type;
		void (*attempt)(const struct frame *fr);
	} attempts[] = {
		{ FRAME_HELLO, try_hello },
		{ FRAME_CLOSE, try_close },
		{ FRAME_PING, try_number },
		{ FRAME_PONG, try_number },
		{ FRAME_OPEN, try_open },
		{ FRAME_DATA, try_data },
		{ FRAME_CHUNK, try_chunk },
		{ FRAME_STORED, try_number },
		{ FRAME_OPENED, try_opened },
		{ FRAME_REFUSED, try_refused },
		{ FRAME_ACK, try_ack_and_limits },
		{ FRAME_LIMITS, try_ack_and_limits },
		{ FRAME_REJECT, try_reject },
	};

	for (size_t i = 0; i < ARRAY_LEN(attempts); i++)
		if (fr->type == attempts[i].type)
			attempts[i].attempt(fr);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	uint32_t max = FRAME_HELLO_MAX;

	input = bytes;
	input_size = size;
	while (size > 0) {
		struct frame fr;
		size_t used;
		int rc = frame_decode(&fr, &used, bytes, size, max);

		if (rc < 0) {
			must(rc == -EAGAIN || rc == -EBADMSG);
			break;
		}
		must(used >= FRAME_HEADER && used <= size);
		must(fr.length <= max);
		must_lie_inside(fr.payload, fr.length);
		try_payload(&fr);
		bytes += used;
		size -= used;
		max = FRAME_PAYLOAD_MAX; /* as after a handshake */
	}
	return 0;
}
