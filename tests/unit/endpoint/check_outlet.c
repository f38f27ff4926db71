/* A route's end at its source that has an overflow log: what it offers, and what is on the disk. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/private_ipc.h"
#include "../spool/disk_steps.h"
#include "../spool/state_fixture.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/reason.h"
#include "endpoint/intake.h"
#include "endpoint/outlet.h"
#include "endpoint/outlet_requeue.h"
#include "flow/source.h"
#include "lib/ipcq.h"
#include "record/record.h"
#include "spool/deadletter.h"
#include "spool/disk.h"
#include "spool/log.h"
#include "spool/names.h"
#include "spool/ring.h"
#include "spool/runtime.h"
#include "suites.h"

#define DEADLINE_MS 10000
#define INTERVAL_MS 20
#define SOON_MS     300 /* without space it is tried again that soon, on a busy machine */
#define URI         "posix:/outlet"

static struct {
	char dir[64];
	struct event_base *base;
	struct runtime *runtime;
	struct disk *disk;
	struct event *collect;
	struct deadletters *dead;
	struct intake *intake;
	struct outlet *outlet;
	struct ipcq *queue;
	bool requeued;
} fx;

static void
on_disk(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	disk_collect(arg);
}

/* found: a log that lost its stream, or NULL. */
static void
start_route_with(enum log_sync sync, const struct id *found)
{
	struct intake_spec is = {
		.name = "from", .uri = URI, .take_text = "", .ring_bytes = 1 << 16
	};
	struct outlet_spec os = { .route = "route",
		.label = "hub/to",
		.log = found,
		.policy = { .log_limit = 1 << 20,
		    .sync = sync,
		    .sync_interval_ms = INTERVAL_MS } };
	struct outlet_env env = { .base = fx.base,
		.runtime = fx.runtime,
		.disk = fx.disk,
		.dead = fx.dead,
		.log = { .runtime_fd = runtime_dir_fd(fx.runtime),
		    .state_fd = runtime_state_fd(fx.runtime),
		    .disk = fx.disk } };

	ck_assert_int_eq(intake_new(&fx.intake, fx.base, fx.runtime, &is, NULL), 0);
	ck_assert_int_eq(outlet_new(&fx.outlet, &env, fx.intake, &os), 0);
	intake_start(fx.intake);
}

static void
start_route(enum log_sync sync)
{
	start_route_with(sync, NULL);
}

static void
setup(void)
{
	struct ipcq_create cr = { .max_messages = 4, .message_size = 64 };

	memset(&fx, 0, sizeof(fx));
	private_ipc_enter();
	log_setup(LOG_LEVEL_ERROR, LOG_STYLE_PLAIN);
	(void)snprintf(fx.dir, sizeof(fx.dir), "%s", "/dev/shm/mqbridge-out-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fx.dir));
	ck_assert_int_eq(runtime_open(&fx.runtime, fx.dir, fx.dir, NULL), 0);
	fx.base = event_base_new();
	ck_assert_int_eq(disk_new(&fx.disk), 0);
	ck_assert_int_eq(
	    deadletters_open(&fx.dead, runtime_state_fd(fx.runtime), 1 << 20), 0);
	fx.collect = event_new(
	    fx.base, disk_fd(fx.disk), EV_READ | EV_PERSIST, on_disk, fx.disk);
	(void)event_add(fx.collect, NULL);
	ck_assert_int_eq(ipcq_open(&fx.queue, URI, IPCQ_WRITE | IPCQ_CREATE, &cr), 0);
}

static void
remove_tree(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dp = fdopendir(fd);
	const struct dirent *de;

	ck_assert_ptr_nonnull(dp);
	while ((de = readdir(dp)) != NULL)
		if (de->d_name[0] != '.' && unlinkat(fd, de->d_name, 0) != 0)
			remove_tree(fd, de->d_name);
	(void)closedir(dp);
	(void)unlinkat(at, name, AT_REMOVEDIR);
}

static void
teardown(void)
{
	disk_free(fx.disk);
	outlet_free(fx.outlet);
	intake_free(fx.intake);
	deadletters_close(fx.dead);
	event_free(fx.collect);
	event_base_free(fx.base);
	runtime_close(fx.runtime);
	ipcq_close(fx.queue);
	remove_tree(AT_FDCWD, fx.dir);
}

static void
turn(void)
{
	const struct timeval tick = { .tv_usec = 1000 };

	(void)event_base_loopexit(fx.base, &tick);
	(void)event_base_loop(fx.base, EVLOOP_ONCE);
}

#define UNTIL(condition)                                                               \
	do {                                                                           \
		uint64_t by_ms = clock_monotonic_ms() + DEADLINE_MS;                   \
		while (!(condition)) {                                                 \
			ck_assert_uint_lt(clock_monotonic_ms(), by_ms);                \
			turn();                                                        \
		}                                                                      \
	} while (0)

static void
put(const char *body)
{
	ck_assert_int_eq(ipcq_send(fx.queue, body, strlen(body), 1, IPCQ_NOWAIT), 0);
}

static const struct record *
offered(void)
{
	struct source *src = outlet_source(fx.outlet);
	uint64_t seq;
	bool is_new;

	return src->ops->peek(src, &seq, &is_new);
}

static uint64_t
logged(void)
{
	struct outlet_numbers nb;

	outlet_numbers(fx.outlet, &nb);
	return nb.stream.log.waiting;
}

/* A dead letter of this route, as the store has it. */
static struct deadletter
letter(struct record *rec)
{
	struct ring *rg = intake_ring(fx.intake);
	struct source_info info;
	struct source *src = outlet_source(fx.outlet);

	ck_assert_int_eq(src->ops->info(src, &info), 0);
	rec->number = 1000; /* long ago */
	record_seal(rec, ring_seed(rg));
	return (struct deadletter){ .ring = *ring_id(rg),
		.number = rec->number,
		.stream = info.stream,
		.reason = 1,
		.uri = URI,
		.label = "hub/to",
		.route = "route",
		.detail = "",
		.rec = rec };
}

static void
on_requeued(void *owner, int rc, bool appended)
{
	(void)owner;
	ck_assert_int_eq(rc, 0);
	ck_assert(appended);
	fx.requeued = true;
}

/* It may not be sent before its letter is gone, else a kill would let it be sent again: until then
 * nothing is. */
START_TEST(nothing_is_offered_while_a_dead_letter_is_requeued)
{
	struct record rec = { .type = 9 };
	struct deadletter_key key;
	struct deadletter dead;

	start_route(LOG_SYNC_NEVER);
	put("waits");
	UNTIL(offered() != NULL);
	dead = letter(&rec);
	ck_assert_int_eq(deadletters_store(fx.dead, &dead), 0);
	ck_assert_int_eq(outlet_requeue(fx.outlet, &dead, on_requeued, NULL), 0);
	while (!fx.requeued) {
		ck_assert_ptr_null(offered());
		turn();
	}
	key = (struct deadletter_key){ dead.ring, dead.number, dead.stream };
	ck_assert_uint_eq(deadletters_count(fx.dead), 0);
	ck_assert_int_eq(deadletters_remove(fx.dead, &key), -ENOENT);
	UNTIL(offered() != NULL);
	ck_assert_int_eq(offered()->type, 9);
}
END_TEST

static void
on_refused(void *owner, int rc, bool appended)
{
	ck_assert(!appended);
	*(int *)owner = rc;
}

/* Who rejected it does not know yet that the letter is stored, and would reject it again after a
 * crash: it would be there twice. */
START_TEST(letter_whose_message_is_in_flight_in_the_log_is_not_requeued)
{
	struct record rec = { .type = 9 };
	struct source *src;
	struct deadletter dead;
	uint64_t seq, number;
	bool is_new;
	int rc = 0;

	start_route(LOG_SYNC_ALWAYS);
	put("goes through the log");
	UNTIL(offered() != NULL);
	ck_assert_uint_eq(logged(), 1);
	src = outlet_source(fx.outlet);
	number = src->ops->peek(src, &seq, &is_new)->number;
	src->ops->take(src);
	dead = letter(&rec);
	rec.number = dead.number = number;
	record_seal(&rec, ring_seed(intake_ring(fx.intake)));
	ck_assert_int_eq(deadletters_store(fx.dead, &dead), 0);
	rc = outlet_requeue(fx.outlet, &dead, on_refused, &rc);
	UNTIL(rc != 0);
	ck_assert_int_eq(rc, -EINPROGRESS);
	ck_assert_uint_eq(deadletters_count(fx.dead), 1);
	/* Once it is settled it may go. */
	ck_assert_int_eq(src->ops->settle(src, seq), 0);
	ck_assert_int_eq(outlet_requeue(fx.outlet, &dead, on_requeued, NULL), 0);
	UNTIL(fx.requeued);
	ck_assert_uint_eq(deadletters_count(fx.dead), 0);
}
END_TEST

START_TEST(letter_is_requeued_when_the_log_has_room_again)
{
	struct outlet_policy policy = { .sync = LOG_SYNC_ALWAYS,
		.sync_interval_ms = INTERVAL_MS };
	struct record rec = { .type = 9 };
	struct outlet_numbers nb;
	struct deadletter dead;

	start_route(LOG_SYNC_ALWAYS);
	put("fills the log");
	UNTIL(offered() != NULL);
	outlet_numbers(fx.outlet, &nb);
	policy.log_limit = nb.stream.log.bytes + record_stride(0) - 1;
	ck_assert_int_eq(outlet_get_ready(fx.outlet, &policy), 0);
	outlet_change(fx.outlet, &policy, NULL);
	dead = letter(&rec);
	ck_assert_int_eq(deadletters_store(fx.dead, &dead), 0);
	ck_assert_int_eq(outlet_requeue(fx.outlet, &dead, on_requeued, NULL), -EDQUOT);
	ck_assert_uint_eq(deadletters_count(fx.dead), 1);
	policy.log_limit++;
	outlet_change(fx.outlet, &policy, NULL);
	ck_assert_int_eq(outlet_requeue(fx.outlet, &dead, on_requeued, NULL), 0);
	UNTIL(fx.requeued);
	ck_assert_uint_eq(deadletters_count(fx.dead), 0);
}
END_TEST

/* Segments alone are written and synced so. */
static bool
is_synced(void)
{
	const char *order = disk_steps_order();
	const char *written = strrchr(order, 'w');

	return written != NULL && strchr(written, 'f') != NULL;
}

/* A message now and then, which no next one pushes on. */
START_TEST(single_message_is_on_the_disk_after_the_interval)
{
	start_route(LOG_SYNC_INTERVAL);
	disk_steps_record();
	for (uint64_t i = 1; i <= 3; i++) {
		put("one");
		UNTIL(logged() == i);
		UNTIL(is_synced());
		disk_steps_record();
	}
}
END_TEST

static uint64_t
waiting(void)
{
	struct outlet_numbers nb;

	outlet_numbers(fx.outlet, &nb);
	return nb.stream.waiting;
}

/* Nothing is sent meanwhile. */
START_TEST(ring_empties_into_the_log_to_grow_for_larger_messages)
{
	const struct ipcq_create cr = { .max_messages = 4, .message_size = 2048 };
	char large[2000];

	start_route(LOG_SYNC_NEVER);
	put("small");
	UNTIL(waiting() == 1);
	ipcq_close(fx.queue);
	ck_assert_int_eq(ipcq_remove(URI), 0);
	ck_assert_int_eq(ipcq_open(&fx.queue, URI, IPCQ_WRITE | IPCQ_CREATE, &cr), 0);
	memset(large, 'x', sizeof(large));
	ck_assert_int_eq(ipcq_send(fx.queue, large, sizeof(large), 1, IPCQ_NOWAIT), 0);
	UNTIL(waiting() == 2);
	ck_assert_uint_ge(logged(), 1);
}
END_TEST

static bool
is_in_trouble(void)
{
	struct outlet_numbers nb;

	outlet_numbers(fx.outlet, &nb);
	return nb.log.detail[0] != '\0';
}

/* From the first failure, which is when the space comes back. */
START_TEST(log_goes_on_soon_after_there_is_space_again)
{
	uint64_t best_ms = DEADLINE_MS;

	start_route(LOG_SYNC_ALWAYS);
	for (uint64_t i = 1; i <= 5; i++) {
		uint64_t begun_ms, ms;

		outlet_set_reserve(fx.outlet, UINT64_MAX / 2, 0);
		put("one");
		UNTIL(is_in_trouble());
		begun_ms = clock_monotonic_ms();
		outlet_set_reserve(fx.outlet, 0, 0);
		UNTIL(logged() == i);
		ms = clock_monotonic_ms() - begun_ms;
		best_ms = ms < best_ms ? ms : best_ms;
	}
	ck_assert_uint_lt(best_ms, SOON_MS);
}
END_TEST

/* The message stays in the ring: nothing is ever written to that log. */
START_TEST(log_that_could_not_be_made_is_in_no_trouble_when_it_is)
{
	int state_fd = runtime_state_fd(fx.runtime);
	int fd = openat(state_fd, "logs", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	put("waits");
	start_route(LOG_SYNC_NEVER);
	UNTIL(is_in_trouble());
	ck_assert_ptr_null(offered());
	ck_assert_int_eq(unlinkat(state_fd, "logs", 0), 0);
	UNTIL(offered() != NULL);
	ck_assert(!is_in_trouble());
}
END_TEST

static void
on_appended(void *owner, int rc, bool appended)
{
	ck_assert_int_eq(rc, 0);
	*(bool *)owner = appended;
}

/* Requeue a dead letter, and end the route with the letter in store and log; *ret: that log. */
static void
leave_letter_in_both(struct id *ret)
{
	struct record rec = { .type = 9 };
	struct deadletter dead;
	bool appended = false;
	struct names nm;

	start_route(LOG_SYNC_NEVER);
	put("makes the ring");
	UNTIL(offered() != NULL);
	dead = letter(&rec);
	ck_assert_int_eq(deadletters_store(fx.dead, &dead), 0);
	ck_assert_int_eq(outlet_requeue(fx.outlet, &dead, on_appended, &appended), 0);
	UNTIL(appended);
	ck_assert_int_eq(deadletters_store(fx.dead, &dead), 0);
	UNTIL(!outlet_busy(fx.outlet));
	ck_assert_int_eq(log_list(&nm, runtime_state_fd(fx.runtime)), 0);
	ck_assert_uint_eq(nm.n, 1);
	ck_assert_int_eq(id_parse(ret, nm.at[0]), 0);
	names_done(&nm);
	outlet_free(fx.outlet);
	intake_free(fx.intake);
}

static bool
cannot_unlink(void)
{
	struct outlet_numbers nb;

	outlet_numbers(fx.outlet, &nb);
	return strstr(nb.log.detail, strerror(EISDIR)) != NULL;
}

START_TEST(found_log_goes_on_when_its_letters_could_not_be_deleted_at_first)
{
	char name[256];
	struct id found;
	int dir_fd;

	leave_letter_in_both(&found);
	dir_fd =
	    openat(runtime_state_fd(fx.runtime), "dead-letters", O_RDONLY | O_CLOEXEC);
	state_find_file(dir_fd, "", name);
	ck_assert_int_eq(unlinkat(dir_fd, name, 0), 0);
	ck_assert_int_eq(mkdirat(dir_fd, name, 0700), 0);
	start_route_with(LOG_SYNC_NEVER, &found);
	UNTIL(cannot_unlink());
	ck_assert_ptr_null(offered());
	ck_assert_int_eq(unlinkat(dir_fd, name, AT_REMOVEDIR), 0);
	(void)close(dir_fd);
	UNTIL(offered() != NULL);
	ck_assert_int_eq(offered()->type, 9);
	ck_assert_uint_eq(deadletters_count(fx.dead), 0);
	ck_assert(!is_in_trouble());
}
END_TEST

static int held[2]; /* a pipe: a job that reads it holds up the disk thread */

static int
hold_run(struct disk_job *job)
{
	char byte;

	(void)job;
	return read(held[0], &byte, 1) == 1 ? 0 : -EIO;
}

static void
hold_done(struct disk_job *job, int rc)
{
	(void)job;
	ck_assert_int_eq(rc, 0);
}

static bool
is_opening(void)
{
	struct outlet_numbers nb;

	outlet_numbers(fx.outlet, &nb);
	return nb.log.reason == REASON_LOG_OPENING;
}

START_TEST(found_log_is_opened_beside_the_loop_and_its_outlet_may_go_meanwhile)
{
	struct disk_job job = { .run = hold_run, .done = hold_done };
	struct source_info info;
	struct id found;

	leave_letter_in_both(&found);
	ck_assert_int_eq(pipe2(held, O_CLOEXEC), 0);
	disk_submit(fx.disk, &job);
	start_route_with(LOG_SYNC_NEVER, &found);
	UNTIL(is_opening());
	ck_assert_int_eq(
	    outlet_source(fx.outlet)->ops->info(outlet_source(fx.outlet), &info),
	    -EAGAIN);
	outlet_free(fx.outlet);
	intake_free(fx.intake);
	start_route_with(LOG_SYNC_NEVER, &found);
	UNTIL(is_opening());
	ck_assert_int_eq(write(held[1], "", 1), 1);
	UNTIL(offered() != NULL);
	ck_assert_int_eq(offered()->type, 9);
	ck_assert(!is_opening());
	(void)close(held[0]);
	(void)close(held[1]);
}
END_TEST

Suite *
suite_outlet(void)
{
	Suite *s = suite_create("outlet");
	TCase *tc = tcase_create("log");

	if (!private_ipc_possible("outlet"))
		return s;
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, nothing_is_offered_while_a_dead_letter_is_requeued);
	tcase_add_test(
	    tc, letter_whose_message_is_in_flight_in_the_log_is_not_requeued);
	tcase_add_test(tc, letter_is_requeued_when_the_log_has_room_again);
	tcase_add_test(tc, ring_empties_into_the_log_to_grow_for_larger_messages);
	tcase_add_test(tc, single_message_is_on_the_disk_after_the_interval);
	tcase_add_test(tc, log_goes_on_soon_after_there_is_space_again);
	tcase_add_test(tc, log_that_could_not_be_made_is_in_no_trouble_when_it_is);
	tcase_add_test(
	    tc, found_log_goes_on_when_its_letters_could_not_be_deleted_at_first);
	tcase_add_test(
	    tc, found_log_is_opened_beside_the_loop_and_its_outlet_may_go_meanwhile);
	suite_add_tcase(s, tc);
	return s;
}
