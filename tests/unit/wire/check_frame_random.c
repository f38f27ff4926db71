/* Every codec, with random values of a fixed seed. */
#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "record/record.h"
#include "suites.h"
#include "wire/frame.h"

#define ROUNDS 300
#define BIG    (FRAME_HEADER + FRAME_PAYLOAD_MAX + 64)

/* xorshift64: the same values in every run, so that a failure can be repeated. */
static uint64_t rng_state;

static uint64_t
rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state;
}

static uint32_t
rng_below(uint32_t limit)
{
	return (uint32_t)(rng() % limit);
}

static struct id
rng_id(void)
{
	struct id id;

	for (size_t i = 0; i < sizeof(id.bytes); i++)
		id.bytes[i] = (uint8_t)rng();
	return id;
}

/* 0..max bytes without NUL, often of an extreme length; lives as long as the pool. */
static char text_pool[8][FRAME_URI_MAX];
static unsigned text_next;

static struct frame_text
rng_text(uint32_t max)
{
	char *bytes = text_pool[text_next++ % 8];
	uint32_t pick = rng_below(4);
	uint32_t len = pick == 0 ? 0 : pick == 1 ? max : rng_below(max + 1);

	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (char)(1 + rng_below(255));
	return (struct frame_text){ .bytes = bytes, .length = (uint16_t)len };
}

/* Per type: a random frame, and a decoded one encoded anew. Both return bytes, 0 on
 * failure. */
struct codec {
	const char *name;
	enum frame_type type;
	size_t (*make)(uint8_t *buf);
	size_t (*remake)(uint8_t *buf, const struct frame *fr);
};

static size_t
make_hello(uint8_t *buf)
{
	struct frame_hello he = { .version_min = (uint16_t)rng(),
		.version_max = (uint16_t)rng(),
		.instance = rng_id(),
		.heartbeat_ms = 1 + rng_below(FRAME_HEARTBEAT_MAX_MS),
		.name = rng_text(FRAME_NAME_MAX) };

	return frame_encode_hello(buf, BIG, &he);
}

static size_t
remake_hello(uint8_t *buf, const struct frame *fr)
{
	struct frame_hello he;

	return frame_decode_hello(&he, fr) == 0 ? frame_encode_hello(buf, BIG, &he) : 0;
}

static size_t
make_open(uint8_t *buf)
{
	struct frame_open op = { .stream = rng_id(),
		.ring = rng_id(),
		.acked = rng(),
		.next = rng(),
		.kind = (uint8_t)rng(),
		.max_body = (uint32_t)rng(),
		.max_messages = rng(),
		.max_bytes = rng(),
		.mode = (uint32_t)rng(),
		.route = rng_text(FRAME_NAME_MAX),
		.source = rng_text(FRAME_NAME_MAX),
		.uri = rng_text(FRAME_URI_MAX),
		.take = rng_text(FRAME_TAKE_MAX),
		.entry = rng_text(FRAME_NAME_MAX) };

	return frame_encode_open(buf, BIG, (uint32_t)rng(), &op);
}

static size_t
remake_open(uint8_t *buf, const struct frame *fr)
{
	struct frame_open op;

	if (frame_decode_open(&op, fr) != 0)
		return 0;
	return frame_encode_open(buf, BIG, fr->channel, &op);
}

static size_t
make_opened(uint8_t *buf)
{
	struct frame_opened od = { .mark = rng(),
		.credit = rng(),
		.max_body = (uint32_t)rng(),
		.kind = (uint8_t)rng(),
		.rejects = (uint16_t)rng_below(FRAME_REJECTS_MAX + 1) };

	for (unsigned i = 0; i < od.rejects; i++) {
		od.reject[i].seq = rng();
		od.reject[i].reason = (uint16_t)rng();
	}
	return frame_encode_opened(buf, BIG, (uint32_t)rng(), &od);
}

static size_t
remake_opened(uint8_t *buf, const struct frame *fr)
{
	struct frame_opened od;

	if (frame_decode_opened(&od, fr) != 0)
		return 0;
	return frame_encode_opened(buf, BIG, fr->channel, &od);
}

static size_t
make_refused(uint8_t *buf)
{
	struct frame_refused re = { .code = (uint16_t)rng(),
		.retry_ms = (uint32_t)rng(),
		.text = rng_text(FRAME_TEXT_MAX) };

	return frame_encode_refused(buf, BIG, (uint32_t)rng(), &re);
}

static size_t
remake_refused(uint8_t *buf, const struct frame *fr)
{
	struct frame_refused re;

	if (frame_decode_refused(&re, fr) != 0)
		return 0;
	return frame_encode_refused(buf, BIG, fr->channel, &re);
}

static size_t
make_data(uint8_t *buf)
{
	uint32_t count = 1 + rng_below(100);
	uint32_t spare = FRAME_PAYLOAD_MAX - FRAME_DATA_HEADER - count * RECORD_HEADER;
	struct frame_data da = { .first_seq = 1 + rng_below(UINT32_MAX),
		.count = count,
		.clock_ns = (int64_t)rng(),
		.length = count * RECORD_HEADER +
			  (rng_below(8) == 0 ? spare : rng_below(64)) / 8 * 8 };
	size_t size = frame_encode_data(buf, BIG, (uint32_t)rng(), &da);

	for (uint32_t i = 0; i < da.length; i++)
		buf[size + i] = (uint8_t)rng();
	return size > 0 ? size + da.length : 0;
}

static size_t
remake_data(uint8_t *buf, const struct frame *fr)
{
	struct frame_data da;
	size_t size;

	if (frame_decode_data(&da, fr) != 0)
		return 0;
	size = frame_encode_data(buf, BIG, fr->channel, &da);
	memcpy(buf + size, da.records, da.length);
	return size > 0 ? size + da.length : 0;
}

static size_t
make_chunk(uint8_t *buf)
{
	struct frame_chunk ch = { .seq = 1 + rng_below(UINT32_MAX),
		.total = RECORD_HEADER + 8 * rng_below(1 << 20),
		.clock_ns = (int64_t)rng() };
	size_t size;

	ch.offset = rng_below(ch.total);
	ch.length = 1 + rng_below(ch.total - ch.offset);
	if (ch.length > FRAME_PAYLOAD_MAX - FRAME_CHUNK_HEADER)
		ch.length = FRAME_PAYLOAD_MAX - FRAME_CHUNK_HEADER;
	size = frame_encode_chunk(buf, BIG, (uint32_t)rng(), &ch);
	for (uint32_t i = 0; i < ch.length; i++)
		buf[size + i] = (uint8_t)rng();
	return size > 0 ? size + ch.length : 0;
}

static size_t
remake_chunk(uint8_t *buf, const struct frame *fr)
{
	struct frame_chunk ch;
	size_t size;

	if (frame_decode_chunk(&ch, fr) != 0)
		return 0;
	size = frame_encode_chunk(buf, BIG, fr->channel, &ch);
	memcpy(buf + size, ch.bytes, ch.length);
	return size > 0 ? size + ch.length : 0;
}

static size_t
make_ack(uint8_t *buf)
{
	struct frame_ack ac = { .mark = rng(), .credit = rng() };

	return frame_encode_ack(buf, BIG, (uint32_t)rng(), &ac);
}

static size_t
remake_ack(uint8_t *buf, const struct frame *fr)
{
	struct frame_ack ac;

	if (frame_decode_ack(&ac, fr) != 0)
		return 0;
	return frame_encode_ack(buf, BIG, fr->channel, &ac);
}

static size_t
make_limits(uint8_t *buf)
{
	struct frame_limits li = {
		.max_body = (uint32_t)rng(), .credit = rng(), .kind = (uint8_t)rng()
	};

	return frame_encode_limits(buf, BIG, (uint32_t)rng(), &li);
}

static size_t
remake_limits(uint8_t *buf, const struct frame *fr)
{
	struct frame_limits li;

	if (frame_decode_limits(&li, fr) != 0)
		return 0;
	return frame_encode_limits(buf, BIG, fr->channel, &li);
}

static size_t
make_reject(uint8_t *buf)
{
	struct frame_reject re = { .seq = rng(),
		.reason = (uint16_t)rng(),
		.text = rng_text(FRAME_TEXT_MAX) };

	return frame_encode_reject(buf, BIG, (uint32_t)rng(), &re);
}

static size_t
remake_reject(uint8_t *buf, const struct frame *fr)
{
	struct frame_reject re;

	if (frame_decode_reject(&re, fr) != 0)
		return 0;
	return frame_encode_reject(buf, BIG, fr->channel, &re);
}

static size_t
make_close(uint8_t *buf)
{
	struct frame_close cl = { .code = (uint16_t)rng(),
		.text = rng_text(FRAME_TEXT_MAX) };

	return frame_encode_close(buf, BIG, &cl);
}

static size_t
remake_close(uint8_t *buf, const struct frame *fr)
{
	struct frame_close cl;

	return frame_decode_close(&cl, fr) == 0 ? frame_encode_close(buf, BIG, &cl) : 0;
}

static size_t
make_number(uint8_t *buf)
{
	return frame_encode_number(buf, BIG, FRAME_STORED, (uint32_t)rng(), rng());
}

static size_t
remake_number(uint8_t *buf, const struct frame *fr)
{
	uint64_t number;

	if (frame_decode_number(&number, fr) != 0)
		return 0;
	return frame_encode_number(
	    buf, BIG, (enum frame_type)fr->type, fr->channel, number);
}

static size_t
make_shut(uint8_t *buf)
{
	return frame_encode_shut(buf, BIG, (uint32_t)rng());
}

static size_t
remake_shut(uint8_t *buf, const struct frame *fr)
{
	if (frame_decode_shut(fr) != 0)
		return 0;
	return frame_encode_shut(buf, BIG, fr->channel);
}

static const struct codec codecs[] = {
	{ "hello", FRAME_HELLO, make_hello, remake_hello },
	{ "open", FRAME_OPEN, make_open, remake_open },
	{ "opened", FRAME_OPENED, make_opened, remake_opened },
	{ "refused", FRAME_REFUSED, make_refused, remake_refused },
	{ "data", FRAME_DATA, make_data, remake_data },
	{ "chunk", FRAME_CHUNK, make_chunk, remake_chunk },
	{ "ack", FRAME_ACK, make_ack, remake_ack },
	{ "limits", FRAME_LIMITS, make_limits, remake_limits },
	{ "reject", FRAME_REJECT, make_reject, remake_reject },
	{ "close", FRAME_CLOSE, make_close, remake_close },
	{ "number", FRAME_STORED, make_number, remake_number },
	{ "shut", FRAME_SHUT, make_shut, remake_shut },
};

static uint8_t *first, *second;

static void
setup(void)
{
	rng_state = UINT64_C(0x9e3779b97f4a7c15);
	text_next = 0;
	first = malloc(BIG);
	second = malloc(BIG);
	ck_assert(first != NULL && second != NULL);
}

static void
teardown(void)
{
	free(first);
	free(second);
}

START_TEST(frame_of_random_values_survives_round_trip)
{
	const struct codec *co = &codecs[_i];

	for (int round = 0; round < ROUNDS; round++) {
		size_t size = co->make(first), got = 0;
		struct frame fr;

		ck_assert_msg(size > 0, "%s", co->name);
		ck_assert_int_eq(
		    frame_decode(&fr, &got, first, size, FRAME_PAYLOAD_MAX), 0);
		ck_assert_uint_eq(got, size);
		ck_assert_int_eq(fr.type, co->type);
		ck_assert_uint_eq(co->remake(second, &fr), size);
		ck_assert_msg(memcmp(first, second, size) == 0, "%s", co->name);
	}
}
END_TEST

/* All cuts of small frames; of large ones many, since each is copied. */
static size_t
step(size_t size)
{
	return 1 + size / 2048;
}

START_TEST(frame_cut_off_anywhere_asks_for_more)
{
	const struct codec *co = &codecs[_i];
	size_t size = co->make(first);

	for (size_t len = 0; len < size; len += step(size)) {
		/* Memory of exactly that size, so that ASan sees a read beyond it. */
		uint8_t *part = malloc(len > 0 ? len : 1);
		size_t got = 77;
		struct frame fr;

		ck_assert_ptr_nonnull(part);
		memcpy(part, first, len);
		ck_assert_int_eq(
		    frame_decode(&fr, &got, part, len, FRAME_PAYLOAD_MAX), -EAGAIN);
		ck_assert_uint_eq(got, 77);
		free(part);
	}
}
END_TEST

/* A run of bytes that is a shorter frame of its own: only DATA and CHUNK, whose last
 * field has no length, may take it, and then only if their rules hold. */
START_TEST(payload_cut_off_anywhere_is_refused)
{
	const struct codec *co = &codecs[_i];
	size_t size = co->make(first);
	uint32_t length = (uint32_t)(size - FRAME_HEADER);

	for (uint32_t len = 0; len < length; len += (uint32_t)step(length)) {
		uint8_t *part = malloc(len > 0 ? len : 1);
		struct frame fr = {
			.type = (uint8_t)co->type, .payload = part, .length = len
		};

		ck_assert_ptr_nonnull(part);
		memcpy(part, first + FRAME_HEADER, len);
		if (co->type == FRAME_DATA || co->type == FRAME_CHUNK)
			(void)co->remake(second, &fr);
		else
			ck_assert_uint_eq(co->remake(second, &fr), 0);
		free(part);
	}
}
END_TEST

START_TEST(payload_with_trailing_byte_is_refused)
{
	const struct codec *co = &codecs[_i];
	size_t size = co->make(first);
	struct frame fr = { .type = (uint8_t)co->type,
		.payload = first + FRAME_HEADER,
		.length = (uint32_t)(size - FRAME_HEADER + 1) };

	if (co->type == FRAME_CHUNK)
		return; /* one byte more of the record */
	ck_assert_uint_eq(co->remake(second, &fr), 0);
}
END_TEST

Suite *
suite_frame_random(void)
{
	Suite *su = suite_create("frame_random");
	TCase *tc = tcase_create("frame_random");
	int n = (int)ARRAY_LEN(codecs);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, frame_of_random_values_survives_round_trip, 0, n);
	tcase_add_loop_test(tc, frame_cut_off_anywhere_asks_for_more, 0, n);
	tcase_add_loop_test(tc, payload_cut_off_anywhere_is_refused, 0, n);
	tcase_add_loop_test(tc, payload_with_trailing_byte_is_refused, 0, n);
	suite_add_tcase(su, tc);
	return su;
}
