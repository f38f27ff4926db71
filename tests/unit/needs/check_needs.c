#include "needs/needs.h"

#include <check.h>
#include <errno.h>

#include "base/compiler.h"
#include "config/conf.h"
#include "lib/ipcq.h"
#include "suites.h"

static char in_name[] = "in", out_name[] = "out", to_name[] = "out";
static struct conf_queue queues[2];
static struct conf_route route;
static char *entries[] = { out_name };
static struct conf_peer peer;
static struct conf conf;

static void
set_up(void)
{
	queues[0] = (struct conf_queue){ .name = in_name,
		.kind = CONF_POSIX,
		.enabled = true,
		.message_size = 64,
		.max_messages = 4,
		.ring_size = 1 << 20 };
	queues[1] = queues[0];
	queues[1].name = out_name;
	route = (struct conf_route){
		.from = in_name, .to_entry = to_name, .enabled = true
	};
	peer = (struct conf_peer){ .enabled = true };
	conf = (struct conf){ .queues = queues,
		.n_queues = 2,
		.routes = &route,
		.n_routes = 1,
		.peers = &peer,
		.n_peers = 1 };
}

START_TEST(route_needs_its_ends)
{
	ck_assert(needs_reading(&conf, &queues[0]));
	ck_assert(!needs_writing(&conf, &queues[0]));
	ck_assert(!needs_reading(&conf, &queues[1]));
	ck_assert(needs_writing(&conf, &queues[1]));
	route.enabled = false;
	ck_assert(!needs_reading(&conf, &queues[0]));
	ck_assert(!needs_writing(&conf, &queues[1]));
}
END_TEST

START_TEST(peer_needs_what_it_may_send_to)
{
	route.to_peer = to_name; /* not ours then */
	ck_assert(!needs_writing(&conf, &queues[1]));
	peer.may_send_to = entries;
	peer.n_may_send_to = 1;
	ck_assert(needs_writing(&conf, &queues[1]));
	peer.enabled = false;
	ck_assert(!needs_writing(&conf, &queues[1]));
}
END_TEST

START_TEST(ring_directory_needs_a_ring_for_each_source)
{
	uint64_t ring, one, two;

	ck_assert_int_eq(needs_ring(&ring, &queues[0]), 0);
	ck_assert_uint_ge(ring, 1 << 20);
	one = needs_ring_directory(&conf);
	ck_assert_uint_gt(one, ring); /* with the journal of the route */
	queues[0].enabled = false;
	two = needs_ring_directory(&conf);
	ck_assert_uint_eq(one - two, ring);
}
END_TEST

START_TEST(ring_for_messages_of_absurd_size_is_none)
{
	uint64_t ring;

	queues[0].message_size = UINT64_C(1) << 40;
	ck_assert_int_eq(needs_ring(&ring, &queues[0]), -EINVAL);
}
END_TEST

START_TEST(create_fills_in_what_is_left_open)
{
	struct ipcq_create create;

	needs_create(&create, &queues[0]);
	ck_assert_uint_eq(create.max_messages, 4);
	queues[0].max_messages = queues[0].message_size = 0;
	needs_create(&create, &queues[0]);
	ck_assert_uint_gt(create.max_messages, 0);
	ck_assert_uint_gt(create.message_size, 0);
	ck_assert_uint_eq(needs_message_size(&queues[0]), create.message_size);
}
END_TEST

static const struct user_row {
	uid_t uid;
	enum needs_user kind;
} user_rows[] = {
	{ 0, NEEDS_USER_SYSTEM },
	{ 999, NEEDS_USER_SYSTEM },
	{ 1000, NEEDS_USER_PERSON },
	{ 61183, NEEDS_USER_PERSON },
	{ 61184, NEEDS_USER_DYNAMIC },
	{ 65519, NEEDS_USER_DYNAMIC },
	{ 65534, NEEDS_USER_SYSTEM },
};

START_TEST(user_is_of_the_kind_that_its_number_tells)
{
	ck_assert_int_eq(needs_user_kind(user_rows[_i].uid), user_rows[_i].kind);
}
END_TEST

Suite *
suite_needs(void)
{
	Suite *s = suite_create("needs");
	TCase *tc = tcase_create("needs");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, route_needs_its_ends);
	tcase_add_test(tc, peer_needs_what_it_may_send_to);
	tcase_add_test(tc, ring_directory_needs_a_ring_for_each_source);
	tcase_add_test(tc, ring_for_messages_of_absurd_size_is_none);
	tcase_add_test(tc, create_fills_in_what_is_left_open);
	tcase_add_loop_test(
	    tc, user_is_of_the_kind_that_its_number_tells, 0, ARRAY_LEN(user_rows));
	suite_add_tcase(s, tc);
	return s;
}
