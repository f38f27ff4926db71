/* Random operations against a model: what the queues do is what the model does. Each kind,
 * and System V once more with ipcq_poll_fd(), makes 20 000 of them; IPCQ_MODEL_OPERATIONS
 * says how many else. Each run begins elsewhere and prints where, so that IPCQ_MODEL_SEED
 * repeats it. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/parse.h"
#include "lib/ipcq.h"
#include "private_ipc.h"
#include "suites.h"

#define OPERATIONS   20000
#define SIZE         64    /* bytes of the largest POSIX message */
#define MESSAGES     6     /* of the POSIX queue */
#define BYTES        300   /* of the System V queue, at most */
#define BYTES_LEAST  100   /* the same, after a change */
#define MODEL_MAX    400   /* more than fit: messages may be empty */
#define TEST_TIMEOUT 600   /* seconds, for the long form under sanitizers */
#define DEADLINE_MS  20000 /* for the thread to tell of a message */

struct model_message {
	int64_t type;
	size_t length;
	unsigned char first; /* all bytes are that */
};

static struct model {
	struct model_message messages[MODEL_MAX];
	size_t count;
	size_t bytes;
	size_t max_bytes; /* System V */
	mode_t mode;
	int blocking;
} model;

static uint64_t random_state;
static struct ipcq *queue;
static enum ipcq_kind kind;
static int watched;   /* System V: there is a thread that waits */
static uint64_t step; /* for the message of a failure */

static uint64_t
next_random(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

static uint64_t
number_of(const char *name, uint64_t preset)
{
	const char *text = getenv(name);
	uint64_t value = preset;

	if (text != NULL)
		ck_assert_int_eq(parse_u64(&value, text, 1, UINT64_MAX), 0);
	return value;
}

/* ---- the model --------------------------------------------------------------------- */

/* POSIX: behind all of its priority and above. */
static size_t
place_of(int64_t type)
{
	size_t at = model.count;

	if (kind == IPCQ_POSIX) {
		while (at > 0 && model.messages[at - 1].type < type)
			at--;
	}
	return at;
}

static int
model_send(const struct model_message *msg)
{
	size_t at;

	if (kind == IPCQ_POSIX) {
		if (msg->length > SIZE)
			return -EMSGSIZE;
		if (model.count == MESSAGES)
			return -EAGAIN;
	} else {
		if (msg->length > model.max_bytes)
			return -EMSGSIZE;
		if (model.bytes + msg->length > model.max_bytes ||
		    model.count + 1 > model.max_bytes)
			return -EAGAIN;
	}
	at = place_of(msg->type);
	memmove(&model.messages[at + 1], &model.messages[at],
	    (model.count - at) * sizeof(*msg));
	model.messages[at] = *msg;
	model.count++;
	model.bytes += msg->length;
	return 0;
}

static int
model_matches(const struct ipcq_options *how, int64_t type)
{
	if (how->select == 0)
		return 1;
	if (how->select < 0)
		return type <= -how->select;
	return ((how->flags & IPCQ_EXCEPT) != 0) != (type == how->select);
}

/* The place of the message that is next, or -1. */
static ssize_t
model_find(const struct ipcq_options *how)
{
	ssize_t best = -1;

	for (size_t i = 0; i < model.count; i++) {
		if (!model_matches(how, model.messages[i].type))
			continue;
		if (best < 0 || (how->select < 0 &&
				    model.messages[i].type < model.messages[best].type))
			best = (ssize_t)i;
	}
	return best;
}

static void
model_remove(size_t at)
{
	model.bytes -= model.messages[at].length;
	model.count--;
	memmove(&model.messages[at], &model.messages[at + 1],
	    (model.count - at) * sizeof(model.messages[0]));
}

/* ---- the operations ---------------------------------------------------------------- */

static void
check_message(const struct ipcq_message *got, ssize_t len,
    const struct model_message *expected, size_t length)
{
	const unsigned char *body = got->body;

	ck_assert_msg(
	    len == (ssize_t)length, "step %" PRIu64 ": %zd for %zu", step, len, length);
	ck_assert_uint_eq(got->length, length);
	ck_assert_int_eq(got->type, expected->type);
	for (size_t i = 0; i < length; i++)
		ck_assert_uint_eq(body[i], expected->first);
}

/* Of a priority, or a type, and a body of one byte again and again, not longer than most. */
static struct model_message
choose_message(size_t most)
{
	struct model_message msg = {
		.length =
		    next_random(8) == 0 ? next_random(most + 1) : next_random(SIZE / 2),
		.first = (unsigned char)next_random(256),
		.type = (int64_t)next_random(5) + (kind == IPCQ_SYSV),
	};

	if (next_random(50) == 0)
		msg.type = kind == IPCQ_POSIX ? IPCQ_PRIORITY_MAX : INT64_MAX;
	return msg;
}

/* A handle that does not wait needs not be told so each time. */
static unsigned
choose_nowait(void)
{
	return model.blocking || next_random(2) == 0 ? IPCQ_NOWAIT : 0;
}

static void
do_send(void)
{
	struct {
		int64_t type;
		unsigned char body[BYTES + 2];
	} slot;
	struct model_message msg = choose_message(sizeof(slot.body));
	int expected = model_send(&msg);
	int rc;

	memset(slot.body, msg.first, sizeof(slot.body));
	slot.type = msg.type;
	if (next_random(3) == 0)
		rc = ipcq_send_slot(queue, slot.body, msg.length, IPCQ_NOWAIT);
	else if (next_random(2) == 0)
		rc = ipcq_send(queue, slot.body, msg.length, msg.type,
		    choose_nowait() | IPCQ_HEADROOM);
	else
		rc = ipcq_send(queue, slot.body, msg.length, msg.type, choose_nowait());
	ck_assert_msg(
	    rc == expected, "step %" PRIu64 ": %d for %d", step, rc, expected);
}

static void
do_send_all(void)
{
	const struct ipcq_options how = { .flags = IPCQ_NOWAIT };
	size_t piece = kind == IPCQ_POSIX ? SIZE : model.max_bytes;
	static unsigned char body[3 * BYTES];
	struct model_message msg = choose_message(sizeof(body));
	struct ipcq_batch batch = { body, msg.length, msg.type, 0, 0 };
	size_t rest = msg.length;
	uint64_t sent = 0;
	int expected;

	memset(body, msg.first, sizeof(body));
	do {
		msg.length = rest < piece ? rest : piece;
		expected = model_send(&msg);
		if (expected == 0) {
			rest -= msg.length;
			sent++;
		}
	} while (expected == 0 && rest > 0);
	ck_assert_int_eq(ipcq_send_all(queue, &batch, &how), expected);
	ck_assert_uint_eq(batch.sent_messages, sent);
	ck_assert_uint_eq(batch.length - batch.sent_bytes, rest);
}

static struct ipcq_options
choose_how(void)
{
	struct ipcq_options how = { .flags = IPCQ_NOWAIT };

	if (kind == IPCQ_POSIX)
		return how;
	how.select = (int64_t)next_random(11) - 5;
	if (how.select > 0 && next_random(2) == 0)
		how.flags |= IPCQ_EXCEPT;
	if (next_random(4) == 0)
		how.flags |= IPCQ_TRUNCATE;
	return how;
}

static void
do_receive(void)
{
	char buf[IPCQ_HEAD + BYTES];
	struct ipcq_options how = choose_how();
	size_t room =
	    kind == IPCQ_POSIX || next_random(2) == 0 ? BYTES : next_random(SIZE);
	struct ipcq_message got;
	ssize_t at = model_find(&how);
	struct model_message expected;
	ssize_t len;

	len = ipcq_receive(queue, buf, IPCQ_HEAD + room, &how, &got);
	if (at < 0) {
		ck_assert_msg(len == -EAGAIN, "step %" PRIu64 ": %zd", step, len);
		return;
	}
	expected = model.messages[at];
	if (expected.length > room && (how.flags & IPCQ_TRUNCATE) == 0) {
		ck_assert_int_eq(len, -E2BIG);
		ck_assert_uint_eq(got.length, expected.length);
		return;
	}
	model_remove((size_t)at);
	check_message(
	    &got, len, &expected, expected.length < room ? expected.length : room);
}

/* Not beside a thread that waits, by what is promised. */
static void
do_receive_slot(void)
{
	struct {
		int64_t type;
		char body[BYTES];
	} slot = { 0 };
	struct ipcq_options how = choose_how();
	size_t room =
	    kind == IPCQ_POSIX || next_random(2) == 0 ? BYTES : next_random(SIZE);
	ssize_t at = model_find(&how);
	struct ipcq_message got = { .body = slot.body };
	struct model_message expected;
	ssize_t len;

	how.flags &= ~IPCQ_TRUNCATE;
	len = ipcq_receive_slot(queue, slot.body, room, how.select, how.flags);
	if (at < 0) {
		ck_assert_int_eq(len, -EAGAIN);
		return;
	}
	expected = model.messages[at];
	if (expected.length > room) {
		ck_assert_int_eq(len, -E2BIG);
		return;
	}
	model_remove((size_t)at);
	got.length = (size_t)len;
	got.type = slot.type;
	check_message(&got, len, &expected, expected.length);
}

/* It waits for ever where there is nothing, so only for what is there. */
static void
do_wait(void)
{
	struct ipcq_options how = choose_how();
	ssize_t at = model_find(&how);
	int64_t type = 0;
	int taken;

	if (kind == IPCQ_POSIX) {
		ck_assert_int_eq(ipcq_wait(queue, 0, 0, &type), -EOPNOTSUPP);
		return;
	}
	if (at < 0)
		return;
	taken = model.messages[at].length == 0;
	ck_assert_int_eq(
	    ipcq_wait(queue, how.select, how.flags & IPCQ_EXCEPT, &type), taken);
	ck_assert_int_eq(type, taken ? model.messages[at].type : 0);
	if (taken)
		model_remove((size_t)at);
}

/* Readable while there is a message, and quiet after -EAGAIN. */
static void
do_poll(void)
{
	struct pollfd pfd = { .events = POLLIN };

	if (model.count == 0)
		do_receive();
	if (kind == IPCQ_SYSV && !watched)
		return;
	pfd.fd = ipcq_poll_fd(queue);
	ck_assert_int_ge(pfd.fd, 0);
	if (model.count > 0)
		ck_assert_int_eq(poll(&pfd, 1, DEADLINE_MS), 1);
	else
		ck_assert_int_eq(poll(&pfd, 1, 0), 0);
}

static void
do_change(void)
{
	struct ipcq_change change = { .set = IPCQ_SET_MODE,
		.mode = 0600 | (mode_t)next_random(64) };

	model.blocking = (int)next_random(2);
	ipcq_set_blocking(queue, model.blocking);
	ck_assert_int_eq(ipcq_blocking(queue), model.blocking);
	if (next_random(2) == 0) {
		change.set |= IPCQ_SET_MAX_BYTES;
		change.max_bytes = BYTES_LEAST + next_random(BYTES - BYTES_LEAST + 1);
	}
	if (kind == IPCQ_POSIX && (change.set & IPCQ_SET_MAX_BYTES) != 0) {
		ck_assert_int_eq(ipcq_change(queue, &change), -EOPNOTSUPP);
		return;
	}
	ck_assert_int_eq(ipcq_change(queue, &change), 0);
	model.mode = change.mode;
	if ((change.set & IPCQ_SET_MAX_BYTES) != 0)
		model.max_bytes = change.max_bytes;
}

static void
do_peek(void)
{
	char buf[IPCQ_HEAD + BYTES];
	size_t at = next_random(model.count + 2);
	struct ipcq_message got;
	ssize_t len = ipcq_peek(queue, buf, sizeof(buf), at, &got);

	if (kind == IPCQ_POSIX)
		ck_assert_int_eq(len, -EOPNOTSUPP);
	else if (at >= model.count)
		ck_assert_int_eq(len, -EAGAIN);
	else
		check_message(
		    &got, len, &model.messages[at], model.messages[at].length);
}

static void
do_look(void)
{
	struct ipcq_attributes at;

	ck_assert_int_eq(ipcq_size(queue), (int64_t)model.count);
	ck_assert_int_eq(ipcq_attributes(queue, &at), 0);
	ck_assert_uint_eq(at.messages, model.count);
	ck_assert_uint_eq(at.bytes, kind == IPCQ_SYSV ? model.bytes : 0);
	ck_assert_uint_eq(at.mode, model.mode);
	ck_assert_uint_eq(
	    at.max_bytes, kind == IPCQ_SYSV ? model.max_bytes : MESSAGES * SIZE);
}

static void
do_step(void)
{
	/* How often of their sum. */
	static const struct {
		unsigned often;
		void (*act)(void);
		int beside_thread;
	} acts[] = {
		{ 10, do_send, 1 },
		{ 1, do_send_all, 1 },
		{ 8, do_receive, 1 },
		{ 3, do_receive_slot, 0 },
		{ 2, do_wait, 0 },
		{ 3, do_peek, 1 },
		{ 3, do_look, 1 },
		{ 1, do_poll, 1 },
		{ 1, do_change, 1 },
	};
	uint64_t choice = next_random(32);

	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		if (choice < acts[i].often) {
			if (acts[i].beside_thread || !watched)
				acts[i].act();
			break;
		}
		choice -= acts[i].often;
	}
}

START_TEST(random_operations_do_what_the_model_does)
{
	struct ipcq_create create = { 0 };
	uint64_t operations = number_of("IPCQ_MODEL_OPERATIONS", OPERATIONS);

	random_state =
	    number_of("IPCQ_MODEL_SEED", (uint64_t)clock_monotonic_ns() << 16 | 1);
	(void)fprintf(
	    stderr, "model %d: IPCQ_MODEL_SEED=%" PRIu64 "\n", _i, random_state);
	kind = _i == 0 ? IPCQ_POSIX : IPCQ_SYSV;
	watched = _i == 2;
	model.max_bytes = BYTES;
	model.mode = 0600;
	model.blocking = 1;
	if (kind == IPCQ_POSIX) {
		create.max_messages = MESSAGES;
		create.message_size = SIZE;
	} else {
		create.max_bytes = BYTES;
	}
	ck_assert_int_eq(ipcq_open(&queue, kind == IPCQ_POSIX ? "posix:/m" : "sysv:1",
			     IPCQ_READ | IPCQ_WRITE | IPCQ_CREATE, &create),
	    0);
	if (watched)
		ck_assert_int_ge(ipcq_poll_fd(queue), 0);
	for (step = 0; step < operations; step++)
		do_step();
	ipcq_close(queue);
}
END_TEST

Suite *
suite_model(void)
{
	Suite *suite = suite_create("model");
	TCase *tc = tcase_create("model");

	if (!private_ipc_possible("model"))
		return suite;
	tcase_add_checked_fixture(tc, private_ipc_enter, NULL);
	tcase_set_timeout(tc, TEST_TIMEOUT);
	tcase_add_loop_test(tc, random_operations_do_what_the_model_does, 0, 3);
	suite_add_tcase(suite, tc);
	return suite;
}
