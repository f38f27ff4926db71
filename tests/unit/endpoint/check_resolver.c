/* What becomes of a held message when an operator decides, and when the daemon crashes meanwhile. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/private_ipc.h"
#include "base/clock.h"
#include "doubt_fixture.h"
#include "flow/sink.h"
#include "lib/ipcq.h"
#include "suites.h"

#define URI "posix:/held"

static struct resolver *resolver;
static bool with_target;
static bool die; /* before the message is sent */

static struct {
	int rc;
	unsigned calls;
} told;

static void
on_done(void *owner, int rc)
{
	ck_assert_ptr_eq(owner, &told);
	told.rc = rc;
	told.calls++;
}

static struct target *
find(const void *owner, const char *name)
{
	ck_assert_ptr_eq(owner, &told);
	/* It is looked for a second time right before it gets the message. */
	if (die && (doubt_letter().flags & DEAD_PERHAPS) != 0)
		(void)raise(SIGKILL);
	return with_target && strcmp(name, "in") == 0 ? dt.target : NULL;
}

static void
start(void)
{
	struct resolver_env env = { .find = find, .owner = &told };

	doubt_start();
	env.disk = dt.disk;
	env.dead = dt.dead;
	ck_assert_int_eq(resolver_new(&resolver, &env), 0);
}

/* A crash: what the disk does at its end is told to nobody. */
static void
crash(void)
{
	resolver_forget(resolver, &told);
	doubt_crash();
	resolver_free(resolver);
	resolver = NULL;
}

static void
setup(void)
{
	doubt_setup();
	memset(&told, 0, sizeof(told));
	with_target = true;
	dt.spec.in_doubt = TARGET_HOLD;
	doubt_make_queue(URI);
	doubt_message(0, "held", 3, 0);
	doubt_leave(0);
	start();
	ck_assert_int_eq(doubt_open(0), 0);
	doubt_until(doubt_settled(0) == 1);
}

static void
teardown(void)
{
	if (dt.target != NULL)
		crash();
	doubt_teardown();
}

static int
begin(enum resolver_action action)
{
	const struct deadletter_key key = doubt_letter().key;
	const struct resolver_wish wish = { &key, action, on_done, &told };

	return resolver_begin(resolver, &wish);
}

static int
resolve(enum resolver_action action)
{
	unsigned before = told.calls;

	ck_assert_int_eq(begin(action), 0);
	doubt_until(told.calls > before);
	return told.rc;
}

START_TEST(resend_puts_the_message_into_its_queue_and_deletes_it)
{
	ck_assert_int_eq(resolve(RESOLVER_RESEND), 0);
	doubt_expect("held");
	doubt_expect(NULL);
	ck_assert_uint_eq(deadletters_count(dt.dead), 0);
	crash();
	start();
	ck_assert_uint_eq(deadletters_count(dt.dead), 0);
}
END_TEST

START_TEST(drop_deletes_the_message)
{
	ck_assert_int_eq(resolve(RESOLVER_DROP), 0);
	doubt_expect(NULL);
	ck_assert_uint_eq(deadletters_count(dt.dead), 0);
}
END_TEST

START_TEST(dead_letter_keeps_the_message_and_its_reason_and_holds_it_no_more)
{
	struct deadletter_info in;

	ck_assert_int_eq(resolve(RESOLVER_DEAD_LETTER), 0);
	for (int i = 0; i < 2; i++) {
		in = doubt_letter();
		ck_assert_uint_eq(in.flags, DEAD_RECEIVED);
		ck_assert_uint_eq(in.reason, DEAD_IN_DOUBT_HELD);
		crash();
		start();
	}
	ck_assert_int_eq(resolve(RESOLVER_RESEND), -EINVAL);
	ck_assert_int_eq(resolve(RESOLVER_DROP), -EINVAL);
	doubt_expect(NULL);
	(void)doubt_letter();
}
END_TEST

START_TEST(resend_to_a_queue_that_cannot_take_it_leaves_it_held)
{
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(ipcq_send(dt.queue, "full", 4, 3, IPCQ_NOWAIT), 0);
	ck_assert_int_eq(resolve(RESOLVER_RESEND), -EAGAIN);
	ck_assert_uint_eq(doubt_letter().flags, DEAD_RECEIVED | DEAD_HELD);
	for (int i = 0; i < 4; i++)
		doubt_expect("full");
	with_target = false;
	ck_assert_int_eq(resolve(RESOLVER_RESEND), -ENXIO);
	with_target = true;
	ck_assert_int_eq(ipcq_remove(URI), 0);
	ck_assert_int_eq(resolve(RESOLVER_RESEND), -ENOTCONN);
	ck_assert_uint_eq(doubt_letter().flags, DEAD_RECEIVED | DEAD_HELD);
}
END_TEST

START_TEST(message_that_is_being_resolved_is_not_resolved_twice)
{
	ck_assert_int_eq(begin(RESOLVER_RESEND), 0);
	ck_assert_int_eq(begin(RESOLVER_RESEND), -EBUSY);
	ck_assert_int_eq(begin(RESOLVER_DROP), -EBUSY);
	doubt_until(told.calls == 1);
	doubt_expect("held");
	doubt_expect(NULL);
}
END_TEST

START_TEST(letter_that_is_gone_is_told)
{
	const struct deadletter_key key = { .number = 99 };
	const struct resolver_wish wish = { &key, RESOLVER_DROP, on_done, &told };

	ck_assert_int_eq(resolver_begin(resolver, &wish), 0);
	doubt_until(told.calls == 1);
	ck_assert_int_eq(told.rc, -ENOENT);
}
END_TEST

/* Killed when it is on the disk that the message may be delivered. */
static void
resend_and_die(void)
{
	start();
	ck_assert_int_eq(begin(RESOLVER_RESEND), 0);
	die = true;
	doubt_until(false);
	_exit(1);
}

START_TEST(crash_while_it_is_resent_leaves_it_held_and_says_perhaps)
{
	pid_t pid;
	int status;

	crash();
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		resend_and_die();
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	start();
	ck_assert_uint_eq(
	    doubt_letter().flags, DEAD_RECEIVED | DEAD_HELD | DEAD_PERHAPS);
	ck_assert_int_eq(resolve(RESOLVER_RESEND), 0);
	doubt_expect("held");
	ck_assert_uint_eq(deadletters_count(dt.dead), 0);
}
END_TEST

START_TEST(client_that_went_away_is_not_told_and_the_work_is_done)
{
	ck_assert_int_eq(begin(RESOLVER_RESEND), 0);
	resolver_forget(resolver, &told);
	doubt_until(deadletters_count(dt.dead) == 0);
	doubt_expect("held");
	ck_assert_uint_eq(told.calls, 0);
}
END_TEST

Suite *
suite_resolver(void)
{
	Suite *su = suite_create("resolver");
	TCase *tc = tcase_create("resolver");

	if (!private_ipc_possible("resolver"))
		return su;
	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, resend_puts_the_message_into_its_queue_and_deletes_it);
	tcase_add_test(tc, drop_deletes_the_message);
	tcase_add_test(
	    tc, dead_letter_keeps_the_message_and_its_reason_and_holds_it_no_more);
	tcase_add_test(tc, resend_to_a_queue_that_cannot_take_it_leaves_it_held);
	tcase_add_test(tc, message_that_is_being_resolved_is_not_resolved_twice);
	tcase_add_test(tc, letter_that_is_gone_is_told);
	tcase_add_test(tc, crash_while_it_is_resent_leaves_it_held_and_says_perhaps);
	tcase_add_test(tc, client_that_went_away_is_not_told_and_the_work_is_done);
	suite_add_tcase(su, tc);
	return su;
}
