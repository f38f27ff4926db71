#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "kill_steps.h"
#include "spool/image.h"
#include "spool/names.h"
#include "spool/runtime.h"
#include "state_fixture.h"
#include "suites.h"

static struct state_dirs dirs;

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

static bool
is_superseded(const char *name)
{
	return strncmp(name, "image.superseded-", 17) == 0;
}

/* Expects a refusal with a text that holds these words. */
static void
expect_refusal(
    const char *runtime_dir, const char *state_dir, int rc, const char *words)
{
	struct runtime *rt = NULL;
	char *error = NULL;

	ck_assert_int_eq(runtime_open(&rt, runtime_dir, state_dir, &error), rc);
	ck_assert_ptr_null(rt);
	ck_assert_ptr_nonnull(error);
	ck_assert_msg(strstr(error, words) != NULL, "%s", error);
	free(error);
	ck_assert_int_eq(runtime_open(&rt, runtime_dir, state_dir, NULL), rc);
}

/* A state, saved by a clean stop. Returns its digest. */
static uint32_t
fill_and_save(void)
{
	struct runtime *rt = state_open(&dirs);
	char *error = NULL;

	state_dirs_fill(&dirs);
	ck_assert_int_eq(image_save(rt, &error), 0);
	ck_assert_ptr_null(error);
	runtime_close(rt);
	return state_digest(dirs.runtime_fd);
}

START_TEST(fresh_directories_start_empty)
{
	struct runtime *rt = state_open(&dirs);

	ck_assert(!runtime_restored(rt));
	ck_assert(runtime_complete(rt));
	ck_assert(state_has(runtime_dir_fd(rt), "epoch"));
	ck_assert(!state_has(runtime_state_fd(rt), "image"));
	runtime_close(rt);
}
END_TEST

START_TEST(directory_in_use_is_refused_until_closed)
{
	struct runtime *rt = state_open(&dirs);
	struct state_dirs other;

	expect_refusal(dirs.runtime, dirs.state, -EBUSY, "in use");
	state_dirs_make(&other);
	expect_refusal(dirs.runtime, other.state, -EBUSY, dirs.runtime);
	expect_refusal(other.runtime, dirs.state, -EBUSY, dirs.state);
	state_dirs_remove(&other);
	runtime_close(rt);
	runtime_close(state_open(&dirs));
}
END_TEST

START_TEST(directory_not_on_tmpfs_is_refused_with_the_mend)
{
	expect_refusal("/proc/self", dirs.state, -EMEDIUMTYPE, "/run");
}
END_TEST

START_TEST(directory_absent_is_refused)
{
	char path[100];

	(void)snprintf(path, sizeof(path), "%s/none", dirs.base);
	expect_refusal(path, dirs.state, -ENOENT, "none");
	expect_refusal(dirs.runtime, path, -ENOENT, "none");
}
END_TEST

START_TEST(restart_after_crash_keeps_the_state)
{
	struct runtime *rt = state_open(&dirs);
	uint32_t digest;

	state_dirs_fill(&dirs);
	digest = state_digest(dirs.runtime_fd);
	runtime_close(rt);
	rt = state_open(&dirs);
	ck_assert(!runtime_restored(rt));
	ck_assert_uint_eq(state_digest(dirs.runtime_fd), digest);
	runtime_close(rt);
}
END_TEST

START_TEST(complete_state_wins_over_image_which_goes)
{
	struct runtime *rt;
	uint32_t digest;

	(void)fill_and_save();
	state_put(dirs.runtime_fd, "ring-later", "later", 5);
	digest = state_digest(dirs.runtime_fd);
	rt = state_open(&dirs);
	ck_assert(!runtime_restored(rt));
	ck_assert_uint_eq(state_digest(dirs.runtime_fd), digest);
	ck_assert(!state_has(dirs.state_fd, "image"));
	runtime_close(rt);
}
END_TEST

/* As when the state directory was not mounted at one start. */
static uint32_t
fill_and_start_without_state_directory(void)
{
	uint32_t digest = fill_and_save();
	size_t len;
	uint8_t *image = state_get(dirs.state_fd, "image", &len);

	ck_assert_int_eq(unlinkat(dirs.state_fd, "image", 0), 0);
	state_dirs_reboot(&dirs);
	runtime_close(state_open(&dirs));
	state_put(dirs.state_fd, "image", image, len);
	free(image);
	return digest;
}

static void
expect_kept_image(uint32_t digest)
{
	struct names nm;

	ck_assert_uint_eq(state_count(dirs.state_fd, "image.superseded-"), 1);
	ck_assert_int_eq(names_list(&nm, dirs.state_fd, is_superseded), 0);
	ck_assert_int_eq(renameat(dirs.state_fd, nm.at[0], dirs.state_fd, "image"), 0);
	names_done(&nm);
	state_dirs_reboot(&dirs);
	runtime_close(state_open(&dirs));
	ck_assert_uint_eq(state_digest(dirs.runtime_fd), digest);
}

START_TEST(image_of_another_state_is_kept_and_told)
{
	uint32_t digest = fill_and_start_without_state_directory();
	struct runtime *rt = state_open(&dirs);

	ck_assert_ptr_nonnull(strstr(runtime_damage(rt), "image.superseded-"));
	ck_assert(!state_has(dirs.state_fd, "image"));
	runtime_close(rt);
	expect_kept_image(digest);
}
END_TEST

START_TEST(save_beside_image_of_another_state_keeps_that)
{
	uint32_t digest = fill_and_start_without_state_directory();
	struct runtime *rt = NULL;

	ck_assert_int_eq(runtime_open_stopped(&rt, dirs.runtime, dirs.state, NULL), 0);
	ck_assert_int_eq(image_save(rt, NULL), 0);
	ck_assert(state_has(dirs.state_fd, "image"));
	runtime_close(rt);
	expect_kept_image(digest);
}
END_TEST

/* Neither a reboot nor an image that was saved again makes another state of it. */
START_TEST(image_of_the_state_over_many_stops_and_reboots_goes)
{
	(void)fill_and_save();
	for (unsigned i = 0; i < 8; i++) {
		struct runtime *rt;

		if (i % 3 == 1)
			state_dirs_reboot(&dirs);
		rt = state_open(&dirs);
		ck_assert_ptr_null(runtime_damage(rt));
		ck_assert_int_eq(runtime_restored(rt), i % 3 == 1);
		ck_assert_uint_eq(state_count(dirs.state_fd, ""), 0);
		ck_assert_int_eq(image_save(rt, NULL), 0);
		ck_assert_int_eq(image_save(rt, NULL), 0);
		ck_assert_uint_eq(state_count(dirs.state_fd, ""), 1);
		runtime_close(rt);
	}
}
END_TEST

START_TEST(incomplete_state_is_replaced_by_the_image)
{
	uint32_t digest = fill_and_save();
	struct runtime *rt;

	ck_assert_int_eq(unlinkat(dirs.runtime_fd, "epoch", 0), 0);
	ck_assert_int_eq(unlinkat(dirs.runtime_fd, "marks", 0), 0);
	state_put(dirs.runtime_fd, "ring-half", "half", 4);
	rt = state_open(&dirs);
	ck_assert(runtime_restored(rt));
	ck_assert_uint_eq(state_digest(dirs.runtime_fd), digest);
	ck_assert(!state_has(dirs.runtime_fd, "ring-half"));
	ck_assert(!state_has(dirs.state_fd, "image"));
	runtime_close(rt);
}
END_TEST

START_TEST(state_without_epoch_and_image_is_kept)
{
	uint32_t digest;

	state_dirs_fill(&dirs);
	digest = state_digest(dirs.runtime_fd);
	runtime_close(state_open(&dirs));
	ck_assert_uint_eq(state_digest(dirs.runtime_fd), digest);
}
END_TEST

START_TEST(leftover_temporary_files_are_removed_others_are_not)
{
	static const char *const gone[] = { "ring-0123.new", "stream-0123.new",
		"marks.new", "epoch.new" };
	static const char *const kept[] = { "control", "notes.new", "ring.txt",
		"core" };

	for (size_t i = 0; i < ARRAY_LEN(gone); i++)
		state_put(dirs.runtime_fd, gone[i], "x", 1);
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		state_put(dirs.runtime_fd, kept[i], "x", 1);
	state_put(dirs.state_fd, "image.tmp", "x", 1);
	runtime_close(state_open(&dirs));
	for (size_t i = 0; i < ARRAY_LEN(gone); i++)
		ck_assert(!state_has(dirs.runtime_fd, gone[i]));
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		ck_assert(state_has(dirs.runtime_fd, kept[i]));
	ck_assert(!state_has(dirs.state_fd, "image.tmp"));
}
END_TEST

/* That it is there says what it is there to say; only the clock is lost. */
START_TEST(epoch_damaged_is_told_and_keeps_the_state)
{
	uint32_t digest = fill_and_save();
	size_t len;
	uint8_t *bytes = state_get(dirs.runtime_fd, "epoch", &len);

	for (size_t at = 0; at <= len; at++) {
		struct runtime *rt;

		if (at < len)
			bytes[at] ^= 4;
		state_put(dirs.runtime_fd, "epoch", bytes, at < len ? len : len - 1);
		rt = state_open(&dirs);
		ck_assert_ptr_nonnull(runtime_damage(rt));
		runtime_close(rt);
		rt = state_open(&dirs);
		ck_assert_ptr_null(runtime_damage(rt));
		runtime_close(rt);
		if (at < len)
			bytes[at] ^= 4;
	}
	free(bytes);
	ck_assert_uint_eq(state_digest(dirs.runtime_fd), digest);
}
END_TEST

START_TEST(clock_goes_on_over_restart_and_image)
{
	struct runtime *rt = state_open(&dirs);
	int64_t before = runtime_clock_ns(rt);
	char *error = NULL;

	ck_assert_int_gt(before, 0);
	runtime_close(rt);
	rt = state_open(&dirs);
	ck_assert_int_ge(runtime_clock_ns(rt), before);
	ck_assert_int_lt(runtime_clock_ns(rt), before + 60 * INT64_C(1000000000));
	ck_assert_int_eq(image_save(rt, &error), 0);
	before = runtime_clock_ns(rt);
	runtime_close(rt);
	state_dirs_reboot(&dirs);
	rt = state_open(&dirs);
	ck_assert_int_ge(runtime_clock_ns(rt), before);
	ck_assert_int_lt(runtime_clock_ns(rt), before + 60 * INT64_C(1000000000));
	runtime_close(rt);
}
END_TEST

START_TEST(stopped_open_of_unused_directory_finds_nothing_and_makes_nothing)
{
	struct runtime *rt = NULL;
	char *error = NULL;

	ck_assert_int_eq(
	    runtime_open_stopped(&rt, dirs.runtime, dirs.state, &error), 1);
	ck_assert_int_eq(
	    runtime_open_stopped(&rt, "/nonexistent", dirs.state, &error), 1);
	ck_assert_ptr_null(rt);
	ck_assert_ptr_null(error);
	ck_assert_uint_eq(state_count(dirs.runtime_fd, ""), 0);
}
END_TEST

START_TEST(stopped_open_locks_and_changes_nothing)
{
	uint32_t digest = fill_and_save();
	struct runtime *rt = NULL;
	unsigned files = state_count(dirs.runtime_fd, "");

	state_put(dirs.runtime_fd, "ring-1.new", "x", 1);
	ck_assert_int_eq(runtime_open_stopped(&rt, dirs.runtime, dirs.state, NULL), 0);
	ck_assert(runtime_complete(rt));
	expect_refusal(dirs.runtime, dirs.state, -EBUSY, "in use");
	ck_assert_uint_eq(state_count(dirs.runtime_fd, ""), files + 1);
	ck_assert_uint_eq(state_digest(dirs.runtime_fd), digest);
	ck_assert(state_has(dirs.state_fd, "image"));
	runtime_close(rt);
}
END_TEST

START_TEST(stopped_open_sees_a_state_that_is_incomplete)
{
	struct runtime *rt = NULL;

	(void)fill_and_save();
	ck_assert_int_eq(unlinkat(dirs.runtime_fd, "epoch", 0), 0);
	ck_assert_int_eq(runtime_open_stopped(&rt, dirs.runtime, dirs.state, NULL), 0);
	ck_assert(!runtime_complete(rt));
	runtime_close(rt);
}
END_TEST

static int
start(void *arg)
{
	struct runtime *rt = NULL;
	int rc;

	(void)arg;
	rc = runtime_open(&rt, dirs.runtime, dirs.state, NULL);
	runtime_close(rt);
	return rc;
}

static void
put_image(const uint8_t *bytes, size_t len)
{
	state_dirs_reboot(&dirs);
	state_put(dirs.state_fd, "image", bytes, len);
}

START_TEST(start_killed_at_any_step_of_loading_loses_nothing)
{
	uint32_t digest = fill_and_save();
	size_t len;
	uint8_t *image = state_get(dirs.state_fd, "image", &len);
	unsigned long step;

	/* An odd stride: entries and exits of system calls by turns. */
	for (step = 0;; step += 3) {
		bool killed;

		put_image(image, len);
		killed = kill_at(KILL_AT_SYSCALL, step, start, NULL);
		ck_assert(state_has(dirs.state_fd, "image") ||
			  state_has(dirs.runtime_fd, "epoch"));
		/* The next start may be killed too. */
		if (step % 7 == 0)
			(void)kill_at(KILL_AT_SYSCALL, step / 2, start, NULL);
		runtime_close(state_open(&dirs));
		ck_assert_uint_eq(state_digest(dirs.runtime_fd), digest);
		ck_assert(!state_has(dirs.state_fd, "image"));
		ck_assert_uint_eq(state_count(dirs.state_fd, ""), 0);
		if (!killed)
			break;
	}
	ck_assert_uint_gt(step, 100);
	free(image);
}
END_TEST

START_TEST(start_with_damaged_image_killed_anywhere_loads_it_later)
{
	size_t len;
	uint8_t *image;
	unsigned long step;
	bool killed = true;

	(void)fill_and_save();
	image = state_get(dirs.state_fd, "image", &len);
	image[len - 1] ^= 1; /* of a journal */
	for (step = 0; killed; step += 3) {
		char name[256];

		put_image(image, len);
		killed = kill_at(KILL_AT_SYSCALL, step, start, NULL);
		runtime_close(state_open(&dirs));
		ck_assert_uint_eq(state_count(dirs.runtime_fd, "ring-"), 2);
		ck_assert_uint_eq(state_count(dirs.runtime_fd, "stream-"), 3);
		/* Never deleted. */
		state_find_file(dirs.state_fd, "image.damaged-", name);
		ck_assert_int_eq(unlinkat(dirs.state_fd, name, 0), 0);
	}
	ck_assert_uint_gt(step, 50);
	free(image);
}
END_TEST

Suite *
suite_runtime(void)
{
	Suite *su = suite_create("runtime");
	TCase *tc = tcase_create("runtime");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, fresh_directories_start_empty);
	tcase_add_test(tc, directory_in_use_is_refused_until_closed);
	tcase_add_test(tc, directory_not_on_tmpfs_is_refused_with_the_mend);
	tcase_add_test(tc, directory_absent_is_refused);
	tcase_add_test(tc, restart_after_crash_keeps_the_state);
	tcase_add_test(tc, complete_state_wins_over_image_which_goes);
	tcase_add_test(tc, image_of_another_state_is_kept_and_told);
	tcase_add_test(tc, save_beside_image_of_another_state_keeps_that);
	tcase_add_test(tc, image_of_the_state_over_many_stops_and_reboots_goes);
	tcase_add_test(tc, incomplete_state_is_replaced_by_the_image);
	tcase_add_test(tc, state_without_epoch_and_image_is_kept);
	tcase_add_test(tc, leftover_temporary_files_are_removed_others_are_not);
	tcase_add_test(tc, epoch_damaged_is_told_and_keeps_the_state);
	tcase_add_test(tc, clock_goes_on_over_restart_and_image);
	tcase_add_test(
	    tc, stopped_open_of_unused_directory_finds_nothing_and_makes_nothing);
	tcase_add_test(tc, stopped_open_locks_and_changes_nothing);
	tcase_add_test(tc, stopped_open_sees_a_state_that_is_incomplete);
	tcase_add_test(tc, start_killed_at_any_step_of_loading_loses_nothing);
	tcase_add_test(tc, start_with_damaged_image_killed_anywhere_loads_it_later);
	suite_add_tcase(su, tc);
	return su;
}
