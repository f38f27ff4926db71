/* What a kill or damage leaves in a ring, and what opening it makes of that. Closing a
 * ring changes nothing in its file, so a test stops in the middle of an operation and
 * re-opens. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ring_fixture.h"
#include "spool/ring_file.h"
#include "suites.h"

#define MAX_BODY 64

static struct ring_dir dir;
static struct ring *ring;
static struct ring_report report;

static void
setup(void)
{
	ring_dir_open(&dir);
	ring = ring_dir_make(&dir, RING_POSIX, MAX_BODY);
}

static void
setup_sysv(void)
{
	ring_dir_open(&dir);
	ring = ring_dir_make(&dir, RING_SYSV, MAX_BODY);
}

static void
teardown(void)
{
	ring_close(ring);
	ring_dir_close(&dir);
}

static void
reopen(void)
{
	ring_close(ring);
	ring = ring_dir_reopen(&dir, &report);
}

/* All free space is the pad, whatever stood there. */
static void
assert_padded(void)
{
	char name[256];
	size_t size;
	const uint8_t *bytes;

	ring_dir_find(&dir, "ring-", name);
	bytes = ring_dir_map(&dir, name, &size) + RING_DATA_OFFSET;
	for (uint64_t at = ring_head(ring); at < ring_tail(ring) + ring_bytes(ring);
	     at++)
		ck_assert_uint_eq(bytes[at % ring_bytes(ring)], RECORD_PAD);
}

static void
assert_record(uint64_t number, const char *text, uint16_t flags)
{
	const struct record *rec = ring_find(ring, number);

	ck_assert_ptr_nonnull(rec);
	ck_assert_int_eq(record_check(rec, ring_bytes(ring), ring_seed(ring)), 0);
	ck_assert_uint_eq(rec->length, strlen(text));
	ck_assert_mem_eq(rec->body, text, strlen(text));
	ck_assert_uint_eq(rec->flags, flags);
}

START_TEST(open_record_that_received_nothing_is_forgotten)
{
	struct record *rec = NULL;

	ring_put(ring, "one", 3, 0);
	ck_assert_int_eq(ring_reserve(ring, &rec), 0);
	reopen();
	ck_assert(!report.recovered && report.damaged == 0);
	ck_assert_uint_eq(ring_records(ring), 1);
	assert_padded();
}
END_TEST

/* After every field of the header in the order of the code. */
START_TEST(half_prepared_record_is_forgotten)
{
	struct record *rec = NULL;
	uint8_t *bytes;

	ck_assert_int_eq(ring_reserve(ring, &rec), 0);
	bytes = (uint8_t *)rec;
	memset(&rec->number, RECORD_PAD, sizeof(rec->number));
	memset(bytes + _i, RECORD_PAD, RECORD_HEADER - (size_t)_i);
	reopen();
	ck_assert(!report.recovered && report.damaged == 0);
	ck_assert_uint_eq(ring_records(ring), 0);
	assert_padded();
}
END_TEST

START_TEST(cut_off_text_is_recovered_exactly)
{
	ring_put(ring, "before", 6, 1);
	(void)ring_receive(ring, "cut off by a kill", 17, 5);
	reopen();
	ck_assert(report.recovered);
	ck_assert_uint_eq(report.recovered_length, 17);
	assert_record(1, "before", 0);
	assert_record(2, "cut off by a kill", RECORD_RECOVERED);
	ck_assert_int_eq(ring_find(ring, 2)->type, 5);
	ck_assert_int_eq(ring_find(ring, 2)->captured_ns, 1000);
	reopen();
	ck_assert(!report.recovered);
	assert_record(2, "cut off by a kill", RECORD_RECOVERED);
	ring_put(ring, "after", 5, 1);
	assert_record(3, "after", 0);
}
END_TEST

START_TEST(cut_off_message_of_largest_size_is_recovered)
{
	char body[MAX_BODY + 1] = { 0 };

	memset(body, 'x', MAX_BODY);
	(void)ring_receive(ring, body, MAX_BODY, 32767);
	reopen();
	assert_record(1, body, RECORD_RECOVERED);
}
END_TEST

START_TEST(cut_off_empty_message_is_recovered)
{
	(void)ring_receive(ring, "", 0, 0);
	reopen();
	ck_assert(report.recovered);
	assert_record(1, "", RECORD_RECOVERED);
}
END_TEST

START_TEST(cut_off_body_of_usual_size_keeps_its_pad)
{
	const uint8_t body[6] = { 1, 2, 3, 4, RECORD_PAD, RECORD_PAD };

	ring_put(ring, "sizes!", 6, 0);
	ring_put(ring, "alike!", 6, 0);
	(void)ring_receive(ring, body, 6, 0);
	reopen();
	ck_assert_uint_eq(report.recovered_length, 6);
	ck_assert_mem_eq(ring_find(ring, 3)->body, body, 6);
	/* The guess is no evidence of its own. */
	(void)ring_receive(ring, "short", 5, 0);
	reopen();
	ck_assert_uint_eq(report.recovered_length, 6);
}
END_TEST

START_TEST(cut_off_body_of_mixed_sizes_ends_at_pad)
{
	const uint8_t body[6] = { 1, 2, 3, 4, RECORD_PAD, RECORD_PAD };

	ring_put(ring, "sizes!", 6, 0);
	ring_put(ring, "differ", 5, 0);
	(void)ring_receive(ring, body, 6, 0);
	reopen();
	ck_assert_uint_eq(report.recovered_length, 4);
}
END_TEST

START_TEST(cut_off_text_much_shorter_than_usual_is_exact)
{
	ring_put(ring, "twenty bytes of text", 20, 0);
	(void)ring_receive(ring, "short", 5, 0);
	reopen();
	assert_record(2, "short", RECORD_RECOVERED);
}
END_TEST

/* The length is known, so nothing is guessed: trailing pad bytes stay. */
START_TEST(unsealed_record_is_finished)
{
	const uint8_t body[4] = { 'x', RECORD_PAD, RECORD_PAD, RECORD_PAD };
	struct record *rec = ring_receive(ring, body, 4, 2);

	rec->length = 4;
	if (_i > 0)
		rec->captured_ns = 77;
	if (_i > 1)
		rec->body_crc = 12345;
	reopen();
	ck_assert(!report.recovered && report.damaged == 0);
	rec = ring_find(ring, 1);
	ck_assert_uint_eq(rec->length, 4);
	ck_assert_mem_eq(rec->body, body, 4);
	ck_assert_uint_eq(rec->flags, 0);
	ck_assert_int_eq(rec->captured_ns, _i > 0 ? 77 : 1000);
	ck_assert_int_eq(record_check(rec, ring_bytes(ring), ring_seed(ring)), 0);
}
END_TEST

/* Recovery of a cut-off record, itself killed after its length. */
START_TEST(unsealed_recovered_record_stays_recovered)
{
	struct record *rec = ring_receive(ring, "text", 4, 2);

	rec->flags = RECORD_RECOVERED;
	rec->length = 4;
	reopen();
	ck_assert(report.recovered);
	ck_assert_uint_eq(report.recovered_length, 4);
	assert_record(1, "text", RECORD_RECOVERED);
}
END_TEST

START_TEST(freed_but_unpadded_space_is_padded)
{
	static uint8_t before[4096];
	char name[256];
	uint8_t *bytes;
	size_t size;

	ck_assert_int_eq(ring_attach(ring, 0, 1), 0);
	ring_put(ring, "freed", 5, 0);
	ring_put(ring, "freed too", 9, 0);
	ring_put(ring, "live", 4, 0);
	ring_dir_find(&dir, "ring-", name);
	bytes = ring_dir_map(&dir, name, &size) + RING_DATA_OFFSET;
	memcpy(before, bytes, sizeof(before));
	ring_settle(ring, 0, 2);
	memcpy(bytes, before, record_stride(5) + record_stride(9));
	reopen();
	ck_assert_uint_eq(report.damaged, 0);
	ck_assert_uint_eq(ring_records(ring), 1);
	assert_record(3, "live", 0);
	assert_padded();
}
END_TEST

/* A ring full to its last byte: the walk must not go round. */
START_TEST(full_ring_is_walked_once)
{
	char body[MAX_BODY];
	struct record *rec = NULL;
	uint64_t n = 0;

	memset(body, 'f', sizeof(body));
	for (; ring_reserve(ring, &rec) == 0; n++)
		ring_put(ring, body, MAX_BODY, 0);
	reopen();
	ck_assert_uint_eq(ring_records(ring), n);
	ck_assert_int_eq(ring_reserve(ring, &rec), -ENOSPC);
}
END_TEST

static void
put_four(void)
{
	ring_put(ring, "first", 5, 0);
	ring_put(ring, "second", 6, 0);
	ring_put(ring, "third", 5, 0);
	ring_put(ring, "fourth", 6, 0);
}

/* One damaged record: which one, and at which byte of it. */
static const struct damage {
	uint64_t number;
	size_t offset;
} damages[] = { { 2, 0 }, { 2, 3 }, { 2, 4 }, { 2, 8 }, { 2, 24 }, { 2, 28 }, { 2, 40 },
	{ 2, 48 }, { 1, 0 }, { 1, 8 }, { 1, 50 }, { 3, 3 }, { 3, 8 } };

START_TEST(damaged_record_is_passed_over)
{
	const struct damage *dm = &damages[_i];

	put_four();
	((uint8_t *)ring_find(ring, dm->number))[dm->offset] ^= 0x41;
	reopen();
	ck_assert_uint_eq(report.damaged, 1);
	ck_assert_uint_eq(ring_records(ring), 4);
	ck_assert_int_eq(ring_attach(ring, 0, 1), 0);
	for (uint64_t number = 1; number <= 4; number++)
		ck_assert_int_eq(
		    ring_wants(ring, 0, ring_find(ring, number)), number != dm->number);
	assert_record(4, "fourth", 0);
	reopen();
	ck_assert_uint_eq(report.damaged, 0);
	ck_assert_int_eq(ring_attach(ring, 0, 1), 0);
	for (uint64_t number = 1; number <= 4; number++)
		if (number != dm->number)
			ring_find(ring, number)->state |= RECORD_SETTLED(0);
	ck_assert_uint_eq(ring_release(ring), 4); /* the damaged one with them */
}
END_TEST

START_TEST(damaged_neighbours_are_passed_over)
{
	uint64_t position = 0;

	put_four();
	position = ring_after(ring, ring_tail(ring));
	memset(ring_find(ring, 2), 'Z', record_stride(6) + 20);
	reopen();
	ck_assert_uint_eq(report.damaged, 2);
	ck_assert_uint_eq(report.damaged_position, position);
	ck_assert_uint_eq(ring_next_number(ring), 5);
	assert_record(1, "first", 0);
	assert_record(4, "fourth", 0);
}
END_TEST

/* The newest one: its number is used up, and nothing is delivered of it. */
START_TEST(damaged_newest_record_is_given_up)
{
	put_four();
	((uint8_t *)ring_find(ring, 4))[_i] ^= 0x41;
	reopen();
	ck_assert_uint_eq(report.damaged, 1);
	ck_assert_uint_eq(ring_next_number(ring), 5);
	ck_assert_uint_eq(ring_find(ring, 4)->flags, RECORD_DAMAGED);
	assert_padded();
	ring_put(ring, "fifth", 5, 0);
	assert_record(5, "fifth", 0);
}
END_TEST

/* Placing the substitute, itself killed after each of its first stores. */
START_TEST(half_placed_substitute_is_damage_again)
{
	struct record *rec;

	put_four();
	rec = ring_find(ring, 2);
	rec->body[0] ^= 1;
	rec->flags = RECORD_DAMAGED;
	if (_i > 0)
		rec->state = 0xffff;
	if (_i > 1)
		rec->header_crc = RECORD_CRC_UNSET;
	reopen();
	ck_assert_uint_eq(report.damaged, 1);
	ck_assert_uint_eq(ring_find(ring, 2)->flags, RECORD_DAMAGED);
	ck_assert_int_eq(record_check(ring_find(ring, 2), 4096, ring_seed(ring)), 0);
	assert_record(4, "fourth", 0);
}
END_TEST

/* A program sends a body that looks like the next record; then the record before it is
 * damaged, so that recovery searches through the body. */
START_TEST(forged_record_in_body_is_not_found)
{
	union {
		struct record rec;
		uint8_t bytes[RECORD_HEADER + 8];
	} forged;

	memset(&forged, 0, sizeof(forged));
	forged.rec.number = 2;
	forged.rec.length = 8;
	forged.rec.type = 1;
	record_seal(&forged.rec, 0); /* the ring's id is not known to it */
	ring_put(ring, forged.bytes, sizeof(forged), 0);
	ring_put(ring, "second", 6, 0);
	ring_find(ring, 1)->body_crc ^= 1;
	reopen();
	ck_assert_uint_eq(report.damaged, 1);
	assert_record(2, "second", 0);
	ck_assert_uint_eq(ring_find(ring, 1)->length, sizeof(forged));
}
END_TEST

static struct ring_words *
words(void)
{
	char name[256];
	size_t size;

	ring_dir_find(&dir, "ring-", name);
	return (struct ring_words *)(void *)(ring_dir_map(&dir, name, &size) +
					     RING_WORDS_OFFSET);
}

static void
assert_one_empty_record(void)
{
	reopen();
	ck_assert_int_eq(*ring_type_slot(ring), RECORD_TYPE_OPEN_SYSV);
	ck_assert_uint_eq(words()->type_number, 0);
	ck_assert_uint_eq(ring_next_number(ring), 3);
	assert_record(2, "", 0);
	ck_assert_int_eq(ring_find(ring, 2)->type, 7);
	reopen();
	ck_assert(!report.zero_committed && !report.recovered);
	ck_assert_uint_eq(ring_next_number(ring), 3);
}

/* Killed after each store of ring_commit_zero(), the message counts once. */
START_TEST(type_slot_killed_anywhere_counts_once)
{
	struct record *rec = NULL;

	ring_put(ring, "usual", 5, 1);
	*ring_type_slot(ring) = 7;
	if (_i > 0)
		ck_assert_int_eq(ring_reserve(ring, &rec), 0);
	if (_i > 1)
		words()->type_number = 2;
	if (_i > 2)
		rec->length = 0;
	if (_i > 3)
		rec->type = 7;
	if (_i > 4)
		ring_commit(ring, rec, 0, 5);
	if (_i > 5)
		*ring_type_slot(ring) = RECORD_TYPE_OPEN_SYSV;
	assert_one_empty_record();
}
END_TEST

/* The number of an earlier one must not hide a new message. */
START_TEST(type_slot_after_stale_number_counts)
{
	ring_put(ring, "usual", 5, 1);
	words()->type_number = 1;
	reopen();
	ck_assert_uint_eq(words()->type_number, 0);
	*ring_type_slot(ring) = 7;
	assert_one_empty_record();
}
END_TEST

START_TEST(cut_off_message_with_filled_type_slot_gives_both)
{
	(void)ring_receive(ring, "body", 4, 3);
	*ring_type_slot(ring) = 8;
	reopen();
	ck_assert(report.recovered && report.zero_committed);
	assert_record(1, "body", RECORD_RECOVERED);
	ck_assert_int_eq(ring_find(ring, 2)->type, 8);
}
END_TEST

static void
add_sysv_tests(Suite *suite)
{
	TCase *tc = tcase_create("type slot");

	tcase_add_checked_fixture(tc, setup_sysv, teardown);
	tcase_add_loop_test(tc, type_slot_killed_anywhere_counts_once, 0, 7);
	tcase_add_test(tc, type_slot_after_stale_number_counts);
	tcase_add_test(tc, cut_off_message_with_filled_type_slot_gives_both);
	suite_add_tcase(suite, tc);
}

static void
add_damage_tests(Suite *suite)
{
	TCase *tc = tcase_create("damage");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(
	    tc, damaged_record_is_passed_over, 0, (int)ARRAY_LEN(damages));
	tcase_add_test(tc, damaged_neighbours_are_passed_over);
	tcase_add_loop_test(tc, damaged_newest_record_is_given_up, 0, 4);
	tcase_add_loop_test(tc, half_placed_substitute_is_damage_again, 0, 3);
	tcase_add_test(tc, forged_record_in_body_is_not_found);
	suite_add_tcase(suite, tc);
}

Suite *
suite_ring_recover(void)
{
	Suite *suite = suite_create("ring_recover");
	TCase *tc = tcase_create("kill");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, open_record_that_received_nothing_is_forgotten);
	tcase_add_loop_test(tc, half_prepared_record_is_forgotten, 0, RECORD_HEADER);
	tcase_add_test(tc, cut_off_text_is_recovered_exactly);
	tcase_add_test(tc, cut_off_message_of_largest_size_is_recovered);
	tcase_add_test(tc, cut_off_empty_message_is_recovered);
	tcase_add_test(tc, cut_off_body_of_usual_size_keeps_its_pad);
	tcase_add_test(tc, cut_off_body_of_mixed_sizes_ends_at_pad);
	tcase_add_test(tc, cut_off_text_much_shorter_than_usual_is_exact);
	tcase_add_loop_test(tc, unsealed_record_is_finished, 0, 3);
	tcase_add_test(tc, unsealed_recovered_record_stays_recovered);
	tcase_add_test(tc, freed_but_unpadded_space_is_padded);
	tcase_add_test(tc, full_ring_is_walked_once);
	suite_add_tcase(suite, tc);
	add_damage_tests(suite);
	add_sysv_tests(suite);
	return suite;
}
