/* What leaves the ring for the overflow log, step by step. At random it is in check_stream_model.c. */
#include "spool/stream.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "ring_fixture.h"
#include "spool/disk.h"
#include "spool/log_private.h"
#include "spool/ring.h"
#include "state_fixture.h"
#include "suites.h"

#define MAX_BODY    64
#define MESSAGES    20
#define SENT        10 /* of them */
#define ACKED       2  /* of those */
#define DEADLINE_MS 20000

static struct state_dirs dirs;
static struct disk *disk;
static struct ring *ring;
static struct log *lg;
static struct stream *stream;
static struct id log_of, stream_of;
static char ring_file[256], stream_file[256];

/* ---- a stream with a log --------------------------------------------------------------- */

static void
on_changed(void *owner)
{
	(void)owner;
}

static struct log_spec
spec_now(void)
{
	return (struct log_spec){ .stream = stream_of,
		.ring = *ring_id(ring),
		.seed = ring_seed(ring),
		.uri = "posix:/moved",
		.take = "",
		.label = "hub/moved",
		.limit = UINT64_C(1) << 30,
		.changed = on_changed };
}

static struct log_env
env_now(void)
{
	return (struct log_env){
		.runtime_fd = dirs.runtime_fd, .state_fd = dirs.state_fd, .disk = disk
	};
}

static void
setup(void)
{
	const struct ring_spec rs = { .kind = RING_POSIX,
		.uri = "posix:/moved",
		.take = "",
		.max_body = MAX_BODY };
	struct log_env env;
	struct log_spec spec;

	state_dirs_make(&dirs);
	ck_assert_int_eq(disk_new(&disk), 0);
	ck_assert_int_eq(ring_create(&ring, dirs.runtime_fd, &rs), 0);
	ck_assert_int_eq(stream_create(&stream, dirs.runtime_fd, ring, "hub/moved"), 0);
	stream_of = *stream_id(stream);
	env = env_now();
	spec = spec_now();
	ck_assert_int_eq(log_create(&lg, &env, &spec), 0);
	ck_assert_int_eq(log_dir_begin(lg), 0); /* a restart finds it, used or not */
	log_of = *log_id(lg);
	ck_assert_int_eq(stream_use_log(stream, lg), 0);
	state_find_file(dirs.runtime_fd, "ring-", ring_file);
	state_find_file(dirs.runtime_fd, "stream-", stream_file);
}

static void
close_all(void)
{
	disk_free(disk); /* first: its jobs are the log's */
	stream_close(stream);
	log_close(lg);
	ring_close(ring);
	disk = NULL;
	stream = NULL;
	lg = NULL;
	ring = NULL;
}

static void
teardown(void)
{
	close_all();
	state_dirs_remove(&dirs);
}

static void
restart(void)
{
	struct ring_report report;
	struct log_env env;
	struct log_spec spec;
	uint64_t replayed = 1;

	close_all();
	ck_assert_int_eq(disk_new(&disk), 0);
	ck_assert_int_eq(
	    ring_open(&ring, dirs.runtime_fd, ring_file, 1000, &report), 0);
	env = env_now();
	spec = spec_now();
	ck_assert_int_eq(log_open(&lg, &env, &log_of, &spec, &replayed), 0);
	ck_assert_uint_eq(replayed, 0);
	ck_assert_int_eq(
	    stream_open(&stream, dirs.runtime_fd, stream_file, ring, lg), 0);
}

static void
collect(void)
{
	struct pollfd pfd = { .fd = disk_fd(disk), .events = POLLIN };

	ck_assert_int_eq(poll(&pfd, 1, DEADLINE_MS), 1);
	disk_collect(disk);
}

/* ---- messages ---------------------------------------------------------------------------- */

static void
body_make(char body[MAX_BODY], uint64_t n)
{
	(void)snprintf(body, MAX_BODY, "message %d;", (int)n);
}

static void
put(void)
{
	char body[MAX_BODY];

	for (uint64_t n = 1; n <= MESSAGES; n++) {
		body_make(body, n);
		ring_put(ring, body, (uint32_t)strlen(body), 1);
	}
	ck_assert_int_eq(stream_admit(stream), 0);
}

/* All are of one priority: sequence n is message n. */
static void
take(uint64_t n)
{
	char body[MAX_BODY];
	const struct record *rec;
	uint64_t seq;
	bool is_new;

	while ((rec = stream_peek(stream, &seq, &is_new)) == NULL)
		collect();
	body_make(body, n);
	ck_assert_uint_eq(seq, n);
	ck_assert_int_eq(is_new, n > SENT);
	ck_assert_uint_eq(rec->length, strlen(body));
	ck_assert_mem_eq(rec->body, body, rec->length);
	stream_take(stream);
}

/* Some are in flight, and a start comes before they are acknowledged. */
static void
restart_in_flight(void)
{
	uint64_t seq;
	bool is_new;

	put();
	for (uint64_t n = 1; n <= SENT; n++) {
		ck_assert_ptr_nonnull(stream_peek(stream, &seq, &is_new));
		stream_take(stream);
	}
	ck_assert_int_eq(stream_acknowledge(stream, ACKED), 0);
	restart();
	ck_assert_uint_eq(ring_records(ring), MESSAGES - ACKED);
}

static void
on_moved(void *owner, int rc)
{
	*(int *)owner = rc;
}

/* Up to that sequence nothing is being written. Returns how many moved. */
static int
move(uint64_t sent_to)
{
	int moved = 0;
	int count = stream_move(stream, sent_to, ring_head(ring), on_moved, &moved);

	while (count > 0 && moved == 0)
		collect();
	ck_assert_int_eq(moved, count);
	return count;
}

START_TEST(in_flight_before_a_start_moves_without_credit)
{
	restart_in_flight();
	ck_assert_int_eq(move(ACKED), MESSAGES - ACKED);
	ck_assert_uint_eq(ring_records(ring), 0);
	restart();
	for (uint64_t n = ACKED + 1; n <= MESSAGES; n++)
		take(n);
	ck_assert_int_eq(stream_acknowledge(stream, MESSAGES), 0);
	ck_assert(stream_is_empty(stream));
}
END_TEST

/* The peer's credit was for two: a writev(2) may point to them. */
START_TEST(in_flight_before_a_start_moves_behind_what_is_written_again)
{
	const struct record *rec;

	restart_in_flight();
	take(ACKED + 1);
	take(ACKED + 2);
	rec = stream_sent(stream, ACKED + 1);
	ck_assert_int_eq(move(ACKED), MESSAGES - ACKED - 2);
	ck_assert_ptr_eq(stream_sent(stream, ACKED + 1), rec);
	ck_assert_uint_eq(rec->number, ACKED + 1);
	ck_assert_int_eq(stream_acknowledge(stream, ACKED + 2), 0);
	ck_assert_uint_eq(ring_records(ring), 0);
	for (uint64_t n = ACKED + 3; n <= MESSAGES; n++)
		take(n);
	ck_assert_int_eq(stream_acknowledge(stream, MESSAGES), 0);
	ck_assert(stream_is_empty(stream));
}
END_TEST

Suite *
suite_stream_move(void)
{
	Suite *su = suite_create("stream_move");
	TCase *tc = tcase_create("move");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, in_flight_before_a_start_moves_without_credit);
	tcase_add_test(tc, in_flight_before_a_start_moves_behind_what_is_written_again);
	suite_add_tcase(su, tc);
	return su;
}
