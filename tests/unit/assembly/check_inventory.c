#include "assembly/inventory.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assembly/found_logs.h"
#include "config/conf.h"
#include "spool/log.h"
#include "spool/log_cursor.h"
#include "spool/ring.h"
#include "spool/runtime.h"
#include "spool/stream.h"
#include "suites.h"

#define MAX_BODY 64

static char runtime_dir[] = "/dev/shm/check_inventory.XXXXXX";
static char state_dir[] = "/tmp/check_inventory.XXXXXX";
static struct runtime *runtime;
static struct inventory *inventory;

static void
setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(runtime_dir));
	ck_assert_ptr_nonnull(mkdtemp(state_dir));
	ck_assert_int_eq(runtime_open(&runtime, runtime_dir, state_dir, NULL), 0);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static void
remove_tree(const char *path)
{
	ck_assert_int_eq(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void
teardown(void)
{
	inventory_close(inventory);
	inventory = NULL;
	runtime_close(runtime);
	remove_tree(runtime_dir);
	remove_tree(state_dir);
}

static void
put(struct ring *rg)
{
	struct record *rec;

	ck_assert_int_eq(ring_reserve(rg, &rec), 0);
	memcpy(rec->body, "hello", 5);
	rec->type = 3;
	ring_commit(rg, rec, 5, 1);
}

/* A ring with a stream to "hub/x" and one message, closed again. */
static void
leave_ring(const char *uri)
{
	const struct ring_spec spec = { .kind = RING_POSIX,
		.uri = uri,
		.take = "",
		.max_body = MAX_BODY,
		.bytes = 4096 };
	struct stream *st;
	struct ring *rg;

	ck_assert_int_eq(ring_create(&rg, runtime_dir_fd(runtime), &spec), 0);
	ck_assert_int_eq(stream_create(&st, runtime_dir_fd(runtime), rg, "hub/x"), 0);
	put(rg);
	stream_close(st);
	ring_close(rg);
}

static struct conf_queue
queue(char *uri)
{
	static char empty[] = "";

	return (struct conf_queue){ .uri = uri, .take_text = empty };
}

static int
claim(char *uri, struct ring **ret)
{
	struct conf_queue cq = queue(uri);
	uint64_t recovered;

	return inventory_claim_ring(inventory, &cq, ret, &recovered);
}

static int
open_inventory(void)
{
	/* Nothing here has an overflow log, so nothing asks for the disk thread. */
	const struct log_env env = { .runtime_fd = runtime_dir_fd(runtime),
		.state_fd = runtime_state_fd(runtime) };

	return inventory_open(&inventory, runtime, &env);
}

START_TEST(inventory_of_nothing_is_empty)
{
	struct ring *rg;

	ck_assert_int_eq(open_inventory(), 0);
	ck_assert_int_eq(claim((char[]){ "posix:/a" }, &rg), 0);
	ck_assert_ptr_null(rg);
	ck_assert_uint_eq(inventory_rings(inventory), 0);
	ck_assert_uint_eq(inventory_streams(inventory), 0);
}
END_TEST

START_TEST(ring_of_its_queue_is_claimed_with_its_stream)
{
	struct stream *st;
	struct ring *rg;

	leave_ring("posix:/a");
	ck_assert_int_eq(open_inventory(), 0);
	ck_assert_int_eq(claim((char[]){ "posix:/a" }, &rg), 0);
	ck_assert_ptr_nonnull(rg);
	ck_assert_uint_eq(ring_records(rg), 1);
	ck_assert_ptr_null(inventory_claim_stream(inventory, rg, "hub/y"));
	st = inventory_claim_stream(inventory, rg, "hub/x");
	ck_assert_ptr_nonnull(st);
	ck_assert_uint_eq(inventory_rings(inventory), 0);
	ck_assert_uint_eq(inventory_streams(inventory), 0);
	stream_close(st);
	inventory_close(inventory);
	inventory = NULL;
	ring_close(rg);
}
END_TEST

START_TEST(ring_of_another_queue_is_kept_and_shown)
{
	struct inventory_ring ir = { 0 };
	struct ring *rg;

	leave_ring("posix:/a");
	ck_assert_int_eq(open_inventory(), 0);
	ck_assert_int_eq(claim((char[]){ "posix:/b" }, &rg), 0);
	ck_assert_ptr_null(rg);
	ck_assert_uint_eq(inventory_rings(inventory), 1);
	inventory_ring_at(inventory, 0, &ir);
	ck_assert_str_eq(ir.uri, "posix:/a");
	ck_assert_uint_eq(ir.records, 1);
}
END_TEST

START_TEST(stream_without_route_keeps_its_records)
{
	struct inventory_stream is = { 0 };
	struct ring *rg;

	leave_ring("posix:/a");
	ck_assert_int_eq(open_inventory(), 0);
	ck_assert_int_eq(claim((char[]){ "posix:/a" }, &rg), 0);
	ck_assert_uint_eq(inventory_streams(inventory), 1);
	inventory_stream_at(inventory, 0, &is);
	ck_assert_str_eq(is.label, "hub/x");
	ck_assert_uint_eq(is.waiting, 1);
	ck_assert_uint_eq(ring_release(rg), 0);
	inventory_close(inventory);
	inventory = NULL;
	ring_close(rg);
}
END_TEST

START_TEST(file_that_is_no_ring_is_set_aside)
{
	static const char name[] = "ring-00112233445566778899aabbccddeeff";
	char aside[sizeof(name) + sizeof("damaged-")];
	int dir_fd = runtime_dir_fd(runtime);
	struct stat st;
	int fd;

	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "precious", 8), 8);
	(void)close(fd);
	ck_assert_int_eq(open_inventory(), 0);
	ck_assert_uint_eq(inventory_rings(inventory), 0);
	(void)snprintf(aside, sizeof(aside), "damaged-%s", name);
	ck_assert_int_eq(fstatat(dir_fd, aside, &st, 0), 0);
	ck_assert_int_eq(st.st_size, 8);
	ck_assert_int_eq(fstatat(dir_fd, name, &st, 0), -1);
}
END_TEST

START_TEST(stream_that_cannot_be_read_stops_the_start)
{
	int fd;

	leave_ring("posix:/a");
	fd = openat(runtime_dir_fd(runtime), "stream-00112233445566778899aabbccddeeff",
	    O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	ck_assert_int_lt(open_inventory(), 0);
}
END_TEST

/* A log of which nobody knows whose it is. */
static void
leave_about(const struct id *log)
{
	char path[sizeof(state_dir) + 64], text[ID_TEXT];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/logs", state_dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	(void)snprintf(
	    path, sizeof(path), "%s/logs/%s", state_dir, id_format(text, log));
	ck_assert_int_eq(mkdir(path, 0700), 0);
	(void)snprintf(
	    path, sizeof(path), "%s/logs/%s/about", state_dir, id_format(text, log));
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
}

START_TEST(log_with_messages_that_is_not_there_stops_the_start)
{
	int dir_fd = runtime_dir_fd(runtime), state_fd = runtime_state_fd(runtime);
	struct log_cursor cu;
	uint32_t slot;
	struct id id;

	ck_assert_int_eq(id_make(&id), 0);
	ck_assert_int_eq(log_cursor_make(&cu, dir_fd, &id), 0);
	slot = (uint32_t)log_cursor_take(&cu, 7);
	ck_assert_int_eq(log_cursor_publish(&cu, dir_fd), 0);
	ck_assert_int_eq(found_logs_check(dir_fd, state_fd), 0);
	log_cursor_store(&cu, slot, 7, LOG_COMMITTED, 4096);
	ck_assert_int_eq(found_logs_check(dir_fd, state_fd), -ENOENT);
	leave_about(&id);
	ck_assert_int_eq(found_logs_check(dir_fd, state_fd), -EBADMSG);
	log_cursor_store(&cu, slot, 7, LOG_SETTLED, 4096);
	ck_assert_int_eq(found_logs_check(dir_fd, state_fd), 0);
	log_cursor_close(&cu);
}
END_TEST

Suite *
suite_inventory(void)
{
	Suite *s = suite_create("inventory");
	TCase *tc = tcase_create("inventory");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, inventory_of_nothing_is_empty);
	tcase_add_test(tc, ring_of_its_queue_is_claimed_with_its_stream);
	tcase_add_test(tc, ring_of_another_queue_is_kept_and_shown);
	tcase_add_test(tc, stream_without_route_keeps_its_records);
	tcase_add_test(tc, file_that_is_no_ring_is_set_aside);
	tcase_add_test(tc, stream_that_cannot_be_read_stops_the_start);
	tcase_add_test(tc, log_with_messages_that_is_not_there_stops_the_start);
	suite_add_tcase(s, tc);
	return s;
}
