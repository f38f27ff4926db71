#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "fake.h"
#include "link/credit.h"
#include "spool/deadletter.h"
#include "suites.h"
#include "wire/frame.h"

static struct fake_pair fp;

static void
teardown(void)
{
	fake_teardown(&fp);
}

static bool
all_settled(struct fake_pair *p)
{
	return p->source.acked == p->source.count;
}

static bool
half_there(struct fake_pair *p)
{
	return p->sink.mark >= p->source.count / 2;
}

static bool
connected(struct fake_pair *p)
{
	struct peer_numbers nb;

	peer_numbers(p->beta, &nb);
	return nb.state == STATE_CONNECTED;
}

static bool
stopped_at(struct fake_pair *p)
{
	return p->sink.mark == p->sink.stop_at;
}

static bool
refused(struct fake_pair *p)
{
	struct sink_state st;

	p->sender->ops->state(p->sender, &st);
	return st.state == STATE_REFUSED && st.reason == REASON_ENTRY_REFUSED &&
	       strcmp(st.detail, "not for you") == 0 && strcmp(st.host, "beta") == 0;
}

START_TEST(records_of_all_sizes_cross_in_order_and_unaltered)
{
	fake_setup(&fp, 5000, 2000);
	fake_start(&fp, "alpha");
	ck_assert(fake_until(&fp, all_settled));
	ck_assert_uint_eq(fp.sink.mark, 5000);
	ck_assert_uint_eq(fp.sink.altered, 0);
	ck_assert_uint_eq(fp.source.took_again, 0);
}
END_TEST

START_TEST(records_larger_than_a_frame_cross_in_chunks)
{
	fake_setup(&fp, 20, 500000);
	fake_start(&fp, "alpha");
	ck_assert(fake_until(&fp, all_settled));
	ck_assert_uint_eq(fp.sink.mark, 20);
	ck_assert_uint_eq(fp.sink.altered, 0);
}
END_TEST

START_TEST(cut_in_the_middle_resumes_without_loss_or_repetition)
{
	fake_setup(&fp, 20000, 200);
	fake_start(&fp, "alpha");
	for (int i = 0; i < 5; i++) {
		fp.sink.stop_at = 2000 + 3000 * (uint64_t)i;
		ck_assert(fake_until(&fp, stopped_at));
		link_close(fp.b);
		ck_assert(!fp.sink.open);
	}
	fp.sink.stop_at = UINT64_MAX;
	ck_assert(fake_until(&fp, all_settled));
	ck_assert_uint_eq(fp.sink.mark, 20000);
	ck_assert_uint_eq(fp.sink.altered, 0);
	ck_assert_uint_eq(fp.opened, 6);
	/* The sink asserts that each comes once and in order; some had to be sent again. */
	ck_assert_uint_gt(fp.source.took_again, 0);
}
END_TEST

static bool
no_more_comes(struct fake_pair *p)
{
	static uint64_t last, turns;

	turns = last == p->source.taken && last > 0 ? turns + 1 : 0;
	last = p->source.taken;
	return turns > 20;
}

static bool
heard_a_pong(struct fake_pair *p)
{
	struct peer_numbers nb;

	peer_numbers(p->beta, &nb);
	return nb.round_trip_ns > 0;
}

START_TEST(blocked_sink_bounds_what_is_sent_and_heartbeats_go_on)
{
	fake_setup(&fp, 20000, 200);
	fp.sink.stop_at = 100;
	fake_start(&fp, "alpha");
	ck_assert(fake_until(&fp, no_more_comes));
	ck_assert_uint_le(fp.source.at[fp.source.taken + 1] - fp.source.at[101],
	    CREDIT_WINDOW_FIRST * 2);
	ck_assert(fake_until(&fp, heard_a_pong));
	ck_assert(connected(&fp));
	fp.sink.stop_at = UINT64_MAX;
	fp.sink.sink.ops->kick(&fp.sink.sink);
	ck_assert(fake_until(&fp, all_settled));
	ck_assert_uint_eq(fp.sink.altered, 0);
}
END_TEST

static struct sink_state
sender_says(struct fake_pair *p)
{
	struct sink_state st;

	p->sender->ops->state(p->sender, &st);
	return st;
}

static bool
cause_is_known(struct fake_pair *p)
{
	return sender_says(p).reason == p->sink.says;
}

/* What stands still because of the far end is told with its cause, and no longer than it lasts. */
START_TEST(cause_of_the_receiver_is_known_to_the_sender)
{
	static const enum reason causes[] = { REASON_QUEUE_FULL, REASON_NOT_PERMITTED,
		REASON_QUEUE_ABSENT, REASON_NONE };
	uint64_t begun;

	fake_setup(&fp, 20000, 200);
	fp.sink.stop_at = 100;
	fake_start(&fp, "alpha");
	ck_assert(fake_until(&fp, stopped_at));
	for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
		struct sink_state st;

		begun = clock_monotonic_ms();
		fp.sink.says = causes[i];
		ck_assert(fake_until(&fp, cause_is_known));
		/* Two heartbeats of 200 ms, and what a busy machine takes. */
		ck_assert_uint_lt(clock_monotonic_ms() - begun, 600);
		st = sender_says(&fp);
		ck_assert_int_eq(st.state, sink_state_of(causes[i]));
		ck_assert_str_eq(st.host, causes[i] == REASON_NONE ? "" : "beta");
	}
	ck_assert(connected(&fp));
}
END_TEST

static bool
reject_done(struct fake_pair *p)
{
	return all_settled(p) && p->sink.stored_seq == 7;
}

START_TEST(connection_outlives_a_pause_of_the_whole_process)
{
	const struct timespec pause = { .tv_sec = 1, .tv_nsec = 200000000 };

	fake_setup(&fp, 2000, 200);
	fp.sink.stop_at = 100;
	fake_start(&fp, "alpha");
	ck_assert(fake_until(&fp, heard_a_pong));
	/* Longer than the three heartbeats of 200 ms and one more, for which nothing is heard. */
	(void)nanosleep(&pause, NULL);
	fp.sink.stop_at = UINT64_MAX;
	fp.sink.sink.ops->kick(&fp.sink.sink);
	ck_assert(fake_until(&fp, all_settled));
	ck_assert_uint_eq(fp.opened, 1);
}
END_TEST

/* Some of what is sent again is damaged by then: its sequence passes, and all others keep theirs. */
START_TEST(damaged_record_in_flight_is_told_and_others_keep_their_sequences)
{
	uint64_t voids = 0;

	fake_setup(&fp, 20000, 100);
	fp.sink.stop_at = 2000;
	fake_start(&fp, "alpha");
	ck_assert(fake_until(&fp, stopped_at));
	link_close(fp.b);
	fp.source.void_each = (uint64_t)_i;
	for (uint64_t seq = fp.sink.mark + 1; seq <= fp.source.high; seq++)
		voids += seq % fp.source.void_each == 0;
	ck_assert_uint_gt(voids, 1);
	/* A sink that stands still has them put behind what waits. */
	fp.sink.stop_at = 2001;
	ck_assert(fake_until(&fp, stopped_at));
	fp.sink.stop_at = UINT64_MAX;
	fp.sink.sink.ops->kick(&fp.sink.sink);
	ck_assert(fake_until(&fp, all_settled));
	ck_assert_uint_eq(fp.sink.mark, 20000);
	ck_assert_uint_eq(fp.sink.altered, 0);
	ck_assert_uint_eq(fp.sink.voids, voids);
	ck_assert_uint_eq(fp.opened, 2);
}
END_TEST

START_TEST(rejected_record_is_told_and_stored_and_others_go_on)
{
	fake_setup(&fp, 100, 100);
	fp.sink.reject_seq = 7;
	fake_start(&fp, "alpha");
	ck_assert(fake_until(&fp, reject_done));
	ck_assert_uint_eq(fp.source.rejected_seq, 7);
	ck_assert_uint_eq(fp.source.rejected_reason, 1);
}
END_TEST

START_TEST(record_above_the_announced_limit_is_refused_by_the_sender)
{
	fake_setup(&fp, 1000, 400);
	fp.sink.max_body = 300;
	fake_start(&fp, "alpha");
	ck_assert(fake_until(&fp, all_settled));
	ck_assert_uint_gt(fp.source.refused, 0);
	ck_assert_uint_eq(fp.source.refused + fp.sink.mark, 1000);
	ck_assert_uint_eq(fp.sink.altered, 0);
}
END_TEST

START_TEST(record_in_flight_above_a_limit_that_fell_is_sent_again_and_rejected)
{
	fake_setup(&fp, 1000, 400);
	fp.sink.stop_at = 10;
	fake_start(&fp, "alpha");
	ck_assert(fake_until(&fp, no_more_comes));
	ck_assert_uint_gt(fp.source.taken, 20);
	link_close(fp.b);
	fp.sink.max_body = 100;
	fp.sink.stop_at = UINT64_MAX;
	ck_assert(fake_until(&fp, all_settled));
	ck_assert_uint_gt(fp.sink.rejected, 0);
	ck_assert_uint_gt(fp.source.refused, 0);
}
END_TEST

START_TEST(absent_queue_holds_the_stream_until_its_limits_are_told)
{
	fake_setup(&fp, 1000, 400);
	fp.sink.max_body = 0;
	fake_start(&fp, "alpha");
	ck_assert(fake_until(&fp, connected));
	for (int i = 0; i < 20; i++)
		(void)event_base_loop(fp.base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(fp.source.taken, 0);
	ck_assert(fp.sink.open);
	fp.sink.max_body = 400;
	fp.sink.sink.source->ops->limits_changed(fp.sink.sink.source);
	ck_assert(fake_until(&fp, all_settled));
}
END_TEST

START_TEST(damaged_record_is_sent_again_once_and_then_given_up)
{
	fake_setup(&fp, 100, 100);
	fp.source.bytes[fp.source.at[50] + 40] ^= 1; /* in its type */
	fake_start(&fp, "alpha");
	ck_assert(fake_until(&fp, all_settled));
	ck_assert_uint_eq(fp.sink.mark, 100);
	ck_assert_uint_eq(fp.source.rejected_seq, 50);
	ck_assert_uint_eq(fp.source.rejected_reason, DEAD_CHECKSUM);
	ck_assert_uint_eq(
	    fp.opened, 3); /* at first, after each of the two mismatches */
	ck_assert_uint_eq(fp.sink.altered, 0);
}
END_TEST

START_TEST(refused_stream_says_why_and_sends_nothing)
{
	fake_setup(&fp, 100, 100);
	fp.refuse = REFUSE_FORBIDDEN;
	fake_start(&fp, "alpha");
	ck_assert(fake_until(&fp, refused));
	ck_assert_uint_eq(fp.source.taken, 0);
}
END_TEST

static bool
told_unknown(struct fake_pair *p)
{
	struct peer_numbers nb;

	peer_numbers(p->beta, &nb);
	return nb.cause.reason == REASON_HANDSHAKE_REFUSED &&
	       strstr(nb.cause.detail, "name") != NULL;
}

START_TEST(unknown_name_is_refused)
{
	fake_setup(&fp, 100, 100);
	fake_start(&fp, "somebody else");
	ck_assert(fake_until(&fp, told_unknown));
	ck_assert_uint_eq(fp.opened, 0);
	ck_assert_uint_eq(fp.source.taken, 0);
}
END_TEST

static int stranger = -1;

static bool
stranger_closed(struct fake_pair *p)
{
	char buf[600];
	ssize_t n;

	(void)p;
	while ((n = recv(stranger, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		;
	return n == 0 || (n < 0 && errno != EAGAIN);
}

/* Connect to beta and say something. */
static void
stranger_dials(const void *bytes, size_t len)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	(void)fake_path(&fp, sa.sun_path, sizeof(sa.sun_path));
	stranger = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(stranger, 0);
	ck_assert_int_eq(connect(stranger, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(send(stranger, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* It must end the connection and stay well. */
static void
stranger_says(const void *bytes, size_t len)
{
	stranger_dials(bytes, len);
	ck_assert(fake_until(&fp, stranger_closed));
	(void)close(stranger);
}

START_TEST(stranger_with_garbage_is_closed_and_the_peer_goes_on)
{
	uint8_t garbage[1000], data[64] = { 0 };

	memset(garbage, 0xa5, sizeof(garbage));
	data[0] = 32; /* a DATA frame before any HELLO */
	data[4] = FRAME_DATA;
	fake_setup(&fp, 5000, 200);
	fake_start(&fp, "alpha");
	stranger_says(garbage, sizeof(garbage));
	stranger_says(data, 48);
	ck_assert(fake_until(&fp, all_settled));
}
END_TEST

START_TEST(stranger_that_claims_a_name_takes_over_the_connection_only_with_a_good_hello)
{
	struct frame_hello he = { .version_min = 9,
		.version_max = 12,
		.heartbeat_ms = 1000,
		.name = frame_text("alpha") };
	uint8_t buf[FRAME_ENCODE_MAX];
	size_t n = frame_encode_hello(buf, sizeof(buf), &he);

	fake_setup(&fp, 5000, 200);
	fake_start(&fp, "alpha");
	ck_assert(fake_until(&fp, half_there));
	stranger_says(buf, n); /* no common version */
	ck_assert(fake_until(&fp, all_settled));
	ck_assert_uint_eq(fp.opened, 1);
}
END_TEST

static bool
replaced(struct fake_pair *p)
{
	struct peer_numbers nb;

	peer_numbers(p->alpha, &nb);
	return nb.reconnects == 1;
}

static bool
left(struct fake_pair *p)
{
	struct peer_numbers nb;

	peer_numbers(p->alpha, &nb);
	return nb.state == STATE_WAITING;
}

/* Announced is a time that is no multiple of beta's own heartbeat, 200 ms: whoever looks at
 * the silence only then is 170 ms late. */
START_TEST(silent_peer_is_left_after_three_of_its_heartbeats)
{
	const struct frame_hello he = { .version_min = FRAME_VERSION,
		.version_max = FRAME_VERSION,
		.heartbeat_ms = 210,
		.name = frame_text("alpha") };
	uint8_t buf[FRAME_ENCODE_MAX];
	size_t n = frame_encode_hello(buf, sizeof(buf), &he);
	uint64_t begun, took;

	fake_setup(&fp, 100, 100);
	fake_start(&fp, "alpha");
	ck_assert(fake_until(&fp, all_settled));
	link_halt(
	    fp.a); /* it does not dial again when the silent one takes its place */
	stranger_dials(buf, n);
	begun = clock_monotonic_ms();
	ck_assert(fake_until(&fp, replaced));
	ck_assert(fake_until(&fp, left));
	took = clock_monotonic_ms() - begun;
	ck_assert_uint_ge(took, 3 * 210);
	ck_assert_uint_lt(took, 4 * 210); /* not one more */
	(void)close(stranger);
}
END_TEST

Suite *
suite_link(void)
{
	Suite *s = suite_create("link");
	TCase *tc = tcase_create("link");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, records_of_all_sizes_cross_in_order_and_unaltered);
	tcase_add_test(tc, records_larger_than_a_frame_cross_in_chunks);
	tcase_add_test(tc, cut_in_the_middle_resumes_without_loss_or_repetition);
	tcase_add_test(tc, blocked_sink_bounds_what_is_sent_and_heartbeats_go_on);
	tcase_add_test(tc, cause_of_the_receiver_is_known_to_the_sender);
	tcase_add_test(tc, connection_outlives_a_pause_of_the_whole_process);
	tcase_add_test(tc, silent_peer_is_left_after_three_of_its_heartbeats);
	tcase_add_loop_test(
	    tc, damaged_record_in_flight_is_told_and_others_keep_their_sequences, 1, 4);
	tcase_add_test(tc, rejected_record_is_told_and_stored_and_others_go_on);
	tcase_add_test(tc, record_above_the_announced_limit_is_refused_by_the_sender);
	tcase_add_test(
	    tc, record_in_flight_above_a_limit_that_fell_is_sent_again_and_rejected);
	tcase_add_test(tc, absent_queue_holds_the_stream_until_its_limits_are_told);
	tcase_add_test(tc, damaged_record_is_sent_again_once_and_then_given_up);
	tcase_add_test(tc, refused_stream_says_why_and_sends_nothing);
	tcase_add_test(tc, unknown_name_is_refused);
	tcase_add_test(tc, stranger_with_garbage_is_closed_and_the_peer_goes_on);
	tcase_add_test(tc,
	    stranger_that_claims_a_name_takes_over_the_connection_only_with_a_good_hello);
	suite_add_tcase(s, tc);
	return s;
}
