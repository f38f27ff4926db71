/* A ring and two streams, used at random, beside a model that is nothing but lists. At
 * random steps the files are copied as a kill would leave them and the copy goes on. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ring_fixture.h"
#include "spool/stream.h"
#include "suites.h"

#define MAX_BODY   64
#define MESSAGES   2000 /* at most, in one run */
#define STEPS      8000
#define STREAMS    2
#define RUNS       6
#define PRIORITIES 4

enum state { WAITING, PARKED, IN_FLIGHT, SETTLED };

struct model_stream {
	enum state state[MESSAGES];   /* by number */
	uint64_t number_of[MESSAGES]; /* by sequence */
	uint64_t acked, acknowledged, next, resend;
	bool rejected[MESSAGES]; /* by sequence; pending */
	unsigned parks;
};

static struct model {
	uint64_t messages; /* numbers 1 to this were received */
	int64_t priority[MESSAGES];
	uint32_t length[MESSAGES];
	bool recovered[MESSAGES];
	struct model_stream streams[STREAMS];
} model;

static uint64_t random_state;
static struct ring_dir dirs[2];
static int now; /* the directory in use */
static struct ring *ring;
static struct stream *streams[STREAMS];
static char files[STREAMS][256];

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

/* The model's idea of what comes next: a number and its sequence. */
static bool
model_next(const struct model_stream *ms, uint64_t *ret_number, uint64_t *ret_seq)
{
	uint64_t best = 0;

	if (ms->resend < ms->next) {
		*ret_seq = ms->resend;
		*ret_number = ms->number_of[ms->resend];
		return true;
	}
	for (uint64_t n = 1; n <= model.messages; n++)
		if (ms->state[n] == WAITING &&
		    (best == 0 || model.priority[n] > model.priority[best]))
			best = n;
	*ret_seq = ms->next;
	*ret_number = best;
	return best != 0;
}

static void
model_take(struct model_stream *ms, uint64_t number, uint64_t seq)
{
	if (seq == ms->next) {
		ms->number_of[seq] = number;
		ms->state[number] = IN_FLIGHT;
		ms->next++;
	}
	ms->resend = seq + 1;
}

static void
model_advance(struct model_stream *ms)
{
	while (ms->acked < ms->acknowledged && !ms->rejected[ms->acked + 1]) {
		ms->acked++;
		ms->state[ms->number_of[ms->acked]] = SETTLED;
	}
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
	if (!model_next(ms, &number, &seq)) {
		ck_assert_ptr_null(rec);
		return;
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
		if (model_next(ms, &number, &seq))
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
	bool is_new = model_next(ms, &number, &seq) && seq == ms->next;
	int rc = stream_park(streams[i], &rec);

	if (!is_new) {
		ck_assert_int_eq(rc, -EINVAL);
	} else if (ms->parks == STREAM_REJECTS) {
		ck_assert_int_eq(rc, -ENOSPC);
	} else {
		ck_assert_int_eq(rc, 0);
		assert_record(rec, number);
		ms->state[number] = PARKED;
		ms->parks++;
	}
}

static void
step_park_stored(int i)
{
	struct model_stream *ms = &model.streams[i];

	for (uint64_t n = 1; n <= model.messages; n++)
		if (ms->state[n] == PARKED && pick(2) == 0) {
			stream_park_stored(streams[i], ring_find(ring, n));
			ms->state[n] = SETTLED;
			ms->parks--;
		}
}

/* What a restart forgets. */
static void
model_restart(struct model_stream *ms)
{
	ms->acknowledged = ms->acked;
	ms->resend = ms->acked + 1;
	memset(ms->rejected, 0, sizeof(ms->rejected));
	ms->parks = 0;
	for (uint64_t n = 1; n <= model.messages; n++)
		if (ms->state[n] == PARKED)
			ms->state[n] = WAITING;
}

/* A kill, now and then in the middle of a receive: the copy of the files goes on. */
static void
step_kill(void)
{
	struct ring_report report;
	bool cut_off = pick(2) == 0 && receive() != NULL;

	if (cut_off)
		model.recovered[model.messages] = true;
	ring_dir_copy(&dirs[now], &dirs[!now]);
	for (int i = 0; i < STREAMS; i++) {
		stream_close(streams[i]);
		streams[i] = NULL;
	}
	ring_close(ring);
	now = !now;
	ring = ring_dir_reopen(&dirs[now], &report);
	ck_assert_int_eq(report.recovered, cut_off);
	ck_assert_uint_eq(report.damaged, 0);
	for (int i = 0; i < STREAMS; i++) {
		ck_assert_int_eq(
		    stream_open(&streams[i], dirs[now].fd, files[i], ring), 0);
		model_restart(&model.streams[i]);
	}
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
		else if (pick(3) == 0)
			step_kill();
	}
}

static void
setup(void)
{
	memset(&model, 0, sizeof(model));
	now = 0;
	for (int i = 0; i < 2; i++)
		ring_dir_open(&dirs[i]);
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
	for (int i = 0; i < STREAMS; i++)
		stream_close(streams[i]);
	ring_close(ring);
	for (int i = 0; i < 2; i++)
		ring_dir_close(&dirs[i]);
}

START_TEST(random_use_agrees_with_model)
{
	random_state = 77 + (uint64_t)_i;
	for (int k = 0; k < STEPS; k++) {
		step();
		assert_agreement();
	}
	ck_assert_uint_gt(model.messages, 300);
	ck_assert_uint_gt(ring_head(ring), 4 * ring_bytes(ring));
}
END_TEST

Suite *
suite_stream_model(void)
{
	Suite *suite = suite_create("stream_model");
	TCase *tc = tcase_create("model");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, random_use_agrees_with_model, 0, RUNS);
	suite_add_tcase(suite, tc);
	return suite;
}
