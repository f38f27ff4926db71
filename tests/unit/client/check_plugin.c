#include "client/plugin.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/compiler.h"
#include "client/query.h"
#include "control/command.h"
#include "control/server.h"
#include "suites.h"

#define GOOD                                                                           \
	"\"name\":\"edge\",\"state\":\"running\",\"peers\":2,\"peers_up\":2,"          \
	"\"backlog_records\":3,\"backlog_bytes\":192,\"dead_letters\":0,\"held\":0,"   \
	"\"in_doubt_total\":2,"                                                        \
	"\"received_total\":9,\"delivered_total\":8,\"settled_total\":7"

static char dir[] = "/tmp/check_plugin.XXXXXX";
static char path[sizeof(dir) + 10];
static const char *status_text; /* the one item; NULL: not permitted */
static pid_t daemon_pid;
static char *said;

static int
run_status(void *context, struct control_reply *reply)
{
	(void)context;
	reply->kind = "status";
	reply->error = "for others|only";
	if (status_text == NULL)
		return -EPERM;
	json_array_append_new(reply->items, json_loads(status_text, 0, NULL));
	return 0;
}

static const struct control_column columns[] = {
	{ "name", "NAME" },
	{ NULL, NULL },
};
static const struct control_command commands[] = {
	{ "show status", CONTROL_VIEWER, "the daemon", columns, 1, run_status },
};

static void
serve(int ready_fd)
{
	struct control_spec spec = { .path = path,
		.name = "edge",
		.commands = commands,
		.n_commands = ARRAY_LEN(commands) };
	struct event_base *base = event_base_new();
	struct control_server *server;

	if (base == NULL || control_server_open(&server, base, &spec) != 0 ||
	    write(ready_fd, "r", 1) != 1)
		_exit(1);
	(void)event_base_dispatch(base);
	_exit(1);
}

static void
start(const char *status)
{
	int ready[2];
	char byte;

	status_text = status;
	ck_assert_int_eq(pipe(ready), 0);
	daemon_pid = fork();
	ck_assert_int_ge(daemon_pid, 0);
	if (daemon_pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* no test leaves it behind */
		serve(ready[1]);
	}
	(void)close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
}

static void
set_up(void)
{
	memset(dir + sizeof(dir) - 7, 'X', 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/control", dir);
	daemon_pid = 0;
}

static void
tear_down(void)
{
	if (daemon_pid > 0) {
		(void)kill(daemon_pid, SIGKILL);
		(void)waitpid(daemon_pid, NULL, 0);
	}
	(void)unlink(path);
	(void)rmdir(dir);
	free(said);
	said = NULL;
}

static int
check_with(uint64_t warning_ms, uint64_t critical_ms, int as_json)
{
	struct query qu = { .socket = path };
	struct plugin_limits limits = { warning_ms, critical_ms };
	size_t len;
	FILE *out = open_memstream(&said, &len);
	int ret = (int)plugin_run(out, &qu, &limits, as_json);

	(void)fclose(out);
	return ret;
}

START_TEST(good_daemon_is_ok_with_all_figures)
{
	start("{" GOOD ",\"oldest_age_s\":null,\"problems\":[]}");
	ck_assert_int_eq(check_with(0, 0, 0), PLUGIN_OK);
	ck_assert_str_eq(said,
	    "MQBRIDGE OK: 2/2 peers up; backlog 3; dead letters 0; in doubt 2"
	    " | oldest=0.000s;;;0 backlog=3;;;0 backlog_bytes=192B;;;0"
	    " dead_letters=0;;;0 held=0;;;0 in_doubt=2c;;;0 received=9c;;;0"
	    " delivered=8c;;;0 settled=7c;;;0\n");
}
END_TEST

static const struct state_row {
	const char *state;
	int wanted;
} state_rows[] = {
	{ "flowing", PLUGIN_OK },
	{ "paused", PLUGIN_WARNING },
	{ "waiting", PLUGIN_WARNING },
	{ "degraded", PLUGIN_WARNING },
	{ "stalled", PLUGIN_CRITICAL },
	{ "failed", PLUGIN_CRITICAL },
	{ "unheard-of", PLUGIN_UNKNOWN },
};

START_TEST(state_of_a_problem_decides)
{
	char status[1000];

	(void)snprintf(status, sizeof(status),
	    "{" GOOD ",\"problems\":[{\"state\":\"%s\",\"text\":\"route r\"}],"
	    "\"problems_count\":1}",
	    state_rows[_i].state);
	start(status);
	ck_assert_int_eq(check_with(0, 0, 0), state_rows[_i].wanted);
}
END_TEST

START_TEST(problems_are_one_line_with_one_bar)
{
	start("{" GOOD ",\"problems\":[{\"state\":\"waiting\",\"text\":\"a|b\\nc\"},"
	      "{\"state\":\"waiting\",\"text\":\"d\"},{\"state\":\"waiting\",\"text\":"
	      "\"e\"},{\"state\":\"waiting\",\"text\":\"f\"}],\"problems_count\":40}");
	ck_assert_int_eq(check_with(0, 0, 0), PLUGIN_WARNING);
	ck_assert_mem_eq(said, "MQBRIDGE WARNING: a/b\\x0ac; d; e; and 37 more; ", 47);
	ck_assert_ptr_eq(strchr(said, '|'), strrchr(said, '|'));
	ck_assert_ptr_eq(strchr(said, '\n'), said + strlen(said) - 1);
}
END_TEST

static const struct age_row {
	const char *age;
	uint64_t warning_ms, critical_ms;
	int wanted;
	const char *figure;
} age_rows[] = {
	{ "4.5", 0, 0, PLUGIN_OK, "oldest=4.500s;;;0" },
	{ "4.499", 4500, 9000, PLUGIN_OK, "oldest=4.499s;4.500;9.000;0" },
	{ "4.5", 4500, 9000, PLUGIN_WARNING, "oldest=4.500s;4.500;9.000;0" },
	{ "9.0", 4500, 9000, PLUGIN_CRITICAL, "oldest=9.000s;4.500;9.000;0" },
	{ "9.0", 0, 9000, PLUGIN_CRITICAL, "oldest=9.000s;;9.000;0" },
	{ "null", 1, 1, PLUGIN_OK, "oldest=0.000s;0.001;0.001;0" },
};

START_TEST(age_is_judged_by_the_limits)
{
	const struct age_row *row = &age_rows[_i];
	char status[1000];

	(void)snprintf(status, sizeof(status),
	    "{" GOOD ",\"problems\":[],\"oldest_age_s\":%s}", row->age);
	start(status);
	ck_assert_int_eq(check_with(row->warning_ms, row->critical_ms, 0), row->wanted);
	ck_assert_ptr_nonnull(strstr(said, row->figure));
}
END_TEST

START_TEST(daemon_that_is_absent_is_critical)
{
	ck_assert_int_eq(check_with(0, 0, 0), PLUGIN_CRITICAL);
	ck_assert_mem_eq(said, "MQBRIDGE CRITICAL: no daemon answers at ", 40);
	ck_assert_ptr_null(strchr(said, '|'));
}
END_TEST

START_TEST(daemon_that_does_not_tell_is_unknown)
{
	start(NULL);
	ck_assert_int_eq(check_with(0, 0, 0), PLUGIN_UNKNOWN);
	ck_assert_str_eq(said, "MQBRIDGE UNKNOWN: for others/only\n");
}
END_TEST

static const char *const documents[] = {
	"{" GOOD ",\"oldest_age_s\":null,\"problems\":[]}",
	NULL,
};

START_TEST(document_says_the_same)
{
	json_t *document;
	const json_t *item;
	int status;

	start(documents[_i]);
	status = check_with(0, 0, 1);
	ck_assert_ptr_eq(strchr(said, '\n'), said + strlen(said) - 1);
	document = json_loads(said, 0, NULL);
	item = json_array_get(json_object_get(document, "items"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(document, "kind")), "check");
	ck_assert_int_eq(
	    json_integer_value(json_object_get(item, "exit_status")), status);
	ck_assert_mem_eq(
	    json_string_value(json_object_get(item, "text")), "MQBRIDGE ", 9);
	ck_assert(
	    json_is_object(json_object_get(item, "status")) == (documents[_i] != NULL));
	json_decref(document);
}
END_TEST

Suite *
suite_plugin(void)
{
	Suite *s = suite_create("plugin");
	TCase *tc = tcase_create("plugin");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, good_daemon_is_ok_with_all_figures);
	tcase_add_loop_test(tc, state_of_a_problem_decides, 0, ARRAY_LEN(state_rows));
	tcase_add_test(tc, problems_are_one_line_with_one_bar);
	tcase_add_loop_test(tc, age_is_judged_by_the_limits, 0, ARRAY_LEN(age_rows));
	tcase_add_test(tc, daemon_that_is_absent_is_critical);
	tcase_add_test(tc, daemon_that_does_not_tell_is_unknown);
	tcase_add_loop_test(tc, document_says_the_same, 0, ARRAY_LEN(documents));
	suite_add_tcase(s, tc);
	return s;
}
