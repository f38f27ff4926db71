#include "client/ctl.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <jansson.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/compiler.h"
#include "control/command.h"
#include "control/server.h"
#include "suites.h"

#define ARGS_MAX 8

static char dir[] = "/tmp/check_ctl.XXXXXX";
static char path[sizeof(dir) + 10];
static pid_t daemon_pid;
static char *out_text;
static char *err_text;

static int
run_thing(void *context, struct control_reply *reply)
{
	(void)context;
	reply->kind = "thing";
	json_array_append_new(reply->items, json_pack("{s:s}", "name", "orders"));
	return 0;
}

static int
run_refuse(void *context, struct control_reply *reply)
{
	(void)context;
	reply->error = "not now";
	return -EBUSY;
}

static int
run_deny(void *context, struct control_reply *reply)
{
	(void)context;
	reply->error = "for operators only";
	return -EPERM;
}

static int
run_miss(void *context, struct control_reply *reply)
{
	(void)context;
	reply->error = "no route is called so";
	return -ENOENT;
}

static int
run_unreached(void *context, struct control_reply *reply)
{
	(void)context;
	reply->error = "not within 1s";
	return CONTROL_UNREACHED;
}

static int
run_warn(void *context, struct control_reply *reply)
{
	json_array_append_new(reply->warnings, json_string("it is late"));
	return run_thing(context, reply);
}

static int
run_ask(void *context, struct control_reply *reply)
{
	reply->error = "delete it for ever?";
	return reply->confirmed ? run_thing(context, reply) : CONTROL_CONFIRM;
}

static const struct control_column columns[] = {
	{ "name", "NAME" },
	{ NULL, NULL },
};

static const struct control_command commands[] = {
	{ "show thing", CONTROL_VIEWER, "the thing", columns, 1, run_thing },
	{ "refuse", CONTROL_VIEWER, "refuses", columns, 0, run_refuse },
	{ "deny", CONTROL_VIEWER, "denies", columns, 0, run_deny },
	{ "miss", CONTROL_VIEWER, "misses", columns, 0, run_miss },
	{ "unreached", CONTROL_VIEWER, "waits in vain", columns, 0, run_unreached },
	{ "warn", CONTROL_VIEWER, "warns", columns, 0, run_warn },
	{ "show missing", CONTROL_VIEWER, "misses", columns, 0, run_miss },
	{ "show secret", CONTROL_VIEWER, "denies", columns, 0, run_deny },
	{ "send QUEUE BODY...", CONTROL_VIEWER, "puts", columns, 0, run_thing },
	{ "ask [yes]", CONTROL_VIEWER, "asks first", columns, 0, run_ask },
};

/* A daemon with nothing but a control socket; says by one byte when it listens. */
static void
serve(int ready_fd)
{
	struct control_spec spec = {
		.path = path,
		.name = "edge-1",
		.commands = commands,
		.n_commands = ARRAY_LEN(commands),
	};
	struct event_base *base = event_base_new();
	struct control_server *server;

	if (base == NULL || control_server_open(&server, base, &spec) != 0)
		_exit(1);
	if (write(ready_fd, "r", 1) != 1)
		_exit(1);
	(void)event_base_dispatch(base);
	_exit(1);
}

static void
set_up(void)
{
	int ready[2];
	char byte;

	memset(dir + sizeof(dir) - 7, 'X', 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/control", dir);
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
stop_daemon(void)
{
	if (daemon_pid <= 0)
		return;
	(void)kill(daemon_pid, SIGKILL);
	(void)waitpid(daemon_pid, NULL, 0);
	daemon_pid = 0;
}

static void
tear_down(void)
{
	stop_daemon();
	(void)unlink(path);
	(void)rmdir(dir);
	free(out_text);
	free(err_text);
	out_text = err_text = NULL;
}

/* Run the program with the arguments, a NULL behind the last, and out as its output, which
 * is closed. Returns its exit status. */
static int
run_into(FILE *out, const char *const *args)
{
	char copies[ARGS_MAX][CONTROL_LINE_MAX + 10];
	char *argv[ARGS_MAX + 1] = { NULL };
	size_t err_len;
	FILE *err = open_memstream(&err_text, &err_len);
	int argc = 0;
	int status;

	for (; args[argc] != NULL; argc++) {
		ck_assert_int_lt(argc, ARGS_MAX);
		(void)snprintf(copies[argc], sizeof(copies[argc]), "%s", args[argc]);
		argv[argc] = copies[argc];
	}
	status = ctl_run(argc, argv, out, err);
	(void)fclose(out);
	(void)fclose(err);
	return status;
}

static int
run(const char *const *args)
{
	size_t out_len;

	return run_into(open_memstream(&out_text, &out_len), args);
}

#define RUN(...) run((const char *const[]){ "mqbridgectl", __VA_ARGS__, NULL })

START_TEST(command_prints_what_the_daemon_says)
{
	ck_assert_int_eq(RUN("--socket", path, "sh", "t"), 0);
	ck_assert_str_eq(out_text, "NAME: orders\n");
	ck_assert_str_eq(err_text, "");
}
END_TEST

START_TEST(command_with_json_prints_one_document)
{
	json_t *document;

	ck_assert_int_eq(RUN("show", "thing", "--json", "--socket", path), 0);
	document = json_loads(out_text, 0, NULL);
	ck_assert_str_eq(json_string_value(json_object_get(document, "kind")), "thing");
	json_decref(document);
}
END_TEST

START_TEST(command_that_says_json_itself_is_not_changed)
{
	ck_assert_int_eq(RUN("--socket", path, "--json", "show", "thing", "json"), 0);
	ck_assert_int_eq(out_text[0], '{');
}
END_TEST

static const struct status_row {
	const char *command;
	int status;
	const char *err;
} status_rows[] = {
	{ "refuse", 1, "mqbridgectl: not now\n" },
	{ "frob", 2,
	    "mqbridgectl: usage: \"frob\" is not a command; "
	    "\"help\" lists them all\n" },
	{ "deny", 4, "mqbridgectl: not permitted: for operators only\n" },
	{ "miss", 5, "mqbridgectl: no such object: no route is called so\n" },
	{ "unreached", 6, "mqbridgectl: condition not reached: not within 1s\n" },
};

START_TEST(command_that_warns_is_done_with_its_status)
{
	ck_assert_int_eq(RUN("--socket", path, "warn"), 7);
	ck_assert_str_eq(out_text, "NAME\norders\nwarning: it is late\n");
	ck_assert_str_eq(err_text, "");
	free(out_text);
	free(err_text);
	ck_assert_int_eq(RUN("--socket", path, "warn", "--json"), 7);
}
END_TEST

/* Nobody sits at a terminal here. */
START_TEST(command_that_asks_wants_yes_in_a_script)
{
	ck_assert_int_eq(RUN("--socket", path, "ask"), 2);
	ck_assert_str_eq(err_text, "mqbridgectl: not done: delete it for ever? (--yes "
				   "confirms it in a script)\n");
	free(out_text);
	free(err_text);
	ck_assert_int_eq(RUN("--socket", path, "ask", "--yes"), 0);
	ck_assert_str_eq(out_text, "NAME\norders\n");
}
END_TEST

START_TEST(command_that_asks_in_a_script_with_json_prints_the_error_document)
{
	json_t *document;

	ck_assert_int_eq(RUN("--socket", path, "ask", "--json"), 2);
	document = json_loads(out_text, 0, NULL);
	ck_assert_str_eq(
	    json_string_value(json_object_get(document, "code")), "confirm");
	ck_assert_str_eq(err_text, "");
	json_decref(document);
}
END_TEST

static const struct body_row {
	const char *args[3];
	int status;
} body_rows[] = {
	{ { "send out", "order json" }, 2 },
	{ { "sen", "out text order", "json " }, 2 },
	{ { "se", "out", "json" }, 2 },
	{ { "send out", "order json", "--json" }, 2 },
	{ { "send", "out", "well, yes" }, 0 },
	{ { "send out", "order", "--json" }, 0 },
	{ { "send out", "order", "--yes" }, 0 },
	{ { "send", "out", "order json." }, 0 },
};

START_TEST(body_that_ends_in_a_word_of_the_command_is_refused)
{
	const struct body_row *row = &body_rows[_i];
	const char *const *args = row->args;
	static const char why[] = "mqbridgectl: a body whose last word is \"json\" "
				  "must be given as base64 (";

	ck_assert_int_eq(RUN("--socket", path, args[0], args[1], args[2]), row->status);
	if (row->status == 0) {
		ck_assert_ptr_nonnull(strstr(out_text, "orders"));
		return;
	}
	ck_assert_mem_eq(err_text, why, sizeof(why) - 1);
	ck_assert_str_eq(out_text, "");
}
END_TEST

static const struct watch_row {
	const char *word;
	int status;
} watch_rows[] = {
	{ "missing", 5 },
	{ "secret", 4 },
};

START_TEST(watch_that_will_never_show_anything_ends_at_once)
{
	const struct watch_row *row = &watch_rows[_i];

	ck_assert_int_eq(
	    RUN("--socket", path, "--watch", "100ms", "show", row->word), row->status);
	ck_assert_ptr_nonnull(strstr(err_text, "mqbridgectl: "));
}
END_TEST

START_TEST(command_that_fails_gives_its_status)
{
	const struct status_row *row = &status_rows[_i];

	ck_assert_int_eq(RUN("--socket", path, row->command), row->status);
	ck_assert_str_eq(err_text, row->err);
	ck_assert_str_eq(out_text, "");
}
END_TEST

START_TEST(command_that_fails_with_json_prints_the_error_document)
{
	const struct status_row *row = &status_rows[_i];
	json_t *document;

	ck_assert_int_eq(RUN("--socket", path, "--json", row->command), row->status);
	document = json_loads(out_text, 0, NULL);
	ck_assert(json_is_string(json_object_get(document, "error")));
	ck_assert_str_eq(err_text, "");
	json_decref(document);
}
END_TEST

START_TEST(command_without_daemon_says_where_and_what_to_do)
{
	stop_daemon(); /* leaves its socket */
	ck_assert_int_eq(RUN("--socket", path, "show", "version"), CTL_NO_DAEMON);
	ck_assert_ptr_nonnull(strstr(err_text, path));
	ck_assert_ptr_nonnull(strstr(err_text, "Connection refused"));
	ck_assert_ptr_nonnull(strstr(err_text, "systemctl start mqbridged"));
	ck_assert_str_eq(out_text, "");
}
END_TEST

/* Root passes every mode by its capabilities. No other user is needed to be without them,
 * and in a namespace there may be none. */
static void
use_capabilities(bool use)
{
	struct __user_cap_header_struct header = { .version =
						       _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	ck_assert_int_eq(syscall(SYS_capget, &header, data), 0);
	for (size_t i = 0; i < ARRAY_LEN(data); i++)
		data[i].effective = use ? data[i].permitted : 0;
	ck_assert_int_eq(syscall(SYS_capset, &header, data), 0);
}

START_TEST(command_without_permission_is_denied)
{
	int status;

	ck_assert_int_eq(chmod(path, 0), 0);
	use_capabilities(false);
	status = RUN("--socket", path, "show", "thing");
	use_capabilities(true);
	ck_assert_int_eq(status, 4);
	ck_assert_ptr_nonnull(strstr(err_text, path));
}
END_TEST

static const struct usage_row {
	const char *args[4];
	const char *err; /* begins so */
} usage_rows[] = {
	{ { NULL }, "mqbridgectl: a command is missing; see " },
	{ { "--frob", "help" }, "mqbridgectl: --frob is not an option; see " },
	{ { "-x", "help" }, "mqbridgectl: -x is not an option; see " },
	{ { "help", "--socket" }, "mqbridgectl: --socket wants a value; see " },
	{ { "help", "a\nb" }, "mqbridgectl: the command has control characters" },
	{ { "help", "\xff" }, "mqbridgectl: the command has control characters" },
};

START_TEST(usage_that_is_wrong_never_reaches_the_daemon)
{
	const struct usage_row *row = &usage_rows[_i];

	ck_assert_int_eq(RUN(row->args[0], row->args[1], row->args[2]), 2);
	ck_assert_mem_eq(err_text, row->err, strlen(row->err));
	ck_assert_str_eq(out_text, "");
}
END_TEST

static const char *const check_rows[][3] = {
	{ "check", "--frob" },
	{ "--frob", "check" },
	{ "--age-warning", "soon", "check" },
	{ "check", "--socket" },
	{ "check", "status" },
	{ "check", "--watch", "1s" },
	{ "che", "--config", "/c" },
	{ "check", "--age-warning=2s", "--age-critical=1s" },
};

START_TEST(check_that_is_called_wrongly_is_unknown)
{
	const char *const *row = check_rows[_i];
	const char line[] = "MQBRIDGE UNKNOWN: it was called wrongly";

	ck_assert_int_eq(RUN(row[0], row[1], row[2]), 3);
	ck_assert_mem_eq(err_text, "mqbridgectl: ", 13);
	ck_assert_mem_eq(out_text, line, sizeof(line) - 1);
	ck_assert_ptr_eq(strchr(out_text, '\n'), out_text + strlen(out_text) - 1);
}
END_TEST

START_TEST(check_that_cannot_be_printed_is_unknown)
{
	const char *const args[] = { "mqbridgectl", "--socket", path, "check", NULL };

	ck_assert_int_eq(run_into(fopen("/dev/full", "we"), args), 3);
}
END_TEST

START_TEST(usage_with_too_long_a_command_is_wrong)
{
	char word[CONTROL_LINE_MAX + 1];

	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	ck_assert_int_eq(RUN("--socket", path, "--json", word), 2);
	ck_assert_str_eq(err_text,
	    "mqbridgectl: the command is too long; see \"mqbridgectl --help\"\n");
}
END_TEST

START_TEST(help_and_version_need_no_daemon)
{
	stop_daemon();
	ck_assert_int_eq(RUN("--socket", path, "--help"), 0);
	ck_assert_mem_eq(out_text, "usage: mqbridgectl", 18);
	free(out_text);
	free(err_text);
	ck_assert_int_eq(RUN("--version"), 0);
	ck_assert_mem_eq(out_text, "mqbridgectl ", 12);
}
END_TEST

static const struct guide_row {
	const char *args[4];
	int status;
	const char *says; /* somewhere in out, or in err when the status is not 0 */
} guide_rows[] = {
	{ { "help" }, 0, "doctor [--config FILE]" },
	{ { "help" }, 0, "drain [route|peer]" },
	{ { "he", "doc" }, 0, "COMMAND: doctor [--config FILE]\n" },
	{ { "drain", "orders", "--help" }, 0, "COMMAND: drain [route|peer]" },
	{ { "-h" }, 0, "usage: mqbridgectl" },
	{ { "-h", "drain" }, 0, "COMMAND: drain [route|peer]" },
	{ { "--help", "top" }, 0, "COMMAND: top [--watch D]\n" },
	{ { "help", "tap", "--json" }, 0, "\"command\": \"tap ROUTE body" },
	{ { "help", "help" }, 0, "COMMAND: help [COMMAND...]\n" },
	{ { "help", "frob" }, 2, "usage: \"frob\" is not a command" },
	{ { "help", "--watch", "1s" }, 2, "--watch repeats only" },
	/* The client's are commands like the daemon's. */
	{ { "d" }, 2,
	    "\"d\" may mean: drain [route|peer] ROUTE|PEER|all [timeout D], "
	    "doctor [--config FILE]\n" },
	{ { "doctr" }, 2, "near is: doctor [--config FILE]\n" },
	{ { "doc", "orders" }, 2, "doc takes only options" },
	{ { "show", "status", "--age-warning=3s" }, 2, "is only for \"check\"" },
	{ { "frob", "--config=/c" }, 2, "is only for \"doctor\"" },
	{ { "top", "--json" }, 2, "--json is not for \"top\"" },
	{ { "doctor", "--socket=/s" }, 2, "--socket is not for \"doctor\"" },
};

START_TEST(commands_of_both_are_one_table_also_without_a_daemon)
{
	const struct guide_row *row = &guide_rows[_i];
	const char *const *args = row->args;

	stop_daemon();
	ck_assert_int_eq(RUN("--socket", path, args[0], args[1], args[2]), row->status);
	ck_assert_ptr_nonnull(
	    strstr(row->status == 0 ? out_text : err_text, row->says));
	ck_assert_str_eq(row->status == 0 ? err_text : out_text, "");
}
END_TEST

START_TEST(help_knows_the_commands_of_the_daemon_that_runs)
{
	ck_assert_int_eq(RUN("--socket", path, "help", "refuse"), 0);
	ck_assert_str_eq(out_text, "COMMAND: refuse\nROLE: viewer\nSHOWS: refuses\n");
	free(out_text);
	free(err_text);
	ck_assert_int_eq(RUN("--socket", path, "help"), 0);
	ck_assert_ptr_nonnull(strstr(out_text, "check [--age-warning D]"));
	ck_assert_ptr_null(strstr(out_text, "drain"));
}
END_TEST

START_TEST(output_that_cannot_be_written_is_no_success)
{
	const char *const args[] = { "mqbridgectl", "--socket", path, "help", NULL };
	FILE *full = fopen("/dev/full", "w");

	ck_assert_ptr_nonnull(full);
	ck_assert_int_eq(run_into(full, args), 1);
	ck_assert_ptr_nonnull(strstr(err_text, "No space left"));
}
END_TEST

Suite *
suite_ctl(void)
{
	Suite *s = suite_create("ctl");
	TCase *tc = tcase_create("ctl");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, command_prints_what_the_daemon_says);
	tcase_add_test(tc, command_with_json_prints_one_document);
	tcase_add_test(tc, command_that_says_json_itself_is_not_changed);
	tcase_add_test(tc, command_that_warns_is_done_with_its_status);
	tcase_add_test(tc, command_that_asks_wants_yes_in_a_script);
	tcase_add_test(
	    tc, command_that_asks_in_a_script_with_json_prints_the_error_document);
	tcase_add_loop_test(tc, body_that_ends_in_a_word_of_the_command_is_refused, 0,
	    ARRAY_LEN(body_rows));
	tcase_add_loop_test(tc, watch_that_will_never_show_anything_ends_at_once, 0,
	    ARRAY_LEN(watch_rows));
	tcase_add_loop_test(
	    tc, command_that_fails_gives_its_status, 0, ARRAY_LEN(status_rows));
	tcase_add_loop_test(tc, command_that_fails_with_json_prints_the_error_document,
	    0, ARRAY_LEN(status_rows));
	tcase_add_test(tc, command_without_daemon_says_where_and_what_to_do);
	tcase_add_test(tc, command_without_permission_is_denied);
	tcase_add_loop_test(
	    tc, usage_that_is_wrong_never_reaches_the_daemon, 0, ARRAY_LEN(usage_rows));
	tcase_add_loop_test(
	    tc, check_that_is_called_wrongly_is_unknown, 0, ARRAY_LEN(check_rows));
	tcase_add_test(tc, check_that_cannot_be_printed_is_unknown);
	tcase_add_test(tc, usage_with_too_long_a_command_is_wrong);
	tcase_add_test(tc, help_and_version_need_no_daemon);
	tcase_add_loop_test(tc, commands_of_both_are_one_table_also_without_a_daemon, 0,
	    ARRAY_LEN(guide_rows));
	tcase_add_test(tc, help_knows_the_commands_of_the_daemon_that_runs);
	tcase_add_test(tc, output_that_cannot_be_written_is_no_success);
	suite_add_tcase(s, tc);
	return s;
}
