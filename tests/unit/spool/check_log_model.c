/* An overflow log used at random, beside a model that is nothing but lists. At random steps
 * it is left as a kill would leave it, and opened again. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log_fixture.h"
#include "ring_fixture.h"
#include "spool/disk.h"
#include "spool/log_private.h"
#include "suites.h"

#define RECORDS    20000 /* at most, in one run */
#define STEPS      1500
#define RUNS       6
#define PRIORITIES 5
#define WINDOW     400

enum state { ABSENT, IN_RING, WAITING, IN_FLIGHT, SETTLED, DROPPED };

static struct model {
	uint64_t records; /* numbers 1 to this were made */
	enum state state[RECORDS];
	int64_t priority[RECORDS];
	uint64_t place[RECORDS];  /* in the log, 0: not there */
	uint64_t number[RECORDS]; /* by sequence */
	uint64_t acked, next;
} model;

static struct log_lab lab;
static uint64_t random_state;

static uint32_t
pick(uint32_t below)
{
	return ring_random(&random_state, below);
}

/* The number that comes next of a priority, 0: none. */
static uint64_t
model_first(int64_t priority)
{
	for (uint64_t n = 1; n <= model.records; n++)
		if (model.state[n] == WAITING && model.priority[n] == priority)
			return n;
	return 0;
}

static uint64_t
model_next(void)
{
	for (int64_t priority = PRIORITIES - 1; priority >= 0; priority--) {
		uint64_t n = model_first(priority);

		if (n != 0)
			return n;
	}
	return 0;
}

static uint64_t
model_waiting(int64_t priority)
{
	uint64_t count = 0;

	for (uint64_t n = 1; n <= model.records; n++)
		count += model.state[n] == WAITING && model.priority[n] == priority;
	return count;
}

static uint64_t
lane_waiting(int64_t priority)
{
	const struct log_lane *ln = log_lane_find(lab.log, priority);
	uint64_t count = 0;

	if (ln == NULL)
		return 0;
	for (const struct log_segment *sg = ln->first; sg != NULL; sg = sg->next)
		count += sg->waiting;
	return count;
}

static void
check_waiting(void)
{
	uint64_t all = 0;

	for (int64_t priority = 0; priority < PRIORITIES; priority++) {
		ck_assert_uint_eq(lane_waiting(priority), model_waiting(priority));
		all += model_waiting(priority);
	}
	ck_assert_uint_eq(log_lab_numbers(&lab).waiting, all);
}

static uint32_t
pick_length(void)
{
	switch (pick(10)) {
	case 0:
		return pick(100000);
	case 1:
		return 0;
	default:
		return pick(300);
	}
}

static uint64_t
make_record(struct log_item *item, bool sent)
{
	uint64_t n = ++model.records;
	int64_t priority = pick(3) == 0 ? pick(PRIORITIES) : 1;
	struct record *rec = log_lab_record(&lab, n, priority, pick_length());

	model.priority[n] = priority;
	model.state[n] = sent ? IN_FLIGHT : IN_RING;
	*item = (struct log_item){ .rec = rec, .priority = priority };
	if (sent) {
		item->priority = SEGMENT_SENT;
		item->seq = model.next++;
		model.number[item->seq] = n;
	}
	return n;
}

static void
items_free(struct log_item *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		void *rec;

		memcpy(&rec, &items[i].rec, sizeof(rec));
		free(rec);
	}
}

/* Some that wait; now and then with some that have been sent, in any order. */
static size_t
make_batch(struct log_item *items, size_t max)
{
	size_t count = 1 + pick((uint32_t)max);
	bool sent = pick(4) == 0 && model.next - model.acked + count < WINDOW;

	if (model.records + count >= RECORDS)
		return 0;
	for (size_t i = 0; i < count; i++)
		(void)make_record(&items[i], sent && pick(2) == 0);
	for (size_t i = 0; i < count; i++) {
		size_t other = pick((uint32_t)count);
		struct log_item item = items[i];

		/* What waits keeps its order; the others need not. */
		if (item.seq != 0 && items[other].seq != 0) {
			items[i] = items[other];
			items[other] = item;
		}
	}
	return count;
}

static void
committed(const struct log_item *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t n = items[i].rec->number;

		model.place[n] = items[i].place;
		if (items[i].seq == 0)
			model.state[n] = WAITING;
	}
}

static void
do_append(void)
{
	struct log_item items[40];
	size_t count = make_batch(items, 40);

	if (count == 0)
		return;
	ck_assert_int_eq(log_lab_append(&lab, items, count), 0);
	ck_assert_uint_eq(lab.n_items, count);
	committed(lab.items, count);
	items_free(items, count);
}

static void
do_pop(void)
{
	const struct record *rec;
	uint64_t place, n = model_next();

	if (model.next - model.acked > WINDOW)
		return;
	rec = log_lab_peek(&lab, &place);
	if (n == 0) {
		ck_assert_ptr_null(rec);
		return;
	}
	ck_assert_ptr_nonnull(rec);
	ck_assert_uint_eq(rec->number, n);
	ck_assert_uint_eq(place, model.place[n]);
	ck_assert(log_lab_is(rec, n));
	log_pop(lab.log);
	model.state[n] = IN_FLIGHT;
	model.number[model.next++] = n;
}

static void
do_settle(void)
{
	uint64_t n;

	if (model.acked + 1 == model.next)
		return;
	n = model.number[++model.acked];
	ck_assert_int_eq(model.state[n], IN_FLIGHT);
	model.state[n] = SETTLED;
	if (model.place[n] != 0)
		log_settle(lab.log, model.place[n]);
}

static void
do_look(void)
{
	uint64_t seq = model.acked + 1 + pick(WINDOW);
	uint64_t n;

	if (seq >= model.next || model.place[model.number[seq]] == 0)
		return;
	n = model.number[seq];
	ck_assert(log_lab_is(log_lab_at(&lab, model.place[n]), n));
}

/* Which lane it was, the log tells; that it was the front of it, the model. */
static void
do_drop(void)
{
	uint64_t before[PRIORITIES];
	uint64_t count;

	for (int64_t priority = 0; priority < PRIORITIES; priority++)
		before[priority] = lane_waiting(priority);
	count = log_drop_oldest(lab.log, 1 + pick(2000));
	log_lab_wait(&lab);
	for (int64_t priority = 0; priority < PRIORITIES && count > 0; priority++) {
		if (lane_waiting(priority) == before[priority])
			continue;
		ck_assert_uint_eq(before[priority] - lane_waiting(priority), count);
		for (; count > 0; count--)
			model.state[model_first(priority)] = DROPPED;
	}
	ck_assert_uint_eq(count, 0);
}

/* What a stream does when it is opened again. */
static void
recover(void)
{
	ck_assert_uint_eq(log_lab_open(&lab), 0);
	ck_assert_int_eq(log_numbers_load(lab.log, 0), 0);
	for (uint64_t n = 1; n <= model.records; n++) {
		uint64_t place = log_number_place(lab.log, n);

		ck_assert(place == 0 || place == model.place[n]);
		if (model.state[n] == WAITING ||
		    (model.state[n] == IN_FLIGHT && model.place[n] != 0))
			ck_assert_uint_eq(place, model.place[n]);
		if (model.state[n] == SETTLED && model.place[n] != 0)
			ck_assert(log_place_settled(lab.log, model.place[n]));
	}
	log_numbers_done(lab.log);
	for (uint64_t seq = model.acked + 1; seq < model.next; seq++) {
		uint64_t place = model.place[model.number[seq]];

		if (place == 0)
			continue;
		ck_assert(!log_place_settled(lab.log, place));
		ck_assert_int_eq(log_place_sent(lab.log, place), 0);
	}
	check_waiting();
}

static void
do_crash(void)
{
	struct log_item items[40];
	size_t count = pick(2) == 0 ? make_batch(items, 40) : 0;

	/* Written, but not committed: those that wait are the ring's still, and gone here. */
	if (count > 0) {
		ck_assert_int_eq(log_append(lab.log, items, count, NULL, NULL), 0);
		if (pick(2) == 0)
			log_lab_wait_uncollected(&lab);
	}
	log_lab_crash(&lab);
	items_free(items, count);
	recover();
}

static void
do_tick(void)
{
	if (pick(2) == 0)
		log_save_cursors(lab.log);
	else
		log_sync(lab.log);
	log_lab_wait(&lab);
}

static void
do_step(void)
{
	switch (pick(40)) {
	case 0:
		do_crash();
		break;
	case 1:
		do_tick();
		break;
	case 2:
		do_drop();
		break;
	case 3:
	case 4:
	case 5:
	case 6:
		do_append();
		break;
	case 7:
	case 8:
		do_look();
		break;
	default:
		for (uint32_t i = pick(12); i > 0; i--)
			if (pick(2) == 0)
				do_pop();
			else
				do_settle();
		break;
	}
}

START_TEST(log_behaves_as_its_model)
{
	memset(&model, 0, sizeof(model));
	model.next = 1;
	random_state = 1 + (uint64_t)_i;
	log_lab_start(&lab, UINT64_C(1) << 20, LOG_SYNC_NEVER);
	/* A limit makes segments small; what does not fit is no matter here. */
	lab.spec.limit = UINT64_C(1) << 40;
	for (int i = 0; i < STEPS; i++) {
		log_configure(lab.log, UINT64_C(1) << 24, LOG_SYNC_NEVER, NULL, NULL);
		do_step();
	}
	check_waiting();
	while (model_next() != 0 || model.acked + 1 < model.next) {
		while (model_next() != 0 && model.next - model.acked <= WINDOW)
			do_pop();
		do_settle();
	}
	log_lab_wait(&lab);
	ck_assert_uint_eq(log_lab_numbers(&lab).bytes, 0);
	ck_assert_uint_eq(log_lab_numbers(&lab).damaged, 0);
	log_lab_crash(&lab);
	(void)log_lab_open(&lab);
	ck_assert_uint_eq(log_lab_numbers(&lab).waiting, 0);
	log_lab_wait(&lab);
	ck_assert_uint_eq(log_lab_numbers(&lab).segments, 0);
	log_lab_stop(&lab);
}
END_TEST

Suite *
suite_log_model(void)
{
	Suite *su = suite_create("log_model");
	TCase *tc = tcase_create("model");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, log_behaves_as_its_model, 0, RUNS);
	suite_add_tcase(su, tc);
	return su;
}
