#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/crc32c.h"
#include "disk_steps.h"
#include "kill_steps.h"
#include "ring_fixture.h"
#include "spool/image.h"
#include "spool/image_layout.h"
#include "spool/image_load.h"
#include "spool/runtime.h"
#include "state_fixture.h"
#include "suites.h"

static struct state_dirs dirs;

static void
setup(void)
{
	state_dirs_make(&dirs);
	runtime_close(state_open(&dirs));
	state_dirs_fill(&dirs);
}

static void
teardown(void)
{
	state_dirs_remove(&dirs);
}

static int
save(void *arg)
{
	struct runtime *rt = NULL;
	char **error = arg;
	int rc;

	rc = runtime_open_stopped(&rt, dirs.runtime, dirs.state, NULL);
	if (rc == 0)
		rc = image_save(rt, error);
	runtime_close(rt);
	return rc;
}

static uint8_t *
saved_image(size_t *ret_len)
{
	ck_assert_int_eq(save(NULL), 0);
	return state_get(dirs.state_fd, "image", ret_len);
}

static bool
    told; /* load() has been told of damage that did not keep it from going on */

/* Load into the emptied runtime directory; nothing of a refused image may stay there. */
static int
load(const uint8_t *bytes, size_t len)
{
	struct runtime *rt = NULL;
	char *error = NULL;
	int rc;

	state_dirs_reboot(&dirs);
	state_put(dirs.state_fd, "image", bytes, len);
	rc = runtime_open(&rt, dirs.runtime, dirs.state, &error);
	if (rc < 0) {
		ck_assert_ptr_nonnull(error);
		ck_assert_uint_eq(state_count(dirs.runtime_fd, "ring-"), 0);
		ck_assert_uint_eq(state_count(dirs.runtime_fd, "epoch"), 0);
	}
	told = rc == 0 && runtime_damage(rt) != NULL;
	runtime_close(rt);
	free(error);
	return rc;
}

/* The image is out of the way, for the next load of the same test too. */
static void
expect_set_aside(size_t len)
{
	char name[256];
	size_t kept;

	ck_assert(!state_has(dirs.state_fd, "image"));
	state_find_file(dirs.state_fd, "image.damaged-", name);
	free(state_get(dirs.state_fd, name, &kept));
	ck_assert_uint_eq(kept, len);
	ck_assert_int_eq(unlinkat(dirs.state_fd, name, 0), 0);
}

/* Damage is never silent: what can be read is loaded, else the image is refused, and always it
 * is kept. */
static void
expect_damage(const uint8_t *image, size_t len)
{
	int rc = load(image, len);

	ck_assert(rc == -EBADMSG || (rc == 0 && told));
	expect_set_aside(len);
}

START_TEST(state_saved_and_loaded_is_the_same_byte_for_byte)
{
	uint32_t digest = state_digest(dirs.runtime_fd);
	size_t len;
	uint8_t *image = saved_image(&len);

	ck_assert_uint_eq(state_digest(dirs.runtime_fd), digest); /* it stays */
	ck_assert_int_eq(load(image, len), 0);
	ck_assert_uint_eq(state_digest(dirs.runtime_fd), digest);
	ck_assert(!state_has(dirs.state_fd, "image"));
	free(image);
}
END_TEST

/* Logs, the image itself, its name: each on the disk before what relies on it. */
START_TEST(image_is_on_the_disk_before_it_has_its_name)
{
	char name[80];

	(void)snprintf(name, sizeof(name), "log-%032x", 7);
	if (_i == 1)
		state_put(dirs.runtime_fd, name, "log", 3);
	disk_steps_record();
	ck_assert_int_eq(save(NULL), 0);
	/* What an earlier save left is removed first. */
	ck_assert_str_eq(disk_steps_order(), _i == 1 ? "yusrd" : "usrd");
}
END_TEST

START_TEST(image_holds_live_records_only)
{
	struct ring_dir rd = { .fd = dirs.runtime_fd };
	struct ring_spec spec = { .kind = RING_POSIX,
		.uri = "posix:/big",
		.take = "",
		.max_body = 64,
		.bytes = 32 << 20 };
	struct ring *rg;
	size_t len;

	ck_assert_int_eq(ring_create(&rg, rd.fd, &spec), 0);
	ring_put(rg, "x", 1, 1);
	ring_close(rg);
	free(saved_image(&len));
	ck_assert_uint_lt(len, 1 << 20);
}
END_TEST

START_TEST(state_without_files_is_saved_and_loaded)
{
	uint8_t *image;
	size_t len;

	state_dirs_reboot(&dirs);
	runtime_close(state_open(&dirs));
	image = saved_image(&len);
	ck_assert_int_eq(load(image, len), 0);
	free(image);
}
END_TEST

START_TEST(save_killed_at_any_step_and_repeated_is_whole)
{
	uint32_t digest = state_digest(dirs.runtime_fd);
	struct image_info info;
	unsigned long step;
	bool killed = true;

	for (step = 0; killed; step += 3) {
		(void)unlinkat(dirs.state_fd, "image", 0);
		killed = kill_at(KILL_AT_SYSCALL, step, save, NULL);
		/* What is there under that name is whole. */
		if (state_has(dirs.state_fd, "image"))
			ck_assert_int_eq(image_check(dirs.state_fd, &info, NULL), 0);
		ck_assert_int_eq(save(NULL), 0);
		ck_assert_uint_eq(state_count(dirs.state_fd, ""), 1);
		ck_assert_uint_eq(state_digest(dirs.runtime_fd), digest);
	}
	ck_assert_uint_gt(step, 50);
	state_dirs_reboot(&dirs);
	runtime_close(state_open(&dirs));
	ck_assert_uint_eq(state_digest(dirs.runtime_fd), digest);
}
END_TEST

static void
limit_files(rlim_t bytes)
{
	struct rlimit rl = { bytes, RLIM_INFINITY };

	ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &rl), 0);
}

START_TEST(save_that_cannot_write_fails_loudly_and_keeps_the_older_image)
{
	char *error = NULL;
	size_t before;
	size_t after;

	free(saved_image(&before));
	limit_files(before * (unsigned)_i / 8);
	ck_assert_int_eq(save(&error), -EFBIG);
	limit_files(RLIM_INFINITY);
	ck_assert_ptr_nonnull(error);
	free(error);
	ck_assert(!state_has(dirs.state_fd, "image.tmp"));
	free(state_get(dirs.state_fd, "image", &after));
	ck_assert_uint_eq(after, before);
}
END_TEST

START_TEST(load_that_does_not_fit_keeps_the_image_and_leaves_nothing)
{
	uint32_t digest = state_digest(dirs.runtime_fd);
	struct runtime *rt = NULL;
	char *error = NULL;
	size_t len;

	free(saved_image(&len));
	state_dirs_reboot(&dirs);
	limit_files(200000); /* less than "marks" has, which is made first */
	ck_assert_int_eq(runtime_open(&rt, dirs.runtime, dirs.state, &error), -EFBIG);
	limit_files(RLIM_INFINITY);
	ck_assert_ptr_nonnull(strstr(error, "marks"));
	free(error);
	ck_assert_uint_eq(state_count(dirs.runtime_fd, "marks"), 0);
	ck_assert(state_has(dirs.state_fd, "image"));
	runtime_close(state_open(&dirs));
	ck_assert_uint_eq(state_digest(dirs.runtime_fd), digest);
}
END_TEST

START_TEST(image_with_a_damaged_bit_is_set_aside)
{
	size_t len;
	uint8_t *image = saved_image(&len);
	uint64_t random = 977 + (uint64_t)_i;

	for (unsigned i = 0; i < 40; i++) {
		/* Half of them in the headers, where most of the decisions are. */
		uint32_t below = i % 2 == 0 ? (uint32_t)len : 200;
		size_t at = ring_random(&random, below);
		uint8_t bit = (uint8_t)(1 << ring_random(&random, 8));

		image[at] ^= bit;
		expect_damage(image, len);
		image[at] ^= bit;
	}
	ck_assert_int_eq(load(image, len), 0);
	free(image);
}
END_TEST

/* A ring and a journal have checks of their own, the marks have none. */
START_TEST(image_with_damage_in_one_file_gives_the_others)
{
	size_t len;
	uint8_t *image = saved_image(&len);
	uint8_t *at = memmem(image, len, "three", 5);

	ck_assert_ptr_nonnull(at);
	*at ^= 1; /* of a message */
	ck_assert_int_eq(load(image, len), 0);
	ck_assert(told);
	expect_set_aside(len);
	ck_assert_uint_eq(state_count(dirs.runtime_fd, "ring-"), 2);
	ck_assert_uint_eq(state_count(dirs.runtime_fd, "stream-"), 3);
	ck_assert_uint_eq(state_count(dirs.runtime_fd, "marks"), 1);
	*at ^= 1;
	at = memmem(image, len, "hub/one", 7);
	ck_assert_ptr_nonnull(at);
	*at ^= 1;
	ck_assert_int_eq(load(image, len), 0);
	ck_assert(told);
	expect_set_aside(len);
	ck_assert_uint_eq(state_count(dirs.runtime_fd, "ring-"), 2);
	ck_assert_uint_eq(state_count(dirs.runtime_fd, "marks"), 0);
	free(image);
}
END_TEST

/* Without its journal what waits for a stream would count as settled. */
START_TEST(image_without_its_last_file_is_refused)
{
	size_t len;
	uint8_t *image = saved_image(&len);
	const uint8_t *at = image, *found;

	while ((found = memmem(at, len - (size_t)(at - image), "stream-", 7)) != NULL)
		at = found + 7;
	ck_assert_int_eq(load(image, (size_t)(at - image) - 15), -EBADMSG);
	expect_set_aside((size_t)(at - image) - 15);
	free(image);
}
END_TEST

START_TEST(image_of_wrong_length_is_set_aside)
{
	size_t len;
	uint8_t *image = saved_image(&len);
	uint64_t random = 5;

	image = realloc(image, len + 1);
	ck_assert_ptr_nonnull(image);
	image[len] = 0;
	expect_damage(image, len + 1);
	for (unsigned i = 0; i < 20; i++) {
		size_t cut = i < 5 ? i * 40 : ring_random(&random, (uint32_t)len);

		expect_damage(image, cut);
	}
	free(image);
}
END_TEST

START_TEST(image_of_newer_version_is_refused_and_stays)
{
	size_t len;
	uint8_t *image = saved_image(&len);
	struct image_header *hd = (void *)image;

	hd->version++;
	hd->crc = crc32c(0, hd, offsetof(struct image_header, crc));
	ck_assert_int_eq(load(image, len), -ENOTSUP);
	ck_assert(state_has(dirs.state_fd, "image"));
	free(image);
}
END_TEST

/* Changes of the first file's header, with right checksums. */
static void
name_outside(struct image_section *se)
{
	(void)snprintf(se->name, sizeof(se->name), "ring-/../../x");
}

static void
name_of_lock(struct image_section *se)
{
	(void)snprintf(se->name, sizeof(se->name), "lock");
}

static void
name_without_end(struct image_section *se)
{
	memset(se->name, 'r', sizeof(se->name));
	memcpy(se->name, "ring-", 5);
	se->kind = STATE_FILE_RING;
}

static void
name_later(struct image_section *se)
{
	(void)snprintf(se->name, sizeof(se->name), "stream-zzz");
	se->kind = STATE_FILE_STREAM;
}

static void
kind_of_other(struct image_section *se)
{
	se->kind = STATE_FILE_RING;
}

static void
stored_beyond_end(struct image_section *se)
{
	se->stored_bytes = UINT64_MAX - 4;
}

static void
file_too_short(struct image_section *se)
{
	se->file_bytes = 10;
}

static void
file_too_long(struct image_section *se)
{
	se->file_bytes = UINT64_MAX;
}

static void
fill_no_byte(struct image_section *se)
{
	se->fill = 256;
}

static void (*const forgeries[])(struct image_section *se) = {
	name_outside,
	name_of_lock,
	name_without_end,
	name_later,
	kind_of_other,
	stored_beyond_end,
	file_too_short,
	file_too_long,
	fill_no_byte,
};

START_TEST(image_with_forged_section_is_set_aside)
{
	size_t len;
	uint8_t *image = saved_image(&len);
	struct image_section *se = (void *)(image + sizeof(struct image_header));

	ck_assert_str_eq(se->name, "marks");
	forgeries[_i](se);
	se->crc = crc32c(0, se, offsetof(struct image_section, crc));
	expect_damage(image, len);
	free(image);
}
END_TEST

/* Values of the first extent's header: place and length. */
static const struct image_extent extents[] = {
	{ .at = UINT64_MAX - 100, .bytes = 4096 },
	{ .at = 1 << 30, .bytes = 4096 },
	{ .at = 0, .bytes = 0 },
	{ .at = 0, .bytes = IMAGE_CHUNK + 1 },
	{ .at = 0, .bytes = UINT32_MAX },
};

START_TEST(image_with_forged_extent_is_set_aside)
{
	size_t len;
	uint8_t *image = saved_image(&len);
	struct image_section *se = (void *)(image + sizeof(struct image_header));

	memcpy(se + 1, &extents[_i], sizeof(extents[_i]));
	se->data_crc = crc32c(0, se + 1, se->stored_bytes);
	se->crc = crc32c(0, se, offsetof(struct image_section, crc));
	expect_damage(image, len);
	free(image);
}
END_TEST

START_TEST(check_of_image_tells_what_is_in_it_and_changes_nothing)
{
	struct image_info info;
	uint32_t digest;
	size_t len;

	free(saved_image(&len));
	digest = state_digest(dirs.runtime_fd);
	ck_assert_int_eq(image_exists(dirs.state_fd), 1);
	ck_assert_int_eq(image_check(dirs.state_fd, &info, NULL), 0);
	ck_assert_uint_eq(info.bytes, len);
	ck_assert_uint_eq(info.files, 6); /* marks, 2 rings, 3 journals */
	ck_assert_int_gt(info.anchor.wall_ns, 0);
	ck_assert_uint_eq(state_digest(dirs.runtime_fd), digest);
	state_put(dirs.state_fd, "image", "MQBIMAGE", 8);
	ck_assert_int_eq(image_check(dirs.state_fd, &info, NULL), -EBADMSG);
	ck_assert(state_has(dirs.state_fd, "image"));
}
END_TEST

Suite *
suite_image(void)
{
	Suite *su = suite_create("image");
	TCase *tc = tcase_create("image");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, state_saved_and_loaded_is_the_same_byte_for_byte);
	tcase_add_loop_test(tc, image_is_on_the_disk_before_it_has_its_name, 0, 2);
	tcase_add_test(tc, image_holds_live_records_only);
	tcase_add_test(tc, state_without_files_is_saved_and_loaded);
	tcase_add_test(tc, save_killed_at_any_step_and_repeated_is_whole);
	tcase_add_loop_test(
	    tc, save_that_cannot_write_fails_loudly_and_keeps_the_older_image, 0, 8);
	tcase_add_test(tc, load_that_does_not_fit_keeps_the_image_and_leaves_nothing);
	tcase_add_loop_test(tc, image_with_a_damaged_bit_is_set_aside, 0, 4);
	tcase_add_test(tc, image_with_damage_in_one_file_gives_the_others);
	tcase_add_test(tc, image_without_its_last_file_is_refused);
	tcase_add_test(tc, image_of_wrong_length_is_set_aside);
	tcase_add_test(tc, image_of_newer_version_is_refused_and_stays);
	tcase_add_loop_test(
	    tc, image_with_forged_section_is_set_aside, 0, (int)ARRAY_LEN(forgeries));
	tcase_add_loop_test(
	    tc, image_with_forged_extent_is_set_aside, 0, (int)ARRAY_LEN(extents));
	tcase_add_test(tc, check_of_image_tells_what_is_in_it_and_changes_nothing);
	suite_add_tcase(su, tc);
	return su;
}
