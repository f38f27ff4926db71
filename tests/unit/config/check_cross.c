/* Every fault there is, each in a configuration that has no other. */
#include "config/cross.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "loading.h"
#include "suites.h"

/* The first lines of each text; what the rows say begins on line 6. */
#define BASE                                                                           \
	"name = \"edge\";\n"                                                           \
	"queues = ( { name = \"p\"; uri = \"posix:/p\"; },\n"                          \
	"  { name = \"s\"; uri = \"sysv:1\"; },\n"                                     \
	"  { name = \"off\"; uri = \"posix:/off\"; enabled = false; },\n"
#define QUEUES BASE "  { name = \"last\"; uri = \"posix:/last\"; },\n"
#define REST   BASE "  { name = \"last\"; uri = \"posix:/last\"; } );\n"
#define PEERS                                                                          \
	BASE "  { name = \"last\"; uri = \"posix:/last\"; } ); "                       \
	     "peers = ( { name = \"hub\" }, { name = \"gone\"; enabled = false } );\n"

static const struct {
	const char *base;
	const char *text;
	const char *fault; /* its line and key */
	const char *why;   /* a part of it */
} faults[] = {
	/* Values of each type. */
	{ REST, "control = 5;", "6: control", "must be a string, not a whole number" },
	{ REST, "control = \"\";", "6: control", "must be an absolute path" },
	{ REST, "control = \"run/x\";", "6: control", "must be an absolute path" },
	{ REST, "ring_directory = { };", "6: ring_directory",
	    "must be a string, not a group" },
	{ REST, "state_directory = \"/run/mqbridge\";", "6: state_directory",
	    "must not be the same" },
	{ REST, "ring_directory = \"/var/lib/mqbridge\";", "6: ring_directory",
	    "must not be the same" },
	{ REST, "receive_memory = 67108864;", "6: receive_memory",
	    "must be a string with a unit, such as \"64MiB\", not a whole number" },
	{ REST, "receive_memory = \"64 potatoes\";", "6: receive_memory",
	    "must be a size with a unit" },
	{ REST, "receive_memory = \"1023KiB\";", "6: receive_memory",
	    "must be from 1MiB to 64GiB" },
	{ REST, "receive_memory = \"65GiB\";", "6: receive_memory",
	    "must be from 1MiB to 64GiB" },
	{ REST, "receive_memory = \"99999999999999999999GiB\";", "6: receive_memory",
	    "must be from 1MiB to 64GiB" },
	{ REST, "stop_timeout = 5.0;", "6: stop_timeout",
	    "not a number with a fraction" },
	{ REST, "stop_timeout = \"5\";", "6: stop_timeout",
	    "must be a duration with a unit" },
	{ REST, "stop_timeout = \"11m\";", "6: stop_timeout",
	    "must be from 0ms to 10m" },
	{ REST, "stop_timeout = true;", "6: stop_timeout", "not true or false" },
	{ REST, "stop_timeout = [ 1 ];", "6: stop_timeout", "not a list" },
	/* Keys. */
	{ REST, "receve_memory = \"64MiB\";", "6: receve_memory",
	    "there is no such key; did you mean receive_memory?" },
	{ REST, "router = ();", "6: router", "did you mean routes?" },
	{ REST, "elephants = 5;", "6: elephants", "there is no such key" },
	{ REST, "\nroutes = 5;", "7: routes", "must be a list of groups" },
	{ REST, "routes = [ 5 ];", "6: routes", "not an array" },
	{ REST, "routes = (\n5 );", "7: routes[0]",
	    "must be a group { ... }, not a whole" },
	/* Queues. */
	{ QUEUES, "{ uri = \"posix:/q\" } );", "6: queues[4].name", "is missing" },
	{ QUEUES, "{ name = \"q\" } );", "6: queues.q.uri", "is missing" },
	{ QUEUES, "{ name = \"\"; uri = \"posix:/q\" } );", "6: queues[4].name",
	    "has 0 bytes, must have from 1 to 255" },
	{ QUEUES, "{ name = \"p\"; uri = \"posix:/q\" } );", "6: queues.p.name",
	    "\"p\" is used twice, first on line 2" },
	{ QUEUES, "{ name = \"off\"; uri = \"posix:/q\" } );", "6: queues.off.name",
	    "\"off\" is used twice, first on line 4" },
	{ QUEUES, "{ name = \"q\"; uri = \"/orders\" } );", "6: queues.q.uri",
	    "\"/orders\": a queue is posix:/NAME" },
	{ QUEUES, "{ name = \"q\"; uri = \"sysv:id:4\" } );", "6: queues.q.uri",
	    "name it by its key" },
	{ QUEUES, "{ name = \"q\"; uri = \"posix:/p\" } );", "6: queues.q.uri",
	    "is the queue of line 2 too" },
	{ QUEUES, "{ name = \"q\"; uri = \"sysv:0x1\"; take = \"..5\" } );",
	    "6: queues.q.uri", "is the queue of line 3 too" },
	{ QUEUES, "{ name = \"q\"; uri = \"posix:/q\"; take = \"1\" } );",
	    "6: queues.q.take", "only for System V" },
	{ QUEUES, "{ name = \"q\"; uri = \"sysv:2\"; take = \"0\" } );",
	    "6: queues.q.take",
	    "must be \"\" (all), \"TYPE\", \"..TYPE\" or \"not TYPE\"" },
	{ QUEUES, "{ name = \"q\"; uri = \"sysv:2\"; take = 1 } );", "6: queues.q.take",
	    "must be a string" },
	{ QUEUES, "{ name = \"q\"; uri = \"sysv:2\"; enabled = 1 } );",
	    "6: queues.q.enabled", "must be true or false, not a whole number" },
	{ QUEUES, "{ name = \"q\"; uri = \"sysv:2\"; ring_size = \"1KiB\" } );",
	    "6: queues.q.ring_size", "must be from 64KiB to 64GiB" },
	{ QUEUES, "{ name = \"q\"; uri = \"posix:/q\"; in_doubt = \"keep\"; } );",
	    "6: queues.q.in_doubt",
	    "\"keep\" must be \"resend\", \"drop\" or \"hold\"" },
	{ QUEUES, "{ name = \"q\"; uri = \"posix:/q\"; recovered = \"del\"; } );",
	    "6: queues.q.recovered", "\"del\" must be \"deliver\" or \"hold\"" },
	{ QUEUES, "{ name = \"q\"; uri = \"posix:/q\"; in_doubt = true; } );",
	    "6: queues.q.in_doubt", "must be a string, not true or false" },
	{ QUEUES, "{ name = \"q\"; uri = \"posix:/q\"; in_dubt = \"hold\"; } );",
	    "6: queues.q.in_dubt", "in_doubt" },
	{ QUEUES, "{ name = \"q\"; uri = \"sysv:2\"; create = true } );",
	    "6: queues.q.create", "must be a group { ... }, not true or false" },
	{ QUEUES,
	    "{ name = \"q\"; uri = \"sysv:2\";\ncreate = { max_messages = 5; } } );",
	    "7: queues.q.create.max_messages", "is only for POSIX queues" },
	{ QUEUES,
	    "{ name = \"q\"; uri = \"posix:/q\";\ncreate = { max_bytes = \"1\"; } } );",
	    "7: queues.q.create.max_bytes", "is only for System V queues" },
	{ QUEUES,
	    "{ name = \"q\"; uri = \"posix:/q\"; create = { mode = \"888\"; } } );",
	    "6: queues.q.create.mode", "must be permission bits in octal" },
	{ QUEUES, "{ name = \"q\"; uri = \"posix:/q\"; create = { mode = \"0\"; } } );",
	    "6: queues.q.create.mode", "from \"0001\" to \"0777\"" },
	{ QUEUES, "{ name = \"q\"; uri = \"posix:/q\"; create = { mode = 0660; } } );",
	    "6: queues.q.create.mode", "must be a string" },
	{ QUEUES,
	    "{ name = \"q\"; uri = \"posix:/q\"; create = { owner = \"n/a\"; } } );",
	    "6: queues.q.create.owner", "there is no user \"n/a\"" },
	{ QUEUES,
	    "{ name = \"q\"; uri = \"posix:/q\"; create = { group = 4294967294L; } } );",
	    "6: queues.q.create.group", "there is no group \"4294967294\"" },
	/* Integers that libconfig wraps, all to 10. */
	{ QUEUES,
	    "{ name = \"q\"; uri = \"posix:/q\";\ncreate = { max_messages =\n"
	    "4294967306; } } );",
	    "7: queues.q.create.max_messages", "must be from 1 to 65536" },
	{ QUEUES,
	    "{ name = \"q\"; uri = \"posix:/q\"; create = { max_messages = "
	    "0x10000000a; } } );",
	    "6: queues.q.create.max_messages", "must be from 1 to 65536" },
	{ QUEUES,
	    "{ name = \"q\"; uri = \"posix:/q\"; create = { max_messages = "
	    "-4294967286; } } );",
	    "6: queues.q.create.max_messages", "must be from 1 to 65536" },
	{ QUEUES,
	    "{ name = \"q\"; uri = \"posix:/q\"; create = { owner = 4294967296; } } );",
	    "6: queues.q.create.owner", "there is no user \"(too large)\"" },
	{ QUEUES,
	    "{ name = \"q\"; uri = \"posix:/q\"; create = { max_messages = 0; } } );",
	    "6: queues.q.create.max_messages", "must be from 1 to 65536" },
	{ QUEUES,
	    "{ name = \"q\"; uri = \"posix:/q\"; create = { max_messages = 65537; } } );",
	    "6: queues.q.create.max_messages", "must be from 1 to 65536" },
	/* Listeners. */
	{ REST, "listeners = ( { } );", "6: listeners[0].address", "is missing" },
	{ REST, "listeners = ( { address = \"tcp://0.0.0.0:7411\"; } );",
	    "6: listeners[0].address", "insecure = true beside it" },
	{ REST, "metrics = \"http://0.0.0.0:7412\";", "6: metrics",
	    "metrics_insecure = true allows that" },
	{ REST, "metrics = \"http://hub:7412\";", "6: metrics", "http://NUMBER:PORT" },
	{ REST, "listeners = ( { address = \"tls://0.0.0.0:7411\"; } );",
	    "6: listeners[0].address", "TLS is not in this version" },
	{ REST,
	    "listeners = ( { address = \"unix:///x\"; },\n{ address = \"unix:///x\"; } );",
	    "7: listeners[1].address", "is used twice, first on line 6" },
	{ REST,
	    "listeners = ( { address = \"tcp://[::1]:1\"; users = ( \"root\" ) } );",
	    "6: listeners[0].users", "is only for unix://" },
	{ REST, "listeners = ( { address = \"tcp://[::1]:1\"; mode = \"0600\" } );",
	    "6: listeners[0].mode", "is only for unix://" },
	{ REST, "listeners = ( { address = \"unix:///x\"; users = \"root\" } );",
	    "6: listeners[0].users", "must be a list of users" },
	{ REST,
	    "listeners = ( { address = \"unix:///x\"; groups = ( 0,\n\"n/a\" ) } );",
	    "7: listeners[0].groups[1]", "there is no group \"n/a\"" },
	{ REST, "listeners = ( { address = \"unix:///x\"; groups = ( true ) } );",
	    "6: listeners[0].groups[0]",
	    "must be a group, by name or number, not true" },
	/* Peers. */
	{ REST, "peers = ( { name = \"a\" },\n { name = \"a\" } );", "7: peers.a.name",
	    "is used twice, first on line 6" },
	{ REST, "peers = ( { name = \"a/b\" } );", "6: peers.a/b.name",
	    "must not have a '/'" },
	{ REST, "peers = ( { name = \"edge\" } );", "6: peers.edge.name", "own name" },
	{ REST, "peers = ( { name = \"a\"; address = \"tcp://10.0.0.1:1\"; } );",
	    "6: peers.a.address", "insecure = true beside it" },
	{ REST, "peers = ( { name = \"a\"; may_send_to = ( \"p\",\n\"q\" ) } );",
	    "7: peers.a.may_send_to[1]", "there is no entry \"q\"" },
	{ REST, "peers = ( { name = \"a\"; may_send_to = \"p\" } );",
	    "6: peers.a.may_send_to", "must be a list of strings" },
	{ REST, "peers = ( { name = \"a\"; may_send_to = ( 5 ) } );",
	    "6: peers.a.may_send_to[0]", "must be a string, not a whole number" },
	{ REST, "peers = ( { name = \"a\"; heartbeat = \"99ms\" } );",
	    "6: peers.a.heartbeat", "must be from 100ms to 10m" },
	{ REST, "peers = ( { name = \"a\"; enabled = false; insecure = 1; } );",
	    "6: peers.a.insecure", "must be true or false" },
	/* Routes. */
	{ PEERS, "routes = ( { } );", "6: routes[0].name", "is missing" },
	{ PEERS, "routes = ( { name = \"r\"; from = \"q\"; to = \"hub/x\"; } );",
	    "6: routes.r.from", "there is no entry \"q\"" },
	{ PEERS,
	    "routes = ( { name = \"r\"; from = \"q\"; to = \"hub/x\"; enabled = false } );",
	    "6: routes.r.from", "there is no entry \"q\"" },
	{ PEERS, "routes = ( { name = \"r\"; from = \"off\"; to = \"hub/x\"; } );",
	    "6: routes.r.from", "\"off\" is disabled" },
	{ PEERS, "routes = ( { name = \"r\"; from = \"p\"; to = \"off\"; } );",
	    "6: routes.r.to", "\"off\" is disabled" },
	{ PEERS, "routes = ( { name = \"r\"; from = \"p\"; to = \"gone/x\"; } );",
	    "6: routes.r.to", "\"gone\" is disabled" },
	{ PEERS, "routes = ( { name = \"r\"; from = \"p\"; to = \"q\"; } );",
	    "6: routes.r.to", "there is no entry \"q\"" },
	{ PEERS, "routes = ( { name = \"r\"; from = \"p\"; to = \"pub/x\"; } );",
	    "6: routes.r.to", "there is no peer \"pub\"" },
	{ PEERS, "routes = ( { name = \"r\"; from = \"p\"; to = \"hub/\"; } );",
	    "6: routes.r.to", "must be \"PEER/ENTRY\"" },
	{ PEERS, "routes = ( { name = \"r\"; from = \"p\"; to = \"p\"; } );",
	    "6: routes.r.to", "would go round for ever" },
	{ PEERS,
	    "routes = ( { name = \"r\"; from = \"p\"; to = \"hub/x\" },\n"
	    "{ name = \"r\"; from = \"s\"; to = \"hub/x\" } );",
	    "7: routes.r.name", "is used twice, first on line 6" },
	{ PEERS,
	    "routes = ( { name = \"r\"; from = \"p\"; to = \"hub/x\" },\n"
	    "{ name = \"t\"; from = \"p\"; to = \"hub/x\" } );",
	    "7: routes.t.to", "the route of line 6 goes from and to the same" },
	{ PEERS,
	    "routes = ( { name = \"r\"; from = \"p\"; to = \"last\" },\n"
	    "{ name = \"t\"; from = \"last\"; to = \"p\" } );",
	    "7: routes.t.to", "the route of line 6 comes straight back" },
	{ QUEUES,
	    "{ name = \"a/b\"; uri = \"posix:/q\" } ); peers = ( { name = \"a\" } );\n"
	    "routes = ( { name = \"r\"; from = \"p\"; to = \"a/b\" } );",
	    "7: routes.r.to",
	    "can be read as this entry and as one of the peer \"a\"" },
	/* Syntax. */
	{ REST, "x = ;", "6: syntax", "syntax error" },
	{ REST, "control = \"/a\";\ncontrol = \"/b\";", "7: syntax",
	    "duplicate setting name" },
	{ REST, "/* open\n\n", "6: syntax", "comment is not closed" },
	{ REST, "control = \"/open\n\n", "6: syntax", "string is not closed" },
	{ REST, "control = \"/a\\x00b\";\n\n", "6: syntax", "byte 0" },
	{ REST, "control \"/a\";", "6: syntax", "no string can stand here" },
	{ REST, "control = \"/a\", \"/b\";", "6: syntax", "no string can stand here" },
};

START_TEST(fault_is_told_alone_with_its_line_and_key)
{
	char text[2000];
	char start[200];

	(void)snprintf(text, sizeof(text), "%s%s", faults[_i].base, faults[_i].text);
	loading_text(text);
	/* An empty object lacks more than one key. */
	ck_assert_msg(loading.count == 1 || strstr(faults[_i].text, "{ }") != NULL,
	    "%d faults in: %s\n%s\n%s", loading.count, faults[_i].text,
	    loading.faults[0], loading.faults[1]);
	(void)snprintf(start, sizeof(start), "a.conf:%s: ", faults[_i].fault);
	ck_assert_msg(strncmp(loading.faults[0], start, strlen(start)) == 0,
	    "no \"%s\" in: %s", start, loading.faults[0]);
	ck_assert_msg(strstr(loading.faults[0] + strlen(start), faults[_i].why) != NULL,
	    "no \"%s\" in: %s", faults[_i].why, loading.faults[0]);
}
END_TEST

START_TEST(faults_of_all_kinds_are_told_in_the_order_of_lines)
{
	static const char *const keys[] = { "0: name", "1: nam", "3: queues.a.take",
		"4: queues.a.name", "5: queues.b.uri", "7: peers.x.heartbeat",
		"8: routes.r.to" };

	loading_text("nam = \"x\";\n"
		     "queues = ( { name = \"a\"; uri = \"sysv:1\";\n"
		     "    take = \"-\"; },\n"
		     "  { name = \"a\"; uri = \"posix:/1\" },\n"
		     "  { name = \"b\"; uri = \"posix:1\" } );\n"
		     "peers = ( { name = \"x\";\n"
		     "    heartbeat = \"1\"; } );\n"
		     "routes = ( { name = \"r\"; from = \"a\"; to = \"y/b\" } );\n");
	ck_assert_int_eq(loading.count, ARRAY_LEN(keys));
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		ck_assert_msg(strncmp(loading.faults[i] + strlen("a.conf:"), keys[i],
				  strlen(keys[i])) == 0,
		    "fault %zu is not of %s: %s", i, keys[i], loading.faults[i]);
}
END_TEST

START_TEST(more_than_16_routes_from_one_entry_are_a_fault)
{
	char text[3000] = PEERS "routes = (\n";
	size_t used = strlen(text);

	for (int i = 0; i < 18; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
		    "{ name = \"r%d\"; from = \"p\"; to = \"hub/%d\"; enabled = %s },\n",
		    i, i, i == 3 ? "false" : "true");
	text[used - 2] = ')'; /* in place of the last comma */
	loading_text(text);
	ck_assert_int_eq(loading.count, 1);
	ck_assert_str_eq(loading.faults[0],
	    "a.conf:24: routes.r17.from: \"p\" is the source of more than 16 routes");
}
END_TEST

START_TEST(disabled_objects_may_point_to_disabled_ones)
{
	loading_text(PEERS
	    "routes = ( { name = \"r\"; from = \"off\"; to = \"gone/x\"; enabled = false },"
	    "{ name = \"s\"; from = \"p\"; to = \"hub/x\" },"
	    "{ name = \"t\"; from = \"p\"; to = \"hub/x\"; enabled = false } );");
	ck_assert_msg(loading.count == 0, "%s", loading.faults[0]);
}
END_TEST

START_TEST(control_characters_in_names_are_not_told_as_such)
{
	loading_text("name = \"n\"; queues = ( { name = \"a\\nb\\x1b\"; uri = 1 } );");
	ck_assert_int_eq(loading.count, 1);
	ck_assert_ptr_nonnull(strstr(loading.faults[0], "queues.a\\x0ab\\x1b.uri"));
}
END_TEST

Suite *
suite_cross(void)
{
	Suite *s = suite_create("cross");
	TCase *tc = tcase_create("faults");

	tcase_add_checked_fixture(tc, loading_setup, loading_teardown);
	tcase_add_loop_test(
	    tc, fault_is_told_alone_with_its_line_and_key, 0, ARRAY_LEN(faults));
	tcase_add_test(tc, faults_of_all_kinds_are_told_in_the_order_of_lines);
	tcase_add_test(tc, more_than_16_routes_from_one_entry_are_a_fault);
	tcase_add_test(tc, disabled_objects_may_point_to_disabled_ones);
	tcase_add_test(tc, control_characters_in_names_are_not_told_as_such);
	suite_add_tcase(s, tc);
	return s;
}
