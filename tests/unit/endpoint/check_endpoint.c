/* A local route over real queues: intake, outlet, delivery and worker in one loop. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <unistd.h>

#include "../lib/private_ipc.h"
#include "base/clock.h"
#include "base/log.h"
#include "endpoint/delivery.h"
#include "endpoint/intake.h"
#include "endpoint/outlet.h"
#include "endpoint/worker.h"
#include "flow/sink.h"
#include "spool/deadletter.h"
#include "spool/disk.h"
#include "spool/marks.h"
#include "spool/runtime.h"
#include "suites.h"

#define DEADLINE_MS 10000

static struct {
	struct event_base *base;
	struct runtime *runtime;
	struct marks *marks;
	struct disk *disk;
	struct event *collect;
	struct deadletters *dead;
	struct intake *intake;
	struct outlet *outlet;
	struct target *target;
	struct sink *sink;
	struct outlet *second; /* of the same intake */
	struct sink *second_sink;
	uint64_t ring_bytes;
	char dir[64];
} fx;

static void
on_disk(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	disk_collect(arg);
}

static void
setup(void)
{
	uint64_t doubts;

	private_ipc_enter();
	log_setup(LOG_LEVEL_ERROR, LOG_STYLE_PLAIN);
	(void)snprintf(fx.dir, sizeof(fx.dir), "%s", "/dev/shm/mqbridge-end-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fx.dir));
	ck_assert_int_eq(runtime_open(&fx.runtime, fx.dir, fx.dir, NULL), 0);
	fx.ring_bytes = 1 << 16;
	fx.base = event_base_new();
	ck_assert_int_eq(marks_open(&fx.marks, runtime_dir_fd(fx.runtime), &doubts), 0);
	ck_assert_int_eq(disk_new(&fx.disk), 0);
	ck_assert_int_eq(
	    deadletters_open(&fx.dead, runtime_state_fd(fx.runtime), 1 << 20), 0);
	fx.collect = event_new(
	    fx.base, disk_fd(fx.disk), EV_READ | EV_PERSIST, on_disk, fx.disk);
	(void)event_add(fx.collect, NULL);
}

static void
remove_tree(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dp = fdopendir(fd);
	const struct dirent *de;

	ck_assert_ptr_nonnull(dp);
	while ((de = readdir(dp)) != NULL) {
		if (de->d_name[0] == '.')
			continue;
		if (unlinkat(fd, de->d_name, 0) != 0)
			remove_tree(fd, de->d_name);
	}
	(void)closedir(dp);
	(void)unlinkat(at, name, AT_REMOVEDIR);
}

static void
teardown(void)
{
	disk_free(fx.disk);
	if (fx.sink != NULL)
		fx.sink->ops->close(fx.sink);
	if (fx.second_sink != NULL)
		fx.second_sink->ops->close(fx.second_sink);
	outlet_free(fx.outlet);
	outlet_free(fx.second);
	target_free(fx.target);
	intake_free(fx.intake);
	deadletters_close(fx.dead);
	marks_close(fx.marks);
	event_free(fx.collect);
	event_base_free(fx.base);
	runtime_close(fx.runtime);
	remove_tree(AT_FDCWD, fx.dir);
}

/* A route from one queue to the other. */
static void
join(const char *from, const char *to)
{
	struct intake_spec is = {
		.name = "from", .uri = from, .take_text = "", .ring_bytes = 1 << 16
	};
	struct target_env te = { fx.base, fx.marks, fx.disk, fx.dead };
	struct target_spec ts = { .name = "to", .uri = to };
	struct outlet_spec os = { .route = "route", .label = "to" };
	struct outlet_env env = {
		.base = fx.base, .runtime = fx.runtime, .disk = fx.disk, .dead = fx.dead
	};

	ck_assert_int_eq(intake_new(&fx.intake, fx.base, fx.runtime, &is, NULL), 0);
	ck_assert_int_eq(outlet_new(&fx.outlet, &env, fx.intake, &os), 0);
	ck_assert_int_eq(target_new(&fx.target, &te, &ts), 0);
	ck_assert_int_eq(delivery_new(&fx.sink, fx.target, "to"), 0);
	flow_join(outlet_source(fx.outlet), fx.sink);
	target_start(fx.target);
	intake_start(fx.intake);
}

static struct ipcq *
make(const char *uri, uint64_t messages, uint64_t size, uint64_t bytes)
{
	struct ipcq_create cr = {
		.max_messages = messages, .message_size = size, .max_bytes = bytes
	};
	struct ipcq *q;

	ck_assert_int_eq(
	    ipcq_open(&q, uri, IPCQ_READ | IPCQ_WRITE | IPCQ_CREATE, &cr), 0);
	return q;
}

static void
turn(void)
{
	const struct timeval tick = { .tv_usec = 10000 };

	(void)event_base_loopexit(fx.base, &tick);
	(void)event_base_loop(fx.base, EVLOOP_ONCE);
}

struct got {
	int64_t type;
	char body[8192];
	ssize_t length;
};

/* The next message of q while the loop turns. */
static void
get(struct ipcq *q, struct got *ret)
{
	uint64_t deadline = clock_monotonic_ms() + DEADLINE_MS;

	for (;;) {
		ret->type = 0;
		ret->length =
		    ipcq_receive_slot(q, ret->body, sizeof(ret->body), 0, IPCQ_NOWAIT);
		if (ret->length >= 0)
			return;
		ck_assert_int_eq((int)ret->length, -EAGAIN);
		ck_assert_uint_lt(clock_monotonic_ms(), deadline);
		turn();
	}
}

/* A message into q while the loop turns. */
static void
put(struct ipcq *q, const char *body, size_t len, int64_t type)
{
	uint64_t deadline = clock_monotonic_ms() + DEADLINE_MS;
	int rc;

	while ((rc = ipcq_send(q, body, len, type, IPCQ_NOWAIT)) == -EAGAIN) {
		ck_assert_uint_lt(clock_monotonic_ms(), deadline);
		turn();
	}
	ck_assert_int_eq(rc, 0);
}

START_TEST(posix_to_sysv_maps_priorities_to_types)
{
	struct ipcq *a = make("posix:/a", 4, 64, 0), *b = make("sysv:0x77", 0, 0, 4096);
	struct got m;

	join("posix:/a", "sysv:0x77");
	put(a, "low", 3, 0);
	get(b, &m);
	ck_assert_int_eq(m.type, 1);
	ck_assert_int_eq((int)m.length, 3);
	put(a, "", 0, 32767);
	get(b, &m);
	ck_assert_int_eq(m.type, 32768);
	ck_assert_int_eq((int)m.length, 0);
	ipcq_close(a);
	ipcq_close(b);
}
END_TEST

START_TEST(sysv_to_posix_with_a_type_that_is_no_priority_is_a_dead_letter)
{
	struct ipcq *a = make("sysv:0x78", 0, 0, 4096), *b = make("posix:/b", 4, 64, 0);
	struct got m;

	join("sysv:0x78", "posix:/b");
	put(a, "never", 5, 40000);
	put(a, "one", 3, 1);
	get(b, &m);
	ck_assert_int_eq(m.type, 0);
	ck_assert_mem_eq(m.body, "one", 3);
	for (int i = 0; i < 500 && deadletters_count(fx.dead) == 0; i++)
		turn();
	ck_assert_uint_eq(deadletters_count(fx.dead), 1);
	ipcq_close(a);
	ipcq_close(b);
}
END_TEST

START_TEST(empty_messages_keep_their_place_and_type)
{
	struct ipcq *a = make("sysv:0x79", 0, 0, 4096),
		    *b = make("sysv:0x7a", 0, 0, 4096);
	struct got m;

	join("sysv:0x79", "sysv:0x7a");
	for (int64_t i = 1; i <= 300; i++) {
		put(a, "body", i % 3 == 0 ? 4 : 0, i);
		if (i % 7 == 0)
			turn();
	}
	for (int64_t i = 1; i <= 300; i++) {
		get(b, &m);
		ck_assert_int_eq(m.type, i);
		ck_assert_int_eq((int)m.length, i % 3 == 0 ? 4 : 0);
	}
	ipcq_close(a);
	ipcq_close(b);
}
END_TEST

START_TEST(full_sysv_destination_blocks_the_source_and_loses_nothing)
{
	struct ipcq *a = make("sysv:0x7b", 0, 0, 512),
		    *b = make("sysv:0x7c", 0, 0, 256);
	char body[64] = { 0 };
	int64_t sent = 0;
	struct got m;

	join("sysv:0x7b", "sysv:0x7c");
	/* Until everything is full: destination, ring, source. */
	for (int idle = 0; idle < 100;) {
		if (ipcq_send(a, body, sizeof(body), sent + 1, IPCQ_NOWAIT) == 0) {
			sent++;
			idle = 0;
		} else {
			turn();
			idle++;
		}
	}
	ck_assert_int_gt((int)sent, 100);
	ck_assert_int_lt((int)sent, 65536 / 112 + 32);
	for (int64_t i = 1; i <= sent; i++) {
		get(b, &m);
		ck_assert_int_eq(m.type, i);
	}
	ipcq_close(a);
	ipcq_close(b);
}
END_TEST

START_TEST(queue_that_is_removed_and_made_again_goes_on)
{
	struct ipcq *a = make("sysv:0x7d", 0, 0, 512), *b = make("posix:/c", 4, 64, 0);
	struct got m;

	join("sysv:0x7d", "posix:/c");
	put(a, "1", 1, 1);
	get(b, &m);
	ck_assert_int_eq(ipcq_remove("sysv:0x7d"), 0);
	ck_assert_int_eq(ipcq_remove("posix:/c"), 0);
	ipcq_close(a);
	ipcq_close(b);
	for (int i = 0; i < 5; i++)
		turn();
	a = make("sysv:0x7d", 0, 0, 512);
	b = make("posix:/c", 4, 64, 0);
	put(a, "2", 1, 1);
	get(b, &m);
	ck_assert_mem_eq(m.body, "2", 1);
	ipcq_close(a);
	ipcq_close(b);
}
END_TEST

START_TEST(removed_queue_is_drained_before_the_new_one_is_attached)
{
	struct ipcq *a = make("posix:/d", 4, 64, 0), *b = make("posix:/e", 4, 64, 0);
	struct got m;

	for (char i = 1; i <= 4; i++)
		put(a, &i, 1, 1);
	join("posix:/d", "posix:/e");
	ck_assert_int_eq(ipcq_remove("posix:/d"), 0);
	ipcq_close(a);
	a = make("posix:/d", 4, 64, 0);
	for (char i = 5; i <= 8; i++)
		put(a, &i, 1, 1);
	for (int i = 1; i <= 8; i++) {
		get(b, &m);
		ck_assert_int_eq(m.body[0], i);
	}
	ipcq_close(a);
	ipcq_close(b);
}
END_TEST

START_TEST(message_sent_right_after_its_queue_was_removed_waits_for_the_next)
{
	struct ipcq *a = make("posix:/d", 4, 64, 0), *b = make("posix:/e", 4, 64, 0);
	struct got m;

	join("posix:/d", "posix:/e");
	put(a, "1", 1, 1);
	get(b, &m);
	ipcq_close(b);
	ck_assert_int_eq(ipcq_remove("posix:/e"), 0);
	put(a, "2", 1, 1);
	turn();
	b = make("posix:/e", 4, 64, 0);
	get(b, &m);
	ck_assert_mem_eq(m.body, "2", 1);
	ipcq_close(a);
	ipcq_close(b);
}
END_TEST

START_TEST(message_that_is_too_big_is_a_dead_letter_and_the_next_arrives)
{
	struct ipcq *a = make("posix:/d", 4, 128, 0), *b = make("posix:/e", 4, 16, 0);
	char body[128] = { 0 };
	struct got m;

	join("posix:/d", "posix:/e");
	put(a, body, sizeof(body), 5);
	put(a, "fits", 4, 5);
	get(b, &m);
	ck_assert_int_eq((int)m.length, 4);
	for (int i = 0; i < 500 && deadletters_count(fx.dead) == 0; i++)
		turn();
	ck_assert_uint_eq(deadletters_count(fx.dead), 1);
	ipcq_close(a);
	ipcq_close(b);
}
END_TEST

START_TEST(message_too_big_for_two_routes_is_a_dead_letter_of_each)
{
	struct ipcq *a = make("posix:/d", 4, 128, 0), *b = make("posix:/e", 4, 16, 0);
	struct outlet_env env = {
		.base = fx.base, .runtime = fx.runtime, .disk = fx.disk, .dead = fx.dead
	};
	struct outlet_spec os = { .route = "second", .label = "to-too" };
	char body[128] = { 0 };

	join("posix:/d", "posix:/e");
	ck_assert_int_eq(outlet_new(&fx.second, &env, fx.intake, &os), 0);
	ck_assert_int_eq(delivery_new(&fx.second_sink, fx.target, "to-too"), 0);
	flow_join(outlet_source(fx.second), fx.second_sink);
	put(a, body, sizeof(body), 5);
	for (int i = 0; i < 500 && deadletters_count(fx.dead) < 2; i++)
		turn();
	ck_assert_uint_eq(deadletters_count(fx.dead), 2);
	ipcq_close(a);
	ipcq_close(b);
}
END_TEST

START_TEST(larger_message_after_the_limit_was_raised_makes_the_ring_grow)
{
	struct ipcq *a = make("posix:/f", 4, 64, 0), *b = make("posix:/g", 4, 2048, 0);
	char body[2048] = { 0 };
	struct got m;

	join("posix:/f", "posix:/g");
	put(a, "x", 1, 1);
	get(b, &m);
	ck_assert_int_eq(ipcq_remove("posix:/f"), 0);
	ipcq_close(a);
	a = make("posix:/f", 4, 2048, 0);
	put(a, body, sizeof(body), 1);
	get(b, &m);
	ck_assert_int_eq((int)m.length, 2048);
	ipcq_close(a);
	ipcq_close(b);
}
END_TEST

START_TEST(turn_that_fills_the_ring_goes_on_when_feeding_made_room)
{
	struct ipcq *a = make("posix:/h", 8, 8192, 0),
		    *b = make("posix:/i", 8, 8192, 0);
	char body[8192] = { 0 };
	struct got m;

	fx.ring_bytes = 1; /* the least, 64 KiB: one record less than the queue holds */
	for (char i = 0; i < 8; i++) {
		body[0] = i;
		put(a, body, sizeof(body), 1);
	}
	join("posix:/h", "posix:/i");
	for (char i = 0; i < 8; i++) {
		get(b, &m);
		ck_assert_int_eq(m.body[0], i);
	}
	ipcq_close(a);
	ipcq_close(b);
}
END_TEST

START_TEST(streams_into_one_full_queue_take_turns)
{
	struct ipcq *a = make("sysv:0x81", 0, 0, 4096), *b = make("posix:/j", 4, 64, 0);
	struct ipcq *c = make("sysv:0x82", 0, 0, 4096);
	struct intake_spec is = { .name = "second",
		.uri = "sysv:0x82",
		.take_text = "",
		.ring_bytes = 1 << 16 };
	struct outlet_env env = {
		.base = fx.base, .runtime = fx.runtime, .disk = fx.disk, .dead = fx.dead
	};
	struct outlet_spec os = { .route = "route 2", .label = "to 2" };
	struct intake *in;
	struct outlet *ol;
	struct sink *snk;
	struct got m;
	int before = 0;

	for (int i = 0; i < 100; i++)
		put(a, "a", 1, 1);
	join("sysv:0x81", "posix:/j");
	for (int i = 0; i < 20; i++)
		turn();
	put(c, "c", 1, 1);
	ck_assert_int_eq(intake_new(&in, fx.base, fx.runtime, &is, NULL), 0);
	ck_assert_int_eq(outlet_new(&ol, &env, in, &os), 0);
	ck_assert_int_eq(delivery_new(&snk, fx.target, "to 2"), 0);
	flow_join(outlet_source(ol), snk);
	intake_start(in);
	for (int i = 0; i < 20; i++)
		turn();
	for (get(b, &m); m.body[0] == 'a'; get(b, &m))
		before++;
	ck_assert_int_lt(before, 20);
	snk->ops->close(snk);
	outlet_free(ol);
	intake_free(in);
	ipcq_close(a);
	ipcq_close(b);
	ipcq_close(c);
}
END_TEST

START_TEST(parted_route_ends_with_its_record_blocked_and_not_marked)
{
	struct ipcq *a = make("sysv:0x83", 0, 0, 512), *b = make("sysv:0x84", 0, 0, 8);
	struct target_numbers nb = { 0 };

	join("sysv:0x83", "sysv:0x84");
	for (int i = 0; i < 4; i++)
		put(a, "12345678", 8, 1);
	for (int i = 0; i < 500 && !nb.full; i++) {
		turn();
		target_numbers(fx.target, &nb);
	}
	ck_assert(nb.full);
	fx.sink->source = NULL; /* as route_free() leaves it */
	fx.sink->ops->close(fx.sink);
	fx.sink = NULL;
	ck_assert_uint_eq(mark_value(marks_next(fx.marks, NULL)), 1);
	ipcq_close(a);
	ipcq_close(b);
}
END_TEST

static int
wait_call(void *arg)
{
	int64_t type;

	return ipcq_wait(arg, 0, 0, &type);
}

static void
on_done(void *owner, int rc)
{
	*(int *)owner = rc;
}

START_TEST(worker_cancel_ends_a_blocked_call_and_done_is_told_otherwise)
{
	struct ipcq *q = make("sysv:0x7e", 0, 0, 512);
	struct worker *wk;
	int done = 1000, rc = 0;

	ck_assert_int_eq(worker_new(&wk, fx.base, on_done, &done), 0);
	for (int i = 0; i < 50; i++) {
		worker_run(wk, wait_call, q);
		ck_assert(worker_cancel(wk, &rc));
		ck_assert_int_eq(rc, -EINTR);
	}
	ck_assert(!worker_cancel(wk, &rc));
	worker_run(wk, wait_call, q);
	ck_assert_int_eq(ipcq_send(q, "x", 1, 1, IPCQ_NOWAIT), 0);
	for (int i = 0; i < 500 && done == 1000; i++)
		turn();
	ck_assert_int_eq(done, 0);
	worker_free(wk);
	ipcq_close(q);
}
END_TEST

Suite *
suite_endpoint(void)
{
	Suite *s = suite_create("endpoint");
	TCase *tc = tcase_create("endpoint");

	if (!private_ipc_possible("endpoint"))
		return s;
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, posix_to_sysv_maps_priorities_to_types);
	tcase_add_test(
	    tc, sysv_to_posix_with_a_type_that_is_no_priority_is_a_dead_letter);
	tcase_add_test(tc, empty_messages_keep_their_place_and_type);
	tcase_add_test(tc, full_sysv_destination_blocks_the_source_and_loses_nothing);
	tcase_add_test(tc, queue_that_is_removed_and_made_again_goes_on);
	tcase_add_test(tc, removed_queue_is_drained_before_the_new_one_is_attached);
	tcase_add_test(
	    tc, message_sent_right_after_its_queue_was_removed_waits_for_the_next);
	tcase_add_test(
	    tc, message_that_is_too_big_is_a_dead_letter_and_the_next_arrives);
	tcase_add_test(tc, message_too_big_for_two_routes_is_a_dead_letter_of_each);
	tcase_add_test(
	    tc, larger_message_after_the_limit_was_raised_makes_the_ring_grow);
	tcase_add_test(tc, streams_into_one_full_queue_take_turns);
	tcase_add_test(tc, parted_route_ends_with_its_record_blocked_and_not_marked);
	tcase_add_test(tc, turn_that_fills_the_ring_goes_on_when_feeding_made_room);
	tcase_add_test(
	    tc, worker_cancel_ends_a_blocked_call_and_done_is_told_otherwise);
	suite_add_tcase(s, tc);
	return s;
}
