/* The examples of docs/wire-protocol.md, section 16, byte for byte: what is on the wire
 * may never change by accident. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "record/record.h"
#include "suites.h"
#include "wire/frame.h"

#define BUF 512

static uint8_t buf[BUF];
static size_t size;

/* Compare the frame in buf with hexadecimal digits (blanks do not count), then decode
 * its header. */
static struct frame
check_bytes(const char *hex)
{
	uint8_t want[BUF];
	size_t n = 0, got;
	struct frame fr;

	for (const char *at = hex; *at != '\0'; at++) {
		char digits[3] = { 0 };

		if (*at == ' ')
			continue;
		memcpy(digits, at++, 2);
		want[n++] = (uint8_t)strtoul(digits, NULL, 16);
	}
	ck_assert_uint_eq(size, n);
	ck_assert_mem_eq(buf, want, n);
	ck_assert_int_eq(frame_decode(&fr, &got, buf, size, FRAME_PAYLOAD_MAX), 0);
	ck_assert_uint_eq(got, size);
	return fr;
}

static void
check_text(struct frame_text text, const char *want)
{
	ck_assert_uint_eq(text.length, strlen(want));
	ck_assert_mem_eq(text.bytes, want, text.length);
}

static struct id
id_from(uint8_t start)
{
	struct id id;

	for (size_t i = 0; i < sizeof(id.bytes); i++)
		id.bytes[i] = (uint8_t)(start + i);
	return id;
}

START_TEST(hello_is_as_specified)
{
	struct id instance = id_from(0xa0);
	struct frame_hello he = { .version_min = 1,
		.version_max = 1,
		.instance = instance,
		.heartbeat_ms = 5000,
		.name = frame_text("hub") };
	struct frame fr;

	size = frame_encode_hello(buf, BUF, &he);
	fr = check_bytes("21000000 01 00 0000 00000000 00000000"
			 "4d514231 0100 0100 a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
			 "88130000 0300 687562");
	memset(&he, 0, sizeof(he));
	ck_assert_int_eq(frame_decode_hello(&he, &fr), 0);
	ck_assert_int_eq(fr.type, FRAME_HELLO);
	ck_assert_int_eq(he.version_min, 1);
	ck_assert_int_eq(he.version_max, 1);
	ck_assert(id_equal(&he.instance, &instance));
	ck_assert_uint_eq(he.heartbeat_ms, 5000);
	check_text(he.name, "hub");
}
END_TEST

static void
check_open(const struct frame_open *op)
{
	struct id stream = id_from(0x10), ring = id_from(0x20);

	ck_assert(id_equal(&op->stream, &stream));
	ck_assert(id_equal(&op->ring, &ring));
	ck_assert_uint_eq(op->acked, 41);
	ck_assert_uint_eq(op->next, 44);
	ck_assert_int_eq(op->kind, 2);
	ck_assert_uint_eq(op->max_body, 8192);
	ck_assert_uint_eq(op->max_messages, 10);
	ck_assert_uint_eq(op->max_bytes, 16384);
	ck_assert_uint_eq(op->mode, 0660);
	check_text(op->route, "r");
	check_text(op->source, "jobs");
	check_text(op->uri, "sysv:0x4d51");
	check_text(op->take, "1");
	check_text(op->entry, "in");
}

START_TEST(open_is_as_specified)
{
	struct frame_open op = { .stream = id_from(0x10),
		.ring = id_from(0x20),
		.acked = 41,
		.next = 44,
		.kind = 2,
		.max_body = 8192,
		.max_messages = 10,
		.max_bytes = 16384,
		.mode = 0660,
		.route = frame_text("r"),
		.source = frame_text("jobs"),
		.uri = frame_text("sysv:0x4d51"),
		.take = frame_text("1"),
		.entry = frame_text("in") };
	struct frame fr;

	size = frame_encode_open(buf, BUF, 1, &op);
	fr = check_bytes("69000000 10 00 0000 01000000 00000000"
			 "101112131415161718191a1b1c1d1e1f"
			 "202122232425262728292a2b2c2d2e2f"
			 "2900000000000000 2c00000000000000"
			 "0a00000000000000 0040000000000000"
			 "00200000 b0010000 02 000000"
			 "0100 72 0400 6a6f6273 0b00 737973763a307834643531"
			 "0100 31 0200 696e");
	memset(&op, 0, sizeof(op));
	ck_assert_int_eq(frame_decode_open(&op, &fr), 0);
	ck_assert_uint_eq(fr.channel, 1);
	check_open(&op);
}
END_TEST

START_TEST(opened_is_as_specified)
{
	struct frame_opened od = { .mark = 42,
		.credit = 65536,
		.max_body = 8192,
		.kind = 1,
		.rejects = 1,
		.reject = { { .seq = 42, .reason = 1 } } };
	struct frame fr;

	size = frame_encode_opened(buf, BUF, 1, &od);
	fr = check_bytes("22000000 20 00 0000 01000000 00000000"
			 "2a00000000000000 0000010000000000 00200000 01 00 0100"
			 "2a00000000000000 0100");
	memset(&od, 0, sizeof(od));
	ck_assert_int_eq(frame_decode_opened(&od, &fr), 0);
	ck_assert_uint_eq(od.mark, 42);
	ck_assert_uint_eq(od.credit, 65536);
	ck_assert_uint_eq(od.max_body, 8192);
	ck_assert_int_eq(od.kind, 1);
	ck_assert_int_eq(od.rejects, 1);
	ck_assert_uint_eq(od.reject[0].seq, 42);
	ck_assert_int_eq(od.reject[0].reason, 1);
}
END_TEST

START_TEST(refused_is_as_specified)
{
	struct frame_refused re = { .code = REFUSE_NO_ENTRY,
		.retry_ms = 30000,
		.text = frame_text("no entry") };
	struct frame fr;

	size = frame_encode_refused(buf, BUF, 2, &re);
	fr = check_bytes("12000000 21 00 0000 02000000 00000000"
			 "0100 0000 30750000 0800 6e6f20656e747279");
	memset(&re, 0, sizeof(re));
	ck_assert_int_eq(frame_decode_refused(&re, &fr), 0);
	ck_assert_int_eq(re.code, REFUSE_NO_ENTRY);
	ck_assert_uint_eq(re.retry_ms, 30000);
	check_text(re.text, "no entry");
}
END_TEST

/* One record behind what is in buf. */
static void
put_record(void)
{
	static const char body[] = { 'h', 'e', 'l', 'l', 'o' };
	struct record *rec = calloc(1, 56);
	struct id ring = id_from(0x20);

	ck_assert_ptr_nonnull(rec);
	rec->length = (uint32_t)sizeof(body);
	rec->number = 7;
	rec->type = 3;
	memcpy(rec->body, body, sizeof(body));
	record_seal(rec, record_seed(&ring));
	memcpy(buf + size, rec, 56);
	size += 56;
	free(rec);
}

START_TEST(data_is_as_specified)
{
	struct frame_data da = {
		.first_seq = 43, .count = 1, .clock_ns = 1000000000, .length = 56
	};
	struct frame fr;

	size = frame_encode_data(buf, BUF, 1, &da);
	ck_assert_uint_eq(size, FRAME_HEADER + FRAME_DATA_HEADER);
	put_record();
	fr = check_bytes("50000000 11 00 0000 01000000 00000000"
			 "2b00000000000000 01000000 00000000 00ca9a3b00000000"
			 "05000000 0000 0000 0700000000000000 0000000000000000"
			 "f137e546 f61b234d 00000000 00000000 0300000000000000"
			 "68656c6c6f 000000");
	memset(&da, 0, sizeof(da));
	ck_assert_int_eq(frame_decode_data(&da, &fr), 0);
	ck_assert_uint_eq(da.first_seq, 43);
	ck_assert_uint_eq(da.count, 1);
	ck_assert_int_eq(da.clock_ns, 1000000000);
	ck_assert_uint_eq(da.length, 56);
	ck_assert_ptr_eq(da.records, buf + FRAME_HEADER + FRAME_DATA_HEADER);
}
END_TEST

START_TEST(chunk_is_as_specified)
{
	struct frame_chunk ch = {
		.seq = 43, .total = 131120, .offset = 65504, .clock_ns = -1, .length = 2
	};
	struct frame fr;

	size = frame_encode_chunk(buf, BUF, 1, &ch);
	ck_assert_uint_eq(size, FRAME_HEADER + FRAME_CHUNK_HEADER);
	buf[size++] = 'a';
	buf[size++] = 'b';
	fr = check_bytes("22000000 12 00 0000 01000000 00000000"
			 "2b00000000000000 30000200 e0ff0000 ffffffffffffffff"
			 "0000000000000000 6162");
	memset(&ch, 0, sizeof(ch));
	ck_assert_int_eq(frame_decode_chunk(&ch, &fr), 0);
	ck_assert_uint_eq(ch.seq, 43);
	ck_assert_uint_eq(ch.total, 131120);
	ck_assert_uint_eq(ch.offset, 65504);
	ck_assert_int_eq(ch.clock_ns, -1);
	ck_assert_uint_eq(ch.length, 2);
	ck_assert_mem_eq(ch.bytes, "ab", 2);
}
END_TEST

START_TEST(ack_is_as_specified)
{
	struct frame_ack ac = { .mark = 43, .credit = 131072 };
	struct frame fr;

	size = frame_encode_ack(buf, BUF, 1, &ac);
	fr = check_bytes(
	    "10000000 22 00 0000 01000000 00000000 2b00000000000000 0000020000000000");
	memset(&ac, 0, sizeof(ac));
	ck_assert_int_eq(frame_decode_ack(&ac, &fr), 0);
	ck_assert_uint_eq(ac.mark, 43);
	ck_assert_uint_eq(ac.credit, 131072);
}
END_TEST

START_TEST(limits_are_as_specified)
{
	struct frame_limits li = { .max_body = 64, .credit = 65536, .kind = 2 };
	struct frame fr;

	size = frame_encode_limits(buf, BUF, 1, &li);
	fr = check_bytes("10000000 23 00 0000 01000000 00000000"
			 "0000010000000000 40000000 02 000000");
	memset(&li, 0, sizeof(li));
	ck_assert_int_eq(frame_decode_limits(&li, &fr), 0);
	ck_assert_uint_eq(li.max_body, 64);
	ck_assert_uint_eq(li.credit, 65536);
	ck_assert_int_eq(li.kind, 2);
}
END_TEST

START_TEST(reject_is_as_specified)
{
	struct frame_reject re = { .seq = 44, .reason = 2, .text = frame_text("type") };
	struct frame fr;

	size = frame_encode_reject(buf, BUF, 1, &re);
	fr = check_bytes("10000000 24 00 0000 01000000 00000000"
			 "2c00000000000000 0200 0400 74797065");
	memset(&re, 0, sizeof(re));
	ck_assert_int_eq(frame_decode_reject(&re, &fr), 0);
	ck_assert_uint_eq(re.seq, 44);
	ck_assert_int_eq(re.reason, 2);
	check_text(re.text, "type");
}
END_TEST

START_TEST(stored_void_ping_and_pong_are_as_specified)
{
	struct frame fr;
	uint64_t number;

	size = frame_encode_number(buf, BUF, FRAME_STORED, 1, 44);
	fr = check_bytes("08000000 13 00 0000 01000000 00000000 2c00000000000000");
	ck_assert_int_eq(frame_decode_number(&number, &fr), 0);
	ck_assert_uint_eq(number, 44);
	size = frame_encode_number(buf, BUF, FRAME_VOID, 1, 45);
	(void)check_bytes("08000000 15 00 0000 01000000 00000000 2d00000000000000");
	ck_assert_uint_eq(size, FRAME_HEADER + FRAME_VOID_BYTES);
	size =
	    frame_encode_number(buf, BUF, FRAME_PING, 0, UINT64_C(0x0123456789abcdef));
	fr = check_bytes("08000000 03 00 0000 00000000 00000000 efcdab8967452301");
	ck_assert_int_eq(frame_decode_number(&number, &fr), 0);
	ck_assert_uint_eq(number, UINT64_C(0x0123456789abcdef));
	size = frame_encode_number(buf, BUF, FRAME_PONG, 0, number);
	(void)check_bytes("08000000 04 00 0000 00000000 00000000 efcdab8967452301");
}
END_TEST

START_TEST(shut_is_as_specified)
{
	struct frame fr;

	size = frame_encode_shut(buf, BUF, 1);
	fr = check_bytes("00000000 14 00 0000 01000000 00000000");
	ck_assert_int_eq(frame_decode_shut(&fr), 0);
}
END_TEST

START_TEST(close_is_as_specified)
{
	struct frame_close cl = { .code = CLOSE_TIMEOUT, .text = frame_text("bye") };
	struct frame fr;

	size = frame_encode_close(buf, BUF, &cl);
	fr = check_bytes("07000000 02 00 0000 00000000 00000000 0600 0300 627965");
	memset(&cl, 0, sizeof(cl));
	ck_assert_int_eq(frame_decode_close(&cl, &fr), 0);
	ck_assert_int_eq(cl.code, CLOSE_TIMEOUT);
	check_text(cl.text, "bye");
}
END_TEST

START_TEST(cause_is_as_specified)
{
	struct frame_cause ca = { frame_text("queue-full"), frame_text("full") };
	struct frame fr;

	size = frame_encode_cause(buf, BUF, 1, &ca);
	fr = check_bytes("12000000 a0 00 0000 01000000 00000000"
			 "0a00 71756575652d66756c6c 0400 66756c6c");
	memset(&ca, 0, sizeof(ca));
	ck_assert_int_eq(frame_decode_cause(&ca, &fr), 0);
	ck_assert_int_eq(fr.type, FRAME_CAUSE);
	ck_assert_int_ge(fr.type, FRAME_OPTIONAL);
	check_text(ca.reason, "queue-full");
	check_text(ca.detail, "full");
}
END_TEST

Suite *
suite_frame_golden(void)
{
	Suite *su = suite_create("frame_golden");
	TCase *tc = tcase_create("frame_golden");

	tcase_add_test(tc, hello_is_as_specified);
	tcase_add_test(tc, open_is_as_specified);
	tcase_add_test(tc, opened_is_as_specified);
	tcase_add_test(tc, refused_is_as_specified);
	tcase_add_test(tc, data_is_as_specified);
	tcase_add_test(tc, chunk_is_as_specified);
	tcase_add_test(tc, ack_is_as_specified);
	tcase_add_test(tc, limits_are_as_specified);
	tcase_add_test(tc, reject_is_as_specified);
	tcase_add_test(tc, stored_void_ping_and_pong_are_as_specified);
	tcase_add_test(tc, cause_is_as_specified);
	tcase_add_test(tc, shut_is_as_specified);
	tcase_add_test(tc, close_is_as_specified);
	suite_add_tcase(su, tc);
	return su;
}
