/* What a start looks at of an overflow log, and what it leaves to the reader. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk_steps.h"
#include "log_fixture.h"
#include "spool/deadletter.h"
#include "spool/log_cursor.h"
#include "spool/segment.h"
#include "suites.h"

#define PRIORITY 3
#define BATCHES  6
#define COUNT    10 /* records of a batch */
#define BODY     40

static struct log_lab lab;
static uint64_t numbers[BATCHES * COUNT + 1];

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

/* One segment with a frame of each batch. */
static void
put_batches(uint64_t first)
{
	for (uint64_t i = 0; i < BATCHES; i++)
		ck_assert_int_eq(
		    log_lab_put(&lab, first + i * COUNT, COUNT, PRIORITY, BODY), 0);
}

static void
crash_and_open(void)
{
	log_lab_wait(&lab);
	log_lab_crash(&lab);
	ck_assert_uint_eq(log_lab_open(&lab), 0);
}

/* Of the frame of a batch: its header, so that a look at it is seen. */
static void
damage_frame(uint64_t batch)
{
	uint64_t frame = sizeof(struct segment_frame) + COUNT * record_stride(BODY);
	int fd = log_lab_dir(&lab);
	char name[256];
	uint8_t *bytes;
	size_t len;

	state_find_file(fd, "segment-", name);
	bytes = state_get(fd, name, &len);
	ck_assert_uint_eq(len, BATCHES * frame);
	bytes[batch * frame + 20] ^= 1;
	state_put(fd, name, bytes, len);
	free(bytes);
	(void)close(fd);
}

/* What the only slot says, or is made to say. */
static struct log_slot
slot(const struct log_slot *new)
{
	char name[256];
	struct log_slot ret;
	uint8_t *bytes;
	size_t len;

	state_find_file(lab.dirs.runtime_fd, "log-", name);
	bytes = state_get(lab.dirs.runtime_fd, name, &len);
	memcpy(&ret, bytes + LOG_CURSOR_HEADER, sizeof(ret));
	if (new != NULL) {
		memcpy(bytes + LOG_CURSOR_HEADER, new, sizeof(*new));
		state_put(lab.dirs.runtime_fd, name, bytes, len);
	}
	free(bytes);
	return ret;
}

START_TEST(start_leaves_frames_of_which_the_slot_tells_to_the_reader)
{
	struct log_damage damage;

	put_batches(1);
	log_lab_wait(&lab);
	log_lab_crash(&lab);
	damage_frame(BATCHES - 1);
	(void)log_lab_open(&lab);
	ck_assert_uint_eq(log_lab_numbers(&lab).waiting, BATCHES * COUNT);
	ck_assert_uint_eq(log_max_body(lab.log), BODY);
	ck_assert(!log_damage(lab.log, &damage));
	/* The records of a frame whose header is damaged are found by themselves. */
	ck_assert_uint_eq(
	    log_lab_drain(&lab, numbers, BATCHES * COUNT + 1), (size_t)BATCHES * COUNT);
	ck_assert(log_damage(lab.log, &damage));
}
END_TEST

START_TEST(start_in_a_segment_that_is_partly_settled_counts_the_rest)
{
	const uint64_t settled = (uint64_t)_i;
	uint64_t place;

	put_batches(1);
	for (uint64_t i = 0; i < settled; i++) {
		ck_assert_ptr_nonnull(log_lab_peek(&lab, &place));
		log_pop(lab.log);
		log_settle(lab.log, place);
	}
	log_lab_wait(&lab);
	log_lab_crash(&lab);
	damage_frame(BATCHES - 1);
	(void)log_lab_open(&lab);
	ck_assert_uint_eq(log_lab_numbers(&lab).waiting, BATCHES * COUNT - settled);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, BATCHES * COUNT + 1),
	    BATCHES * COUNT - settled);
	for (uint64_t i = settled; i < (uint64_t)BATCHES * COUNT; i++)
		ck_assert_uint_eq(numbers[i - settled], i + 1);
}
END_TEST

/* Programs before the sum left these words as they were. */
START_TEST(slot_without_a_sum_gets_one)
{
	struct log_slot before;

	put_batches(1);
	log_lab_wait(&lab);
	before = slot(NULL);
	for (unsigned word = LOG_RECORDS; word <= LOG_HIGHEST; word++) {
		struct log_slot old = before, after;

		old.words[word] = word == LOG_HIGHEST ? 0 : old.words[word] ^ 1;
		log_lab_crash(&lab);
		(void)slot(&old);
		(void)log_lab_open(&lab);
		ck_assert_uint_eq(log_lab_numbers(&lab).waiting, BATCHES * COUNT);
		ck_assert_uint_eq(log_max_body(lab.log), BODY);
		after = slot(NULL);
		ck_assert_mem_eq(&after, &before, sizeof(after));
	}
}
END_TEST

/* It is of another end than the one that is committed. */
START_TEST(sum_of_less_than_is_committed_does_not_count)
{
	struct log_slot old, new;

	ck_assert_int_eq(log_lab_put(&lab, 1, 5, PRIORITY, BODY), 0);
	log_lab_wait(&lab);
	old = slot(NULL);
	ck_assert_int_eq(log_lab_put(&lab, 6, 7, PRIORITY, 2 * BODY), 0);
	log_lab_wait(&lab);
	new = slot(NULL);
	memcpy(&new.words[LOG_RECORDS], &old.words[LOG_RECORDS],
	    sizeof(new) - LOG_RECORDS * sizeof(new.words[0]));
	log_lab_crash(&lab);
	(void)slot(&new);
	(void)log_lab_open(&lab);
	ck_assert_uint_eq(log_lab_numbers(&lab).waiting, 12);
	ck_assert_uint_eq(log_max_body(lab.log), 2 * BODY);
}
END_TEST

/* Of numbers the sum has the low half only. */
START_TEST(numbers_that_the_ring_may_hold_are_looked_up)
{
	const uint64_t first = (UINT64_C(5) << 32) - 20;

	put_batches(first);
	crash_and_open();
	for (uint64_t n = first; n < first + (uint64_t)BATCHES * COUNT; n += 7) {
		ck_assert_int_eq(log_numbers_load(lab.log, n), 0);
		ck_assert_uint_ne(log_number_place(lab.log, n), 0);
		ck_assert_uint_ne(
		    log_number_place(lab.log, first + BATCHES * COUNT - 1), 0);
		log_numbers_done(lab.log);
	}
	ck_assert_int_eq(log_numbers_load(lab.log, first + BATCHES * COUNT), 0);
	ck_assert_uint_eq(log_number_place(lab.log, first + BATCHES * COUNT), 0);
}
END_TEST

/* ---- what a power cut may take ----------------------------------------------------------- */

/* A kill leaves cursors that were not saved; a power cut after that must not bring back what was
 * settled. */
START_TEST(cursors_are_saved_after_a_start_though_nothing_changed)
{
	uint64_t place;

	put_batches(1);
	for (int i = 0; i < COUNT + 3; i++) {
		ck_assert_ptr_nonnull(log_lab_peek(&lab, &place));
		log_pop(lab.log);
		log_settle(lab.log, place);
	}
	crash_and_open();
	log_save_cursors(lab.log);
	log_lab_wait(&lab);
	log_lab_power_cut(&lab);
	ck_assert_uint_eq(log_lab_open(&lab), BATCHES * COUNT - COUNT - 3);
}
END_TEST

static size_t
directory_syncs(void)
{
	size_t n = 0;

	for (const char *at = disk_steps_order(); *at != '\0'; at++)
		n += *at == 'd';
	return n;
}

/* A kill may have come right after one was made. */
START_TEST(directory_of_logs_is_synced_also_if_it_is_there)
{
	size_t first;

	log_lab_stop(&lab);
	disk_steps_record();
	setup();
	ck_assert_int_eq(log_lab_put(&lab, 1, 1, PRIORITY, BODY), 0);
	log_lab_wait(&lab);
	first = directory_syncs();
	ck_assert_uint_gt(first, 0);
	log_close(lab.log);
	disk_steps_record();
	ck_assert_int_eq(log_create(&lab.log, &lab.env, &lab.spec), 0);
	ck_assert_int_eq(log_lab_put(&lab, 1, 1, PRIORITY, BODY), 0);
	log_lab_wait(&lab);
	ck_assert_uint_eq(directory_syncs(), first);
}
END_TEST

static void
on_requeued(void *owner, const struct log_item *items, size_t count, int rc)
{
	(void)items;
	(void)count;
	*(int *)owner = rc;
}

START_TEST(letter_behind_other_records_is_found)
{
	const struct id ring = state_id(44), stream = state_id(1);
	struct record *rec = log_lab_record(&lab, 77, 5, 100);
	const struct deadletter dl = {
		.ring = ring, .number = 77, .stream = stream, .rec = rec
	};
	int rc = 1;

	record_seal(rec, record_seed(&ring));
	put_batches(1);
	ck_assert_int_eq(log_requeue(lab.log, &dl, PRIORITY, on_requeued, &rc), 0);
	log_lab_wait(&lab);
	ck_assert_int_eq(rc, 0);
	free(rec);
	ck_assert_int_eq(log_lab_put(&lab, 1000, COUNT, PRIORITY, BODY), 0);
	crash_and_open();
	ck_assert(log_has_letter(lab.log, &ring, 77, &stream));
	ck_assert_uint_eq(log_lab_numbers(&lab).waiting, BATCHES * COUNT + 1 + COUNT);
}
END_TEST

Suite *
suite_log_start(void)
{
	Suite *su = suite_create("log_start");
	TCase *tc = tcase_create("start");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, start_leaves_frames_of_which_the_slot_tells_to_the_reader);
	tcase_add_loop_test(tc,
	    start_in_a_segment_that_is_partly_settled_counts_the_rest, 0,
	    2 * COUNT + 2);
	tcase_add_test(tc, slot_without_a_sum_gets_one);
	tcase_add_test(tc, sum_of_less_than_is_committed_does_not_count);
	tcase_add_test(tc, numbers_that_the_ring_may_hold_are_looked_up);
	tcase_add_test(tc, letter_behind_other_records_is_found);
	tcase_add_test(tc, cursors_are_saved_after_a_start_though_nothing_changed);
	tcase_add_test(tc, directory_of_logs_is_synced_also_if_it_is_there);
	suite_add_tcase(su, tc);
	return su;
}
