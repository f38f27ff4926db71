#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kill_steps.h"
#include "record/record.h"
#include "spool/deadletter.h"
#include "state_fixture.h"
#include "suites.h"

#define QUOTA (1 << 20)

static struct state_dirs dirs;
static struct record *record;

static void
setup(void)
{
	struct id ring = state_id(1);

	state_dirs_make(&dirs);
	record = calloc(1, RECORD_HEADER + 8);
	ck_assert_ptr_nonnull(record);
	record->length = 8;
	memcpy(record->body, "a letter", 8);
	record->number = 17;
	record_seal(record, record_seed(&ring));
}

static void
teardown(void)
{
	free(record);
	state_dirs_remove(&dirs);
}

static struct deadletter_key
key_of(uint64_t number)
{
	return (struct deadletter_key){ state_id(1), number, state_id(2) };
}

static int
store(struct deadletters *dl, uint64_t number)
{
	struct deadletter dt = { .ring = state_id(1),
		.number = number,
		.stream = state_id(2),
		.reason = DEAD_TOO_BIG,
		.uri = "posix:/a",
		.label = "hub/a",
		.route = "a",
		.detail = "",
		.rec = record };

	return deadletters_store(dl, &dt);
}

static struct deadletters *
reopen(void)
{
	struct deadletters *dl;

	ck_assert_int_eq(deadletters_open(&dl, dirs.state_fd, QUOTA), 0);
	return dl;
}

/* Is the letter there? If so it is whole. */
static bool
has(struct deadletters *dl, uint64_t number)
{
	struct deadletter_key key = key_of(number);
	struct deadletter dt;
	char *bytes;
	int rc = deadletters_load(dl, &key, &dt, &bytes);

	if (rc == -ENOENT)
		return false;
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_eq(dt.rec->length, 8);
	ck_assert_mem_eq(dt.rec->body, "a letter", 8);
	free(bytes);
	return true;
}

/* What an index says after a crash is what is there, and nothing else lies about. */
static void
require_tidy(struct deadletters *dl, unsigned letters)
{
	ck_assert_uint_eq(deadletters_count(dl), letters);
	ck_assert_uint_eq(deadletters_count_of(dl, "a"), letters);
	ck_assert_uint_eq(deadletters_bytes(dl), letters * 4096UL);
	ck_assert_uint_eq(deadletters_aside(dl), 0);
	deadletters_close(dl);
	ck_assert_uint_eq(state_count(dirs.state_fd, ""), 1); /* the directory */
}

static int
purge_both(void *arg)
{
	struct deadletter_key keys[] = { key_of(17), key_of(18) };
	struct deadletters *dl;
	int rc;

	(void)arg;
	rc = deadletters_open(&dl, dirs.state_fd, QUOTA);
	for (int i = 0; rc == 0 && i < 2; i++)
		rc = deadletters_remove(dl, &keys[i]);
	if (rc == 0)
		rc = deadletters_sync(dl);
	deadletters_close(dl);
	return rc;
}

START_TEST(purge_killed_at_any_step_leaves_whole_letters_or_none)
{
	unsigned long step;
	bool killed = true;
	unsigned seen[4] = { 0 };

	for (step = 0; killed; step++) {
		struct deadletters *dl = reopen();
		unsigned first, second;

		ck_assert_int_eq(store(dl, 17), 0);
		ck_assert_int_eq(store(dl, 18), 0);
		deadletters_close(dl);
		killed = kill_at(KILL_AT_SYSCALL, step, purge_both, NULL);
		dl = reopen();
		first = has(dl, 17) ? 1 : 0;
		second = has(dl, 18) ? 1 : 0;
		seen[2 * first + second]++;
		require_tidy(dl, first + second);
		if (!killed)
			ck_assert_uint_eq(first + second, 0);
	}
	ck_assert_uint_gt(seen[3], 0); /* none gone */
	ck_assert_uint_gt(seen[1], 0); /* the first gone */
	ck_assert_uint_gt(seen[0], 0);
	ck_assert_uint_eq(seen[2], 0);
}
END_TEST

static int
replace_damaged(void *arg)
{
	struct deadletters *dl;
	int rc = deadletters_open(&dl, dirs.state_fd, QUOTA);

	(void)arg;
	if (rc == 0)
		rc = store(dl, 17);
	deadletters_close(dl);
	return rc;
}

START_TEST(store_over_a_damaged_letter_killed_at_any_step_keeps_both)
{
	char name[DEADLETTER_FILE], path[128], aside[256];
	struct deadletter_key key = key_of(17);
	struct deadletters *dl = reopen();
	unsigned long step;
	bool killed = true;
	uint8_t *bytes;
	size_t len;

	ck_assert_int_eq(store(dl, 17), 0);
	deadletters_close(dl);
	(void)snprintf(
	    path, sizeof(path), "dead-letters/%s", deadletter_file(name, &key));
	(void)snprintf(aside, sizeof(aside), "dead-letters/damaged-%s", name);
	bytes = state_get(dirs.state_fd, path, &len);
	bytes[len - 1] ^= 1;
	for (step = 0; killed; step++) {
		uint8_t *kept;
		size_t kept_len;

		state_put(dirs.state_fd, path, bytes, len);
		killed = kill_at(KILL_AT_SYSCALL, step, replace_damaged, NULL);
		/* Repeated, it is done. */
		ck_assert_int_eq(replace_damaged(NULL), 0);
		kept = state_get(dirs.state_fd, aside, &kept_len);
		ck_assert_uint_eq(kept_len, len);
		ck_assert_mem_eq(kept, bytes, len);
		free(kept);
		dl = reopen();
		ck_assert(has(dl, 17));
		ck_assert_uint_eq(deadletters_count(dl), 1);
		ck_assert_uint_eq(deadletters_aside(dl), 1);
		deadletters_close(dl);
		ck_assert_int_eq(unlinkat(dirs.state_fd, aside, 0), 0);
		ck_assert_int_eq(unlinkat(dirs.state_fd, path, 0), 0);
	}
	free(bytes);
}
END_TEST

Suite *
suite_deadletter_kill(void)
{
	Suite *su = suite_create("deadletter_kill");
	TCase *tc = tcase_create("deadletter_kill");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, purge_killed_at_any_step_leaves_whole_letters_or_none);
	tcase_add_test(tc, store_over_a_damaged_letter_killed_at_any_step_keeps_both);
	suite_add_tcase(su, tc);
	return su;
}
