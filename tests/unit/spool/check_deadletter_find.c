#include <check.h>
#include <errno.h>

#include "base/compiler.h"
#include "record/record.h"
#include "spool/deadletter.h"
#include "state_fixture.h"
#include "suites.h"

static struct state_dirs dirs;
static struct deadletters *letters;

static void
setup(void)
{
	state_dirs_make(&dirs);
	ck_assert_int_eq(deadletters_open(&letters, dirs.state_fd, 1 << 20), 0);
}

static void
teardown(void)
{
	deadletters_close(letters);
	state_dirs_remove(&dirs);
}

static void
store(uint64_t number, uint8_t stream)
{
	struct record record = { .number = number };
	struct deadletter dt = { .ring = state_id(1),
		.number = number,
		.stream = { { stream } },
		.reason = DEAD_REFUSED,
		.uri = "posix:/orders",
		.label = "hub/orders",
		.route = "",
		.detail = "",
		.rec = &record };

	ck_assert_int_eq(deadletters_store(letters, &dt), 0);
}

/* Letters 5 and 17, and a second 17 of another stream. */
static const struct find_row {
	const char *id;
	int rc;
	uint64_t number;
	uint8_t stream;
} find_rows[] = {
	{ "5", 0, 5, 2 },
	{ "5-", 0, 5, 2 },
	{ "17", -ENOTUNIQ, 0, 0 },
	{ "17-02", 0, 17, 2 },
	{ "17-03", 0, 17, 3 },
	{ "17-0", -ENOTUNIQ, 0, 0 },
	{ "17-04", -ENOENT, 0, 0 },
	{ "6", -ENOENT, 0, 0 },
	{ "", -EINVAL, 0, 0 },
	{ "x", -EINVAL, 0, 0 },
	{ "-5", -EINVAL, 0, 0 },
	{ "5x", -EINVAL, 0, 0 },
	{ "5-g", -EINVAL, 0, 0 },
	{ "5-02-02", -EINVAL, 0, 0 },
	{ "99999999999999999999999", -EINVAL, 0, 0 },
};

START_TEST(letter_is_found_by_what_an_operator_types)
{
	const struct find_row *row = &find_rows[_i];
	struct deadletter_key key = { .number = 4711 };
	char file[DEADLETTER_FILE];
	struct id id;

	/* The first byte tells the streams apart, as their random ids do. */
	for (uint8_t stream = 2; stream <= 3; stream++)
		store(17, stream);
	store(5, 2);
	id = (struct id){ { row->stream } };
	ck_assert_int_eq(deadletters_find(letters, row->id, &key), row->rc);
	if (row->rc < 0) {
		ck_assert_uint_eq(key.number, 4711);
		return;
	}
	ck_assert_uint_eq(key.number, row->number);
	ck_assert(id_equal(&key.stream, &id));
	key.number = 0;
	(void)deadletter_file(file, &(struct deadletter_key){ state_id(1), 17, id });
	ck_assert_int_eq(deadletters_find(letters, file, &key),
	    row->stream == 2 || row->stream == 3 ? 0 : -ENOENT);
	ck_assert_uint_eq(key.number, 17);
}
END_TEST

START_TEST(letters_are_walked_while_some_go)
{
	struct deadletter_key key;
	uint64_t seen = 0;

	for (uint64_t i = 1; i <= 20; i++)
		store(i, 2);
	ck_assert(deadletters_next(letters, NULL, NULL, &key));
	do {
		ck_assert_uint_eq(key.number, ++seen);
		ck_assert_int_eq(deadletters_remove(letters, &key), 0);
	} while (deadletters_next(letters, "",
	    &(struct deadletter_key){ key.ring, key.number, key.stream }, &key));
	ck_assert_uint_eq(seen, 20);
	ck_assert(!deadletters_next(letters, NULL, NULL, &key));
	ck_assert_uint_eq(deadletters_bytes(letters), 0);
}
END_TEST

Suite *
suite_deadletter_find(void)
{
	Suite *su = suite_create("deadletter_find");
	TCase *tc = tcase_create("deadletter_find");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, letter_is_found_by_what_an_operator_types, 0,
	    (int)ARRAY_LEN(find_rows));
	tcase_add_test(tc, letters_are_walked_while_some_go);
	suite_add_tcase(su, tc);
	return su;
}
