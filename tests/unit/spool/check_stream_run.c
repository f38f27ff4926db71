/* Many records taken at once, and several streams of one ring. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ring_fixture.h"
#include "spool/stream.h"
#include "suites.h"

#define MAX_BODY 64

static struct ring_dir dir;
static struct ring *ring;
static struct stream *stream;

static void
setup(void)
{
	ring_dir_open(&dir);
	ring = ring_dir_make(&dir, RING_POSIX, MAX_BODY);
	ck_assert_int_eq(stream_create(&stream, dir.fd, ring, "hub/orders"), 0);
}

static void
teardown(void)
{
	stream_close(stream);
	ring_close(ring);
	ring_dir_close(&dir);
}

static void
put(const char *text, int64_t type)
{
	ring_put(ring, text, (uint32_t)strlen(text), type);
	ck_assert_int_eq(stream_admit(stream), 0);
}

START_TEST(run_is_one_piece_of_memory)
{
	struct stream_run run;
	const struct record *rec;

	put("one", 0);
	put("second", 0);
	put("three is longer", 0);
	ck_assert_uint_eq(stream_take_run(stream, 9, 4096, MAX_BODY, &run), 3);
	ck_assert_uint_eq(run.count, 3);
	ck_assert_uint_eq(run.seq, 1);
	ck_assert_uint_eq(
	    run.bytes, record_stride(3) + record_stride(6) + record_stride(15));
	rec = run.first;
	ck_assert_mem_eq(rec->body, "one", 3);
	rec = (const struct record *)(const void *)((const uint8_t *)rec +
						    record_stride(3));
	ck_assert_mem_eq(rec->body, "second", 6);
	ck_assert_uint_eq(stream_take_run(stream, 9, 4096, MAX_BODY, &run), 0);
	ck_assert_int_eq(stream_rewind(stream, 1), 0);
	ck_assert_uint_eq(stream_take_run(stream, 9, 4096, MAX_BODY, &run), 2);
	ck_assert_uint_eq(run.seq, 2);
}
END_TEST

START_TEST(run_ends_where_order_leaves_memory)
{
	struct stream_run run;

	put("a1", 1);
	put("b9", 9);
	put("c9", 9);
	put("d1", 1);
	put("e9", 9);
	ck_assert_uint_eq(stream_take_run(stream, 9, 4096, MAX_BODY, &run), 2);
	ck_assert_mem_eq(run.first->body, "b9", 2);
	ck_assert_uint_eq(stream_take_run(stream, 9, 4096, MAX_BODY, &run), 1);
	ck_assert_mem_eq(run.first->body, "e9", 2);
	ck_assert_uint_eq(stream_take_run(stream, 9, 4096, MAX_BODY, &run), 1);
	ck_assert_mem_eq(run.first->body, "a1", 2);
	ck_assert_uint_eq(stream_take_run(stream, 9, 4096, MAX_BODY, &run), 1);
	ck_assert_mem_eq(run.first->body, "d1", 2);
}
END_TEST

START_TEST(run_obeys_its_limits)
{
	struct stream_run run;
	uint64_t two = record_stride(2) + record_stride(20);

	put("ab", 0);
	put("twenty bytes of text", 0);
	put("cd", 0);
	ck_assert_uint_eq(stream_take_run(stream, 0, 4096, MAX_BODY, &run), 0);
	ck_assert_uint_eq(
	    stream_take_run(stream, 9, record_stride(2) - 1, MAX_BODY, &run), 0);
	ck_assert_uint_eq(stream_take_run(stream, 9, 4096, 19, &run), 1);
	ck_assert_uint_eq(stream_take_run(stream, 9, 4096, 19, &run), 0);
	ck_assert_int_eq(stream_rewind(stream, 0), 0);
	ck_assert_uint_eq(stream_take_run(stream, 9, two, MAX_BODY, &run), 2);
	ck_assert_uint_eq(run.bytes, two);
	ck_assert_uint_eq(stream_take_run(stream, 1, 4096, MAX_BODY, &run), 1);
}
END_TEST

START_TEST(window_is_never_exceeded)
{
	struct ring_spec spec = { .kind = RING_POSIX,
		.uri = "",
		.take = "",
		.max_body = 0,
		.bytes = UINT64_C(56) * (STREAM_WINDOW + 5) };
	struct stream_run run;
	struct stream *st = NULL;
	struct ring *rg = NULL;
	uint64_t seq;
	bool is_new;

	ck_assert_int_eq(ring_create(&rg, dir.fd, &spec), 0);
	ck_assert_int_eq(stream_create(&st, dir.fd, rg, "wide"), 0);
	for (int i = 0; i < STREAM_WINDOW + 5; i++)
		ring_put(rg, "", 0, 0);
	ck_assert_int_eq(stream_admit(st), 0);
	ck_assert_uint_eq(
	    stream_take_run(st, UINT32_MAX, UINT64_MAX, 0, &run), STREAM_WINDOW);
	ck_assert_ptr_null(stream_peek(st, &seq, &is_new));
	ck_assert_int_eq(stream_acknowledge(st, 3), 0);
	ck_assert_uint_eq(stream_take_run(st, UINT32_MAX, UINT64_MAX, 0, &run), 3);
	ck_assert_uint_eq(run.seq, STREAM_WINDOW + 1);
	stream_close(st);
	ring_close(rg);
}
END_TEST

START_TEST(fan_out_frees_when_both_have_settled)
{
	struct stream *other = NULL;
	struct stream_run run;

	ck_assert_int_eq(stream_create(&other, dir.fd, ring, "other"), 0);
	put("one", 0);
	ck_assert_int_eq(stream_admit(other), 0);
	ck_assert_uint_eq(stream_take_run(stream, 1, 4096, MAX_BODY, &run), 1);
	ck_assert_int_eq(stream_acknowledge(stream, 1), 0);
	ck_assert_uint_eq(ring_records(ring), 1);
	ck_assert_uint_eq(stream_take_run(other, 1, 4096, MAX_BODY, &run), 1);
	ck_assert_int_eq(stream_acknowledge(other, 1), 0);
	ck_assert_uint_eq(ring_records(ring), 0);
	stream_close(other);
}
END_TEST

/* Nobody who was told of the stream may find its records gone. */
START_TEST(closed_stream_keeps_its_records)
{
	struct stream *other = NULL;
	struct stream_run run;

	ck_assert_int_eq(stream_create(&other, dir.fd, ring, "other"), 0);
	put("one", 0);
	ck_assert_int_eq(stream_admit(other), 0);
	stream_close(stream);
	stream = NULL;
	ck_assert_uint_eq(stream_take_run(other, 1, 4096, MAX_BODY, &run), 1);
	ck_assert_int_eq(stream_acknowledge(other, 1), 0);
	ck_assert_uint_eq(ring_records(ring), 1);
	stream_close(other);
}
END_TEST

Suite *
suite_stream_run(void)
{
	Suite *suite = suite_create("stream_run");
	TCase *tc = tcase_create("run");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, run_is_one_piece_of_memory);
	tcase_add_test(tc, run_ends_where_order_leaves_memory);
	tcase_add_test(tc, run_obeys_its_limits);
	tcase_add_test(tc, window_is_never_exceeded);
	tcase_add_test(tc, fan_out_frees_when_both_have_settled);
	tcase_add_test(tc, closed_stream_keeps_its_records);
	suite_add_tcase(suite, tc);
	return suite;
}
