#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "disk_steps.h"
#include "kill_steps.h"
#include "record/record.h"
#include "ring_fixture.h"
#include "spool/deadletter.h"
#include "spool/deadletter_reader.h"
#include "spool/space.h"
#include "state_fixture.h"
#include "suites.h"

#define QUOTA (1 << 20)

static struct state_dirs dirs;
static struct deadletters *letters;
static struct record *record;

static void
reopen(uint64_t max_bytes)
{
	deadletters_close(letters);
	letters = NULL;
	ck_assert_int_eq(deadletters_open(&letters, dirs.state_fd, max_bytes), 0);
}

static void
setup(void)
{
	static const char body[] = "a message that nobody wants";
	struct id ring = state_id(1);

	state_dirs_make(&dirs);
	reopen(QUOTA);
	record = calloc(1, RECORD_HEADER + sizeof(body));
	ck_assert_ptr_nonnull(record);
	record->length = sizeof(body);
	record->number = 17;
	record->captured_ns = 5;
	record->type = 3;
	memcpy(record->body, body, sizeof(body));
	record_seal(record, record_seed(&ring));
}

static void
teardown(void)
{
	free(record);
	deadletters_close(letters);
	letters = NULL;
	state_dirs_remove(&dirs);
}

static struct deadletter
letter(uint64_t number)
{
	struct deadletter dt = {
		.ring = state_id(1),
		.number = number,
		.stream = state_id(2),
		.reason = DEAD_TOO_BIG,
		.wall_ns = 1234567,
		.uri = "posix:/orders",
		.label = "hub/orders",
		.route = "",
		.detail = "28 bytes, and the destination takes 16",
		.rec = record,
	};

	return dt;
}

static int
store(uint64_t number)
{
	struct deadletter dt = letter(number);

	return deadletters_store(letters, &dt);
}

/* A kill may have come right after it was made. */
START_TEST(directory_is_synced_also_if_it_is_there)
{
	disk_steps_record();
	reopen(QUOTA);
	ck_assert_ptr_nonnull(strchr(disk_steps_order(), 'd'));
}
END_TEST

struct seen {
	uint64_t numbers[100];
	struct id streams[100];
	size_t n;
	int stop_at;
};

static int
see(const struct deadletter *dt, void *arg)
{
	struct seen *se = arg;
	struct id ring = state_id(1);

	ck_assert_uint_lt(se->n, ARRAY_LEN(se->numbers));
	se->streams[se->n] = dt->stream;
	se->numbers[se->n++] = dt->number;
	ck_assert(id_equal(&dt->ring, &ring));
	ck_assert_uint_eq(dt->reason, DEAD_TOO_BIG);
	ck_assert_int_eq(dt->wall_ns, 1234567);
	ck_assert_str_eq(dt->uri, "posix:/orders");
	ck_assert_str_eq(dt->label, "hub/orders");
	ck_assert_str_eq(dt->route, "");
	ck_assert_uint_eq(dt->rec->state, 0);
	ck_assert_int_eq(
	    record_check(dt->rec, record_stride(dt->rec->length), record_seed(&ring)),
	    0);
	ck_assert_uint_eq(dt->rec->length, record->length);
	ck_assert_mem_eq(dt->rec->body, record->body, record->length);
	return se->n == (size_t)se->stop_at ? 99 : 0;
}

/* Read at most max; returns what the walk returned. */
static int
walk(struct seen *se, size_t max, uint64_t damaged)
{
	uint64_t found = 12345;
	int rc = deadletters_each(letters, max, see, se, &found);

	ck_assert_uint_eq(found, damaged);
	return rc;
}

START_TEST(letter_stored_is_read_whole)
{
	struct seen se = { 0 };

	record->state = 3; /* of no interest, and outside the checksum */
	ck_assert_int_eq(store(17), 0);
	ck_assert_int_eq(walk(&se, 10, 0), 0);
	ck_assert_uint_eq(se.n, 1);
	ck_assert_uint_eq(deadletters_count(letters), 1);
	ck_assert_uint_eq(deadletters_bytes(letters), 4096);
}
END_TEST

START_TEST(letter_without_body_is_read)
{
	struct id ring = state_id(1);
	struct seen se = { 0 };

	record->length = 0;
	record_seal(record, record_seed(&ring));
	ck_assert_int_eq(store(17), 0);
	ck_assert_int_eq(walk(&se, 10, 0), 0);
	ck_assert_uint_eq(se.n, 1);
}
END_TEST

START_TEST(letter_stored_twice_is_stored_once)
{
	ck_assert_int_eq(store(17), 0);
	ck_assert_int_eq(store(17), 0);
	reopen(QUOTA);
	ck_assert_int_eq(store(17), 0);
	ck_assert_uint_eq(deadletters_count(letters), 1);
	ck_assert_uint_eq(deadletters_bytes(letters), 4096);
}
END_TEST

START_TEST(letter_of_two_streams_is_stored_once_for_each)
{
	struct deadletter dt = letter(17);
	struct id streams[] = { state_id(3), state_id(4) };
	struct seen se = { 0 };

	for (int i = 0; i < 4; i++) {
		dt.stream = streams[i % 2];
		ck_assert_int_eq(deadletters_store(letters, &dt), 0);
	}
	reopen(QUOTA);
	ck_assert_uint_eq(deadletters_count(letters), 2);
	ck_assert_int_eq(walk(&se, 10, 0), 0);
	ck_assert_uint_eq(se.n, 2);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_uint_eq(se.numbers[i], 17);
		ck_assert(id_equal(&se.streams[i], &streams[i]));
	}
}
END_TEST

START_TEST(letters_come_in_the_order_of_numbers)
{
	static const uint64_t numbers[] = { 100, 9, UINT64_MAX, 20 };
	struct seen se = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		ck_assert_int_eq(store(numbers[i]), 0);
	ck_assert_int_eq(walk(&se, 3, 0), 0);
	ck_assert_uint_eq(se.n, 3);
	ck_assert_uint_eq(se.numbers[0], 9);
	ck_assert_uint_eq(se.numbers[1], 20);
	ck_assert_uint_eq(se.numbers[2], 100);
}
END_TEST

START_TEST(walk_ends_when_told)
{
	struct seen se = { .stop_at = 2 };

	for (uint64_t i = 1; i <= 4; i++)
		ck_assert_int_eq(store(i), 0);
	ck_assert_int_eq(walk(&se, 10, 0), 99);
	ck_assert_uint_eq(se.n, 2);
}
END_TEST

START_TEST(letter_beyond_the_quota_is_refused)
{
	reopen(8192);
	ck_assert_int_eq(store(1), 0);
	ck_assert_int_eq(store(2), 0);
	ck_assert_int_eq(store(3), -EDQUOT);
	ck_assert_int_eq(store(2), 0); /* there already */
	reopen(8192);
	ck_assert_uint_eq(deadletters_count(letters), 2);
	ck_assert_int_eq(store(3), -EDQUOT);
	reopen(4095);
	ck_assert_int_eq(store(3), -EDQUOT);
	ck_assert_uint_eq(deadletters_count(letters), 2);
}
END_TEST

START_TEST(long_texts_are_cut)
{
	struct deadletter dt = letter(17);
	struct seen se = { 0 };
	char *text = malloc(100000);

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', 99999);
	text[99999] = '\0';
	dt.detail = text;
	ck_assert_int_eq(deadletters_store(letters, &dt), 0);
	free(text);
	ck_assert_int_eq(walk(&se, 10, 0), 0);
	ck_assert_uint_eq(se.n, 1);
}
END_TEST

static void
letter_name(char name[256], uint64_t number, uint8_t stream_n)
{
	char ring_text[ID_TEXT];
	char stream_text[ID_TEXT];
	struct id ring = state_id(1);
	struct id stream = state_id(stream_n);

	(void)snprintf(name, 256, "dead-letters/%s-%020" PRIu64 "-%s",
	    id_format(ring_text, &ring), number, id_format(stream_text, &stream));
}

START_TEST(file_that_is_no_letter_is_left_alone_but_temporary_ones)
{
	char name[256];

	ck_assert_int_eq(store(17), 0);
	state_put(dirs.state_fd, "dead-letters/README", "x", 1);
	state_put(dirs.state_fd, "dead-letters/half.new", "x", 1);
	reopen(QUOTA);
	ck_assert_uint_eq(deadletters_count(letters), 1);
	ck_assert(state_has(dirs.state_fd, "dead-letters/README"));
	ck_assert(!state_has(dirs.state_fd, "dead-letters/half.new"));
	letter_name(name, 17, 2);
	ck_assert(state_has(dirs.state_fd, name));
}
END_TEST

START_TEST(damaged_letter_is_counted_never_shown_and_can_be_stored_again)
{
	struct deadletter_notice notice;
	char aside[300];
	char name[256];
	size_t len;
	uint8_t *bytes;

	ck_assert_int_eq(store(17), 0);
	letter_name(name, 17, 2);
	bytes = state_get(dirs.state_fd, name, &len);
	for (size_t at = 0; at <= len; at++) {
		struct seen se = { 0 };

		/* A flipped bit everywhere, and at last a letter cut short. */
		if (at < len)
			bytes[at] ^= (uint8_t)(1 << at % 8);
		state_put(dirs.state_fd, name, bytes, at < len ? len : len - 1);
		if (at < len)
			bytes[at] ^= (uint8_t)(1 << at % 8);
		/* The last four bytes of its header are reserved. */
		if (at >= 92 && at < 96)
			continue;
		ck_assert_int_eq(walk(&se, 10, 1), 0);
		ck_assert_uint_eq(se.n, 0);
	}
	free(bytes);
	ck_assert_int_eq(store(17), 0);
	(void)snprintf(aside, sizeof(aside), "dead-letters/damaged-%s", name + 13);
	ck_assert(state_has(dirs.state_fd, aside));
	ck_assert(deadletters_notice(letters, &notice));
	ck_assert_str_eq(notice.file, aside + 13);
	ck_assert(!deadletters_notice(letters, &notice));
	reopen(QUOTA);
	ck_assert_uint_eq(deadletters_count(letters), 1);
	ck_assert_uint_eq(deadletters_bytes(letters), 4096);
	{
		struct seen se = { 0 };

		ck_assert_int_eq(walk(&se, 10, 0), 0);
		ck_assert_uint_eq(se.n, 1);
	}
}
END_TEST

static const struct {
	uint64_t number;
	uint8_t stream;
} other_names[] = { { 18, 2 }, { 17, 3 } };

START_TEST(letter_under_another_name_is_damaged)
{
	struct seen se = { 0 };
	char from[256];
	char to[256];

	ck_assert_int_eq(store(17), 0);
	letter_name(from, 17, 2);
	letter_name(to, other_names[_i].number, other_names[_i].stream);
	ck_assert_int_eq(renameat(dirs.state_fd, from, dirs.state_fd, to), 0);
	ck_assert_int_eq(walk(&se, 10, 1), 0);
	ck_assert_uint_eq(se.n, 0);
}
END_TEST

static int
open_and_store(void *arg)
{
	struct deadletters *dl = NULL;
	struct deadletter dt = letter(17);
	int rc;

	(void)arg;
	rc = deadletters_open(&dl, dirs.state_fd, QUOTA);
	if (rc == 0)
		rc = deadletters_store(dl, &dt);
	deadletters_close(dl);
	return rc;
}

START_TEST(store_killed_at_any_step_and_repeated_is_one_whole_letter)
{
	char name[256];
	unsigned long step;
	bool killed = true;

	letter_name(name, 17, 2);
	for (step = 0; killed; step++) {
		struct seen se = { 0 };

		(void)unlinkat(dirs.state_fd, name, 0);
		killed = kill_at(KILL_AT_SYSCALL, step, open_and_store, NULL);
		reopen(QUOTA);
		ck_assert_int_eq(walk(&se, 10, 0), 0);
		ck_assert_uint_eq(deadletters_count(letters), se.n);
		ck_assert_int_eq(store(17), 0);
		ck_assert_uint_eq(deadletters_count(letters), 1);
	}
	ck_assert_uint_gt(step, 20);
}
END_TEST

START_TEST(letter_of_a_later_version_is_kept_aside)
{
	char name[256], aside[300];
	size_t len, kept_len;
	uint8_t *bytes, *kept;

	ck_assert_int_eq(store(17), 0);
	letter_name(name, 17, 2);
	bytes = state_get(dirs.state_fd, name, &len);
	bytes[8] = 2; /* the version */
	/* As often as it comes, none of them is lost. */
	for (int i = 0; i < 3; i++) {
		const char *const suffix[] = { "", "-1", "-2" };

		bytes[len - 1] = (uint8_t)i;
		state_put(dirs.state_fd, name, bytes, len);
		reopen(QUOTA);
		ck_assert_uint_eq(deadletters_count(letters), 0);
		ck_assert_uint_eq(deadletters_aside(letters), (unsigned)i + 1);
		ck_assert(!state_has(dirs.state_fd, name));
		(void)snprintf(aside, sizeof(aside), "dead-letters/future-%s%s",
		    name + strlen("dead-letters/"), suffix[i]);
		kept = state_get(dirs.state_fd, aside, &kept_len);
		ck_assert_uint_eq(kept_len, len);
		ck_assert_mem_eq(kept, bytes, len);
		free(kept);
	}
	free(bytes);
	ck_assert_int_eq(store(17), 0);
	ck_assert_uint_eq(deadletters_count(letters), 1);
}
END_TEST

START_TEST(letter_beyond_the_limit_of_its_route_is_refused)
{
	struct deadletter dt = letter(1);

	dt.route = "one";
	dt.route_limit = 8192;
	for (uint64_t i = 1; i <= 3; i++) {
		dt.number = i;
		ck_assert_int_eq(
		    deadletters_store(letters, &dt), i < 3 ? 0 : -EOVERFLOW);
	}
	/* That of another route counts for itself. */
	dt.route = "other";
	ck_assert_int_eq(deadletters_store(letters, &dt), 0);
	ck_assert_uint_eq(deadletters_count_of(letters, "one"), 2);
	ck_assert_uint_eq(deadletters_count_of(letters, "other"), 1);
	reopen(QUOTA);
	dt.route = "one";
	dt.number = 4;
	ck_assert_int_eq(deadletters_store(letters, &dt), -EOVERFLOW);
	dt.number = 1;
	ck_assert_int_eq(deadletters_remove(letters,
			     &(struct deadletter_key){ dt.ring, 1, dt.stream }),
	    0);
	dt.number = 4;
	ck_assert_int_eq(deadletters_store(letters, &dt), 0);
}
END_TEST

START_TEST(letter_that_would_take_the_reserve_is_refused)
{
	struct space_reserve all = { 0, UINT64_MAX }, none = { 0, 0 };

	deadletters_set_reserve(letters, &all);
	ck_assert_int_eq(store(17), -ENOSPC);
	ck_assert_uint_eq(deadletters_count(letters), 0);
	deadletters_set_reserve(letters, &none);
	ck_assert_int_eq(store(17), 0);
	deadletters_set_reserve(letters, &all);
	ck_assert_int_eq(store(17), 0); /* there already */
}
END_TEST

START_TEST(reader_gives_the_body_in_pieces_and_finds_damage)
{
	struct deadletter_key key = { state_id(1), 17, state_id(2) };
	struct deadletter_reader *rd = NULL;
	char name[256];
	uint8_t body[64], *bytes;
	size_t len = 0;
	int64_t n;

	ck_assert_int_eq(store(17), 0);
	ck_assert_int_eq(deadletter_reader_open(&rd, letters, &key), 0);
	ck_assert_int_eq(deadletters_remove(letters, &key), 0); /* it stays open */
	while ((n = deadletter_reader_body(rd, body + len, 5)) > 0)
		len += (size_t)n;
	ck_assert_int_eq(n, 0);
	ck_assert_uint_eq(len, record->length);
	ck_assert_mem_eq(body, record->body, len);
	ck_assert(!deadletter_reader_is_text(rd)); /* it ends in a NUL */
	ck_assert_str_eq(deadletter_reader_letter(rd)->uri, "posix:/orders");
	deadletter_reader_close(rd);
	ck_assert_int_eq(deadletter_reader_open(&rd, letters, &key), -ENOENT);

	ck_assert_int_eq(store(17), 0);
	letter_name(name, 17, 2);
	bytes = state_get(dirs.state_fd, name, &len);
	bytes[len - 1] ^= 1;
	state_put(dirs.state_fd, name, bytes, len);
	free(bytes);
	ck_assert_int_eq(deadletter_reader_open(&rd, letters, &key), -EBADMSG);
	ck_assert_uint_eq(deadletters_count(letters), 0);
	ck_assert_uint_eq(deadletters_aside(letters), 1);
	ck_assert_int_eq(deadletter_reader_open(&rd, letters, &key), -ENOENT);
}
END_TEST

START_TEST(look_makes_nothing)
{
	struct deadletters *dl = NULL;

	ck_assert_int_eq(deadletters_look(&dl, dirs.runtime_fd), -ENOENT);
	ck_assert_uint_eq(state_count(dirs.runtime_fd, ""), 0);
	ck_assert_int_eq(store(17), 0);
	ck_assert_int_eq(deadletters_look(&dl, dirs.state_fd), 0);
	ck_assert_uint_eq(deadletters_count(dl), 1);
	deadletters_close(dl);
}
END_TEST

START_TEST(every_reason_has_a_text)
{
	ck_assert_str_eq(dead_reason_text(DEAD_TOO_BIG), "too big");
	ck_assert_str_eq(dead_reason_name(DEAD_TOO_BIG), "too-big");
	ck_assert_str_eq(dead_reason_name(DEAD_OPERATOR), "operator");
	ck_assert_str_eq(dead_reason_name(DEAD_OPERATOR + 1), "unknown");
	for (unsigned reason = 0; reason < 300; reason++)
		ck_assert_uint_gt(strlen(dead_reason_text(reason)), 0);
	ck_assert_ptr_nonnull(dead_reason_text(UINT32_MAX));
}
END_TEST

Suite *
suite_deadletter(void)
{
	Suite *su = suite_create("deadletter");
	TCase *tc = tcase_create("deadletter");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, directory_is_synced_also_if_it_is_there);
	tcase_add_test(tc, letter_stored_is_read_whole);
	tcase_add_test(tc, letter_without_body_is_read);
	tcase_add_test(tc, letter_stored_twice_is_stored_once);
	tcase_add_test(tc, letter_of_two_streams_is_stored_once_for_each);
	tcase_add_test(tc, letters_come_in_the_order_of_numbers);
	tcase_add_test(tc, walk_ends_when_told);
	tcase_add_test(tc, letter_beyond_the_quota_is_refused);
	tcase_add_test(tc, long_texts_are_cut);
	tcase_add_test(tc, file_that_is_no_letter_is_left_alone_but_temporary_ones);
	tcase_add_test(
	    tc, damaged_letter_is_counted_never_shown_and_can_be_stored_again);
	tcase_add_loop_test(
	    tc, letter_under_another_name_is_damaged, 0, (int)ARRAY_LEN(other_names));
	tcase_add_test(tc, store_killed_at_any_step_and_repeated_is_one_whole_letter);
	tcase_add_test(tc, letter_of_a_later_version_is_kept_aside);
	tcase_add_test(tc, letter_beyond_the_limit_of_its_route_is_refused);
	tcase_add_test(tc, letter_that_would_take_the_reserve_is_refused);
	tcase_add_test(tc, reader_gives_the_body_in_pieces_and_finds_damage);
	tcase_add_test(tc, look_makes_nothing);
	tcase_add_test(tc, every_reason_has_a_text);
	suite_add_tcase(su, tc);
	return su;
}
