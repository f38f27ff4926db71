/* Help, and which of several commands that begin with the same words is meant. */
#include "control/help.h"

#include <check.h>
#include <jansson.h>
#include <string.h>

#include "base/compiler.h"
#include "control/answer.h"
#include "control/command.h"
#include "control/server.h"
#include "control/text.h"
#include "suites.h"

static int
run_deed(void *context, struct control_reply *reply)
{
	(void)context;
	reply->kind = "deed";
	json_array_append_new(reply->items, json_pack("{s:s}", "name", "thing"));
	return 0;
}

static const struct control_column columns[] = {
	{ "name", "NAME" },
	{ NULL, NULL },
};

static const struct control_command commands[] = {
	{ "do deed", CONTROL_VIEWER, "does it", columns, 0, run_deed },
	{ "do more WORD now [N]", CONTROL_ADMIN, "does more now", columns, 0,
	    run_deed },
	{ "do more [N]", CONTROL_VIEWER, "does more", columns, 0, run_deed },
	{ "alter WHAT [BODY...]", CONTROL_OPERATOR, "alters", columns, 0, run_deed },
	{ "alter slowly", CONTROL_OPERATOR, "alters later", columns, 0, run_deed },
	{ "wipe [yes]", CONTROL_ADMIN, "asks first", columns, 0, run_deed },
};

static struct control_caller caller;
static struct answerer *answerer;
static struct text out;

static void
set_up(void)
{
	struct control_spec spec = { .name = "edge-1",
		.commands = commands,
		.n_commands = ARRAY_LEN(commands) };

	caller.role = CONTROL_ADMIN;
	text_init(&out, ANSWER_MAX);
	ck_assert_int_eq(answerer_new(&answerer, &spec), 0);
}

static void
tear_down(void)
{
	answerer_free(answerer);
	text_done(&out);
}

static const char *
answer_to(const char *line)
{
	struct answer_request request = { line, strlen(line), &caller, NULL };

	text_clear(&out);
	ck_assert_int_eq(answerer_run(answerer, NULL, &out, &request), 0);
	text_put(&out, "", 1);
	return out.bytes;
}

START_TEST(request_for_help_lists_the_table_and_help)
{
	ck_assert_str_eq(answer_to("help"),
	    "COMMAND               ROLE      SHOWS\n"
	    "do deed               viewer    does it\n"
	    "do more WORD now [N]  admin     does more now\n"
	    "do more [N]           viewer    does more\n"
	    "alter WHAT [BODY...]  operator  alters\n"
	    "alter slowly          operator  alters later\n"
	    "wipe [yes]            admin     asks first\n"
	    "help [COMMAND...]     viewer    these commands, or one; each word may be abbreviated; "
	    "\"json\" at the end for JSON\n\n");
}
END_TEST

static const struct help_row {
	const char *request;
	const char *answer; /* begins so */
} help_rows[] = {
	{ "help wipe", "COMMAND: wipe [yes]\nROLE: admin\nSHOWS: asks first\n\n" },
	{ "he a sl", "COMMAND: alter slowly\n" },
	/* A whole request will do. */
	{ "help do deed", "COMMAND: do deed\n" },
	{ "help wipe yes", "COMMAND: wipe [yes]\n" },
	{ "help alter orders", "COMMAND: alter WHAT [BODY...]\n" },
	{ "help alter", "COMMAND               ROLE      SHOWS\nalter WHAT" },
	{ "help frob", "error: usage: \"frob\" is not a command; " },
	{ "help do frob", "error: usage: \"frob\" is not a command; " },
};

START_TEST(request_for_help_about_a_command_tells_of_it)
{
	const struct help_row *row = &help_rows[_i];

	ck_assert_mem_eq(answer_to(row->request), row->answer, strlen(row->answer));
}
END_TEST

/* The first that fits, or all of them. */
START_TEST(request_whose_words_begin_several_is_the_one_that_fits)
{
	static const char denied[] =
	    "error: not permitted: \"do more WORD now [N]\" is for the role admin";

	caller.role = CONTROL_VIEWER;
	ck_assert_mem_eq(answer_to("do more x now 3"), denied, sizeof(denied) - 1);
	ck_assert_str_eq(answer_to("do more 3"), "NAME\nthing\n\n");
	ck_assert_str_eq(answer_to("do more x never"),
	    "error: usage: it is: do more WORD now [N], or: do more [N]\n\n");
}
END_TEST

Suite *
suite_help(void)
{
	Suite *s = suite_create("help");
	TCase *tc = tcase_create("help");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, request_for_help_lists_the_table_and_help);
	tcase_add_loop_test(
	    tc, request_for_help_about_a_command_tells_of_it, 0, ARRAY_LEN(help_rows));
	tcase_add_test(tc, request_whose_words_begin_several_is_the_one_that_fits);
	suite_add_tcase(s, tc);
	return s;
}
