/* What both kinds of queue have in common, with real queues. */
#include "lib/ipcq.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "private_ipc.h"
#include "suites.h"

#define BODY_MAX  64
#define BYTES_MAX ((uint64_t)4 * BODY_MAX)
#define READWRITE (IPCQ_READ | IPCQ_WRITE)

struct slot {
	int64_t type;
	char body[BODY_MAX];
};

/* The same test runs once for each row. */
static const struct {
	const char *uri;
	int64_t lowest;
	int64_t highest;
} kinds[] = {
	{ "posix:/orders", 0, 32767 },
	{ "posix:/a b:c@d%e \xc3\xbc", 0, 32767 },
	{ "sysv:1", 1, INT64_MAX },
	{ "sysv:0x80000000", 1, INT64_MAX },
	{ "sysv:0xffffffff", 1, INT64_MAX },
	{ "sysv:/proc/self#7", 1, INT64_MAX },
};

static const struct ipcq_create tiny = {
	.set = IPCQ_SET_MODE,
	.max_messages = 4,
	.message_size = BODY_MAX,
	.max_bytes = BYTES_MAX,
	.mode = 0640,
};

static struct ipcq *
make(int i)
{
	struct ipcq *q = NULL;

	ck_assert_int_eq(ipcq_open(&q, kinds[i].uri,
			     READWRITE | IPCQ_CREATE | IPCQ_EXCLUSIVE, &tiny),
	    0);
	return q;
}

static void
send_and_receive(struct ipcq *q, int64_t type, const char *body, size_t len)
{
	struct slot in = { 0 };

	ck_assert_int_eq(ipcq_send(q, body, len, type, IPCQ_NOWAIT), 0);
	ck_assert_int_eq(
	    ipcq_receive_slot(q, in.body, BODY_MAX, 0, IPCQ_NOWAIT), (ssize_t)len);
	ck_assert_int_eq(in.type, type);
	ck_assert_mem_eq(in.body, body, len);
}

START_TEST(message_of_any_length_and_type_arrives_exactly)
{
	struct ipcq *q = make(_i);
	char body[BODY_MAX];

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)(i * 37);
	for (size_t len = 0; len <= sizeof(body); len++) {
		send_and_receive(q, kinds[_i].lowest, body, len);
		send_and_receive(q, kinds[_i].highest, body, len);
	}
	ipcq_close(q);
}
END_TEST

START_TEST(slot_sent_without_copy_arrives_exactly)
{
	struct ipcq *q = make(_i);
	struct slot out = { .type = kinds[_i].highest, .body = "text" };
	struct slot in = { 0 };

	for (size_t len = 0; len < 5; len++) {
		ck_assert_int_eq(ipcq_send_slot(q, out.body, len, IPCQ_NOWAIT), 0);
		ck_assert_int_eq(ipcq_receive_slot(q, in.body, BODY_MAX, 0, 0), len);
		ck_assert_int_eq(in.type, out.type);
		ck_assert_mem_eq(in.body, "text", len);
	}
	ipcq_close(q);
}
END_TEST

START_TEST(send_type_out_of_range_returns_einval)
{
	struct ipcq *q = make(_i);
	struct slot out = { .type = -1 };

	ck_assert_int_eq(ipcq_send(q, "", 0, kinds[_i].lowest - 1, 0), -EINVAL);
	ck_assert_int_eq(ipcq_send(q, "", 0, INT64_MIN, 0), -EINVAL);
	if (kinds[_i].highest < INT64_MAX) {
		ck_assert_int_eq(ipcq_send(q, "", 0, 32768, 0), -EINVAL);
		/* Its low 32 bits alone would be a good priority. */
		ck_assert_int_eq(ipcq_send(q, "", 0, INT64_C(1) << 32, 0), -EINVAL);
	}
	ck_assert_int_eq(ipcq_send_slot(q, out.body, 0, 0), -EINVAL);
	ipcq_close(q);
}
END_TEST

START_TEST(empty_queue_without_waiting_returns_eagain)
{
	struct ipcq *q = make(_i);
	struct slot in = { .type = -5 };

	ck_assert_int_eq(
	    ipcq_receive_slot(q, in.body, BODY_MAX, 0, IPCQ_NOWAIT), -EAGAIN);
	ck_assert_int_eq(in.type, -5);
	ipcq_close(q);
}
END_TEST

START_TEST(full_queue_without_waiting_returns_eagain)
{
	struct ipcq *q = make(_i);
	char body[BODY_MAX] = { 0 };

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(ipcq_send(q, body, BODY_MAX, 1, IPCQ_NOWAIT), 0);
	ck_assert_int_eq(ipcq_send(q, body, BODY_MAX, 1, IPCQ_NOWAIT), -EAGAIN);
	ipcq_close(q);
}
END_TEST

/* Blocked senders and receivers go on when the other side moves, whoever comes first.
 * */
START_TEST(waiting_ends_when_the_other_side_moves)
{
	struct ipcq *q = make(_i);
	struct slot in = { 0 };
	pid_t child;

	child = fork();
	ck_assert_int_ge(child, 0);
	for (int64_t n = 1; n <= 500; n++) {
		if (child == 0 && ipcq_send(q, &n, sizeof(n), 1, 0) != 0)
			_exit(1);
		if (child == 0)
			continue;
		ck_assert_int_eq(ipcq_receive_slot(q, in.body, BODY_MAX, 0, 0), 8);
		ck_assert_mem_eq(in.body, &n, sizeof(n));
	}
	if (child == 0)
		_exit(0);
	ipcq_close(q);
}
END_TEST

START_TEST(message_that_never_fits_returns_emsgsize)
{
	struct ipcq *q = make(_i);
	size_t sizes[] = { 4 * BODY_MAX + 1, 9000, 1 << 20 };
	char *body = calloc(1, (1 << 20) + 8);

	ck_assert_ptr_nonnull(body);
	body[0] = 1; /* the type before the body of a slot */
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		ck_assert_int_eq(ipcq_send(q, body, sizes[i], 1, 0), -EMSGSIZE);
		ck_assert_int_eq(
		    ipcq_send(q, body, sizes[i], 1, IPCQ_NOWAIT), -EMSGSIZE);
		ck_assert_int_eq(ipcq_send_slot(q, body + 8, sizes[i], 0), -EMSGSIZE);
	}
	ck_assert_int_eq(ipcq_send(q, body, SIZE_MAX / 2, 1, 0), -EMSGSIZE);
	free(body);
	ipcq_close(q);
}
END_TEST

START_TEST(created_mode_is_exact_under_any_umask)
{
	static const mode_t modes[] = { 0666, 0600, 0622, 0777, 0060, 0006, 0 };
	struct ipcq_create create = tiny;
	struct ipcq_attributes at;
	struct ipcq *q = NULL;

	(void)umask(077);
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		create.mode = modes[i];
		ck_assert_int_eq(
		    ipcq_open(&q, kinds[_i].uri, READWRITE | IPCQ_CREATE, &create), 0);
		ck_assert_int_eq(ipcq_attributes(q, &at), 0);
		ck_assert_uint_eq(at.mode, modes[i]);
		ck_assert_int_eq(ipcq_remove(kinds[_i].uri), 0);
		ipcq_close(q);
	}
}
END_TEST

START_TEST(created_attributes_are_those_asked_for)
{
	struct ipcq *q = make(_i);
	struct ipcq_attributes at;

	ck_assert_int_eq(ipcq_send(q, "12345", 5, 1, 0), 0);
	ck_assert_int_eq(ipcq_attributes(q, &at), 0);
	ck_assert_int_eq(at.kind, ipcq_kind(q));
	ck_assert_uint_eq(at.messages, 1);
	ck_assert_uint_eq(at.max_bytes, BYTES_MAX);
	ck_assert_uint_eq(at.mode, 0640);
	ck_assert_uint_eq(at.owner, geteuid());
	ck_assert_uint_eq(at.group, getegid());
	ck_assert_int_eq(at.removed, 0);
	if (at.kind == IPCQ_POSIX) {
		ck_assert_uint_eq(at.max_messages, 4);
		ck_assert_uint_eq(at.message_size, BODY_MAX);
		ck_assert_uint_eq(at.bytes, 0);
	} else {
		ck_assert_uint_eq(at.message_size, BYTES_MAX);
		ck_assert_uint_eq(at.bytes, 5);
	}
	ipcq_close(q);
}
END_TEST

START_TEST(queue_that_is_there_keeps_its_attributes)
{
	struct ipcq *first = make(_i);
	struct ipcq *second = NULL;
	struct ipcq_create other = tiny;
	struct ipcq_attributes at;

	other.mode = 0666;
	other.max_messages = 2;
	other.max_bytes = 100;
	ck_assert_int_eq(
	    ipcq_open(&second, kinds[_i].uri, READWRITE | IPCQ_CREATE, &other), 0);
	ck_assert_int_eq(ipcq_attributes(second, &at), 0);
	ck_assert_uint_eq(at.mode, 0640);
	ck_assert_uint_eq(at.max_bytes, BYTES_MAX);
	ipcq_close(second);
	second = NULL;
	ck_assert_int_eq(ipcq_open(&second, kinds[_i].uri,
			     READWRITE | IPCQ_CREATE | IPCQ_EXCLUSIVE, &other),
	    -EEXIST);
	ck_assert_ptr_null(second);
	ipcq_close(first);
}
END_TEST

START_TEST(creation_that_fails_half_way_leaves_nothing)
{
	struct ipcq_create create = tiny;
	struct ipcq *q = NULL;

	create.set |= IPCQ_SET_GROUP;
	create.group = 4000000000; /* not mapped in this user namespace */
	ck_assert_int_eq(
	    ipcq_open(&q, kinds[_i].uri, READWRITE | IPCQ_CREATE, &create), -EINVAL);
	ck_assert_ptr_null(q);
	ck_assert_int_eq(ipcq_open(&q, kinds[_i].uri, IPCQ_READ, NULL), -ENOENT);
}
END_TEST

/* Where only one id is mapped, the namespace's own group is all there is to give. */
START_TEST(created_queue_belongs_to_configured_owner)
{
	struct ipcq_create create = tiny;
	struct ipcq_attributes at;
	struct ipcq *q = NULL;
	int rc;

	create.set |= IPCQ_SET_OWNER | IPCQ_SET_GROUP;
	create.owner = 7;
	create.group = 9;
	rc = ipcq_open(&q, kinds[_i].uri, READWRITE | IPCQ_CREATE, &create);
	if (rc == -EINVAL) {
		create.owner = create.group = 0;
		rc = ipcq_open(&q, kinds[_i].uri, READWRITE | IPCQ_CREATE, &create);
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_int_eq(ipcq_attributes(q, &at), 0);
	ck_assert_uint_eq(at.owner, create.owner);
	ck_assert_uint_eq(at.group, create.group);
	ck_assert_uint_eq(at.mode, 0640);
	ipcq_close(q);
}
END_TEST

/* Zero is root's number, and must not be taken for an owner that was asked for. */
START_TEST(zeroed_attributes_are_the_callers)
{
	const struct ipcq_create zero = { 0 };
	struct ipcq_create nobody = { .set = IPCQ_SET_OWNER, .owner = (uid_t)-1 };
	struct ipcq_attributes at;
	struct ipcq *q = NULL;

	ck_assert_int_eq(
	    ipcq_open(&q, kinds[_i].uri, READWRITE | IPCQ_CREATE, &nobody), -EINVAL);
	if (seteuid(7) < 0) /* where only one user is mapped, nobody else can ask */
		return;
	ck_assert_int_eq(
	    ipcq_open(&q, kinds[_i].uri, READWRITE | IPCQ_CREATE, &zero), 0);
	ck_assert_int_eq(ipcq_attributes(q, &at), 0);
	ck_assert_uint_eq(at.owner, 7);
	ck_assert_uint_eq(at.mode, 0600);
	ipcq_close(q);
	ck_assert_int_eq(ipcq_remove(kinds[_i].uri), 0);
	ck_assert_int_eq(seteuid(0), 0);
	(void)prctl(PR_SET_DUMPABLE, 1); /* the leak sanitizer traces us at the end */
}
END_TEST

START_TEST(change_to_an_owner_that_is_not_there_keeps_the_queue)
{
	struct ipcq_change change = { .set = IPCQ_SET_OWNER, .owner = 4000000000 };
	struct ipcq *q = make(_i);

	ck_assert_int_eq(ipcq_change(q, &change), -EINVAL);
	change.owner = (uid_t)-1;
	ck_assert_int_eq(ipcq_change(q, &change), -EINVAL);
	change = (struct ipcq_change){ .set = IPCQ_SET_GROUP, .group = (gid_t)-1 };
	ck_assert_int_eq(ipcq_change(q, &change), -EINVAL);
	change.set = 0;
	ck_assert_int_eq(ipcq_change(q, &change), 0);
	ck_assert_int_eq(ipcq_remove(kinds[_i].uri), 0);
	if (ipcq_kind(q) == IPCQ_SYSV)
		ck_assert_int_eq(ipcq_change(q, &change), -EIDRM);
	ipcq_close(q);
}
END_TEST

START_TEST(removed_queue_is_gone_by_name)
{
	struct ipcq *q = make(_i);

	ck_assert_int_eq(ipcq_remove(kinds[_i].uri), 0);
	ck_assert_int_eq(ipcq_remove(kinds[_i].uri), -ENOENT);
	ipcq_close(q);
	q = NULL;
	ck_assert_int_eq(ipcq_open(&q, kinds[_i].uri, IPCQ_READ, NULL), -ENOENT);
	ck_assert_ptr_null(q);
}
END_TEST

START_TEST(unknown_flags_return_einval)
{
	struct ipcq *q = make(_i);
	struct ipcq *other = NULL;
	struct slot in = { .type = 1 };

	ck_assert_int_eq(ipcq_open(&other, kinds[_i].uri, 0, NULL), -EINVAL);
	ck_assert_int_eq(
	    ipcq_open(&other, kinds[_i].uri, IPCQ_READ | 0x100, NULL), -EINVAL);
	ck_assert_int_eq(
	    ipcq_open(&other, kinds[_i].uri, IPCQ_READ | IPCQ_EXCLUSIVE, NULL),
	    -EINVAL);
	ck_assert_int_eq(ipcq_send(q, "", 0, 1, 0x100), -EINVAL);
	ck_assert_int_eq(ipcq_send_slot(q, in.body, 0, IPCQ_EXCEPT), -EINVAL);
	ck_assert_int_eq(ipcq_receive_slot(q, in.body, 8, 0, 0x100), -EINVAL);
	ipcq_close(q);
}
END_TEST

START_TEST(handle_tells_what_it_was_opened_with)
{
	struct ipcq *q = make(_i);
	enum ipcq_kind kind = 0;

	ck_assert_int_eq(ipcq_parse(kinds[_i].uri, &kind), 0);
	ck_assert_int_eq(ipcq_kind(q), kind);
	ck_assert_str_eq(ipcq_uri(q), kinds[_i].uri);
	ck_assert_int_eq(ipcq_fd(q) >= 0, kind == IPCQ_POSIX);
	ck_assert_int_eq(ipcq_id(q) >= 0, kind == IPCQ_SYSV);
	ck_assert(ipcq_fd(q) == -EOPNOTSUPP || ipcq_id(q) == -EOPNOTSUPP);
	ipcq_close(q);
	ipcq_close(NULL);
}
END_TEST

Suite *
suite_ipcq(void)
{
	const TTest *const tests[] = {
		message_of_any_length_and_type_arrives_exactly,
		slot_sent_without_copy_arrives_exactly,
		send_type_out_of_range_returns_einval,
		empty_queue_without_waiting_returns_eagain,
		full_queue_without_waiting_returns_eagain,
		waiting_ends_when_the_other_side_moves,
		message_that_never_fits_returns_emsgsize,
		created_mode_is_exact_under_any_umask,
		created_attributes_are_those_asked_for,
		queue_that_is_there_keeps_its_attributes,
		creation_that_fails_half_way_leaves_nothing,
		created_queue_belongs_to_configured_owner,
		zeroed_attributes_are_the_callers,
		change_to_an_owner_that_is_not_there_keeps_the_queue,
		removed_queue_is_gone_by_name,
		unknown_flags_return_einval,
		handle_tells_what_it_was_opened_with,
	};
	Suite *s = suite_create("ipcq");
	TCase *tc = tcase_create("both kinds");

	if (!private_ipc_possible("ipcq"))
		return s;
	tcase_add_checked_fixture(tc, private_ipc_enter, NULL);
	for (size_t i = 0; i < ARRAY_LEN(tests); i++)
		tcase_add_loop_test(tc, tests[i], 0, ARRAY_LEN(kinds));
	suite_add_tcase(s, tc);
	return s;
}
