#include "spool/deadletter_index.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "record/record.h"
#include "state_fixture.h"
#include "suites.h"

static struct deadletter_index *ix;

static void
setup(void)
{
	ck_assert_int_eq(deadletter_index_new(&ix), 0);
}

static void
teardown(void)
{
	deadletter_index_free(ix);
}

static void
add(uint64_t number, uint8_t stream, const char *route, const char *detail)
{
	struct record rec = { .length = 5, .type = 3 };
	struct deadletter dt = { .ring = state_id(1),
		.number = number,
		.stream = state_id(stream),
		.uri = "posix:/a",
		.label = "hub/a",
		.route = route,
		.detail = detail,
		.rec = &rec };
	struct deadletter_entry *en;

	ck_assert_int_eq(deadletter_entry_new(&en, &dt), 0);
	ck_assert_int_eq(deadletter_index_reserve(ix), 0);
	deadletter_index_add(ix, en, 4096);
}

static struct deadletter_key
key_of(uint64_t number, uint8_t stream)
{
	return (struct deadletter_key){ state_id(1), number, state_id(stream) };
}

START_TEST(entries_are_sorted_and_found_again)
{
	enum { N = 1000 };
	struct deadletter_key key;

	/* 7 and 1000 have no common factor: every number once, in disorder. */
	for (uint64_t i = 0; i < N; i++)
		add(i * 7 % N, 2, i % 3 == 0 ? "one" : "other", "");
	ck_assert_uint_eq(deadletter_index_count(ix), N);
	for (uint64_t i = 0; i < N; i++) {
		ck_assert_uint_eq(deadletter_index_at(ix, i)->key.number, i);
		key = key_of(i, 2);
		ck_assert(deadletter_index_has(ix, &key));
		ck_assert_uint_eq(deadletter_index_from(ix, &key), i);
	}
	ck_assert_uint_eq(deadletter_index_bytes(ix, NULL), N * 4096);
	ck_assert_uint_eq(deadletter_index_bytes(ix, "one"), (N / 3 + 1) * 4096);
	ck_assert_uint_eq(deadletter_index_bytes(ix, "none"), 0);
	for (uint64_t i = 0; i < N; i += 2) {
		key = key_of(i, 2);
		ck_assert(deadletter_index_remove(ix, &key));
		ck_assert(!deadletter_index_remove(ix, &key));
	}
	ck_assert_uint_eq(deadletter_index_count(ix), N / 2);
	ck_assert_uint_eq(deadletter_index_at(ix, 0)->key.number, 1);
	ck_assert_uint_eq(deadletter_index_bytes(ix, NULL), N / 2 * 4096);
}
END_TEST

START_TEST(entries_of_one_number_are_told_apart_by_stream)
{
	struct deadletter_key key = key_of(5, 3);

	add(5, 3, "b", "");
	add(5, 2, "a", "");
	ck_assert_str_eq(deadletter_index_at(ix, 0)->route, "a");
	ck_assert(deadletter_index_remove(ix, &key));
	ck_assert_str_eq(deadletter_index_at(ix, 0)->route, "a");
	ck_assert_uint_eq(deadletter_index_bytes(ix, "b"), 0);
}
END_TEST

START_TEST(long_detail_is_cut_between_characters)
{
	char detail[400] = "x";

	for (size_t i = 1; i < 300; i += 2)
		memcpy(detail + i, "\xc3\xb6", 2);
	add(5, 2, "a", detail);
	ck_assert_uint_eq(strlen(deadletter_index_at(ix, 0)->detail), 159);
	ck_assert_mem_eq(deadletter_index_at(ix, 0)->detail, detail, 159);
}
END_TEST

Suite *
suite_deadletter_index(void)
{
	Suite *su = suite_create("deadletter_index");
	TCase *tc = tcase_create("deadletter_index");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, entries_are_sorted_and_found_again);
	tcase_add_test(tc, entries_of_one_number_are_told_apart_by_stream);
	tcase_add_test(tc, long_detail_is_cut_between_characters);
	suite_add_tcase(su, tc);
	return su;
}
