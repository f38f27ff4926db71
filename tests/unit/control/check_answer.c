#include "control/answer.h"

#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/compiler.h"
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

static const struct control_column columns[] = {
	{ "name", "NAME" },
	{ NULL, NULL },
};

static const struct control_command commands[] = {
	{ "do deed", "does it", columns, 0, run_deed },
};

static struct deed deed;
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
	};

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
	ck_assert_int_eq(answerer_run(answerer, &out, line, strlen(line)), 0);
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

START_TEST(request_for_help_lists_the_table_and_help)
{
	ck_assert_str_eq(answer_to("help"),
	    "COMMAND  SHOWS\n"
	    "do deed  does it\n"
	    "help     these commands; each word may be abbreviated; \"json\" at the end "
	    "for JSON\n\n");
}
END_TEST

START_TEST(request_that_is_refused_says_why)
{
	deed = (struct deed){ -EBUSY, "come\nagain", 1 };
	ck_assert_str_eq(answer_to("do deed"), "error: come\\x0aagain\n\n");
}
END_TEST

START_TEST(request_that_fails_without_reason_names_the_error)
{
	deed = (struct deed){ -ENOENT, NULL, 0 };
	ck_assert_str_eq(answer_to("do deed"),
	    "error: no such object: No such file or directory\n\n");
}
END_TEST

START_TEST(request_with_surplus_words_is_not_run)
{
	deed = (struct deed){ -EBUSY, "was run", 0 };
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

START_TEST(request_with_a_huge_answer_is_refused)
{
	deed.n_items = ANSWER_MAX / 6 + 1; /* lines of 6 bytes */
	ck_assert_str_eq(
	    answer_to("do deed"), "error: the answer would exceed 4 MiB\n\n");
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
	tcase_add_test(tc, request_for_help_lists_the_table_and_help);
	tcase_add_test(tc, request_that_is_refused_says_why);
	tcase_add_test(tc, request_that_fails_without_reason_names_the_error);
	tcase_add_test(tc, request_with_surplus_words_is_not_run);
	tcase_add_test(tc, request_with_bad_bytes_is_answered_in_its_form);
	tcase_add_test(tc, request_with_too_many_words_is_refused);
	tcase_add_test(tc, request_with_a_huge_answer_is_refused);
	suite_add_tcase(s, tc);
	return s;
}
