/* An overflow log whose files are not as they were left. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "disk_steps.h"
#include "log_fixture.h"
#include "ring_fixture.h"
#include "spool/log_cursor.h"
#include "spool/names.h"
#include "spool/segment.h"
#include "suites.h"

#define MAX 1000

static struct log_lab lab;
static uint64_t numbers[MAX];

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
is_segment(const char *name)
{
	return strncmp(name, "segment-", 8) == 0;
}

/* The only file of the log that begins so. */
static void
find(char name[256])
{
	int fd = log_lab_dir(&lab);
	struct names nm;

	ck_assert_int_eq(names_list(&nm, fd, is_segment), 0);
	ck_assert_uint_eq(nm.n, 1);
	(void)snprintf(name, 256, "%s", nm.at[0]);
	names_done(&nm);
	(void)close(fd);
}

static uint8_t *
get(size_t *ret_len)
{
	char name[256];
	int fd = log_lab_dir(&lab);
	uint8_t *bytes;

	find(name);
	bytes = state_get(fd, name, ret_len);
	(void)close(fd);
	return bytes;
}

static void
put(const void *bytes, size_t len)
{
	char name[256];
	int fd = log_lab_dir(&lab);

	find(name);
	state_put(fd, name, bytes, len);
	(void)close(fd);
}

static void
remove_all(int dir_fd, bool (*which)(const char *name))
{
	ck_assert_int_eq(names_remove(dir_fd, which), 0);
}

/* ---- torn tails ------------------------------------------------------------------------ */

START_TEST(tail_torn_at_any_byte_is_cut_after_a_power_cut)
{
	size_t len, last_at;
	uint8_t *bytes;

	ck_assert_int_eq(log_lab_put(&lab, 1, 4, 0, 30), 0);
	ck_assert_int_eq(log_lab_put(&lab, 5, 3, 0, 30), 0);
	last_at = sizeof(struct segment_frame) + 4 * record_stride(30);
	bytes = get(&len);
	for (size_t at = last_at; at < len; at++) {
		size_t in = at < last_at + sizeof(struct segment_frame)
				? 0
				: (at - last_at - sizeof(struct segment_frame)) /
				      record_stride(30);
		struct log_damage damage;

		log_lab_power_cut(&lab);
		put(bytes, at);
		ck_assert_uint_eq(log_lab_open(&lab), 4 + in);
		ck_assert(!log_damage(lab.log, &damage));
		ck_assert_uint_eq(log_lab_numbers(&lab).damaged, 0);
		/* What was cut is cut for ever. */
		log_lab_crash(&lab);
		ck_assert_uint_eq(log_lab_open(&lab), 0);
		ck_assert_uint_eq(log_lab_numbers(&lab).waiting, 4 + in);
	}
	free(bytes);
	log_lab_wait(&lab);
}
END_TEST

/* Blocks may reach a disk in any order. */
START_TEST(tail_of_zeros_is_cut_after_a_power_cut)
{
	size_t len, last_at;
	uint8_t *bytes;

	ck_assert_int_eq(log_lab_put(&lab, 1, 4, 0, 30), 0);
	last_at = sizeof(struct segment_frame) + 4 * record_stride(30);
	ck_assert_int_eq(log_lab_put(&lab, 5, 3, 0, 30), 0);
	bytes = get(&len);
	memset(bytes + last_at, 0, len - last_at);
	log_lab_power_cut(&lab);
	put(bytes, len);
	free(bytes);
	ck_assert_uint_eq(log_lab_open(&lab), 4);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MAX), 4);
	ck_assert_uint_eq(log_lab_numbers(&lab).damaged, 0);
}
END_TEST

START_TEST(tail_that_was_synced_and_is_missing_is_told)
{
	struct log_damage damage;
	size_t len;
	uint8_t *bytes;

	ck_assert_int_eq(log_lab_put(&lab, 1, 4, 0, 30), 0);
	log_sync(lab.log);
	log_lab_wait(&lab);
	bytes = get(&len);
	log_lab_power_cut(&lab);
	put(bytes, len - 1);
	free(bytes);
	ck_assert_uint_eq(log_lab_open(&lab), 3);
	ck_assert(log_damage(lab.log, &damage));
	ck_assert_uint_eq(
	    damage.offset, sizeof(struct segment_frame) + 3 * record_stride(30));
}
END_TEST

/* ---- damage in the middle --------------------------------------------------------------- */

static unsigned
count_drained(bool seen[MAX])
{
	size_t n = log_lab_drain(&lab, numbers, MAX);

	memset(seen, 0, MAX * sizeof(*seen));
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_lt(numbers[i], MAX);
		ck_assert(!seen[numbers[i]]);
		seen[numbers[i]] = true;
	}
	return (unsigned)n;
}

/* A byte of a record, of a header, of padding: whichever, all others come, and what does not is
 * told with its place. */
START_TEST(flipped_bits_lose_what_they_hit_and_are_told)
{
	uint64_t state = 11 + (uint64_t)_i;
	struct log_damage damage;
	bool seen[MAX];
	size_t len;
	uint8_t *bytes;
	uint32_t at;
	unsigned n;

	for (uint64_t i = 0; i < 10; i++)
		ck_assert_int_eq(log_lab_put(&lab, 1 + 20 * i, 20, 0, 40), 0);
	bytes = get(&len);
	at = ring_random(&state, (uint32_t)len);
	bytes[at] ^= (uint8_t)(1 << ring_random(&state, 8));
	log_lab_crash(&lab);
	put(bytes, len);
	free(bytes);
	(void)log_lab_open(&lab);
	n = count_drained(seen);
	ck_assert_uint_ge(n, 199);
	ck_assert_uint_eq(log_lab_numbers(&lab).damaged, 200 - n);
	ck_assert_uint_eq(log_lab_numbers(&lab).waiting, 0);
	if (n == 200)
		return;
	ck_assert(log_damage(lab.log, &damage));
	ck_assert_uint_eq(damage.records, 1);
	ck_assert_uint_le(damage.offset, at);
	ck_assert_uint_gt(damage.offset + record_stride(40), at);
	ck_assert(!log_damage(lab.log, &damage));
	ck_assert_ptr_nonnull(strstr(damage.file, "/segment-"));
}
END_TEST

START_TEST(segment_with_damage_is_kept_under_another_name)
{
	char name[256];
	size_t len;
	uint8_t *bytes;

	ck_assert_int_eq(log_lab_put(&lab, 1, 20, 0, 40), 0);
	bytes = get(&len);
	bytes[sizeof(struct segment_frame) + 3 * record_stride(40) + 60] ^= 1;
	log_lab_crash(&lab);
	put(bytes, len);
	free(bytes);
	(void)log_lab_open(&lab);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MAX), 19);
	log_lab_wait(&lab);
	find(name);
	ck_assert_ptr_nonnull(strstr(name, ".damaged"));
	ck_assert_uint_eq(log_lab_numbers(&lab).segments, 0);
	log_lab_crash(&lab);
	(void)log_lab_open(&lab);
	ck_assert_uint_eq(log_lab_numbers(&lab).segments, 0);
	find(name);
}
END_TEST

START_TEST(damaged_record_that_is_settled_is_told_but_not_counted)
{
	struct log_damage damage;
	uint64_t place;
	size_t len;
	uint8_t *bytes;

	ck_assert_int_eq(log_lab_put(&lab, 1, 20, 0, 40), 0);
	for (int i = 0; i < 5; i++) {
		ck_assert_ptr_nonnull(log_lab_peek(&lab, &place));
		log_pop(lab.log);
		log_settle(lab.log, place);
	}
	bytes = get(&len);
	bytes[sizeof(struct segment_frame) + (size_t)_i * record_stride(40) + 60] ^= 1;
	log_lab_wait(&lab);
	log_lab_crash(&lab);
	put(bytes, len);
	free(bytes);
	(void)log_lab_open(&lab);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MAX), (size_t)15 - (_i >= 5));
	ck_assert_uint_eq(log_lab_numbers(&lab).damaged, _i >= 5);
	ck_assert(log_damage(lab.log, &damage));
	ck_assert_uint_eq(damage.records, _i >= 5);
}
END_TEST

/* The end of the file, and in the slot how far it goes. */
START_TEST(lost_end_is_counted_though_its_offset_is_damaged)
{
	char name[256];
	size_t len, frame = sizeof(struct segment_frame) + 10 * record_stride(40);
	uint8_t *bytes;

	ck_assert_int_eq(log_lab_put(&lab, 1, 10, 0, 40), 0);
	ck_assert_int_eq(log_lab_put(&lab, 11, 10, 0, 40), 0);
	log_lab_wait(&lab);
	bytes = get(&len);
	memset(bytes + frame, 0xee, len - frame);
	log_lab_crash(&lab);
	put(bytes, len);
	free(bytes);
	state_find_file(lab.dirs.runtime_fd, "log-", name);
	bytes = state_get(lab.dirs.runtime_fd, name, &len);
	bytes[LOG_CURSOR_HEADER + LOG_COMMITTED * sizeof(uint64_t)] ^= 1;
	state_put(lab.dirs.runtime_fd, name, bytes, len);
	free(bytes);
	(void)log_lab_open(&lab);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MAX), 10);
	ck_assert_uint_eq(log_lab_numbers(&lab).damaged, 10);
}
END_TEST

START_TEST(damaged_record_in_flight_is_lost_and_passed)
{
	uint64_t place[3];
	size_t len;
	uint8_t *bytes;

	ck_assert_int_eq(log_lab_put(&lab, 1, 20, 0, 40), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_ptr_nonnull(log_lab_peek(&lab, &place[i]));
		log_pop(lab.log);
	}
	bytes = get(&len);
	bytes[sizeof(struct segment_frame) + record_stride(40) + 60] ^= 1;
	log_lab_wait(&lab);
	log_lab_crash(&lab);
	put(bytes, len);
	free(bytes);
	(void)log_lab_open(&lab);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(log_place_sent(lab.log, place[i]), 0);
	ck_assert(log_lab_is(log_lab_at(&lab, place[0]), 1));
	ck_assert_ptr_null(log_lab_at(&lab, place[1]));
	ck_assert(log_lost(lab.log, place[1]));
	ck_assert(log_lab_is(log_lab_at(&lab, place[2]), 3));
	for (int i = 0; i < 3; i++)
		log_settle(lab.log, place[i]);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MAX), 17);
}
END_TEST

START_TEST(segment_that_is_gone_is_told)
{
	struct log_damage damage;
	int fd = log_lab_dir(&lab);

	ck_assert_int_eq(log_lab_put(&lab, 1, 20, 0, 40), 0);
	log_lab_crash(&lab);
	remove_all(fd, is_segment);
	(void)close(fd);
	(void)log_lab_open(&lab);
	ck_assert(log_damage(lab.log, &damage));
	ck_assert_uint_eq(log_lab_numbers(&lab).segments, 0);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MAX), 0);
}
END_TEST

START_TEST(segment_removed_while_it_is_used_is_told)
{
	int fd = log_lab_dir(&lab);

	ck_assert_int_eq(log_lab_put(&lab, 1, 20, 0, 40), 0);
	remove_all(fd, is_segment);
	(void)close(fd);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MAX), 0);
	ck_assert_uint_eq(log_lab_numbers(&lab).damaged, 20);
	ck_assert_uint_eq(log_lab_numbers(&lab).waiting, 0);
}
END_TEST

START_TEST(file_without_a_slot_is_set_aside)
{
	char name[256];
	int fd = log_lab_dir(&lab);

	log_lab_crash(&lab);
	state_put(fd, "segment-00000000000000aa", "text", 4);
	(void)close(fd);
	(void)log_lab_open(&lab);
	ck_assert_uint_eq(log_lab_numbers(&lab).segments, 0);
	find(name);
	ck_assert_str_eq(name, "segment-00000000000000aa.unknown");
}
END_TEST

START_TEST(frame_of_a_newer_version_refuses_the_log)
{
	uint64_t replayed;
	size_t len;
	uint8_t *bytes;
	struct segment_frame fr;

	ck_assert_int_eq(log_lab_put(&lab, 1, 2, 0, 40), 0);
	bytes = get(&len);
	memcpy(&fr, bytes, sizeof(fr));
	fr.version++;
	fr.crc = segment_frame_crc(&fr);
	memcpy(bytes, &fr, sizeof(fr));
	log_lab_crash(&lab);
	put(bytes, len);
	free(bytes);
	ck_assert_int_eq(log_lab_try_open(&lab, &replayed), -ENOTSUP);
}
END_TEST

/* ---- the file of the runtime directory ------------------------------------------------- */

static void
flip(const char *name, uint8_t *bytes, size_t len, size_t bit)
{
	bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	state_put(lab.dirs.runtime_fd, name, bytes, len);
	bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

/* A settled and a dropped record, one in flight, and a second segment. */
static uint64_t
prepare_cursors(void)
{
	uint64_t place = 0;

	ck_assert_int_eq(log_lab_put(&lab, 1, 10, 0, 40), 0);
	for (int i = 0; i < 2; i++) {
		if (i == 1)
			log_settle(lab.log, place);
		ck_assert_ptr_nonnull(log_lab_peek(&lab, &place));
		log_pop(lab.log);
	}
	ck_assert_uint_eq(log_drop_oldest(lab.log, 1), 1);
	ck_assert_int_eq(log_lab_put(&lab, 11, 10, 7, 40), 0);
	log_lab_wait(&lab);
	return place;
}

static void
remove_damaged(const char *name)
{
	char kept[256 + sizeof("damaged-")];

	(void)snprintf(kept, sizeof(kept), "damaged-%s", name);
	(void)unlinkat(lab.dirs.runtime_fd, kept, 0);
	state_put(lab.dirs.runtime_fd, name, "", 0);
}

/* Whatever bit it is, nothing that waits is lost; what comes again was settled or dropped. */
START_TEST(flipped_bit_of_the_cursors_loses_nothing)
{
	static const size_t regions[][2] = { { 0, sizeof(struct log_cursor_header) },
		{ LOG_CURSOR_NUMBERS, 16 }, { LOG_CURSOR_AGAIN, 48 },
		{ LOG_CURSOR_HEADER, 3 * sizeof(struct log_slot) } };
	uint64_t in_flight = prepare_cursors();
	char name[256];
	size_t len, segment_len[2];
	uint8_t *bytes, *segments[2];
	int fd = log_lab_dir(&lab);

	log_lab_crash(&lab);
	state_find_file(lab.dirs.runtime_fd, "log-", name);
	bytes = state_get(lab.dirs.runtime_fd, name, &len);
	segments[0] = state_get(fd, "segment-0000000000000001", &segment_len[0]);
	segments[1] = state_get(fd, "segment-0000000000000002", &segment_len[1]);
	for (size_t bit = 8 * regions[_i][0];
	     bit < 8 * (regions[_i][0] + regions[_i][1]); bit++) {
		unsigned seen[MAX] = { 0 };
		uint64_t replayed;
		size_t n;

		remove_damaged(name);
		state_put(fd, "segment-0000000000000001", segments[0], segment_len[0]);
		state_put(fd, "segment-0000000000000002", segments[1], segment_len[1]);
		flip(name, bytes, len, bit);
		if (log_lab_try_open(&lab, &replayed) < 0)
			ck_abort_msg("bit %zu: refused", bit);
		if (!log_place_settled(lab.log, in_flight))
			ck_assert_int_eq(log_place_sent(lab.log, in_flight), 0);
		n = log_lab_drain(&lab, numbers, MAX);
		for (size_t i = 0; i < n; i++)
			seen[numbers[i]]++;
		for (unsigned i = 4; i <= 20; i++)
			ck_assert_msg(seen[i] == 1, "bit %zu: record %u came %u times",
			    bit, i, seen[i]);
		ck_assert_uint_eq(log_lab_numbers(&lab).damaged, 0);
		ck_assert_uint_eq(seen[1] + seen[2], 0);
		log_settle(lab.log, in_flight);
		log_lab_wait(&lab);
		log_lab_crash(&lab);
	}
	free(bytes);
	free(segments[0]);
	free(segments[1]);
	(void)close(fd);
}
END_TEST

/* As an image may leave it of which a piece is lost. */
START_TEST(slots_of_zeros_lose_nothing)
{
	char name[256];
	size_t len;
	uint8_t *bytes;

	ck_assert_int_eq(log_lab_put(&lab, 1, 10, 0, 40), 0);
	log_lab_crash(&lab);
	state_find_file(lab.dirs.runtime_fd, "log-", name);
	bytes = state_get(lab.dirs.runtime_fd, name, &len);
	memset(bytes + LOG_CURSOR_HEADER, 0, len - LOG_CURSOR_HEADER);
	state_put(lab.dirs.runtime_fd, name, bytes, len);
	free(bytes);
	ck_assert_uint_eq(log_lab_open(&lab), 10);
	ck_assert_uint_eq(log_lab_drain(&lab, numbers, MAX), 10);
}
END_TEST

START_TEST(damaged_saved_cursors_are_as_none)
{
	int fd = log_lab_dir(&lab);
	size_t len;
	uint8_t *bytes;

	ck_assert_int_eq(log_lab_put(&lab, 1, 20, 0, 40), 0);
	for (int i = 0; i < 5; i++) {
		uint64_t place;

		ck_assert_ptr_nonnull(log_lab_peek(&lab, &place));
		log_pop(lab.log);
		log_settle(lab.log, place);
	}
	log_save_cursors(lab.log);
	log_lab_wait(&lab);
	bytes = state_get(fd, "cursors", &len);
	bytes[len - 1] ^= 1;
	log_lab_power_cut(&lab);
	state_put(fd, "cursors", bytes, len);
	ck_assert_uint_eq(log_lab_open(&lab), 20);
	bytes[len - 1] ^= 1;
	log_lab_wait(&lab);
	log_lab_power_cut(&lab);
	state_put(fd, "cursors", bytes, len);
	free(bytes);
	(void)close(fd);
	ck_assert_uint_eq(log_lab_open(&lab), 15);
}
END_TEST

START_TEST(random_bytes_in_any_file_never_crash)
{
	uint64_t state = 1000 + (uint64_t)_i;
	char name[256];
	size_t len;
	uint8_t *bytes;

	for (uint64_t i = 0; i < 4; i++)
		ck_assert_int_eq(log_lab_put(&lab, 1 + 10 * i, 10, 0, 40), 0);
	log_lab_crash(&lab);
	state_find_file(lab.dirs.runtime_fd, "log-", name);
	bytes = state_get(lab.dirs.runtime_fd, name, &len);
	for (int i = 0; i < 3; i++)
		bytes[LOG_CURSOR_HEADER + ring_random(&state, 64)] =
		    (uint8_t)ring_random(&state, 256);
	state_put(lab.dirs.runtime_fd, name, bytes, len);
	free(bytes);
	bytes = get(&len);
	for (int i = 0; i < 5; i++)
		bytes[ring_random(&state, (uint32_t)len)] ^= 0x21;
	put(bytes, len - ring_random(&state, 100));
	free(bytes);
	if (log_lab_try_open(&lab, &state) < 0)
		return;
	ck_assert_uint_le(log_lab_drain(&lab, numbers, MAX), 40);
}
END_TEST

Suite *
suite_log_damage(void)
{
	Suite *su = suite_create("log_damage");
	TCase *tc = tcase_create("damage");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, tail_torn_at_any_byte_is_cut_after_a_power_cut);
	tcase_add_test(tc, tail_of_zeros_is_cut_after_a_power_cut);
	tcase_add_test(tc, tail_that_was_synced_and_is_missing_is_told);
	tcase_add_loop_test(tc, flipped_bits_lose_what_they_hit_and_are_told, 0, 200);
	tcase_add_test(tc, segment_with_damage_is_kept_under_another_name);
	tcase_add_loop_test(
	    tc, damaged_record_that_is_settled_is_told_but_not_counted, 0, 7);
	tcase_add_test(tc, lost_end_is_counted_though_its_offset_is_damaged);
	tcase_add_test(tc, damaged_record_in_flight_is_lost_and_passed);
	tcase_add_test(tc, segment_that_is_gone_is_told);
	tcase_add_test(tc, segment_removed_while_it_is_used_is_told);
	tcase_add_test(tc, file_without_a_slot_is_set_aside);
	tcase_add_test(tc, frame_of_a_newer_version_refuses_the_log);
	tcase_add_loop_test(tc, flipped_bit_of_the_cursors_loses_nothing, 0, 4);
	tcase_add_test(tc, slots_of_zeros_lose_nothing);
	tcase_add_test(tc, damaged_saved_cursors_are_as_none);
	tcase_add_loop_test(tc, random_bytes_in_any_file_never_crash, 0, 200);
	suite_add_tcase(su, tc);
	return su;
}
