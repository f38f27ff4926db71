/* A destination queue that is removed while messages go into it. */
#include <check.h>
#include <event2/event.h>
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../lib/private_ipc.h"
#include "base/clock.h"
#include "base/log.h"
#include "endpoint/delivery.h"
#include "flow/sink.h"
#include "program.h"
#include "record/record.h"
#include "spool/marks.h"
#include "spool/runtime.h"
#include "suites.h"

#define DEADLINE_MS 10000
#define MESSAGES    8 /* that the source has */

static struct {
	struct event_base *base;
	struct runtime *runtime;
	struct marks *marks;
	struct target *target;
	struct sink *sink;
	struct source source;
	struct id stream;
	uint64_t acked, taken;
	uint64_t strike_at;   /* before that sequence is handed out */
	void (*strike)(void); /* this is done */
	struct ipcq *old;     /* the queue that is removed, still open */
	_Alignas(8) uint8_t record[RECORD_HEADER + 8];
	char dir[64];
} fx;

static int
source_info(struct source *src, struct source_info *ret)
{
	(void)src;
	*ret = (struct source_info){
		.stream = fx.stream, .next = 1, .kind = FLOW_SYSV, .max_body = 1
	};
	return 0;
}

/* Its body and its type are the sequence. */
static const struct record *
source_record(uint64_t seq)
{
	struct record *rec = (struct record *)(void *)fx.record;

	memset(rec, 0, sizeof(fx.record));
	rec->length = 1;
	rec->number = seq;
	rec->type = 1;
	rec->body[0] = (uint8_t)seq;
	return rec;
}

static const struct record *
source_peek(struct source *src, uint64_t *ret_seq, bool *ret_new)
{
	(void)src;
	if (fx.taken == MESSAGES)
		return NULL;
	*ret_seq = fx.taken + 1;
	*ret_new = true;
	if (*ret_seq == fx.strike_at)
		fx.strike();
	return source_record(*ret_seq);
}

static void
source_take(struct source *src)
{
	(void)src;
	fx.taken++;
}

static const struct record *
source_taken(struct source *src, uint64_t seq)
{
	(void)src;
	return seq > fx.acked && seq <= fx.taken ? source_record(seq) : NULL;
}

static int
source_settle(struct source *src, uint64_t seq)
{
	(void)src;
	fx.acked = seq;
	return 0;
}

static int
source_rewind(struct source *src, uint64_t mark)
{
	(void)src;
	(void)mark;
	return 0;
}

static const struct source_ops source_ops = {
	.info = source_info,
	.peek = source_peek,
	.take = source_take,
	.taken = source_taken,
	.settle = source_settle,
	.rewind = source_rewind,
};

static void
setup(void)
{
	uint64_t doubts;

	private_ipc_enter();
	log_setup(LOG_LEVEL_ERROR, LOG_STYLE_PLAIN);
	(void)snprintf(fx.dir, sizeof(fx.dir), "%s", "/dev/shm/mqbridge-tgt-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fx.dir));
	ck_assert_int_eq(runtime_open(&fx.runtime, fx.dir, fx.dir, NULL), 0);
	ck_assert_int_eq(marks_open(&fx.marks, runtime_dir_fd(fx.runtime), &doubts), 0);
	ck_assert_int_eq(id_make(&fx.stream), 0);
	fx.base = event_base_new();
	fx.source.ops = &source_ops;
}

static void
teardown(void)
{
	fx.sink->ops->close(fx.sink);
	target_free(fx.target);
	marks_close(fx.marks);
	event_base_free(fx.base);
	runtime_close(fx.runtime);
	ipcq_close(fx.old);
	program_run("rm", "-rf", fx.dir, NULL);
}

static struct ipcq *
make(const char *uri, uint64_t max_bytes)
{
	const struct ipcq_create cr = { .max_messages = MESSAGES,
		.message_size = 16,
		.max_bytes = max_bytes,
		.mode = 0600,
		.owner = (uid_t)-1,
		.group = (gid_t)-1 };
	struct ipcq *q;

	ck_assert_int_eq(
	    ipcq_open(&q, uri, IPCQ_READ | IPCQ_WRITE | IPCQ_CREATE, &cr), 0);
	return q;
}

static void
deliver_to(const char *uri)
{
	const struct target_env env = { fx.base, fx.marks, NULL, NULL };
	const struct target_spec spec = { .name = "to", .uri = uri };

	ck_assert_int_eq(target_new(&fx.target, &env, &spec), 0);
	ck_assert_int_eq(delivery_new(&fx.sink, fx.target, "to"), 0);
	target_start(fx.target);
	flow_join(&fx.source, fx.sink);
}

static void
turn(void)
{
	const struct timeval tick = { .tv_usec = 10000 };

	(void)event_base_loopexit(fx.base, &tick);
	(void)event_base_loop(fx.base, EVLOOP_ONCE);
}

static void
until_acked(uint64_t seq)
{
	uint64_t deadline = clock_monotonic_ms() + DEADLINE_MS;

	while (fx.acked < seq) {
		ck_assert_uint_lt(clock_monotonic_ms(), deadline);
		turn();
	}
}

/* The first byte of the next message, -1: there is none. */
static int
next(struct ipcq *q)
{
	struct {
		int64_t type;
		uint8_t body[8192];
	} slot;
	ssize_t n = ipcq_receive_slot(q, slot.body, sizeof(slot.body), 0, IPCQ_NOWAIT);

	return n < 0 ? -1 : slot.body[0];
}

static void
strike_posix(void)
{
	ck_assert_int_eq(ipcq_remove("posix:/t"), 0);
}

START_TEST(message_into_a_queue_removed_in_the_same_round_comes_again_and_is_in_doubt)
{
	struct ipcq *q;
	struct doubt db;

	fx.old = make("posix:/t", 0);
	fx.strike_at = 4;
	fx.strike = strike_posix;
	deliver_to("posix:/t");
	ck_assert_uint_eq(fx.acked, 3);
	q = make("posix:/t", 0);
	until_acked(MESSAGES);
	for (int i = 1; i <= 4; i++)
		ck_assert_int_eq(next(fx.old), i);
	ck_assert_int_eq(next(fx.old), -1);
	for (int i = 4; i <= MESSAGES; i++)
		ck_assert_int_eq(next(q), i);
	ck_assert_int_eq(next(q), -1);
	ck_assert_uint_eq(marks_doubts_total(fx.marks), 1);
	marks_doubt_at(fx.marks, 0, &db);
	ck_assert_uint_eq(db.seq, 4);
	ck_assert_int_eq(db.outcome, DOUBT_RESENT);
	ipcq_close(q);
}
END_TEST

static atomic_int reader_tid;
static int reader_got;

/* As any program receives: while it waits the kernel gives it a message without queueing it. */
static void *
reader(void *arg)
{
	mqd_t mq = mq_open("/t", O_RDONLY);
	char body[16];

	(void)arg;
	atomic_store(&reader_tid, (int)syscall(SYS_gettid));
	if (mq_receive(mq, body, sizeof(body), NULL) == 1)
		reader_got = body[0];
	(void)mq_close(mq);
	return NULL;
}

/* It told its number and sleeps since: it waits for a message. */
static bool
reader_waits(void)
{
	char path[64], line[256] = "";
	FILE *fp;

	if (atomic_load(&reader_tid) == 0)
		return false;
	(void)snprintf(
	    path, sizeof(path), "/proc/self/task/%d/stat", atomic_load(&reader_tid));
	fp = fopen(path, "re");
	ck_assert_ptr_nonnull(fp);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), fp));
	(void)fclose(fp);
	return strstr(line, ") S ") != NULL;
}

START_TEST(message_that_a_reader_of_the_removed_queue_gets_is_not_in_doubt)
{
	uint64_t deadline = clock_monotonic_ms() + DEADLINE_MS;
	pthread_t thread;
	struct ipcq *q;

	fx.old = make("posix:/t", 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, reader, NULL), 0);
	while (!reader_waits())
		ck_assert_uint_lt(clock_monotonic_ms(), deadline);
	fx.strike_at = 1;
	fx.strike = strike_posix;
	deliver_to("posix:/t");
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(reader_got, 1);
	q = make("posix:/t", 0);
	until_acked(MESSAGES);
	ck_assert_int_eq(next(q), 2);
	ck_assert_uint_eq(marks_doubts_total(fx.marks), 0);
	ipcq_close(q);
}
END_TEST

START_TEST(blocked_message_of_a_removed_sysv_queue_goes_into_the_next_one)
{
	struct target_numbers nb = { 0 };
	struct ipcq *q;

	fx.old = make("sysv:0x91", 3);
	deliver_to("sysv:0x91");
	for (int i = 0; i < 500 && !nb.full; i++) {
		turn();
		target_numbers(fx.target, &nb);
	}
	ck_assert(nb.full);
	ck_assert_uint_eq(fx.acked, 3);
	ck_assert_int_eq(ipcq_remove("sysv:0x91"), 0);
	q = make("sysv:0x91", 64);
	until_acked(MESSAGES);
	for (int i = 4; i <= MESSAGES; i++)
		ck_assert_int_eq(next(q), i);
	ck_assert_int_eq(next(q), -1);
	ck_assert_uint_eq(marks_doubts_total(fx.marks), 0);
	ipcq_close(q);
}
END_TEST

Suite *
suite_target(void)
{
	Suite *s = suite_create("target");
	TCase *tc = tcase_create("target");

	if (!private_ipc_possible("target"))
		return s;
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc,
	    message_into_a_queue_removed_in_the_same_round_comes_again_and_is_in_doubt);
	tcase_add_test(
	    tc, message_that_a_reader_of_the_removed_queue_gets_is_not_in_doubt);
	tcase_add_test(
	    tc, blocked_message_of_a_removed_sysv_queue_goes_into_the_next_one);
	suite_add_tcase(s, tc);
	return s;
}
