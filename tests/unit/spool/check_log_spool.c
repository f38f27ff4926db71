/* An overflow log, step by step. The whole of it at random is in check_log_model.c. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log_fixture.h"
#include "record/record.h"
#include "spool/deadletter.h"
#include "spool/log_cursor.h"
#include "spool/names.h"
#include "spool/segment.h"
#include "suites.h"

#define MANY    4000
#define HOUR_NS (INT64_C(3600) * 1000000000)

static struct log_lab lab;
static uint64_t numbers[2 * MANY];

static void
setup(void)
{
	log_lab_start(&lab, UINT64_C(1) << 30, LOG_SYNC_NEVER);
}

static void
teardown(void)
{
	log_lab_stop(&lab);
}

static bool
is_any(const char *name)
{
	return name[0] != '.';
}

static unsigned
count_files(const char *prefix)
{
	int fd = log_lab_dir(&lab);
	struct names nm;
	unsigned n = 0;

	ck_assert_int_eq(names_list(&nm, fd, is_any), 0);
	for (size_t i = 0; i < nm.n; i++)
		n += strncmp(nm.at[i], prefix, strlen(prefix)) == 0;
	names_done(&nm);
	(void)close(fd);
	return n;
}

static void
check_drain(const uint64_t *expected, size_t n)
{
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, 2 * MANY), n);
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(numbers[i], expected[i]);
}

/* Let idle segments go: the tick comes more often than they are due. */
static void
wait_for_no_segment(void)
{
	for (int i = 0; i < 300 && count_files("segment-") > 0; i++) {
		(void)usleep(10000);
		log_save_cursors(lab.log);
		log_lab_wait(&lab);
	}
	ck_assert_uint_eq(count_files("segment-"), 0);
}

START_TEST(records_of_one_priority_come_in_order)
{
	ck_assert_int_eq(log_lab_put(&lab, 1, 1000, 0, 64), 0);
	ck_assert_int_eq(log_lab_put(&lab, 1001, 1000, 0, 64), 0);
	ck_assert_uint_eq(log_lab_numbers(&lab).waiting, 2000);
	ck_assert_int_eq(log_lab_numbers(&lab).oldest_captured_ns, 1);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MANY), 2000);
	for (size_t i = 0; i < 2000; i++)
		ck_assert_uint_eq(numbers[i], i + 1);
	ck_assert_uint_eq(log_lab_numbers(&lab).waiting, 0);
	ck_assert_uint_eq(log_lab_numbers(&lab).bytes, 0);
}
END_TEST

START_TEST(batch_of_several_priorities_comes_highest_first)
{
	static const int64_t priorities[] = { 3, 9, 3, 0, 9, 32767 };
	static const uint64_t expected[] = { 6, 2, 5, 1, 3, 4 };
	struct log_item items[6];
	struct record *recs[6];
	int64_t first;

	for (size_t i = 0; i < 6; i++) {
		recs[i] = log_lab_record(&lab, i + 1, priorities[i], 40);
		items[i] =
		    (struct log_item){ .rec = recs[i], .priority = priorities[i] };
	}
	ck_assert_int_eq(log_lab_append(&lab, items, 6), 0);
	for (size_t i = 0; i < 6; i++) {
		ck_assert_ptr_eq(lab.items[i].rec, recs[i]);
		ck_assert((lab.items[i].place & LOG_PLACE) != 0);
		free(recs[i]);
	}
	ck_assert(log_first(lab.log, &first));
	ck_assert_int_eq(first, 32767);
	check_drain(expected, 6);
	ck_assert(!log_first(lab.log, &first));
	ck_assert_uint_eq(count_files("segment-"), 4);
	wait_for_no_segment();
	ck_assert_uint_eq(log_lab_numbers(&lab).segments, 0);
}
END_TEST

START_TEST(records_larger_than_a_piece_come_whole)
{
	const uint32_t length = 3 << 20;

	ck_assert_int_eq(log_lab_put(&lab, 1, 3, 0, length), 0);
	ck_assert_uint_eq(log_max_body(lab.log), length);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MANY), 3);
	ck_assert_uint_eq(numbers[2], 3);
}
END_TEST

START_TEST(full_segment_is_followed_by_another_and_goes_when_settled)
{
	for (uint64_t i = 0; i < 20; i++)
		ck_assert_int_eq(log_lab_put(&lab, 1 + 4 * i, 4, 0, 300000), 0);
	ck_assert_uint_eq(count_files("segment-"), 2);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MANY), 80);
	log_lab_wait(&lab);
	ck_assert_uint_eq(count_files("segment-"), 1);
	wait_for_no_segment();
}
END_TEST

START_TEST(limit_counts_what_is_not_settled)
{
	const struct record *rec;
	uint64_t place = 0;

	log_configure(lab.log, 100000, LOG_SYNC_NEVER, NULL, NULL);
	ck_assert_int_eq(log_lab_put(&lab, 1, 80, 0, 1000), 0);
	ck_assert_int_eq(log_lab_put(&lab, 81, 20, 0, 1000), -EDQUOT);
	ck_assert_uint_eq(log_lab_numbers(&lab).waiting, 80);
	for (int i = 0; i < 20; i++) {
		rec = log_lab_peek(&lab, &place);
		ck_assert(log_lab_is(rec, 1 + (uint64_t)i));
		log_pop(lab.log);
	}
	ck_assert_int_eq(log_lab_put(&lab, 81, 20, 0, 1000), -EDQUOT);
	log_settle(lab.log, place - 19 * record_stride(1000));
	ck_assert_int_eq(log_lab_put(&lab, 81, 20, 0, 1000), -EDQUOT);
	log_settle(lab.log, place);
	ck_assert_int_eq(log_lab_put(&lab, 81, 15, 0, 1000), 0);
}
END_TEST

START_TEST(second_batch_while_one_is_on_its_way_is_refused)
{
	struct record *rec = log_lab_record(&lab, 1, 7, 64);
	const struct log_item item = { .rec = rec, .priority = 7 };

	ck_assert_int_eq(log_append(lab.log, &item, 1, NULL, NULL), 0);
	ck_assert_int_eq(log_append(lab.log, &item, 1, NULL, NULL), -EBUSY);
	log_lab_crash(&lab);
	free(rec);
	ck_assert_uint_eq(log_lab_open(&lab), 0);
	ck_assert_uint_eq(log_lab_numbers(&lab).waiting, 0);
}
END_TEST

START_TEST(batch_not_committed_is_cut_off_and_stays_the_ring_s)
{
	struct record *rec = log_lab_record(&lab, 2, 0, 64);
	const struct log_item item = { .rec = rec };
	static const uint64_t expected[] = { 1, 3 };

	ck_assert_int_eq(log_lab_put(&lab, 1, 1, 0, 64), 0);
	ck_assert_int_eq(log_append(lab.log, &item, 1, NULL, NULL), 0);
	log_lab_wait_uncollected(&lab);
	log_lab_crash(&lab);
	free(rec);
	(void)log_lab_open(&lab);
	ck_assert_int_eq(log_numbers_load(lab.log, 0), 0);
	ck_assert_uint_ne(log_number_place(lab.log, 1), 0);
	ck_assert_uint_eq(log_number_place(lab.log, 2), 0);
	log_numbers_done(lab.log);
	ck_assert_int_eq(log_lab_put(&lab, 3, 1, 0, 64), 0);
	/* Also when a power cut lets every frame count. */
	log_lab_wait(&lab);
	log_lab_power_cut(&lab);
	ck_assert_uint_eq(log_lab_open(&lab), 2);
	check_drain(expected, 2);
}
END_TEST

START_TEST(records_in_flight_come_back_and_reading_goes_on_behind_them)
{
	uint64_t places[3];

	ck_assert_int_eq(log_lab_put(&lab, 1, 10, 0, 5000), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_ptr_nonnull(log_lab_peek(&lab, &places[i]));
		log_pop(lab.log);
	}
	log_settle(lab.log, places[0]);
	log_lab_wait(&lab);
	log_lab_crash(&lab);
	ck_assert_uint_eq(log_lab_open(&lab), 0);
	ck_assert(log_place_settled(lab.log, places[0]));
	ck_assert(!log_place_settled(lab.log, places[1]));
	ck_assert_int_eq(log_place_sent(lab.log, places[0]), -EBADMSG);
	ck_assert_int_eq(log_place_sent(lab.log, places[1]), 0);
	ck_assert_int_eq(log_place_sent(lab.log, places[1]), -EBADMSG);
	ck_assert_int_eq(log_place_sent(lab.log, places[2]), 0);
	ck_assert_uint_eq(log_lab_numbers(&lab).waiting, 7);
	ck_assert(log_lab_is(log_lab_at(&lab, places[1]), 2));
	ck_assert(log_lab_is(log_lab_at(&lab, places[2]), 3));
	ck_assert_ptr_null(log_at(lab.log, places[2] + 8));
	ck_assert(log_lost(lab.log, places[2] + 8));
	log_settle(lab.log, places[1]);
	log_settle(lab.log, places[2]);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MANY), 7);
	ck_assert_uint_eq(numbers[0], 4);
}
END_TEST

/* Sent records that move lie in the order of their sequences, whatever the ring's. */
START_TEST(sent_records_out_of_order_begin_another_segment)
{
	static const uint64_t seqs[2][3] = { { 5, 1, 9 }, { 3, 7, 11 } };
	uint64_t place_of[12] = { 0 };
	int64_t priority;

	for (int batch = 0; batch < 2; batch++) {
		struct record *recs[3];
		struct log_item items[3];

		for (int i = 0; i < 3; i++) {
			recs[i] = log_lab_record(&lab, seqs[batch][i], 0, 64);
			items[i] = (struct log_item){ .rec = recs[i],
				.priority = SEGMENT_SENT,
				.seq = seqs[batch][i] };
		}
		ck_assert_int_eq(log_lab_append(&lab, items, 3), 0);
		for (int i = 0; i < 3; i++) {
			place_of[lab.items[i].seq] = lab.items[i].place;
			free(recs[i]);
		}
	}
	ck_assert(!log_first(lab.log, &priority));
	ck_assert_uint_eq(count_files("segment-"), 2);
	log_settle(lab.log, place_of[1]);
	log_settle(lab.log, place_of[3]);
	log_lab_crash(&lab);
	(void)log_lab_open(&lab);
	for (uint64_t seq = 1; seq < 12; seq += 2)
		ck_assert_int_eq(log_place_settled(lab.log, place_of[seq]), seq <= 3);
	for (uint64_t seq = 5; seq < 12; seq += 2)
		ck_assert_int_eq(log_place_sent(lab.log, place_of[seq]), 0);
	ck_assert(!log_first(lab.log, &priority));
	for (uint64_t seq = 5; seq < 12; seq += 2) {
		ck_assert(log_lab_is(log_lab_at(&lab, place_of[seq]), seq));
		log_settle(lab.log, place_of[seq]);
	}
	log_lab_wait(&lab);
	ck_assert_uint_eq(count_files("segment-"), 0);
}
END_TEST

START_TEST(dropped_records_do_not_come_and_stay_dropped)
{
	uint64_t place[2];
	static const uint64_t expected[] = { 5, 6, 7, 8, 9, 10 };

	ck_assert_int_eq(log_lab_put(&lab, 1, 10, 0, 1000), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_ptr_nonnull(log_lab_peek(&lab, &place[i]));
		log_pop(lab.log);
	}
	ck_assert_uint_eq(log_drop_oldest(lab.log, 1), 1);
	ck_assert_uint_eq(log_drop_oldest(lab.log, 1), 1);
	ck_assert_uint_eq(log_lab_numbers(&lab).dropped, 2);
	ck_assert_uint_eq(log_lab_numbers(&lab).waiting, 6);
	log_lab_wait(&lab);
	log_lab_crash(&lab);
	(void)log_lab_open(&lab);
	ck_assert_uint_eq(log_lab_numbers(&lab).waiting, 8);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(log_place_sent(lab.log, place[i]), 0);
	ck_assert_uint_eq(log_lab_numbers(&lab).waiting, 6);
	for (int i = 0; i < 2; i++)
		log_settle(lab.log, place[i]);
	log_lab_wait(&lab);
	log_lab_crash(&lab);
	(void)log_lab_open(&lab);
	check_drain(expected, 6);
}
END_TEST

START_TEST(drop_behind_a_range_that_is_not_passed_waits)
{
	uint64_t places[2];

	ck_assert_int_eq(log_lab_put(&lab, 1, 10, 0, 1000), 0);
	ck_assert_ptr_nonnull(log_lab_peek(&lab, &places[0]));
	log_pop(lab.log);
	ck_assert_uint_eq(log_drop_oldest(lab.log, 1), 1);
	ck_assert_ptr_nonnull(log_lab_peek(&lab, &places[1]));
	log_pop(lab.log);
	ck_assert_uint_eq(log_drop_oldest(lab.log, 1), 0);
	log_settle(lab.log, places[0]);
	ck_assert_uint_eq(log_drop_oldest(lab.log, 1), 0);
	log_settle(lab.log, places[1]);
	ck_assert_uint_eq(log_drop_oldest(lab.log, 1000000), 7);
	ck_assert_uint_eq(log_lab_numbers(&lab).waiting, 0);
	ck_assert_uint_eq(log_lab_numbers(&lab).bytes, 0);
}
END_TEST

START_TEST(first_alone_tells_whether_anything_before_it_is_in_flight)
{
	uint64_t place;

	ck_assert(!log_first_alone(lab.log));
	ck_assert_int_eq(log_lab_put(&lab, 1, 2, 0, 64), 0);
	ck_assert_ptr_nonnull(log_lab_peek(&lab, &place));
	ck_assert(log_first_alone(lab.log));
	log_pop(lab.log);
	ck_assert(!log_first_alone(lab.log));
	log_settle(lab.log, place);
	ck_assert(log_first_alone(lab.log));
}
END_TEST

/* ---- power cuts ----------------------------------------------------------------------- */

START_TEST(power_cut_replays_what_the_saved_cursors_do_not_know)
{
	uint64_t place = 0;

	ck_assert_int_eq(log_lab_put(&lab, 1, 30, 0, 64), 0);
	for (uint64_t i = 1; i <= 20; i++) {
		ck_assert(log_lab_is(log_lab_peek(&lab, &place), i));
		log_pop(lab.log);
		log_settle(lab.log, place);
		if (i == 10) {
			log_save_cursors(lab.log);
			log_lab_wait(&lab);
		}
	}
	log_lab_power_cut(&lab);
	ck_assert_uint_eq(log_lab_open(&lab), 20);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MANY), 20);
	ck_assert_uint_eq(numbers[0], 11);
}
END_TEST

/* Another ring announces another seed: the records must have it. */
START_TEST(records_of_a_ring_that_is_gone_are_sealed_for_the_present_one)
{
	struct log_about about;
	const struct record *rec;
	uint64_t place;

	ck_assert_int_eq(log_lab_put(&lab, 1, 300, 0, 640), 0);
	log_lab_power_cut(&lab);
	lab.spec.stream = state_id(7);
	lab.spec.ring = state_id(8);
	lab.spec.seed = record_seed(&lab.spec.ring);
	lab.env.clock_offset_ns = -HOUR_NS; /* a clock that began anew */
	ck_assert_uint_eq(log_lab_open(&lab), 300);
	rec = log_lab_peek(&lab, &place);
	ck_assert_uint_eq(rec->number, place);
	/* As old as before, the clocks' drift apart aside. */
	ck_assert_int_lt(llabs(rec->captured_ns + HOUR_NS), HOUR_NS / 60);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MANY), 300);
	ck_assert_int_eq(log_identify(&about, lab.dirs.state_fd, &lab.id), 0);
	ck_assert(id_equal(&about.ring, &lab.spec.ring));
	ck_assert(id_equal(&about.stream, &lab.spec.stream));
	ck_assert_str_eq(about.uri, lab.spec.uri);
	ck_assert_str_eq(about.label, lab.spec.label);
}
END_TEST

/* A kill came before the file that says whose it is, or before its rename. */
START_TEST(log_that_was_only_begun_is_removed_but_not_its_segments)
{
	int dir_fd = log_lab_dir(&lab);
	struct log_about about;

	ck_assert_int_eq(log_lab_put(&lab, 1, 3, 0, 64), 0);
	log_lab_crash(&lab);
	ck_assert_int_eq(renameat(dir_fd, "about", dir_fd, "about.new"), 0);
	ck_assert_int_eq(log_identify(&about, lab.dirs.state_fd, &lab.id), -ENOENT);
	ck_assert_int_eq(log_remove_begun(lab.dirs.state_fd, &lab.id), -ENOTEMPTY);
	ck_assert_int_eq(unlinkat(dir_fd, "segment-0000000000000001", 0), 0);
	ck_assert_int_eq(log_remove_begun(lab.dirs.state_fd, &lab.id), 0);
	ck_assert_int_eq(log_remove_begun(lab.dirs.state_fd, &lab.id), -ENOENT);
	(void)close(dir_fd);
}
END_TEST

START_TEST(sent_records_wait_first_after_a_power_cut)
{
	struct record *rec = log_lab_record(&lab, 99, 0, 64);
	const struct log_item item = { .rec = rec, .priority = SEGMENT_SENT, .seq = 4 };
	static const uint64_t expected[] = { 99, 1, 2 };

	ck_assert_int_eq(log_lab_put(&lab, 1, 2, 32767, 64), 0);
	ck_assert_int_eq(log_lab_append(&lab, &item, 1), 0);
	free(rec);
	log_lab_power_cut(&lab);
	ck_assert_uint_eq(log_lab_open(&lab), 3);
	check_drain(expected, 3);
}
END_TEST

START_TEST(numbers_of_segments_are_not_given_twice)
{
	uint64_t first, again;

	ck_assert_int_eq(log_lab_put(&lab, 1, 1, 0, 64), 0);
	first = lab.items[0].place;
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MANY), 1);
	wait_for_no_segment();
	log_lab_power_cut(&lab);
	(void)log_lab_open(&lab);
	ck_assert_int_eq(log_lab_put(&lab, 2, 1, 0, 64), 0);
	again = lab.items[0].place;
	ck_assert_uint_ne(
	    first >> LOG_PLACE_OFFSET_BITS, again >> LOG_PLACE_OFFSET_BITS);
}
END_TEST

START_TEST(sync_makes_everything_durable_and_says_so)
{
	ck_assert_int_eq(log_lab_put(&lab, 1, 5, 0, 64), 0);
	ck_assert_int_eq(log_lab_put(&lab, 6, 5, 1, 64), 0);
	ck_assert(!log_synced(lab.log));
	log_sync(lab.log);
	ck_assert(!log_synced(lab.log));
	log_lab_wait(&lab);
	ck_assert(log_synced(lab.log));
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MANY), 10);
	ck_assert(!log_synced(lab.log));
}
END_TEST

START_TEST(list_names_all_logs)
{
	struct names nm;
	char text[ID_TEXT];

	ck_assert_int_eq(log_list(&nm, lab.dirs.state_fd), 0);
	ck_assert_uint_eq(nm.n, 1);
	ck_assert_str_eq(nm.at[0], id_format(text, &lab.id));
	names_done(&nm);
}
END_TEST

/* ---- dead letters ---------------------------------------------------------------------- */

static void
on_requeued(void *owner, const struct log_item *items, size_t count, int rc)
{
	int *ret = owner;

	(void)items;
	ck_assert_uint_eq(count, 0);
	*ret = rc;
}

static void
requeue(const struct record *rec, const struct id *ring)
{
	const struct deadletter dl = {
		.ring = *ring, .number = 77, .stream = state_id(1), .rec = rec
	};
	int rc = 1;

	ck_assert_int_eq(log_requeue(lab.log, &dl, 3, on_requeued, &rc), 0);
	log_lab_wait(&lab);
	ck_assert_int_eq(rc, 0);
}

START_TEST(requeued_record_is_sent_with_its_place_as_number)
{
	const struct id ring = state_id(44), stream = state_id(1);
	struct record *rec = log_lab_record(&lab, 77, 5, 100);
	const struct record *sent;
	uint64_t place;

	log_configure(lab.log, 0, LOG_SYNC_NEVER, NULL, NULL);
	record_seal(rec, record_seed(&ring));
	requeue(rec, &ring);
	free(rec);
	log_lab_crash(&lab);
	(void)log_lab_open(&lab);
	ck_assert(log_has_letter(lab.log, &ring, 77, &stream));
	ck_assert(!log_has_letter(lab.log, &ring, 78, &stream));
	sent = log_lab_peek(&lab, &place);
	ck_assert_uint_eq(sent->number, place);
	ck_assert_int_eq(sent->type, 5);
	ck_assert(log_lab_is(sent, 77));
	ck_assert_int_eq(
	    record_check(sent, record_stride(sent->length), lab.spec.seed), 0);
	log_pop(lab.log);
	log_settle(lab.log, place);
	ck_assert(!log_has_letter(lab.log, &ring, 77, &stream));
}
END_TEST

START_TEST(requeued_record_is_no_record_of_the_ring)
{
	struct record *rec = log_lab_record(&lab, 77, 5, 100);

	/* In one file with some that are. */
	ck_assert_int_eq(log_lab_put(&lab, 1, 5, 3, 64), 0);
	requeue(rec, &lab.spec.ring);
	free(rec);
	log_lab_crash(&lab);
	(void)log_lab_open(&lab);
	ck_assert_int_eq(log_numbers_load(lab.log, 0), 0);
	ck_assert_uint_ne(log_number_place(lab.log, 5), 0);
	ck_assert_uint_eq(log_number_place(lab.log, 77), 0);
}
END_TEST

Suite *
suite_log_spool(void)
{
	Suite *su = suite_create("log_spool");
	TCase *tc = tcase_create("log");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, records_of_one_priority_come_in_order);
	tcase_add_test(tc, batch_of_several_priorities_comes_highest_first);
	tcase_add_test(tc, records_larger_than_a_piece_come_whole);
	tcase_add_test(tc, full_segment_is_followed_by_another_and_goes_when_settled);
	tcase_add_test(tc, limit_counts_what_is_not_settled);
	tcase_add_test(tc, second_batch_while_one_is_on_its_way_is_refused);
	tcase_add_test(tc, batch_not_committed_is_cut_off_and_stays_the_ring_s);
	tcase_add_test(tc, records_in_flight_come_back_and_reading_goes_on_behind_them);
	tcase_add_test(tc, sent_records_out_of_order_begin_another_segment);
	tcase_add_test(tc, dropped_records_do_not_come_and_stay_dropped);
	tcase_add_test(tc, drop_behind_a_range_that_is_not_passed_waits);
	tcase_add_test(tc, first_alone_tells_whether_anything_before_it_is_in_flight);
	tcase_add_test(tc, power_cut_replays_what_the_saved_cursors_do_not_know);
	tcase_add_test(
	    tc, records_of_a_ring_that_is_gone_are_sealed_for_the_present_one);
	tcase_add_test(tc, log_that_was_only_begun_is_removed_but_not_its_segments);
	tcase_add_test(tc, sent_records_wait_first_after_a_power_cut);
	tcase_add_test(tc, numbers_of_segments_are_not_given_twice);
	tcase_add_test(tc, sync_makes_everything_durable_and_says_so);
	tcase_add_test(tc, list_names_all_logs);
	tcase_add_test(tc, requeued_record_is_sent_with_its_place_as_number);
	tcase_add_test(tc, requeued_record_is_no_record_of_the_ring);
	suite_add_tcase(su, tc);
	return su;
}
