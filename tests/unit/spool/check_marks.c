#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "record/record.h"
#include "ring_fixture.h"
#include "spool/marks.h"
#include "spool/marks_file.h"
#include "state_fixture.h"
#include "suites.h"

static struct state_dirs dirs;
static struct marks *marks;
static uint64_t found;

static void
reopen(void)
{
	marks_close(marks);
	marks = NULL;
	ck_assert_int_eq(marks_open(&marks, dirs.runtime_fd, &found), 0);
}

static void
setup(void)
{
	state_dirs_make(&dirs);
	reopen();
}

static void
teardown(void)
{
	marks_close(marks);
	marks = NULL;
	state_dirs_remove(&dirs);
}

static struct mark *
make_mark(uint8_t n, uint64_t start)
{
	struct id stream = state_id(n);
	struct mark *m = NULL;

	ck_assert_int_eq(mark_new(marks, &stream, "hub/orders", start, &m), 0);
	return m;
}

static struct mark *
find_mark(uint8_t n)
{
	struct id stream = state_id(n);

	return mark_find(marks, &stream);
}

START_TEST(stream_after_restart_has_its_mark_and_label)
{
	mark_pass(make_mark(1, 7), 8);
	ck_assert_ptr_null(find_mark(2));
	reopen();
	ck_assert_ptr_nonnull(find_mark(1));
	ck_assert_uint_eq(mark_value(find_mark(1)), 8);
	ck_assert_str_eq(mark_label(find_mark(1)), "hub/orders");
	ck_assert_uint_eq(found, 0);
}
END_TEST

START_TEST(stream_known_already_is_refused)
{
	struct id stream = state_id(1);
	struct mark *m = NULL;

	(void)make_mark(1, 0);
	ck_assert_int_eq(mark_new(marks, &stream, "x", 0, &m), -EEXIST);
	ck_assert_ptr_null(m);
}
END_TEST

START_TEST(label_too_long_is_cut)
{
	struct id stream = state_id(1);
	struct mark *m = NULL;
	char label[2000];

	memset(label, 'x', sizeof(label) - 1);
	label[sizeof(label) - 1] = '\0';
	ck_assert_int_eq(mark_new(marks, &stream, label, 0, &m), 0);
	ck_assert_uint_eq(strlen(mark_label(m)), 511);
}
END_TEST

START_TEST(rejected_sequence_stays_listed_until_forgotten)
{
	struct mark *m = make_mark(1, 0);
	uint16_t reason = 0;
	uint64_t seq = 0;

	mark_intend(m, 1);
	ck_assert_int_eq(mark_reject(m, 1, 4), 0);
	mark_pass(m, 2);
	ck_assert_int_eq(mark_reject(m, 3, 5), 0);
	reopen();
	m = find_mark(1);
	ck_assert_uint_eq(found, 0);
	ck_assert_uint_eq(mark_value(m), 3);
	ck_assert_uint_eq(mark_rejects(m), 2);
	mark_reject_forget(m, 2);
	mark_reject_forget(m, 1);
	ck_assert_uint_eq(mark_rejects(m), 1);
	mark_reject_at(m, 0, &seq, &reason);
	ck_assert_uint_eq(seq, 3);
	ck_assert_uint_eq(reason, 5);
}
END_TEST

START_TEST(rejects_when_full_refuse_and_do_not_pass)
{
	struct mark *m = make_mark(1, 0);

	for (uint64_t seq = 1; seq <= MARK_REJECTS; seq++)
		ck_assert_int_eq(mark_reject(m, seq, 1), 0);
	ck_assert_int_eq(mark_reject(m, MARK_REJECTS + 1, 1), -ENOSPC);
	ck_assert_uint_eq(mark_value(m), MARK_REJECTS);
	mark_reject_forget(m, MARK_REJECTS + 1); /* not on the list: nothing happens */
	ck_assert_uint_eq(mark_rejects(m), MARK_REJECTS);
	mark_reject_forget(m, 30);
	ck_assert_int_eq(mark_reject(m, MARK_REJECTS + 1, 1), 0);
}
END_TEST

START_TEST(reject_cut_off_before_the_mark_is_judged_anew)
{
	struct mark *m = make_mark(1, 4);

	ck_assert_int_eq(mark_reject(m, 5, 1), 0);
	mark_pass(m, 4); /* as if the kill had come before the mark */
	reopen();
	m = find_mark(1);
	ck_assert_uint_eq(mark_rejects(m), 0);
	ck_assert_uint_eq(found, 0);
	ck_assert_int_eq(mark_reject(m, 5, 2), 0);
	ck_assert_uint_eq(mark_rejects(m), 1);
}
END_TEST

static struct mark *
make_many(unsigned n, bool hold)
{
	struct mark *first = NULL;

	for (unsigned i = 0; i < n; i++) {
		struct id stream = { { (uint8_t)i, (uint8_t)(i >> 8), 7 } };
		struct mark *m;

		ck_assert_int_eq(mark_new(marks, &stream, "many", i, &m), 0);
		if (hold)
			mark_hold(m);
		if (first == NULL)
			first = m;
	}
	return first;
}

START_TEST(slots_when_growing_stay_where_they_are)
{
	struct id zero = { { 0, 0, 7 } };
	struct mark *first = make_many(MARKS_STREAMS, false);
	unsigned n = 0;

	mark_pass(first, 99);
	ck_assert_ptr_eq(mark_find(marks, &zero), first);
	reopen();
	ck_assert_uint_eq(mark_value(mark_find(marks, &zero)), 99);
	for (struct mark *m = NULL; (m = marks_next(marks, m)) != NULL; n++)
		ck_assert_uint_eq(mark_value(m), n == 0 ? 99 : n);
	ck_assert_uint_eq(n, MARKS_STREAMS);
}
END_TEST

START_TEST(streams_beyond_the_limit_evict_the_longest_unused)
{
	struct id zero = { { 0, 0, 7 } };
	struct id one = { { 1, 0, 7 } };
	struct id fresh = state_id(1);
	struct mark *m = NULL;

	(void)make_many(MARKS_STREAMS, true);
	ck_assert_int_eq(mark_new(marks, &fresh, "new", 0, &m), -ENOSPC);
	ck_assert_ptr_null(m);
	mark_unhold(mark_find(marks, &one));
	mark_unhold(mark_find(marks, &zero));
	ck_assert_int_eq(mark_new(marks, &fresh, "new", 0, &m), 0);
	ck_assert_ptr_null(mark_find(marks, &one));
	ck_assert_ptr_nonnull(mark_find(marks, &zero));
	ck_assert_uint_eq(mark_value(m), 0);
	ck_assert_str_eq(mark_label(m), "new");
}
END_TEST

/* All slots, and who made each: "other/" first, so that its are unused the longest. */
static void
make_peers(unsigned n_other, const char *rest)
{
	for (unsigned i = 0; i < MARKS_STREAMS; i++) {
		struct id stream = { { (uint8_t)i, (uint8_t)(i >> 8), 7 } };
		struct mark *m;

		ck_assert_int_eq(
		    mark_new(marks, &stream, i < n_other ? "other/in" : rest, i, &m),
		    0);
	}
}

static struct mark *
made(unsigned i)
{
	struct id stream = { { (uint8_t)i, (uint8_t)(i >> 8), 7 } };

	return mark_find(marks, &stream);
}

static void
make_new(uint8_t n, const char *label)
{
	struct id stream = state_id(n);
	struct mark *m = NULL;

	ck_assert_int_eq(mark_new(marks, &stream, label, 0, &m), 0);
}

START_TEST(peer_with_many_streams_evicts_its_own)
{
	make_peers(MARKS_STREAMS - 2, "edge/in");
	for (uint8_t n = 1; n <= 10; n++)
		make_new(n, n % 2 == 0 ? "edge/in" : "edge/orders");
	for (unsigned i = 0; i < MARKS_STREAMS; i++)
		ck_assert_int_eq(made(i) != NULL, i < MARKS_STREAMS - 2);
	ck_assert_ptr_null(find_mark(8));
	ck_assert_ptr_nonnull(find_mark(10));
}
END_TEST

/* Labels that look like the new stream's, and are of another peer or of this host. */
static const struct {
	const char *slots, *fresh;
} strangers[] = {
	{ "edge", "edge/in" },
	{ "edge/in", "edge" },
	{ "edge2/in", "edge/in" },
	{ "edg/in", "edge/in" },
};

START_TEST(peer_without_streams_evicts_the_longest_unused_of_any)
{
	make_peers(1, strangers[_i].slots);
	make_new(1, strangers[_i].fresh);
	ck_assert_ptr_null(made(0));
	for (unsigned i = 1; i < MARKS_STREAMS; i++)
		ck_assert_ptr_nonnull(made(i));
}
END_TEST

START_TEST(stream_with_rejects_is_not_evicted)
{
	struct id fresh = state_id(2);
	struct mark *m = NULL;

	make_peers(1, "edge/in");
	for (unsigned i = 0; i < MARKS_STREAMS; i++)
		if (i != 5)
			ck_assert_int_eq(mark_reject(made(i), i + 1, 1), 0);
	make_new(1, "other/in");
	ck_assert_ptr_null(made(5));
	ck_assert_ptr_nonnull(made(0));
	mark_hold(find_mark(1));
	ck_assert_int_eq(mark_new(marks, &fresh, "other/in", 0, &m), -ENOSPC);
	ck_assert_ptr_null(m);
	mark_reject_forget(made(9), 10);
	make_new(2, "other/in");
	ck_assert_ptr_null(made(9));
}
END_TEST

/* Of two peers, each has a third: one that never stores its rejects cannot take it all. */
START_TEST(peer_that_keeps_its_share_from_eviction_is_refused_and_others_are_not)
{
	struct id fresh = state_id(1);
	struct mark *m = NULL;
	unsigned n = 0;

	marks_share(marks, 2);
	for (;; n++) {
		struct id stream = { { (uint8_t)n, (uint8_t)(n >> 8), 7 } };

		if (mark_new(marks, &stream, "edge/in", 0, &m) < 0)
			break;
		if (n % 2 == 0)
			ck_assert_int_eq(mark_reject(m, 1, 1), 0);
		else
			mark_hold(m);
	}
	ck_assert_uint_eq(n, MARKS_STREAMS / 3);
	ck_assert_int_eq(mark_new(marks, &fresh, "edge/other", 0, &m), -ENOSPC);
	ck_assert_int_eq(mark_new(marks, &fresh, "edge2/in", 0, &m), 0);
	fresh = state_id(2);
	ck_assert_int_eq(mark_new(marks, &fresh, "local", 0, &m), 0);
	fresh = state_id(3);
	mark_unhold(made(1));
	ck_assert_int_eq(mark_new(marks, &fresh, "edge/other", 0, &m), 0);
}
END_TEST

START_TEST(forgotten_stream_is_unknown_and_its_slot_is_free)
{
	struct mark *m = make_mark(1, 7);

	mark_hold(m);
	ck_assert_int_eq(mark_forget(m), -EBUSY);
	mark_unhold(m);
	ck_assert_int_eq(mark_forget(m), 0);
	ck_assert_ptr_null(find_mark(1));
	ck_assert_ptr_eq(make_mark(2, 0), m);
}
END_TEST

START_TEST(hold_ends_with_the_process)
{
	struct id fresh = state_id(1);
	struct mark *m = NULL;

	(void)make_many(MARKS_STREAMS, true);
	reopen();
	ck_assert_int_eq(mark_new(marks, &fresh, "new", 0, &m), 0);
}
END_TEST

START_TEST(look_recovers_and_makes_nothing)
{
	struct marks *seen = NULL;
	struct mark *m;

	mark_intend(make_mark(1, 4), 5);
	ck_assert_int_eq(marks_look(&seen, dirs.state_fd), -ENOENT);
	ck_assert(!state_has(dirs.state_fd, "marks"));
	ck_assert_int_eq(marks_look(&seen, dirs.runtime_fd), 0);
	m = marks_next(seen, NULL);
	ck_assert_ptr_nonnull(m);
	ck_assert(mark_in_doubt(m));
	ck_assert_uint_eq(marks_doubts_total(seen), 0);
	marks_close(seen);
	reopen();
	ck_assert_uint_eq(found, 1);
}
END_TEST

static int
open_changed(size_t at, uint8_t flip, size_t len)
{
	size_t whole;
	uint8_t *bytes = state_get(dirs.runtime_fd, "marks", &whole);
	struct marks *mk = NULL;
	uint64_t n;
	int rc;

	bytes[at] ^= flip;
	state_put(dirs.state_fd, "marks", bytes, len == 0 ? whole : len);
	free(bytes);
	rc = marks_open(&mk, dirs.state_fd, &n);
	ck_assert(rc == 0 || mk == NULL);
	marks_close(mk);
	return rc;
}

START_TEST(file_with_damaged_header_is_refused)
{
	for (size_t at = 0; at < offsetof(struct marks_header, doubts_written); at++)
		ck_assert_int_eq(open_changed(at, 0x10, 0), -EBADMSG);
	ck_assert_int_eq(open_changed(0, 0, 0), 0);
}
END_TEST

/* Version 1 is this one without what lies in places that were reserved then. */
START_TEST(file_of_version_1_is_taken_over)
{
	static const uint8_t zeros[2048];
	struct marks_header hd;
	uint8_t *bytes;
	size_t len;

	mark_intend(make_mark(1, 4), 5);
	bytes = state_get(dirs.runtime_fd, "marks", &len);
	memcpy(&hd, bytes, sizeof(hd));
	ck_assert_uint_eq(hd.version, 2);
	hd.version = 1;
	hd.crc = crc32c(0, &hd, offsetof(struct marks_header, crc));
	memset(&hd.process, 0, sizeof(hd) - offsetof(struct marks_header, process));
	memcpy(bytes, &hd, sizeof(hd));
	memcpy(bytes + MARKS_SLOTS_AT + offsetof(struct mark, lost_last), zeros,
	    MARKS_SLOT - offsetof(struct mark, lost_last));
	marks_close(marks);
	state_put(dirs.runtime_fd, "marks", bytes, len);
	free(bytes);
	marks = NULL;
	for (int i = 0; i < 2; i++) {
		reopen();
		ck_assert_uint_eq(marks->header->version, 2);
		ck_assert_uint_eq(found, i == 0 ? 1 : 0);
		ck_assert(mark_doubtful(find_mark(1), 5));
		ck_assert_uint_eq(mark_value(find_mark(1)), 4);
	}
}
END_TEST

START_TEST(file_of_wrong_size_is_refused)
{
	ck_assert_int_eq(open_changed(0, 0, 1), -EBADMSG);
	ck_assert_int_eq(open_changed(0, 0, 4096), -EBADMSG);
	ck_assert_int_eq(open_changed(0, 0, MARKS_SLOTS_AT), -EBADMSG);
	ck_assert_int_eq(
	    open_changed(0, 0, MARKS_SLOTS_AT + MARKS_STEP_BYTES - 1), -EBADMSG);
	ck_assert_int_eq(open_changed(0, 0, MARKS_SLOTS_AT + MARKS_STEP_BYTES), 0);
}
END_TEST

START_TEST(file_with_random_words_never_crashes)
{
	uint64_t random = 88172645463325252u + (uint64_t)_i;
	struct record rec = { .number = 1 };
	struct doubt db;

	for (unsigned i = 0; i < MARKS_STEP; i++)
		(void)make_mark((uint8_t)(i + 1), i);
	for (unsigned i = 0; i < 20000; i++) {
		size_t at = offsetof(struct marks_header, doubts_written) +
			    ring_random(&random,
				(uint32_t)(MARKS_SLOTS_AT + MARKS_STEP_BYTES - 64));
		marks->base[at] = (uint8_t)ring_random(&random, 256);
	}
	for (unsigned i = 0; i < MARKS_STEP; i++)
		marks->slots[i].state = MARK_USED;
	reopen();
	for (struct mark *m = NULL; (m = marks_next(marks, m)) != NULL;) {
		ck_assert_uint_lt(strlen(mark_label(m)), 512);
		ck_assert_uint_le(mark_rejects(m), MARK_REJECTS);
		mark_pass_doubt(marks, m, mark_value(m) + 1, &rec, DOUBT_RESENT);
	}
	for (unsigned i = 0; i < marks_doubts_listed(marks); i++)
		marks_doubt_at(marks, i, &db);
}
END_TEST

Suite *
suite_marks(void)
{
	Suite *su = suite_create("marks");
	TCase *tc = tcase_create("marks");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, stream_after_restart_has_its_mark_and_label);
	tcase_add_test(tc, stream_known_already_is_refused);
	tcase_add_test(tc, label_too_long_is_cut);
	tcase_add_test(tc, rejected_sequence_stays_listed_until_forgotten);
	tcase_add_test(tc, rejects_when_full_refuse_and_do_not_pass);
	tcase_add_test(tc, reject_cut_off_before_the_mark_is_judged_anew);
	tcase_add_test(tc, slots_when_growing_stay_where_they_are);
	tcase_add_test(tc, streams_beyond_the_limit_evict_the_longest_unused);
	tcase_add_test(tc, peer_with_many_streams_evicts_its_own);
	tcase_add_loop_test(tc, peer_without_streams_evicts_the_longest_unused_of_any,
	    0, (int)ARRAY_LEN(strangers));
	tcase_add_test(tc, stream_with_rejects_is_not_evicted);
	tcase_add_test(
	    tc, peer_that_keeps_its_share_from_eviction_is_refused_and_others_are_not);
	tcase_add_test(tc, forgotten_stream_is_unknown_and_its_slot_is_free);
	tcase_add_test(tc, file_of_version_1_is_taken_over);
	tcase_add_test(tc, hold_ends_with_the_process);
	tcase_add_test(tc, look_recovers_and_makes_nothing);
	tcase_add_test(tc, file_with_damaged_header_is_refused);
	tcase_add_test(tc, file_of_wrong_size_is_refused);
	tcase_add_loop_test(tc, file_with_random_words_never_crashes, 0, 8);
	suite_add_tcase(su, tc);
	return su;
}
