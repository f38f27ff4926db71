/* Random operations against a model: what the queues do is what the model does. Each kind
 * makes 20 000 of them; IPCQ_MODEL_OPERATIONS says how many else, IPCQ_MODEL_SEED where to
 * begin. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "lib/ipcq.h"
#include "private_ipc.h"
#include "suites.h"

#define OPERATIONS   20000
#define SEED         88172645463325252 /* of xorshift64, as its author chose it */
#define SIZE         64                /* bytes of the largest POSIX message */
#define MESSAGES     6                 /* of the POSIX queue */
#define BYTES        300               /* of the System V queue */
#define MODEL_MAX    400               /* more than fit: messages may be empty */
#define TEST_TIMEOUT 600               /* seconds, for the long form under sanitizers */

struct model_message {
	int64_t type;
	size_t length;
	unsigned char first; /* all bytes are that */
};

static struct model {
	struct model_message messages[MODEL_MAX];
	size_t count;
	size_t bytes;
} model;

static uint64_t random_state;
static struct ipcq *queue;
static enum ipcq_kind kind;
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
		if (msg->length > BYTES)
			return -EMSGSIZE;
		if (model.bytes + msg->length > BYTES || model.count + 1 > BYTES)
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

static void
do_send(void)
{
	unsigned char body[BYTES + 2];
	struct model_message msg;
	int expected;

	msg.length =
	    next_random(8) == 0 ? next_random(sizeof(body)) : next_random(SIZE / 2);
	msg.first = (unsigned char)next_random(256);
	msg.type = (int64_t)next_random(5) + (kind == IPCQ_SYSV);
	if (next_random(50) == 0)
		msg.type = kind == IPCQ_POSIX ? IPCQ_PRIORITY_MAX : INT64_MAX;
	memset(body, msg.first, sizeof(body));
	expected = model_send(&msg);
	ck_assert_msg(
	    ipcq_send(queue, body, msg.length, msg.type, IPCQ_NOWAIT) == expected,
	    "step %" PRIu64, step);
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
}

static void
do_step(void)
{
	switch (next_random(8)) {
	case 0:
		do_look();
		break;
	case 1:
		do_peek();
		break;
	case 2:
	case 3:
	case 4:
		do_receive();
		break;
	default:
		do_send();
		break;
	}
}

START_TEST(random_operations_do_what_the_model_does)
{
	struct ipcq_create create = { .owner = (uid_t)-1, .group = (gid_t)-1 };
	uint64_t operations = number_of("IPCQ_MODEL_OPERATIONS", OPERATIONS);

	random_state = number_of("IPCQ_MODEL_SEED", SEED);
	kind = _i == 0 ? IPCQ_POSIX : IPCQ_SYSV;
	if (kind == IPCQ_POSIX) {
		create.max_messages = MESSAGES;
		create.message_size = SIZE;
	} else {
		create.max_bytes = BYTES;
	}
	ck_assert_int_eq(ipcq_open(&queue, kind == IPCQ_POSIX ? "posix:/m" : "sysv:1",
			     IPCQ_READ | IPCQ_WRITE | IPCQ_CREATE, &create),
	    0);
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
	tcase_add_loop_test(tc, random_operations_do_what_the_model_does, 0, 2);
	suite_add_tcase(suite, tc);
	return suite;
}
