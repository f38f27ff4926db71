#include "control/answer.h"

#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "control/change.h"
#include "control/command.h"
#include "control/request.h"
#include "control/server.h"
#include "control/text.h"
#include "suites.h"

/* What the command under test does, as its context says. */
struct deed {
	int rc;
	const char *error;
	size_t n_items;
	char args[100]; /* as it was given them */
	bool confirmed;
	struct control_reply *reply; /* of the one that answers later */
	int taken, gone;
};

static int
run_deed(void *context, struct control_reply *reply)
{
	const struct deed *dd = context;

	reply->kind = "deed";
	reply->error = dd->error;
	for (size_t i = 0; i < dd->n_items; i++)
		json_array_append_new(
		    reply->items, json_pack("{s:s}", "name", "thing"));
	return dd->rc;
}

static int
run_words(void *context, struct control_reply *reply)
{
	struct deed *dd = context;
	size_t len = 0;

	dd->args[0] = '\0';
	dd->confirmed = reply->confirmed;
	for (size_t i = 0; i < reply->n_args; i++)
		len += (size_t)snprintf(
		    dd->args + len, sizeof(dd->args) - len, "%s,", reply->args[i]);
	if (!reply->confirmed) {
		reply->error = "do it?";
		return CONTROL_CONFIRM;
	}
	reply->kind = "words";
	return 0;
}

static void
on_taken(void *owner)
{
	((struct deed *)owner)->taken++;
}

static void
on_gone(void *owner)
{
	((struct deed *)owner)->gone++;
}

static int
run_later(void *context, struct control_reply *reply)
{
	static const struct control_later later = { on_taken, on_gone };
	struct deed *dd = context;

	dd->reply = reply;
	reply->later = &later;
	reply->owner = dd;
	return CONTROL_LATER;
}

static const struct control_column columns[] = {
	{ "name", "NAME" },
	{ NULL, NULL },
};

static const struct control_command commands[] = {
	{ "do deed", CONTROL_VIEWER, "does it", columns, 0, run_deed },
	{ "do words FIRST [MORE...] [yes]", CONTROL_VIEWER, "asks", columns, 0,
	    run_words },
	{ "do later [WORD]", CONTROL_VIEWER, "waits", columns, 0, run_later },
	{ "alter WHAT [BODY...]", CONTROL_OPERATOR, "alters", columns, 0, run_deed },
	{ "alter slowly", CONTROL_OPERATOR, "alters later", columns, 0, run_later },
	{ "wipe [yes]", CONTROL_ADMIN, "asks first", columns, 0, run_words },
};

static struct deed deed;
static struct control_caller caller;
static char told[200]; /* the change that was told last */

static void
on_change(void *context, const struct control_change *ch)
{
	ck_assert_ptr_eq(context, &deed);
	ck_assert_ptr_eq(ch->caller, &caller);
	(void)snprintf(told, sizeof(told), "%s|%d|%s", ch->request, ch->fault,
	    ch->why == NULL ? "" : ch->why);
}

static struct answerer *answerer;
static struct text out;

static void
set_up(void)
{
	struct control_spec spec = {
		.name = "edge-1",
		.commands = commands,
		.n_commands = ARRAY_LEN(commands),
		.context = &deed,
		.on_change = on_change,
	};

	caller.role = CONTROL_ADMIN;
	told[0] = '\0';

	deed = (struct deed){ .n_items = 1 };
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

	ck_assert_int_eq(answerer_run(answerer, NULL, &out, &request), 0);
	text_put(&out, "", 1);
	return out.bytes;
}

START_TEST(request_for_a_command_runs_it)
{
	ck_assert_str_eq(answer_to("d d"), "NAME\nthing\n\n");
}
END_TEST

START_TEST(request_for_json_gives_a_valid_document)
{
	json_t *document = json_loads(answer_to("do deed json"), 0, NULL);
	const char *kind;
	const char *time;
	json_t *items;
	json_t *warnings;

	ck_assert_ptr_nonnull(document);
	ck_assert_int_eq(json_unpack(document, "{s:s, s:s, s:o, s:o}", "kind", &kind,
			     "time", &time, "items", &items, "warnings", &warnings),
	    0);
	ck_assert_str_eq(kind, "deed");
	ck_assert_int_eq(time[4], '-');
	ck_assert_int_eq(time[10], 'T');
	ck_assert_uint_eq(json_array_size(items), 1);
	ck_assert(json_is_array(warnings));
	json_decref(document);
}
END_TEST

START_TEST(request_that_is_refused_says_why)
{
	deed = (struct deed){ .rc = -EBUSY, .error = "come\nagain", .n_items = 1 };
	ck_assert_str_eq(answer_to("do deed"), "error: come\\x0aagain\n\n");
}
END_TEST

START_TEST(request_that_fails_without_reason_names_the_error)
{
	deed = (struct deed){ .rc = -ENOENT };
	ck_assert_str_eq(answer_to("do deed"),
	    "error: no such object: No such file or directory\n\n");
}
END_TEST

START_TEST(request_with_surplus_words_is_not_run)
{
	deed = (struct deed){ .rc = -EBUSY, .error = "was run" };
	ck_assert_str_eq(answer_to("do deed twice"),
	    "error: usage: \"do deed\" takes nothing behind it: \"twice\"\n\n");
}
END_TEST

START_TEST(request_with_bad_bytes_is_answered_in_its_form)
{
	ck_assert_str_eq(answer_to("do \xff"),
	    "error: usage: the request has control characters, or is not UTF-8\n\n");
	text_clear(&out);
	ck_assert_str_eq(answer_to("do \xff json"),
	    "{\"schema\": \"org.mqbridge/1\", \"error\": \"the request has control "
	    "characters, or is not UTF-8\", \"code\": \"usage\"}\n\n");
}
END_TEST

START_TEST(request_with_too_many_words_is_refused)
{
	char line[2 * REQUEST_WORDS_MAX + 3] = "";

	for (size_t i = 0; i < sizeof(line) - 1; i++)
		line[i] = i % 2 == 0 ? 'a' : ' ';
	ck_assert_str_eq(
	    answer_to(line), "error: usage: the request has too many words\n\n");
}
END_TEST

static const struct words_row {
	const char *line;
	const char *answer; /* "" stands for a table */
	const char *args;
	bool confirmed;
} words_rows[] = {
	{ "do words a", "error: confirm: do it?\n\n", "a,", false },
	{ "do words a yes", "", "a,", true },
	{ "d w a b c  d yes json", "", "a,b,c,d,", true },
	{ "do words yes yes", "", "yes,", true },
	{ "do words yes a", "error: confirm: do it?\n\n", "yes,a,", false },
	{ "do words", "error: usage: it is: do words FIRST [MORE...] [yes]\n\n", "",
	    false },
	{ "do words yes", "error: usage: it is: do words FIRST [MORE...] [yes]\n\n", "",
	    false },
	{ "do later a b", "error: usage: it is: do later [WORD]\n\n", "", false },
	{ "do w FIRST", "error: confirm: do it?\n\n", "FIRST,", false },
};

START_TEST(request_with_words_behind_gives_them_to_the_command)
{
	const struct words_row *row = &words_rows[_i];
	const char *answer = answer_to(row->line);

	ck_assert_str_eq(deed.args, row->args);
	ck_assert_int_eq(deed.confirmed, row->confirmed);
	if (row->answer[0] != '\0')
		ck_assert_str_eq(answer, row->answer);
	else
		ck_assert_mem_ne(answer, "error", 5);
}
END_TEST

static int ready_rc;

static void
on_ready(void *owner, int rc)
{
	ck_assert_ptr_eq(owner, &out);
	ready_rc = rc;
}

static struct answer *
answer_later(const char *line)
{
	struct answer_request request = { line, strlen(line), &caller, NULL };
	struct answer *aw = NULL;

	ready_rc = 99;
	ck_assert_int_eq(answerer_run(answerer, &aw, &out, &request), 1);
	ck_assert_uint_eq(out.len, 0);
	answer_listen(aw, on_ready, &out);
	return aw;
}

START_TEST(answer_that_comes_later_is_whole_then)
{
	struct answer *aw = answer_later("do later");

	deed.reply->kind = "late";
	json_array_append_new(deed.reply->items, json_pack("{s:s}", "name", "thing"));
	control_reply_end(deed.reply, 0);
	ck_assert_int_eq(ready_rc, 1);
	answer_free(aw);
	ck_assert_int_eq(deed.gone, 0);
	text_put(&out, "", 1);
	ck_assert_str_eq(out.bytes, "NAME\nthing\n\n");
}
END_TEST

START_TEST(answer_that_comes_later_may_be_a_refusal)
{
	struct answer *aw = answer_later("do later json");

	deed.reply->error = "no";
	control_reply_end(deed.reply, -ENOENT);
	ck_assert_int_eq(ready_rc, 1);
	answer_free(aw);
	text_put(&out, "", 1);
	ck_assert_str_eq(out.bytes, "{\"schema\": \"org.mqbridge/1\", \"error\": "
				    "\"no\", \"code\": \"no-such-object\"}\n\n");
}
END_TEST

/* Item number i, and written at once unless it is the last of three. */
static void
put_number(int i)
{
	json_array_append_new(
	    deed.reply->items, json_pack("{s:s, s:i}", "name", "thing", "number", i));
	if (i < 2)
		control_reply_write(deed.reply);
}

START_TEST(items_written_as_they_come_are_all_in_the_document)
{
	struct answer *aw = answer_later("do later json");
	json_t *document, *items;

	for (int i = 0; i < 3; i++) {
		put_number(i);
		ck_assert_uint_eq(json_array_size(deed.reply->items), i < 2 ? 0 : 1);
	}
	deed.reply->kind = "late";
	control_reply_end(deed.reply, 0);
	answer_free(aw);
	document = json_loadb(out.bytes, out.len, 0, NULL);
	items = json_object_get(document, "items");
	ck_assert_uint_eq(json_array_size(items), 3);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(json_integer_value(json_object_get(
				     json_array_get(items, i), "number")),
		    (int)i);
	json_decref(document);
}
END_TEST

START_TEST(items_of_a_table_wait_for_its_last_row)
{
	struct answer *aw = answer_later("do later");

	for (int i = 0; i < 3; i++)
		put_number(i);
	deed.reply->kind = "late";
	control_reply_end(deed.reply, 0);
	answer_free(aw);
	text_put(&out, "", 1);
	ck_assert_str_eq(out.bytes, "NAME\nthing\nthing\nthing\n\n");
}
END_TEST

START_TEST(answer_in_pieces_goes_on_when_they_are_taken)
{
	struct answer *aw = answer_later("do later");

	control_reply_put(deed.reply, "one\n", 4);
	ck_assert_int_eq(ready_rc, 0);
	ck_assert_uint_eq(out.len, 4);
	text_clear(&out);
	answer_taken(aw);
	ck_assert_int_eq(deed.taken, 1);
	control_reply_put(deed.reply, "two\n", 4);
	control_reply_end(deed.reply, 0);
	ck_assert_int_eq(ready_rc, 1);
	ck_assert_mem_eq(out.bytes, "two\n\n", 5);
	answer_free(aw);
	ck_assert_int_eq(deed.gone, 0);
}
END_TEST

START_TEST(answer_in_pieces_ends_with_the_reply_if_there_is_one)
{
	struct answer *aw = answer_later("do later");

	control_reply_put(deed.reply, "one\n", 4);
	deed.reply->kind = "deed";
	json_array_append_new(deed.reply->items, json_pack("{s:s}", "name", "x"));
	control_reply_end(deed.reply, 0);
	ck_assert_int_eq(ready_rc, 1);
	ck_assert_mem_eq(out.bytes, "one\nNAME\nx\n\n", 12);
	answer_free(aw);
}
END_TEST

START_TEST(answer_in_pieces_that_fails_ends_with_why)
{
	static const char expected[] = "one\nerror: condition not reached: not yet\n\n";
	struct answer *aw = answer_later("do later");

	control_reply_put(deed.reply, "one\n", 4);
	deed.reply->error = "not yet";
	control_reply_end(deed.reply, CONTROL_UNREACHED);
	ck_assert_int_eq(ready_rc, 1);
	ck_assert_uint_eq(out.len, sizeof(expected) - 1);
	ck_assert_mem_eq(out.bytes, expected, out.len);
	answer_free(aw);
}
END_TEST

START_TEST(answer_that_fails_in_the_middle_of_a_line_is_broken_off)
{
	struct answer *aw = answer_later("do later");

	control_reply_put(deed.reply, "one\ntw", 6);
	control_reply_end(deed.reply, -EIO);
	ck_assert_int_eq(ready_rc, -EIO);
	answer_free(aw);
	ck_assert_int_eq(deed.gone, 0);
}
END_TEST

static const struct role_row {
	const char *line;
	enum control_role role;
	const char *answer; /* begins so */
} role_rows[] = {
	{ "do deed", CONTROL_VIEWER, "NAME" },
	{ "alter x", CONTROL_VIEWER,
	    "error: not permitted: \"alter WHAT [BODY...]\" is for the role operator here,"
	    " which the key operators of mqbridge.conf gives; uid 0 is viewer\n\n" },
	{ "alter x", CONTROL_OPERATOR, "NAME" },
	{ "wipe yes", CONTROL_OPERATOR, "error: not permitted: \"wipe [yes]\" is" },
	{ "wipe yes", CONTROL_ADMIN, "NAME" },
};

START_TEST(request_above_the_role_of_its_caller_is_denied)
{
	const struct role_row *row = &role_rows[_i];

	caller.role = row->role;
	ck_assert_mem_eq(answer_to(row->line), row->answer, strlen(row->answer));
}
END_TEST

static const struct change_row {
	const char *line;
	const char *told;
} change_rows[] = {
	{ "do deed", "" },
	{ "al x", "alter x|0|" },
	{ "alter x y z", "alter x BODY BODY|0|" },
	{ "alter", "" }, /* used wrongly: nothing was tried */
	{ "wipe", "" },  /* asks */
	{ "wipe yes", "wipe yes|0|" },
};

START_TEST(request_that_changes_something_is_told)
{
	(void)answer_to(change_rows[_i].line);
	ck_assert_str_eq(told, change_rows[_i].told);
}
END_TEST

START_TEST(request_that_fails_or_is_denied_is_told_with_its_reason)
{
	deed.rc = -ENOENT;
	deed.error = "there is\tnone";
	(void)answer_to("alter x");
	ck_assert_str_eq(told, "alter x|5|there is\\x09none");
	caller.role = CONTROL_VIEWER;
	(void)answer_to("alter x");
	ck_assert_mem_eq(told, "alter x|4|\"alter WHAT", 21);
}
END_TEST

START_TEST(change_that_ends_later_is_told_at_its_end)
{
	struct answer *aw = answer_later("alter slowly");

	ck_assert_str_eq(told, "");
	control_reply_put(deed.reply, "one\n", 4);
	control_reply_end(deed.reply, 0);
	ck_assert_str_eq(told, "alter slowly|0|");
	answer_free(aw);
	text_clear(&out);
	answer_free(answer_later("alter slowly"));
	ck_assert_str_eq(told, "alter slowly|1|the client left before its end");
}
END_TEST

START_TEST(answer_whose_client_leaves_tells_the_command)
{
	answer_free(answer_later("do later x"));
	ck_assert_int_eq(deed.gone, 1);
	answer_free(NULL);
}
END_TEST

START_TEST(request_with_a_huge_answer_is_refused)
{
	deed.n_items = ANSWER_MAX / 6 + 1; /* lines of 6 bytes */
	ck_assert_str_eq(
	    answer_to("do deed"), "error: the answer would exceed 4 MiB\n\n");
}
END_TEST

static const struct fault_row {
	const char *line;
	int rc;
	size_t n_items;
	enum reply_fault fault;
} fault_rows[] = {
	{ "do deed", 0, 1, REPLY_DONE },
	{ "do deed", -ENOENT, 1, REPLY_ABSENT },
	{ "do deed", -EBUSY, 1, REPLY_REFUSED },
	{ "do deed", 0, ANSWER_MAX / 6 + 1, REPLY_REFUSED },
	{ "do nothing", 0, 1, REPLY_USAGE },
	{ "do \xff", 0, 1, REPLY_USAGE },
	{ "wipe yes", 0, 1, REPLY_DENIED },
};

START_TEST(request_says_what_became_of_it)
{
	const struct fault_row *row = &fault_rows[_i];
	enum reply_fault fault = REPLY_WARNED;
	struct answer_request request = { row->line, strlen(row->line), &caller,
		&fault };

	caller.role = CONTROL_OPERATOR;
	deed = (struct deed){ .rc = row->rc, .n_items = row->n_items };
	ck_assert_int_eq(answerer_run(answerer, NULL, &out, &request), 0);
	ck_assert_int_eq(fault, row->fault);
}
END_TEST

Suite *
suite_answer(void)
{
	Suite *s = suite_create("answer");
	TCase *tc = tcase_create("answer");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 30); /* the huge answer, with sanitizers */
	tcase_add_test(tc, request_for_a_command_runs_it);
	tcase_add_test(tc, request_for_json_gives_a_valid_document);
	tcase_add_test(tc, request_that_is_refused_says_why);
	tcase_add_test(tc, request_that_fails_without_reason_names_the_error);
	tcase_add_test(tc, request_with_surplus_words_is_not_run);
	tcase_add_test(tc, request_with_bad_bytes_is_answered_in_its_form);
	tcase_add_test(tc, request_with_too_many_words_is_refused);
	tcase_add_loop_test(tc, request_with_words_behind_gives_them_to_the_command, 0,
	    (int)ARRAY_LEN(words_rows));
	tcase_add_test(tc, answer_that_comes_later_is_whole_then);
	tcase_add_test(tc, answer_that_comes_later_may_be_a_refusal);
	tcase_add_test(tc, items_written_as_they_come_are_all_in_the_document);
	tcase_add_test(tc, items_of_a_table_wait_for_its_last_row);
	tcase_add_test(tc, answer_in_pieces_goes_on_when_they_are_taken);
	tcase_add_loop_test(tc, request_above_the_role_of_its_caller_is_denied, 0,
	    ARRAY_LEN(role_rows));
	tcase_add_loop_test(
	    tc, request_that_changes_something_is_told, 0, ARRAY_LEN(change_rows));
	tcase_add_test(tc, request_that_fails_or_is_denied_is_told_with_its_reason);
	tcase_add_test(tc, change_that_ends_later_is_told_at_its_end);
	tcase_add_test(tc, answer_in_pieces_ends_with_the_reply_if_there_is_one);
	tcase_add_test(tc, answer_in_pieces_that_fails_ends_with_why);
	tcase_add_test(tc, answer_that_fails_in_the_middle_of_a_line_is_broken_off);
	tcase_add_test(tc, answer_whose_client_leaves_tells_the_command);
	tcase_add_test(tc, request_with_a_huge_answer_is_refused);
	tcase_add_loop_test(
	    tc, request_says_what_became_of_it, 0, ARRAY_LEN(fault_rows));
	suite_add_tcase(s, tc);
	return s;
}
