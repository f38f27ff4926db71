/* A ring and two streams, used at random, beside a model that is nothing but lists. At
 * random steps the files are copied as a kill would leave them and the copy goes on. In half of the
 * runs the first stream has an overflow log; that changes nothing in what comes out. */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"
#include "ring_fixture.h"
#include "spool/disk.h"
#include "spool/log_private.h"
#include "spool/stream.h"
#include "stream_model.h"
#include "suites.h"

#define STEPS      8000
#define RUNS       6
#define PRIORITIES 4
#define DEADLINE   5000 /* ms; of the disk thread's work */

static uint64_t random_state;
static struct ring_dir dirs[2];
static int now; /* the directory in use */
static struct ring *ring;
static struct stream *streams[STREAMS];
static char files[STREAMS][256];
static const struct record
    *parked[STREAMS][MESSAGES]; /* by number; while they are parked */

/* The overflow log of the first stream. */
static struct ring_dir states[2]; /* beside dirs */
static struct disk *disk;
static struct log *logs[STREAMS]; /* NULL: none */
static struct id log_of, log_stream;
static int moved;   /* what the last move ended with */
static bool moving; /* it has not ended */
static uint64_t moves;

static void
pump(void)
{
	struct pollfd pfd = { .fd = disk_fd(disk), .events = POLLIN };

	ck_assert_int_eq(poll(&pfd, 1, DEADLINE), 1);
	disk_collect(disk);
}

static void
on_changed(void *owner)
{
	(void)owner;
}

static void
on_moved(void *owner, int rc)
{
	ck_assert_ptr_eq(owner, &moving);
	moved = rc;
	moving = false;
}

static struct log_env
log_env_now(void)
{
	return (struct log_env){
		.runtime_fd = dirs[now].fd, .state_fd = states[now].fd, .disk = disk
	};
}

static struct log_spec
log_spec_now(const struct id *stream)
{
	return (struct log_spec){ .stream = *stream,
		.ring = *ring_id(ring),
		.seed = ring_seed(ring),
		.uri = "posix:/model",
		.take = "",
		.label = "model",
		.limit = UINT64_C(1) << 30,
		.changed = on_changed };
}

static uint32_t
pick(uint32_t below)
{
	return ring_random(&random_state, below);
}

static void
body_make(char body[MAX_BODY], uint64_t number)
{
	memset(body, 'a' + (int)(number % 26), MAX_BODY);
}

static void
assert_record(const struct record *rec, uint64_t number)
{
	char body[MAX_BODY];

	body_make(body, number);
	ck_assert_uint_eq(rec->number, number);
	ck_assert_int_eq(rec->type, model.priority[number]);
	ck_assert_uint_eq(rec->length, model.length[number]);
	ck_assert_mem_eq(rec->body, body, rec->length);
	ck_assert_int_eq((rec->flags & RECORD_RECOVERED) != 0, model.recovered[number]);
	ck_assert_int_eq(record_check(rec, ring_bytes(ring), ring_seed(ring)), 0);
}

static void
assert_stream(struct stream *st, const struct model_stream *ms)
{
	uint64_t number = 0, seq = 0, got_seq = 0;
	struct stream_numbers nb;
	const struct record *rec;
	bool is_new = false;

	stream_numbers(st, &nb);
	ck_assert_uint_eq(nb.acked, ms->acked);
	ck_assert_uint_eq(nb.next, ms->next);
	rec = stream_peek(st, &got_seq, &is_new);
	if (!model_next(ms, &number, &seq) || model_behind_parked(ms, number, seq)) {
		ck_assert_ptr_null(rec);
		return;
	}
	/* It may have to be read. */
	while (rec == NULL && stream_log(st) != NULL) {
		pump();
		rec = stream_peek(st, &got_seq, &is_new);
	}
	ck_assert_ptr_nonnull(rec);
	ck_assert_uint_eq(got_seq, seq);
	ck_assert_int_eq(is_new, seq == ms->next);
	assert_record(rec, number);
}

/* Everything that can be asked, against the model. */
static void
assert_agreement(void)
{
	uint64_t live = 0;

	for (uint64_t n = model.messages; n > 0; n--)
		if (model.streams[0].state[n] != SETTLED ||
		    model.streams[1].state[n] != SETTLED)
			live = model.messages - n + 1;
	if (logs[0] == NULL)
		ck_assert_uint_eq(ring_records(ring), live);
	for (int i = 0; i < STREAMS; i++)
		assert_stream(streams[i], &model.streams[i]);
}

static struct record *
receive(void)
{
	struct record *rec = NULL;
	char body[MAX_BODY];
	uint64_t number = model.messages + 1;

	if (number + 1 >= MESSAGES || ring_reserve(ring, &rec) < 0)
		return NULL;
	model.messages = number;
	model.priority[number] = pick(PRIORITIES);
	model.length[number] = pick(MAX_BODY + 1);
	body_make(body, number);
	return ring_receive(ring, body, model.length[number], model.priority[number]);
}

static void
admit(void)
{
	for (int i = 0; i < STREAMS; i++)
		ck_assert_int_eq(stream_admit(streams[i]), 0);
}

static void
step_receive(void)
{
	struct record *rec = receive();

	if (rec != NULL)
		ring_commit(ring, rec, model.length[model.messages], 1);
	admit();
}

static void
step_take_run(int i)
{
	struct model_stream *ms = &model.streams[i];
	uint32_t count = 1 + pick(8), max_body = pick(3) == 0 ? 40 : MAX_BODY;
	uint64_t number, seq, bytes = 48 + pick(400), used = 0;
	struct stream_run run;
	uint32_t got = stream_take_run(streams[i], count, bytes, max_body, &run);

	if (got == 0) {
		if (model_next(ms, &number, &seq) &&
		    !model_behind_parked(ms, number, seq))
			ck_assert(record_stride(model.length[number]) > bytes ||
				  model.length[number] > max_body);
		return;
	}
	ck_assert_uint_le(got, count);
	for (uint32_t k = 0; k < got; k++) {
		ck_assert(model_next(ms, &number, &seq));
		ck_assert_uint_eq(seq, run.seq + k);
		assert_record(
		    (const struct record *)(const void *)((const uint8_t *)run.first +
							  used),
		    number);
		ck_assert_uint_le(model.length[number], max_body);
		used += record_stride(model.length[number]);
		model_take(ms, number, seq);
	}
	ck_assert_uint_eq(used, run.bytes);
	ck_assert_uint_le(used, bytes);
}

static void
step_acknowledge(int i)
{
	struct model_stream *ms = &model.streams[i];
	uint64_t seq = ms->acked + pick((uint32_t)(ms->next - ms->acked));

	ck_assert_int_eq(stream_acknowledge(streams[i], seq), 0);
	ck_assert_int_eq(stream_acknowledge(streams[i], ms->next), -EBADMSG);
	if (seq > ms->acknowledged) {
		ms->acknowledged = seq;
		if (ms->resend <= seq)
			ms->resend = seq + 1;
	}
	model_advance(ms);
}

static void
step_rewind(int i)
{
	struct model_stream *ms = &model.streams[i];
	uint64_t mark = ms->acked + pick((uint32_t)(ms->next - ms->acked));

	ck_assert_int_eq(stream_rewind(streams[i], mark), 0);
	ms->resend = mark + 1;
	if (ms->acknowledged > mark)
		ms->acknowledged = mark;
}

static void
step_reject(int i)
{
	struct model_stream *ms = &model.streams[i];
	uint64_t seq = ms->acked + 1 + pick(4);
	int rc = stream_reject(streams[i], seq);

	if (seq >= ms->next) {
		ck_assert_int_eq(rc, -EBADMSG);
		return;
	}
	ck_assert_int_eq(rc, 0);
	ms->rejected[seq] = true;
}

static void
step_stored(int i)
{
	struct model_stream *ms = &model.streams[i];

	for (uint64_t seq = ms->acked + 1; seq < ms->next; seq++)
		if (ms->rejected[seq] && pick(2) == 0) {
			stream_reject_stored(streams[i], seq);
			ms->rejected[seq] = false;
		}
	model_advance(ms);
}

static void
step_park(int i)
{
	struct model_stream *ms = &model.streams[i];
	const struct record *rec = NULL;
	uint64_t number = 0, seq = 0;
	bool is_new = model_next(ms, &number, &seq) && seq == ms->next &&
		      !model_behind_parked(ms, number, seq);
	int rc = stream_park(streams[i], &rec);

	if (!is_new) {
		ck_assert_int_eq(rc, -EINVAL);
	} else if (rc == -EAGAIN) {
		/* In the log, behind others that are not settled. */
		ck_assert(model.in_log[number]);
	} else if (ms->parks == STREAM_REJECTS) {
		ck_assert_int_eq(rc, -ENOSPC);
	} else {
		ck_assert_int_eq(rc, 0);
		assert_record(rec, number);
		ms->state[number] = PARKED;
		parked[i][number] = rec;
		ms->parks++;
	}
}

static void
step_park_stored(int i)
{
	struct model_stream *ms = &model.streams[i];

	for (uint64_t n = 1; n <= model.messages; n++)
		if (ms->state[n] == PARKED && pick(2) == 0) {
			stream_park_stored(streams[i], parked[i][n]);
			ms->state[n] = SETTLED;
			ms->parks--;
		}
}

/* What waits and is not in the ring any more. */
static void
find_logged(void)
{
	for (uint64_t n = 1; n <= model.messages; n++) {
		const struct record *rec = ring_find(ring, n);

		model.in_log[n] =
		    logs[0] != NULL && model.streams[0].state[n] <= PARKED &&
		    (rec == NULL || (rec->state & RECORD_SETTLED(0)) != 0);
	}
}

static void
remove_logs(const struct ring_dir *state)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/logs", state->path);
	program_run("rm", "-rf", path, NULL);
}

static void
copy_states(void)
{
	char from[160];

	remove_logs(&states[!now]);
	(void)snprintf(from, sizeof(from), "%s/logs", states[now].path);
	program_run("cp", "-a", from, states[!now].path);
}

static void
close_all(void)
{
	disk_free(disk); /* first: its jobs are of the logs */
	disk = NULL;
	for (int i = 0; i < STREAMS; i++) {
		stream_close(streams[i]);
		log_close(logs[i]);
		streams[i] = NULL;
		logs[i] = NULL;
	}
	ring_close(ring);
	ring = NULL;
}

static void
reopen_all(bool logged)
{
	ck_assert_int_eq(disk_new(&disk), 0);
	for (int i = 0; i < STREAMS; i++) {
		if (logged && i == 0) {
			struct log_env env = log_env_now();
			struct log_spec spec = log_spec_now(&log_stream);
			uint64_t replayed = 1;

			ck_assert_int_eq(
			    log_open(&logs[i], &env, &log_of, &spec, &replayed), 0);
			ck_assert_uint_eq(replayed, 0);
		}
		ck_assert_int_eq(
		    stream_open(&streams[i], dirs[now].fd, files[i], ring, logs[i]), 0);
		model_restart(&model.streams[i]);
	}
	find_logged();
}

/* What is parked leaves its place: when it waits again in the ring, newer ones may have gone to
 * the log, which goes first. The model knows no such thing. */
static void
store_parked(struct model_stream *ms)
{
	for (uint64_t n = 1; n <= model.messages; n++)
		if (ms->state[n] == PARKED && !model.in_log[n]) {
			stream_park_stored(streams[0], parked[0][n]);
			ms->state[n] = SETTLED;
			ms->parks--;
		}
}

/* A kill, now and then in the middle of a receive: the copy of the files goes on. */
static void
step_kill(void)
{
	struct ring_report report;
	bool cut_off = pick(2) == 0 && receive() != NULL, logged = logs[0] != NULL;

	if (cut_off)
		model.recovered[model.messages] = true;
	if (logged)
		store_parked(&model.streams[0]);
	ring_dir_copy(&dirs[now], &dirs[!now]);
	if (logged)
		copy_states();
	close_all();
	now = !now;
	ring = ring_dir_reopen(&dirs[now], &report);
	ck_assert_int_eq(report.recovered, cut_off);
	ck_assert_uint_eq(report.damaged, 0);
	reopen_all(logged);
}

/* Some go to the log, now and then cut off before that counts. */
static void
step_move(void)
{
	uint64_t sent_to = pick(2) == 0 ? 0 : model.streams[0].next - 1;
	int count =
	    stream_move(streams[0], sent_to, ring_head(ring), on_moved, &moving);

	if (count == 0)
		return;
	ck_assert_int_gt(count, 0);
	moving = true;
	if (pick(8) == 0) {
		struct pollfd pfd = { .fd = disk_fd(disk), .events = POLLIN };

		ck_assert_int_eq(poll(&pfd, 1, DEADLINE), 1);
		step_kill();
		return;
	}
	while (moving)
		pump();
	ck_assert_int_eq(moved, count);
	moves++;
	find_logged();
}

static void
step(void)
{
	int i = (int)pick(STREAMS);

	switch (pick(12)) {
	case 0:
	case 1:
	case 2:
	case 3:
		step_receive();
		break;
	case 4:
	case 5:
		step_take_run(i);
		break;
	case 6:
	case 7:
		step_acknowledge(i);
		break;
	case 8:
		step_rewind(i);
		break;
	case 9:
		step_reject(i);
		break;
	case 10:
		step_stored(i);
		break;
	default:
		if (pick(4) == 0)
			step_park(i);
		else if (pick(2) == 0)
			step_park_stored(i);
		else if (logs[0] != NULL && pick(3) != 0)
			step_move();
		else if (pick(3) == 0)
			step_kill();
	}
}

static void
setup(void)
{
	memset(&model, 0, sizeof(model));
	now = 0;
	moves = 0;
	ck_assert_int_eq(disk_new(&disk), 0);
	for (int i = 0; i < 2; i++) {
		ring_dir_open(&dirs[i]);
		ring_dir_open(&states[i]);
	}
	ring = ring_dir_make(&dirs[0], RING_POSIX, MAX_BODY);
	for (int i = 0; i < STREAMS; i++) {
		char text[ID_TEXT];

		ck_assert_int_eq(
		    stream_create(&streams[i], dirs[0].fd, ring, "model"), 0);
		(void)snprintf(files[i], sizeof(files[i]), "stream-%s",
		    id_format(text, stream_id(streams[i])));
		model.streams[i].next = model.streams[i].resend = 1;
	}
}

static void
teardown(void)
{
	close_all();
	for (int i = 0; i < 2; i++) {
		remove_logs(&states[i]);
		ring_dir_close(&dirs[i]);
		ring_dir_close(&states[i]);
	}
}

static void
use_log(void)
{
	struct log_env env = log_env_now();
	struct log_spec spec;

	log_stream = *stream_id(streams[0]);
	spec = log_spec_now(&log_stream);
	ck_assert_int_eq(log_create(&logs[0], &env, &spec), 0);
	ck_assert_int_eq(log_dir_begin(logs[0]), 0); /* a crash copies it */
	log_of = *log_id(logs[0]);
	ck_assert_int_eq(stream_use_log(streams[0], logs[0]), 0);
}

START_TEST(random_use_agrees_with_model)
{
	bool logged = _i >= RUNS;

	random_state = 77 + (uint64_t)_i;
	if (logged)
		use_log();
	for (int k = 0; k < STEPS; k++) {
		step();
		assert_agreement();
	}
	ck_assert_uint_gt(model.messages, 300);
	ck_assert_uint_gt(ring_head(ring), 4 * ring_bytes(ring));
	if (logged)
		ck_assert_uint_gt(moves, 30);
}
END_TEST

Suite *
suite_stream_model(void)
{
	Suite *suite = suite_create("stream_model");
	TCase *tc = tcase_create("model");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, random_use_agrees_with_model, 0, 2 * RUNS);
	suite_add_tcase(suite, tc);
	return suite;
}
