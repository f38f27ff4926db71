#include <check.h>
#include <errno.h>
#include <string.h>

#include "ring_fixture.h"
#include "spool/look.h"
#include "spool/names.h"
#include "spool/state_file.h"
#include "state_fixture.h"
#include "suites.h"

static struct state_dirs dirs;
static char name[256];

static void
setup(void)
{
	state_dirs_make(&dirs);
}

static void
teardown(void)
{
	state_dirs_remove(&dirs);
}

static struct ring *
make_ring(void)
{
	struct ring_dir rd = { .fd = dirs.runtime_fd };
	struct ring *rg = ring_dir_make(&rd, RING_POSIX, 64);

	state_find_file(dirs.runtime_fd, "ring-", name);
	return rg;
}

START_TEST(ring_seen_has_its_records_and_stays_unchanged)
{
	struct ring *rg = make_ring();
	struct look_ring lr;
	uint32_t digest;

	for (int i = 0; i < 5; i++)
		ring_put(rg, "hello", 5, i);
	digest = state_digest(dirs.runtime_fd);
	ck_assert_int_eq(look_ring(&lr, dirs.runtime_fd, name), 0);
	ck_assert_uint_eq(state_digest(dirs.runtime_fd), digest);
	ck_assert_uint_eq(lr.records, 5);
	ck_assert_uint_eq(lr.used, ring_used(rg));
	ck_assert_uint_eq(lr.next_number, 6);
	ck_assert_uint_eq(lr.bytes, ring_bytes(rg));
	ck_assert_int_eq(lr.kind, RING_POSIX);
	ck_assert_str_eq(lr.uri, "posix:/q");
	ck_assert(!lr.unfinished);
	ring_close(rg);
}
END_TEST

START_TEST(ring_full_is_seen_over_its_end)
{
	struct ring *rg = make_ring();
	struct record *rec;
	struct look_ring lr;

	ck_assert_int_eq(ring_attach(rg, 0, 1), 0);
	for (int turn = 0; turn < 3; turn++) {
		while (ring_reserve(rg, &rec) == 0)
			ring_put(rg, "hello", 5, 1);
		ck_assert_int_eq(look_ring(&lr, dirs.runtime_fd, name), 0);
		ck_assert_uint_eq(lr.records, ring_records(rg));
		ck_assert_uint_eq(lr.used, ring_used(rg));
		ck_assert(!lr.unfinished);
		ring_settle(rg, 0, lr.next_number - 3);
	}
	ring_close(rg);
}
END_TEST

START_TEST(record_cut_off_is_told)
{
	struct ring *rg = make_ring();
	struct record *rec;
	struct look_ring lr;

	ring_put(rg, "hello", 5, 1);
	ck_assert_int_eq(ring_reserve(rg, &rec), 0);
	ck_assert_int_eq(look_ring(&lr, dirs.runtime_fd, name), 0);
	ck_assert(!lr.unfinished);
	(void)ring_receive(rg, "cut", 3, 1);
	ck_assert_int_eq(look_ring(&lr, dirs.runtime_fd, name), 0);
	ck_assert(lr.unfinished);
	ck_assert_uint_eq(lr.records, 1);
	ring_close(rg);
}
END_TEST

START_TEST(record_damaged_ends_the_walk_and_is_told)
{
	struct ring *rg = make_ring();
	struct look_ring lr;

	for (int i = 0; i < 5; i++)
		ring_put(rg, "hello", 5, 1);
	ring_find(rg, 3)->body[0] ^= 1;
	ck_assert_int_eq(look_ring(&lr, dirs.runtime_fd, name), 0);
	ck_assert_uint_eq(lr.records, 2);
	ck_assert(lr.unfinished);
	ring_close(rg);
}
END_TEST

static bool
is_stream(const char *file)
{
	return state_file_kind(file) == STATE_FILE_STREAM;
}

START_TEST(stream_seen_has_its_numbers)
{
	struct look_stream ls;
	struct names nm;

	state_dirs_fill(&dirs);
	ck_assert_int_eq(names_list(&nm, dirs.runtime_fd, is_stream), 0);
	ck_assert_uint_eq(nm.n, 3);
	for (size_t i = 0; i < nm.n; i++) {
		ck_assert_int_eq(look_stream(&ls, dirs.runtime_fd, nm.at[i]), 0);
		ck_assert_uint_eq(ls.acked, 1);
		ck_assert_uint_eq(ls.next, 3);
		ck_assert_ptr_nonnull(strchr(ls.label, '/'));
	}
	names_done(&nm);
}
END_TEST

START_TEST(file_that_is_none_is_refused)
{
	struct look_ring lr;
	struct look_stream ls;

	state_put(dirs.runtime_fd, "ring-1", "x", 1);
	ck_assert_int_eq(look_ring(&lr, dirs.runtime_fd, "ring-1"), -EBADMSG);
	ck_assert_int_eq(look_stream(&ls, dirs.runtime_fd, "ring-1"), -EBADMSG);
	ck_assert_int_eq(look_ring(&lr, dirs.runtime_fd, "ring-2"), -ENOENT);
}
END_TEST

Suite *
suite_look(void)
{
	Suite *su = suite_create("look");
	TCase *tc = tcase_create("look");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, ring_seen_has_its_records_and_stays_unchanged);
	tcase_add_test(tc, ring_full_is_seen_over_its_end);
	tcase_add_test(tc, record_cut_off_is_told);
	tcase_add_test(tc, record_damaged_ends_the_walk_and_is_told);
	tcase_add_test(tc, stream_seen_has_its_numbers);
	tcase_add_test(tc, file_that_is_none_is_refused);
	suite_add_tcase(su, tc);
	return su;
}
