#include "spool/stream.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "ring_fixture.h"
#include "suites.h"

#define MAX_BODY 64

static struct ring_dir dir;
static struct ring *ring;
static struct stream *stream;
static char file[256];

static void
setup(void)
{
	ring_dir_open(&dir);
	ring = ring_dir_make(&dir, RING_POSIX, MAX_BODY);
	ck_assert_int_eq(stream_create(&stream, dir.fd, ring, "hub/orders"), 0);
	ring_dir_find(&dir, "stream-", file);
}

static void
teardown(void)
{
	stream_close(stream);
	ring_close(ring);
	ring_dir_close(&dir);
}

static void
reopen(void)
{
	stream_close(stream);
	stream = NULL;
	ring_close(ring);
	ring = ring_dir_reopen(&dir, NULL);
	ck_assert_int_eq(stream_open(&stream, dir.fd, file, ring, NULL), 0);
}

static void
put(const char *text, int64_t priority)
{
	ring_put(ring, text, (uint32_t)strlen(text), priority);
	ck_assert_int_eq(stream_admit(stream), 0);
}

/* The text of what goes next, or "". */
static const char *
next(uint64_t *ret_seq, bool *ret_new)
{
	static char text[MAX_BODY + 1];
	const struct record *rec = stream_peek(stream, ret_seq, ret_new);

	if (rec == NULL)
		return "";
	memcpy(text, rec->body, rec->length);
	text[rec->length] = '\0';
	return text;
}

START_TEST(purge_leaves_what_is_in_flight)
{
	struct stream_numbers nb;
	uint64_t seq = 0;
	bool is_new;

	put("sent", 9);
	put("high", 5);
	put("low", 0);
	stream_take(stream);
	ck_assert_int_eq(stream_purge(stream, 100), 2);
	ck_assert_int_eq(stream_purge(stream, 100), 0);
	stream_numbers(stream, &nb);
	ck_assert_uint_eq(nb.waiting, 0);
	ck_assert_uint_eq(nb.in_flight, 1);
	ck_assert_int_eq(stream_rewind(stream, 0), 0);
	ck_assert_str_eq(next(&seq, &is_new), "sent");
	ck_assert(!is_new);
	stream_take(stream);
	ck_assert_int_eq(stream_acknowledge(stream, 1), 0);
	ck_assert_uint_eq(ring_records(ring), 0);
}
END_TEST

START_TEST(purged_records_do_not_come_back_and_others_do)
{
	uint64_t seq = 0;
	bool is_new;

	put("a", 9);
	put("b", 5);
	put("c", 0);
	ck_assert_int_eq(stream_purge(stream, 2), 2); /* as far as a crash let it */
	reopen();
	ck_assert_str_eq(next(&seq, &is_new), "c");
	ck_assert(is_new);
	stream_take(stream);
	ck_assert_int_eq(stream_acknowledge(stream, 1), 0);
	ck_assert_uint_eq(ring_records(ring), 0);
}
END_TEST

START_TEST(frozen_stream_purges_nothing_that_comes_later)
{
	uint64_t seq = 0;
	bool is_new;

	put("old", 0);
	stream_freeze(stream, true);
	put("new", 9);
	ck_assert_int_eq(stream_purge(stream, 100), 1);
	ck_assert_int_eq(stream_purge(stream, 100), 0);
	stream_freeze(stream, false);
	ck_assert_int_eq(stream_admit(stream), 0);
	ck_assert_str_eq(next(&seq, &is_new), "new");
}
END_TEST

START_TEST(held_stream_offers_only_what_is_in_flight)
{
	uint64_t seq = 0;
	bool is_new;

	put("one", 0);
	put("two", 0);
	stream_take(stream);
	stream_hold(stream, true);
	ck_assert_str_eq(next(&seq, &is_new), "");
	ck_assert_int_eq(stream_rewind(stream, 0), 0);
	ck_assert_str_eq(next(&seq, &is_new), "one");
	stream_take(stream);
	ck_assert_str_eq(next(&seq, &is_new), "");
	stream_hold(stream, false);
	ck_assert_str_eq(next(&seq, &is_new), "two");
}
END_TEST

Suite *
suite_stream_purge(void)
{
	Suite *su = suite_create("stream_purge");
	TCase *tc = tcase_create("stream_purge");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, purge_leaves_what_is_in_flight);
	tcase_add_test(tc, purged_records_do_not_come_back_and_others_do);
	tcase_add_test(tc, frozen_stream_purges_nothing_that_comes_later);
	tcase_add_test(tc, held_stream_offers_only_what_is_in_flight);
	suite_add_tcase(su, tc);
	return su;
}
