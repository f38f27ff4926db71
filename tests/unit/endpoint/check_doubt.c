/* What the policies make of messages in doubt and of recovered ones, over crashes at every step. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/private_ipc.h"
#include "../spool/kill_steps.h"
#include "base/clock.h"
#include "doubt_fixture.h"
#include "flow/sink.h"
#include "lib/ipcq.h"
#include "spool/marks_file.h"
#include "suites.h"

#define STEPS_IN_ALL 60000 /* of single steps; about 20 microseconds each */

/* The queues on which all is tried. */
static const char *const uris[] = { "posix:/doubt", "sysv:0x4401" };

/* A message that a killed daemon left in doubt, and one behind it. */
static void
prepare(int i, enum target_in_doubt policy)
{
	doubt_make_queue(uris[i]);
	dt.spec.in_doubt = policy;
	doubt_message(0, "doubt", 3, 0);
	doubt_message(0, "next", 3, 0);
	doubt_leave(0);
	doubt_start();
	ck_assert_int_eq(doubt_open(0), 0);
}

START_TEST(doubt_by_resend_is_delivered_again)
{
	prepare(_i, TARGET_RESEND);
	doubt_until(doubt_settled(0) == 2);
	doubt_expect("doubt");
	doubt_expect("next");
	ck_assert_int_eq(doubt_outcome(), DOUBT_RESENT);
	ck_assert_uint_eq(deadletters_count(dt.dead), 0);
}
END_TEST

START_TEST(doubt_by_drop_is_passed_without_delivery)
{
	struct target_numbers nb;

	prepare(_i, TARGET_DROP);
	doubt_until(doubt_settled(0) == 2);
	doubt_expect("next");
	doubt_expect(NULL);
	ck_assert_int_eq(doubt_outcome(), DOUBT_DROPPED);
	target_numbers(dt.target, &nb);
	ck_assert_uint_eq(nb.dropped, 1);
	ck_assert_uint_eq(nb.delivered, 1);
}
END_TEST

START_TEST(doubt_by_hold_is_stored_whole_and_passed)
{
	struct deadletter_info in;
	struct deadletter dead;
	char *bytes;

	prepare(_i, TARGET_HOLD);
	doubt_until(doubt_settled(0) == 2);
	doubt_expect("next");
	doubt_expect(NULL);
	ck_assert_int_eq(doubt_outcome(), DOUBT_HELD);
	in = doubt_letter();
	ck_assert_uint_eq(in.reason, DEAD_IN_DOUBT_HELD);
	ck_assert_uint_eq(
	    in.flags, DEAD_RECEIVED | DEAD_HELD | (_i == 1 ? DEAD_SYSV : 0));
	ck_assert_uint_eq(in.key.number, 1);
	ck_assert_str_eq(in.label, "in");
	ck_assert_str_eq(in.route, "edge/in");
	ck_assert_int_eq(deadletters_load(dt.dead, &in.key, &dead, &bytes), 0);
	ck_assert_int_eq(dead.rec->type, 3);
	ck_assert_uint_eq(dead.rec->length, 5);
	ck_assert_mem_eq(dead.rec->body, "doubt", 5);
	ck_assert_str_eq(dead.uri, "posix:/far");
	free(bytes);
}
END_TEST

static const enum target_in_doubt policies[] = { TARGET_RESEND, TARGET_DROP,
	TARGET_HOLD };

/* The record in doubt was damaged at its sender meanwhile: the doubt ends with it, and the one behind
 * it is delivered whatever the policy. */
START_TEST(doubt_about_a_damaged_record_does_not_pass_to_the_next)
{
	doubt_make_queue(uris[0]);
	dt.spec.in_doubt = policies[_i];
	doubt_message(0, "", 0, RECORD_DAMAGED);
	doubt_message(0, "next", 3, 0);
	doubt_leave(0);
	doubt_start();
	ck_assert_int_eq(doubt_open(0), 0);
	doubt_until(doubt_settled(0) == 2);
	doubt_expect("next");
	doubt_expect(NULL);
	ck_assert_int_eq(doubt_outcome(), DOUBT_GONE);
	ck_assert_uint_eq(deadletters_count(dt.dead), 0);
}
END_TEST

START_TEST(held_message_is_passed_only_when_it_is_on_the_disk)
{
	prepare(_i, TARGET_HOLD);
	/* The disk does its work, but its end is not collected: nothing turns. */
	for (uint64_t by_ms = clock_monotonic_ms() + DOUBT_DEADLINE_MS;
	     deadletters_count(dt.dead) == 0 && clock_monotonic_ms() < by_ms;)
		;
	ck_assert_uint_eq(deadletters_count(dt.dead), 1);
	ck_assert_uint_eq(mark_value(doubt_mark(0)), 0);
	doubt_crash();
	doubt_start();
	ck_assert(mark_doubtful(doubt_mark(0), 1));
	ck_assert_int_eq(doubt_open(0), 0);
	doubt_until(doubt_settled(0) == 2);
	ck_assert_uint_eq(deadletters_count(dt.dead), 1);
	doubt_expect("next");
	doubt_expect(NULL);
}
END_TEST

START_TEST(full_store_stops_the_stream_alone_until_there_is_room)
{
	struct target_numbers nb = { 0 };
	struct sink_state state;

	dt.dead_limit = 1;
	prepare(_i, TARGET_HOLD);
	doubt_until((target_numbers(dt.target, &nb), nb.cause.reason != REASON_NONE));
	ck_assert_ptr_nonnull(strstr(nb.cause.detail, "dead-letter store"));
	dt.stream[0].sink->ops->state(dt.stream[0].sink, &state);
	ck_assert_int_eq(state.state, STATE_FLOWING);
	ck_assert_int_ne(state.reason, REASON_NONE);
	doubt_message(1, "other", 3, 0);
	ck_assert_int_eq(doubt_open(1), 0);
	doubt_until(doubt_settled(1) == 1);
	doubt_expect("other");
	ck_assert_uint_eq(doubt_settled(0), 0);
	doubt_crash();
	dt.dead_limit = 1 << 20;
	doubt_start();
	ck_assert_int_eq(doubt_open(0), 0);
	doubt_until(doubt_settled(0) == 2);
	doubt_expect("next");
	ck_assert_uint_eq(deadletters_count(dt.dead), 1);
}
END_TEST

START_TEST(store_that_gets_room_again_lets_the_stream_go_on)
{
	struct target_numbers nb = { 0 };
	struct deadletter_key key;

	dt.dead_limit = 4096; /* one letter */
	prepare(_i, TARGET_HOLD);
	dt.stream[0].message[1].flags = RECORD_RECOVERED;
	dt.spec.hold_recovered = true;
	doubt_crash();
	doubt_start();
	ck_assert_int_eq(doubt_open(0), 0);
	doubt_until((target_numbers(dt.target, &nb), nb.cause.reason != REASON_NONE));
	ck_assert_uint_eq(doubt_settled(0), 1);
	key = doubt_letter().key;
	ck_assert_int_eq(deadletters_remove(dt.dead, &key), 0);
	doubt_until(doubt_settled(0) == 2);
	target_numbers(dt.target, &nb);
	ck_assert_int_eq(nb.cause.reason, REASON_NONE);
	ck_assert_uint_eq(doubt_letter().key.number, 2);
}
END_TEST

START_TEST(recovered_message_is_held_only_where_the_policy_says_so)
{
	for (unsigned hold = 0; hold < 2; hold++) {
		if (hold == 0)
			doubt_make_queue(uris[_i]);
		dt.spec.hold_recovered = hold == 1;
		dt.stream[0].stream = state_id((uint8_t)(10 + hold));
		dt.stream[0].n = 0;
		doubt_message(0, "cut", 3, RECORD_RECOVERED);
		doubt_message(0, "whole", 3, 0);
		doubt_start();
		ck_assert_int_eq(doubt_open(0), 0);
		doubt_until(doubt_settled(0) == 2);
		if (hold == 0)
			doubt_expect("cut");
		doubt_expect("whole");
		doubt_expect(NULL);
		ck_assert_uint_eq(deadletters_count(dt.dead), hold);
		if (hold == 0)
			doubt_crash();
	}
	ck_assert_uint_eq(doubt_letter().reason, DEAD_RECOVERED_HELD);
	ck_assert_uint_eq(marks_doubts_total(dt.marks), 0);
}
END_TEST

START_TEST(message_that_crashed_three_times_is_held_whatever_the_policy)
{
	doubt_make_queue(uris[_i]);
	doubt_message(0, "doubt", 3, 0);
	doubt_message(0, "next", 3, 0);
	for (int crash = 0; crash < MARK_POISON; crash++)
		doubt_leave(0);
	doubt_start();
	ck_assert_int_eq(doubt_open(0), 0);
	doubt_until(doubt_settled(0) == 2);
	doubt_expect("next");
	doubt_expect(NULL);
	ck_assert_uint_eq(doubt_letter().reason, DEAD_IN_DOUBT_HELD);
}
END_TEST

START_TEST(message_that_crashed_twice_is_delivered)
{
	doubt_make_queue(uris[_i]);
	doubt_message(0, "doubt", 3, 0);
	for (int crash = 0; crash < MARK_POISON - 1; crash++)
		doubt_leave(0);
	doubt_start();
	ck_assert_int_eq(doubt_open(0), 0);
	doubt_until(doubt_settled(0) == 1);
	doubt_expect("doubt");
	ck_assert_uint_eq(deadletters_count(dt.dead), 0);
}
END_TEST

START_TEST(message_whose_call_waited_for_room_is_no_poison)
{
	doubt_make_queue("sysv:0x4402");
	doubt_message(0, "doubt", 3, 0);
	for (int crash = 0; crash < 2 * MARK_POISON; crash++) {
		doubt_start();
		if (crash == 0)
			ck_assert_int_eq(doubt_open(0), 0);
		doubt_until(doubt_mark(0) != NULL);
		if (crash == 0) {
			doubt_until(doubt_settled(0) == 1);
			doubt_expect("doubt");
			mark_pass(doubt_mark(0), 0);
		}
		mark_note_wait(doubt_mark(0), 1);
		mark_intend(doubt_mark(0), 1);
		doubt_crash();
	}
	doubt_start();
	ck_assert_int_eq(doubt_open(0), 0);
	doubt_until(doubt_settled(0) == 1);
	doubt_expect("doubt");
	ck_assert_uint_eq(deadletters_count(dt.dead), 0);
}
END_TEST

/* The marks were lost: what was in flight is in doubt, message by message. */
static const struct {
	enum target_in_doubt policy;
	enum doubt_outcome outcome;
	unsigned delivered;
	unsigned held;
} losses[] = {
	{ TARGET_RESEND, DOUBT_RESENT, 4, 0 },
	{ TARGET_DROP, DOUBT_DROPPED, 1, 0 },
	{ TARGET_HOLD, DOUBT_HELD, 1, 3 },
};

START_TEST(lost_state_puts_all_in_flight_under_the_policy)
{
	doubt_make_queue(uris[0]);
	dt.spec.in_doubt = losses[_i].policy;
	dt.stream[0].acked = 10;
	for (unsigned i = 0; i < 3; i++)
		doubt_message(0, "flight", 3, 0);
	doubt_start();
	ck_assert_int_eq(doubt_open(0), 0);
	/* One that was never sent before. */
	doubt_message(0, "new", 3, 0);
	dt.stream[0].sink->ops->kick(dt.stream[0].sink);
	doubt_until(doubt_settled(0) == 14);
	for (unsigned i = 1; i < losses[_i].delivered; i++)
		doubt_expect("flight");
	doubt_expect("new");
	doubt_expect(NULL);
	ck_assert_uint_eq(deadletters_count(dt.dead), losses[_i].held);
	ck_assert_uint_eq(marks_doubts_total(dt.marks), 3);
	ck_assert_int_eq(doubt_outcome(), losses[_i].outcome);
}
END_TEST

START_TEST(lost_state_over_a_crash_stays_in_doubt)
{
	doubt_make_queue(uris[0]);
	dt.spec.in_doubt = TARGET_DROP;
	dt.stream[0].acked = 10;
	doubt_message(0, "flight", 3, 0);
	doubt_message(0, "flight", 3, 0);
	doubt_start();
	/* As far as the mark, and not a message further. */
	dt.spec.uri = "posix:/absent";
	doubt_crash();
	doubt_start();
	ck_assert_int_eq(doubt_open(0), 0);
	ck_assert_uint_eq(mark_value(doubt_mark(0)), 10);
	doubt_crash();
	dt.spec.uri = uris[0];
	doubt_start();
	ck_assert_int_eq(doubt_open(0), 0);
	doubt_until(doubt_settled(0) == 12);
	doubt_expect(NULL);
	ck_assert_uint_eq(marks_doubts_total(dt.marks), 2);
}
END_TEST

static int
open_stream(void *arg)
{
	(void)arg;
	return doubt_open(0);
}

/* Wherever it is killed while it learns of the loss, what was in flight ends in doubt. */
START_TEST(lost_state_killed_anywhere_while_it_is_noted_is_noted)
{
	unsigned long steps, stride;

	doubt_make_queue(uris[0]);
	dt.spec.uri = "posix:/absent";
	dt.stream[0].acked = 10;
	doubt_message(0, "flight", 3, 0);
	doubt_message(0, "flight", 3, 0);
	doubt_start();
	steps = kill_count(KILL_AT_INSTRUCTION, open_stream, NULL);
	stride = 1 + steps * steps / 2 / STEPS_IN_ALL;
	for (unsigned long at = 0; at < steps; at += stride) {
		doubt_crash();
		(void)unlinkat(dt.dirs.runtime_fd, MARKS_FILE, 0);
		doubt_start();
		(void)kill_at(KILL_AT_INSTRUCTION, at, open_stream, NULL);
		doubt_crash();
		doubt_start();
		ck_assert_int_eq(doubt_open(0), 0);
		ck_assert_uint_eq(mark_value(doubt_mark(0)), 10);
		ck_assert(mark_doubtful(doubt_mark(0), 11));
		ck_assert(mark_doubtful(doubt_mark(0), 12));
		ck_assert(!mark_doubtful(doubt_mark(0), 13));
		ck_assert_uint_eq(marks_doubts_total(dt.marks), 2);
	}
}
END_TEST

START_TEST(stream_that_went_back_in_time_is_refused_until_it_is_forgotten)
{
	struct id stream = dt.stream[0].stream;
	struct mark *m;

	doubt_make_queue(uris[0]);
	doubt_start();
	ck_assert_int_eq(mark_new(dt.marks, &stream, "edge/in", 0, &m), 0);
	mark_pass(m, 100);
	dt.stream[0].acked = 10;
	doubt_message(0, "old", 3, 0);
	ck_assert_int_eq(doubt_open(0), DELIVERY_BACK_IN_TIME);
	mark_hold(m);
	ck_assert_int_eq(mark_forget(m), -EBUSY);
	mark_unhold(m);
	ck_assert_int_eq(mark_forget(m), 0);
	ck_assert_ptr_null(doubt_mark(0));
	ck_assert_int_eq(doubt_open(0), 0);
	doubt_until(doubt_settled(0) == 11);
	doubt_expect("old");
	ck_assert_uint_eq(marks_doubts_total(dt.marks), 1);
}
END_TEST

/* A queue that is full, and whose policy lets no intent stay open. */
START_TEST(full_queue_under_a_policy_is_tried_again_without_an_intent)
{
	struct target_numbers nb = { 0 };

	doubt_make_queue(uris[_i]);
	dt.spec.in_doubt = TARGET_DROP;
	for (unsigned i = 0; i < 6; i++)
		doubt_message(0, "0123456789abcdef", 3, 0);
	doubt_start();
	ck_assert_int_eq(doubt_open(0), 0);
	doubt_until((target_numbers(dt.target, &nb), nb.full));
	ck_assert_uint_eq(mark_value(doubt_mark(0)), 4);
	for (int i = 0; i < 5; i++) {
		ck_assert(!mark_in_doubt(doubt_mark(0)));
		doubt_turn();
	}
	doubt_expect("0123456789abcdef");
	doubt_until(doubt_settled(0) == 5);
	doubt_expect("0123456789abcdef");
	doubt_until(doubt_settled(0) == 6);
	ck_assert_uint_eq(marks_doubts_total(dt.marks), 0);
}
END_TEST

Suite *
suite_doubt(void)
{
	Suite *su = suite_create("doubt");
	TCase *tc = tcase_create("doubt");

	if (!private_ipc_possible("doubt"))
		return su;
	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, doubt_setup, doubt_teardown);
	tcase_add_loop_test(tc, doubt_by_resend_is_delivered_again, 0, 2);
	tcase_add_loop_test(tc, doubt_by_drop_is_passed_without_delivery, 0, 2);
	tcase_add_loop_test(tc, doubt_by_hold_is_stored_whole_and_passed, 0, 2);
	tcase_add_loop_test(
	    tc, doubt_about_a_damaged_record_does_not_pass_to_the_next, 0, 3);
	tcase_add_loop_test(
	    tc, held_message_is_passed_only_when_it_is_on_the_disk, 0, 2);
	tcase_add_loop_test(
	    tc, full_store_stops_the_stream_alone_until_there_is_room, 0, 2);
	tcase_add_loop_test(tc, store_that_gets_room_again_lets_the_stream_go_on, 0, 2);
	tcase_add_loop_test(
	    tc, recovered_message_is_held_only_where_the_policy_says_so, 0, 2);
	tcase_add_loop_test(
	    tc, message_that_crashed_three_times_is_held_whatever_the_policy, 0, 2);
	tcase_add_loop_test(tc, message_that_crashed_twice_is_delivered, 0, 2);
	tcase_add_test(tc, message_whose_call_waited_for_room_is_no_poison);
	tcase_add_loop_test(tc, lost_state_puts_all_in_flight_under_the_policy, 0,
	    (int)ARRAY_LEN(losses));
	tcase_add_test(tc, lost_state_over_a_crash_stays_in_doubt);
	tcase_add_test(tc, lost_state_killed_anywhere_while_it_is_noted_is_noted);
	tcase_add_test(
	    tc, stream_that_went_back_in_time_is_refused_until_it_is_forgotten);
	tcase_add_loop_test(
	    tc, full_queue_under_a_policy_is_tried_again_without_an_intent, 0, 2);
	suite_add_tcase(su, tc);
	return su;
}
