/* Doubts that a killed process left at a System V queue, and what the queue tells of them. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/private_ipc.h"
#include "base/clock.h"
#include "doubt_fixture.h"
#include "endpoint/settle.h"
#include "flow/sink.h"
#include "lib/ipcq.h"
#include "spool/marks_file.h"
#include "suites.h"

#define URI "sysv:0x4411"

/* What happens to the queue, step by step. The last message of the daemon is the doubt. */
struct scene {
	const char *name;
	const char *others; /* sent before by another process; or NULL */
	int64_t others_type;
	const char *before; /* sent by the daemon before the doubt; or NULL */
	int64_t before_type;
	bool called;       /* did the kernel take the doubt? */
	int received;      /* messages of type 3 that somebody takes after the kill */
	const char *after; /* sent by another process after the kill; or NULL */
	enum settle_verdict verdict;
};

#define DOUBT "doubt"

static const struct scene scenes[] = {
	{ "found behind another", NULL, 0, "before", 3, true, 0, NULL, SETTLE_TAKEN },
	{ "found, the one before is received", NULL, 0, "before", 3, true, 1, NULL,
	    SETTLE_TAKEN },
	{ "absent, the one before is the last", NULL, 0, "before", 3, false, 0, NULL,
	    SETTLE_NOT_TAKEN },
	{ "absent, an equal one is older", DOUBT, 3, "before", 3, false, 0, NULL,
	    SETTLE_NOT_TAKEN },
	{ "absent, others wait", "other", 3, NULL, 0, false, 0, NULL, SETTLE_OPEN },
	{ "the one before is equal, taken", NULL, 0, DOUBT, 3, true, 0, NULL,
	    SETTLE_OPEN },
	{ "the one before is equal, not taken", NULL, 0, DOUBT, 3, false, 0, NULL,
	    SETTLE_OPEN },
	{ "the first of the daemon", NULL, 0, NULL, 0, true, 0, NULL, SETTLE_OPEN },
	{ "of another type before, taken", NULL, 0, "before", 4, true, 0, NULL,
	    SETTLE_OPEN },
	{ "of another type before, an equal one is older", DOUBT, 3, "before", 4, false,
	    0, NULL, SETTLE_OPEN },
	{ "all received, taken", NULL, 0, "before", 3, true, 2, NULL, SETTLE_OPEN },
	{ "all received, not taken", NULL, 0, "before", 3, false, 1, NULL,
	    SETTLE_OPEN },
	{ "another sent since, taken", NULL, 0, "before", 3, true, 0, "after",
	    SETTLE_OPEN },
	{ "another sent since, not taken", NULL, 0, "before", 3, false, 0, "after",
	    SETTLE_OPEN },
	{ "another sent an equal one since", NULL, 0, "before", 3, false, 0, DOUBT,
	    SETTLE_OPEN },
	{ "all of its type received, taken", "other", 9, "before", 3, true, 2, NULL,
	    SETTLE_OPEN },
	{ "all of its type received, not taken", "other", 9, "before", 3, false, 1,
	    NULL, SETTLE_OPEN },
};

static void
send_as_other(const char *body, int64_t type)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(ipcq_send(dt.queue, body, strlen(body), type, IPCQ_NOWAIT) == 0
			  ? 0
			  : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

/* Deliver as delivery.c does; kill before or behind the call for the last. */
static void
daemon_deliver(struct mark *m, uint64_t seq, bool called, bool passed)
{
	const struct doubt_message *dm = &dt.stream[0].message[seq - 1];
	struct record rec = { .type = dm->type, .length = (uint32_t)strlen(dm->body) };

	rec.body_crc = (uint32_t)dm->body[0] * 1000 + rec.length;
	mark_note_call(dt.marks, m, ipcq_id(dt.queue));
	mark_intend(m, seq);
	if (called &&
	    ipcq_send(dt.queue, dm->body, rec.length, dm->type, IPCQ_NOWAIT) < 0)
		_exit(1);
	if (passed) {
		mark_note_sent(dt.marks, m, &rec);
		mark_pass(m, seq);
	}
}

static void
daemon_run(const struct scene *sc)
{
	uint64_t seq = 0, doubts;
	struct mark *m;

	if (marks_open(&dt.marks, dt.dirs.runtime_fd, &doubts) < 0 ||
	    mark_new(dt.marks, &dt.stream[0].stream, "edge/in", 0, &m) < 0)
		_exit(1);
	if (sc->before != NULL)
		daemon_deliver(m, ++seq, true, true);
	daemon_deliver(m, ++seq, sc->called, false);
	(void)raise(SIGKILL);
}

/* A daemon that was killed; the test is to reap() it. */
static pid_t
daemon_die(const struct scene *sc)
{
	siginfo_t si = { 0 };
	pid_t pid;

	doubt_make_queue(URI);
	if (sc->others != NULL)
		send_as_other(sc->others, sc->others_type);
	if (sc->before != NULL)
		doubt_message(0, sc->before, sc->before_type, 0);
	doubt_message(0, DOUBT, 3, 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		daemon_run(sc);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(si.si_status, SIGKILL);
	return pid;
}

static void
reap(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}

/* The stream's body_crc are made of its bodies as the daemon's were. */
static enum settle_verdict
judge(void)
{
	enum settle_verdict verdict;
	struct settle_view *view;
	struct doubt_evidence ev;
	uint64_t space[(RECORD_HEADER + DOUBT_BODY) / 8 + 1] = { 0 };
	struct record *rec = (struct record *)(void *)space;

	rec->type = 3;
	rec->length = (uint32_t)strlen(DOUBT);
	memcpy(rec->body, DOUBT, rec->length);
	rec->body_crc = (uint32_t)DOUBT[0] * 1000 + rec->length;
	ck_assert_ptr_nonnull(doubt_mark(0));
	if (!mark_doubt_evidence(dt.marks, doubt_mark(0), &ev))
		return SETTLE_OPEN;
	ck_assert_int_eq(settle_look(&view, dt.queue), 0);
	verdict = settle_judge(view, &ev, rec, 3);
	settle_free(view);
	return verdict;
}

START_TEST(queue_settles_a_doubt_only_where_it_is_conclusive)
{
	const struct scene *sc = &scenes[_i];

	reap(daemon_die(sc));
	for (int i = 0; i < sc->received; i++) {
		char body[8 + DOUBT_BODY];

		ck_assert_int_ge(
		    ipcq_receive_slot(dt.queue, body + 8, DOUBT_BODY, 3, IPCQ_NOWAIT),
		    0);
	}
	if (sc->after != NULL)
		send_as_other(sc->after, 3);
	doubt_start();
	ck_assert_msg(judge() == sc->verdict, "%s: %d", sc->name, judge());
}
END_TEST

START_TEST(doubt_found_in_the_queue_is_not_delivered_again)
{
	reap(daemon_die(&scenes[0]));
	doubt_message(0, "next", 3, 0);
	doubt_start();
	ck_assert_int_eq(doubt_open(0), 0);
	doubt_until(doubt_settled(0) == 3);
	doubt_expect("before");
	doubt_expect(DOUBT);
	doubt_expect("next");
	doubt_expect(NULL);
	ck_assert_int_eq(doubt_outcome(), DOUBT_FOUND);
}
END_TEST

START_TEST(doubt_that_the_queue_never_took_is_delivered_whatever_the_policy)
{
	dt.spec.in_doubt = _i == 0 ? TARGET_DROP : TARGET_HOLD;
	reap(daemon_die(&scenes[2]));
	doubt_start();
	ck_assert_int_eq(doubt_open(0), 0);
	doubt_until(doubt_settled(0) == 2);
	doubt_expect("before");
	doubt_expect(DOUBT);
	ck_assert_int_eq(doubt_outcome(), DOUBT_NOT_TAKEN);
	ck_assert_uint_eq(deadletters_count(dt.dead), 0);
}
END_TEST

/* What makes the evidence worthless, one at a time. */
enum spoil {
	SPOIL_BOOT,
	SPOIL_PID_SPACE,
	SPOIL_OTHER_STREAM,
	SPOIL_QUEUE,
	SPOIL_NOTHING_KNOWN,
};

START_TEST(evidence_of_another_world_settles_nothing)
{
	struct mark *m;

	reap(daemon_die(&scenes[0]));
	doubt_start();
	ck_assert_int_eq(judge(), SETTLE_TAKEN);
	m = doubt_mark(0);
	switch ((enum spoil)_i) {
	case SPOIL_BOOT:
		m->doubt_process.boot.bytes[3] ^= 1;
		break;
	case SPOIL_PID_SPACE:
		m->doubt_process.pid_space++;
		break;
	case SPOIL_OTHER_STREAM:
		m->doubt_process.pid = 0; /* as marks_doubt.c leaves it then */
		break;
	case SPOIL_QUEUE:
		m->doubt_call.queue++;
		break;
	case SPOIL_NOTHING_KNOWN:
		m->doubt_call.known = 0;
		break;
	}
	ck_assert_int_eq(judge(), SETTLE_OPEN);
}
END_TEST

START_TEST(process_that_has_the_number_of_the_dead_one_settles_nothing)
{
	pid_t pid = daemon_die(&scenes[0]);

	/* Not waited for: its number is in use. */
	doubt_start();
	ck_assert_int_eq(judge(), SETTLE_OPEN);
	reap(pid);
	ck_assert_int_eq(judge(), SETTLE_TAKEN);
}
END_TEST

START_TEST(queue_that_was_sent_to_last_before_the_intent_has_not_taken_it)
{
	struct mark *m;

	reap(daemon_die(&scenes[6])); /* in itself open */
	doubt_start();
	m = doubt_mark(0);
	ck_assert_int_eq(judge(), SETTLE_OPEN);
	m->doubt_call.intent_s += 3;
	ck_assert_int_eq(judge(), SETTLE_NOT_TAKEN);
	/* The clock was set between the two. */
	m->doubt_process.clock_ns += 1000000000;
	ck_assert_int_eq(judge(), SETTLE_OPEN);
}
END_TEST

/* Two streams into one queue: who sent last is not known of either. */
START_TEST(stream_beside_another_knows_what_was_sent_last_only_if_it_was_its_own)
{
	struct id other = state_id(9);
	struct record rec = { .type = 3, .length = 1 };
	struct doubt_evidence ev;
	struct mark *m, *beside;

	doubt_make_queue(URI);
	doubt_start();
	ck_assert_int_eq(mark_new(dt.marks, &dt.stream[0].stream, "edge/in", 0, &m), 0);
	ck_assert_int_eq(mark_new(dt.marks, &other, "far/in", 0, &beside), 0);
	for (int order = 0; order < 3; order++) {
		mark_note_call(dt.marks, m, 5);
		mark_note_sent(dt.marks, m, &rec);
		mark_note_call(dt.marks, beside, 5);
		if (order == 1)
			mark_note_sent(dt.marks, beside, &rec);
		mark_note_call(dt.marks, m, 5);
		mark_intend(m, 1);
		if (order == 2)
			mark_note_sent(dt.marks, beside, &rec);
		dt.marks->header->process.pid = 1; /* as another process */
		doubt_crash();
		doubt_start();
		m = doubt_mark(0);
		beside = mark_find(dt.marks, &other);
		ck_assert(mark_doubt_evidence(dt.marks, m, &ev));
		ck_assert_int_eq(ev.sent, order == 0);
		ck_assert_int_eq(ev.pid, order == 2 ? 0 : 1);
	}
}
END_TEST

Suite *
suite_settle(void)
{
	Suite *su = suite_create("settle");
	TCase *tc = tcase_create("settle");

	if (!private_ipc_possible("settle"))
		return su;
	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, doubt_setup, doubt_teardown);
	tcase_add_loop_test(tc, queue_settles_a_doubt_only_where_it_is_conclusive, 0,
	    (int)ARRAY_LEN(scenes));
	tcase_add_test(tc, doubt_found_in_the_queue_is_not_delivered_again);
	tcase_add_loop_test(
	    tc, doubt_that_the_queue_never_took_is_delivered_whatever_the_policy, 0, 2);
	tcase_add_loop_test(
	    tc, evidence_of_another_world_settles_nothing, 0, SPOIL_NOTHING_KNOWN + 1);
	tcase_add_test(tc, process_that_has_the_number_of_the_dead_one_settles_nothing);
	tcase_add_test(
	    tc, queue_that_was_sent_to_last_before_the_intent_has_not_taken_it);
	tcase_add_test(
	    tc, stream_beside_another_knows_what_was_sent_last_only_if_it_was_its_own);
	suite_add_tcase(su, tc);
	return su;
}
