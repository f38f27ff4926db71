#include "config/conf.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "loading.h"
#include "suites.h"

static const char whole[] =
    "name = \"edge\";\n"
    "control = \"/tmp/c\";\n"
    "ring_directory = \"/tmp/r\";\n"
    "state_directory = \"/tmp/s\";\n"
    "receive_memory = \"1MiB\";\n"
    "dead_letter_limit = \"1 GiB\";\n"
    "stop_timeout = \"250ms\";\n"
    "queues = (\n"
    "  { name = \"orders\"; uri = \"posix:/orders\"; ring_size = \"64KiB\";\n"
    "    in_doubt = \"hold\"; recovered = \"hold\";\n"
    "    create = { max_messages = 10; message_size = \"8KiB\"; mode = \"0622\";\n"
    "               owner = \"root\"; group = 0; }; },\n"
    "  { name = \"jobs\"; uri = \"sysv:0x4d51\"; take = \"not 7\";\n"
    "    create = { max_bytes = \"16KiB\"; }; },\n"
    "  { name = \"off\"; uri = \"posix:/orders\"; enabled = false; }\n"
    ");\n"
    "listeners = (\n"
    "  { address = \"tcp://0.0.0.0:7411\"; insecure = true; },\n"
    "  { address = \"unix:///run/x\"; mode = \"0600\"; users = ( \"root\", 0 );\n"
    "    groups = [ \"root\" ]; enabled = false; }\n"
    ");\n"
    "peers = (\n"
    "  { name = \"hub\"; address = \"tcp://[::1]:1\"; heartbeat = \"1s\";\n"
    "    may_send_to = ( \"orders\", \"jobs\" ); },\n"
    "  { name = \"other\"; }\n"
    ");\n"
    "routes = (\n"
    "  { name = \"r1\"; from = \"orders\"; to = \"hub/a/b\"; },\n"
    "  { name = \"r2\"; from = \"jobs\"; to = \"orders\"; },\n"
    "  { name = \"r3\"; from = \"off\"; to = \"hub/x\"; enabled = false; }\n"
    ");";

START_TEST(load_whole_configuration_sets_every_member)
{
	const struct conf *cf;

	loading_text(whole);
	ck_assert_msg(loading.count == 0, "%s", loading.faults[0]);
	cf = loading.cf;
	ck_assert_str_eq(cf->name, "edge");
	ck_assert_str_eq(cf->control, "/tmp/c");
	ck_assert_str_eq(cf->ring_directory, "/tmp/r");
	ck_assert_str_eq(cf->state_directory, "/tmp/s");
	ck_assert_uint_eq(cf->receive_memory, 1 << 20);
	ck_assert_uint_eq(cf->dead_letter_limit, 1 << 30);
	ck_assert_uint_eq(cf->stop_timeout_ms, 250);
	ck_assert_uint_eq(cf->n_queues, 3);
	ck_assert_uint_eq(cf->n_listeners, 2);
	ck_assert_uint_eq(cf->n_peers, 2);
	ck_assert_uint_eq(cf->n_routes, 3);
}
END_TEST

START_TEST(load_roles_sets_every_member)
{
	loading_text("name = \"n\"; control_group = 7;\n"
		     "operators = { users = ( 5, \"root\" ); };\n"
		     "admins = { groups = ( \"root\" ); };\n");
	ck_assert_msg(loading.count == 0, "%s", loading.faults[0]);
	ck_assert_uint_eq(loading.cf->control_group, 7);
	ck_assert(loading.cf->operators.given && loading.cf->admins.given);
	ck_assert_uint_eq(loading.cf->operators.n_users, 2);
	ck_assert_uint_eq(loading.cf->operators.users[0], 5);
	ck_assert_uint_eq(loading.cf->operators.users[1], 0);
	ck_assert_uint_eq(loading.cf->operators.n_groups, 0);
	ck_assert_uint_eq(loading.cf->admins.n_users, 0);
	ck_assert_uint_eq(loading.cf->admins.groups[0], 0);
}
END_TEST

START_TEST(load_queues_sets_every_member)
{
	const struct conf_queue *qc;

	loading_text(whole);
	qc = &loading.cf->queues[0];
	ck_assert_str_eq(qc->place.file, loading_path("a.conf"));
	ck_assert_int_eq(qc->place.line, 9);
	ck_assert_str_eq(qc->name, "orders");
	ck_assert_str_eq(qc->uri, "posix:/orders");
	ck_assert_int_eq(qc->kind, CONF_POSIX);
	ck_assert_str_eq(qc->take_text, "");
	ck_assert(qc->enabled && qc->create);
	ck_assert_uint_eq(qc->ring_size, 65536);
	ck_assert_uint_eq(qc->max_messages, 10);
	ck_assert_uint_eq(qc->message_size, 8192);
	ck_assert_uint_eq(qc->max_bytes, 0);
	ck_assert_uint_eq(qc->mode, 0622);
	ck_assert_uint_eq(qc->owner, 0);
	ck_assert_uint_eq(qc->group, 0);
	ck_assert_int_eq(qc->in_doubt, CONF_IN_DOUBT_HOLD);
	ck_assert_int_eq(qc->recovered, CONF_RECOVERED_HOLD);
	qc = &loading.cf->queues[1];
	ck_assert_int_eq(qc->kind, CONF_SYSV);
	ck_assert_str_eq(qc->take_text, "not 7");
	ck_assert_int_eq(qc->take.select, 7);
	ck_assert(qc->take.except && qc->create);
	ck_assert_uint_eq(qc->max_bytes, 16384);
	ck_assert_uint_eq(qc->max_messages, 0);
	qc = &loading.cf->queues[2];
	ck_assert(!qc->enabled && !qc->create);
}
END_TEST

START_TEST(load_listeners_peers_routes_sets_every_member)
{
	const struct conf *cf;

	loading_text(whole);
	cf = loading.cf;
	ck_assert_str_eq(cf->listeners[0].address, "tcp://0.0.0.0:7411");
	ck_assert(cf->listeners[0].insecure && cf->listeners[0].enabled);
	ck_assert_uint_eq(cf->listeners[1].mode, 0600);
	ck_assert(!cf->listeners[1].insecure && !cf->listeners[1].enabled);
	ck_assert_uint_eq(cf->listeners[1].n_users, 2);
	ck_assert_uint_eq(cf->listeners[1].users[1], 0);
	ck_assert_uint_eq(cf->listeners[1].n_groups, 1);
	ck_assert_uint_eq(cf->listeners[1].groups[0], 0);
	ck_assert_str_eq(cf->peers[0].address, "tcp://[::1]:1");
	ck_assert_uint_eq(cf->peers[0].heartbeat_ms, 1000);
	ck_assert(conf_peer_may_send(&cf->peers[0], "jobs"));
	ck_assert(!conf_peer_may_send(&cf->peers[0], "off"));
	ck_assert_ptr_null(cf->peers[1].address);
	ck_assert(!conf_peer_may_send(&cf->peers[1], "jobs"));
	ck_assert_ptr_eq(conf_peer_find(cf, "other"), &cf->peers[1]);
	ck_assert_ptr_null(conf_peer_find(cf, "nobody"));
	ck_assert_ptr_eq(conf_queue_find(cf, "jobs"), &cf->queues[1]);
	ck_assert_ptr_null(conf_queue_find(cf, "nothing"));
	ck_assert_str_eq(cf->routes[0].to, "hub/a/b");
	ck_assert_str_eq(cf->routes[0].to_peer, "hub");
	ck_assert_str_eq(cf->routes[0].to_entry, "a/b");
	ck_assert_str_eq(cf->routes[1].from, "jobs");
	ck_assert_ptr_null(cf->routes[1].to_peer);
	ck_assert_str_eq(cf->routes[1].to_entry, "orders");
	ck_assert(!cf->routes[2].enabled);
}
END_TEST

START_TEST(load_smallest_configuration_sets_the_defaults)
{
	const struct conf *cf;

	loading_text(
	    "name = \"n\"; queues = ( { name = \"q\"; uri = \"posix:/q\" } );\n"
	    "listeners = ( { address = \"unix:///s\" } );\n"
	    "peers = ( { name = \"p\" } )\n"
	    "routes = ( { name = \"r\", from = \"q\", to = \"p/x\" } )");
	ck_assert_msg(loading.count == 0, "%s", loading.faults[0]);
	cf = loading.cf;
	ck_assert_str_eq(cf->control, "/run/mqbridge/control");
	ck_assert_uint_eq(cf->control_group, (gid_t)-1);
	ck_assert(!cf->operators.given && cf->operators.users == NULL);
	ck_assert_uint_eq(cf->admins.n_groups, 0);
	ck_assert_str_eq(cf->ring_directory, "/run/mqbridge");
	ck_assert_str_eq(cf->state_directory, "/var/lib/mqbridge");
	ck_assert_uint_eq(cf->receive_memory, 64 << 20);
	ck_assert_uint_eq(cf->dead_letter_limit, 256 << 20);
	ck_assert_uint_eq(cf->stop_timeout_ms, 5000);
	ck_assert_uint_eq(cf->queues[0].ring_size, 4 << 20);
	ck_assert_int_eq(cf->queues[0].in_doubt, CONF_IN_DOUBT_RESEND);
	ck_assert_int_eq(cf->queues[0].recovered, CONF_RECOVERED_DELIVER);
	ck_assert_uint_eq(cf->queues[0].mode, 0660);
	ck_assert_uint_eq(cf->queues[0].owner, (uid_t)-1);
	ck_assert_uint_eq(cf->queues[0].group, (gid_t)-1);
	ck_assert(cf->queues[0].enabled && !cf->queues[0].create);
	ck_assert_uint_eq(cf->listeners[0].mode, 0660);
	ck_assert_uint_eq(cf->listeners[0].n_users, 0);
	ck_assert_uint_eq(cf->peers[0].heartbeat_ms, 5000);
	ck_assert(cf->peers[0].enabled && cf->routes[0].enabled);
}
END_TEST

START_TEST(load_without_any_object_is_fine)
{
	loading_text("name = \"n\"");
	ck_assert_int_eq(loading.count, 0);
	ck_assert_uint_eq(loading.cf->n_queues, 0);
	loading_text(
	    "name = \"n\"; queues = ( ); peers = (); routes = (); listeners=();");
	ck_assert_int_eq(loading.count, 0);
	conf_free(NULL);
}
END_TEST

START_TEST(load_numbers_of_every_spelling)
{
	static const char *const spellings[] = { "16", "16L", "0x10", "0x10L", "+16" };
	char text[200];

	for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
		(void)snprintf(text, sizeof(text),
		    "name = \"n\"; queues = ( { name = \"q\"; uri = \"posix:/q\";"
		    "create = { max_messages = %s; }; } );",
		    spellings[i]);
		loading_text(text);
		ck_assert_msg(loading.count == 0, "%s", loading.faults[0]);
		ck_assert_uint_eq(loading.cf->queues[0].max_messages, 16);
	}
}
END_TEST

/* What one list says about names does not bind another list. */
START_TEST(load_same_name_in_two_lists_is_fine)
{
	loading_text(
	    "name = \"x\"; queues = ( { name = \"x\"; uri = \"posix:/q\" } );\n"
	    "peers = ( { name = \"y\" } );\n"
	    "routes = ( { name = \"x\"; from = \"x\"; to = \"y/x\"; } );");
	ck_assert_msg(loading.count == 0, "%s", loading.faults[0]);
}
END_TEST

START_TEST(load_entry_with_slash_can_be_a_local_destination)
{
	loading_text(
	    "name = \"n\"; queues = ( { name = \"a/b\"; uri = \"posix:/q\" },\n"
	    "  { name = \"c\"; uri = \"posix:/r\" } );\n"
	    "routes = ( { name = \"x\"; from = \"c\"; to = \"a/b\"; } );");
	ck_assert_msg(loading.count == 0, "%s", loading.faults[0]);
	ck_assert_ptr_null(loading.cf->routes[0].to_peer);
	ck_assert_str_eq(loading.cf->routes[0].to_entry, "a/b");
}
END_TEST

/* Requests there and replies back over one queue: the types are disjoint. */
START_TEST(load_one_queue_with_disjoint_takes_is_fine)
{
	loading_text(
	    "name = \"n\"; queues = ( { name = \"a\"; uri = \"sysv:16\"; take = \"1\" },\n"
	    "  { name = \"b\"; uri = \"sysv:0x10\"; take = \"not 1\" },\n"
	    "  { name = \"c\"; uri = \"sysv:17\"; take = \"2\" } );\n"
	    "routes = ( { name = \"x\"; from = \"a\"; to = \"c\"; },\n"
	    "  { name = \"y\"; from = \"c\"; to = \"a\"; } );");
	ck_assert_msg(loading.count == 0, "%s", loading.faults[0]);
}
END_TEST

START_TEST(load_of_no_file_is_a_fault)
{
	loading_load("nothing");
	ck_assert_int_eq(loading.count, 1);
	ck_assert_ptr_nonnull(strstr(loading.faults[0], "nothing:0: file: "));
	ck_assert_ptr_nonnull(strstr(loading.faults[0], "No such file or directory"));
	loading_load(".");
	ck_assert_int_eq(loading.count, 1);
	ck_assert_ptr_nonnull(strstr(loading.faults[0], "Is a directory"));
}
END_TEST

static const struct place_row {
	int line;
	const char *key;
	const char *text;
} place_rows[] = {
	{ 12, "queues.q.uri", "/c:12: queues.q.uri" },
	{ 3, "@include", "/c:3: @include" },
	{ 0, "name", "/c: name" },
	{ 0, "file", "/c" },
};

START_TEST(fault_without_a_line_is_told_without_one)
{
	const struct place_row *row = &place_rows[_i];
	char buf[CONF_PLACE_MAX];

	ck_assert_str_eq(
	    conf_fault_place(buf, sizeof(buf), "/c", row->line, row->key), row->text);
}
END_TEST

Suite *
suite_conf(void)
{
	Suite *s = suite_create("conf");
	TCase *tc = tcase_create("load");

	tcase_add_checked_fixture(tc, loading_setup, loading_teardown);
	tcase_add_test(tc, load_whole_configuration_sets_every_member);
	tcase_add_test(tc, load_roles_sets_every_member);
	tcase_add_test(tc, load_queues_sets_every_member);
	tcase_add_test(tc, load_listeners_peers_routes_sets_every_member);
	tcase_add_test(tc, load_smallest_configuration_sets_the_defaults);
	tcase_add_test(tc, load_without_any_object_is_fine);
	tcase_add_test(tc, load_numbers_of_every_spelling);
	tcase_add_test(tc, load_same_name_in_two_lists_is_fine);
	tcase_add_test(tc, load_entry_with_slash_can_be_a_local_destination);
	tcase_add_test(tc, load_one_queue_with_disjoint_takes_is_fine);
	tcase_add_test(tc, load_of_no_file_is_a_fault);
	tcase_add_loop_test(
	    tc, fault_without_a_line_is_told_without_one, 0, ARRAY_LEN(place_rows));
	suite_add_tcase(s, tc);
	return s;
}
