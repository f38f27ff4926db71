#include "control/request.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/compiler.h"
#include "control/command.h"
#include "suites.h"

static const struct control_command commands[] = {
	{ .words = "show status" },
	{ .words = "show queues" },
	{ .words = "show route" },
	{ .words = "show routes" },
	{ .words = "show dead-letters" },
	{ .words = "send" },
	{ .words = "purge" },
	{ .words = "purge all now" },
	{ .words = "version" },
	{ .words = "help" },
};

static struct request rq;
static struct request_match match;
static char why[REQUEST_WHY_MAX];

static int
match_line(const char *line)
{
	ck_assert_int_eq(request_split(&rq, line, strlen(line)), 0);
	match = (struct request_match){ 0 };
	why[0] = '\0';
	return request_match(&match, why, &rq, commands, ARRAY_LEN(commands));
}

static const struct json_row {
	const char *line;
	bool wants;
} json_rows[] = {
	{ "show status json", true },
	{ "show status json  ", true },
	{ "json", true },
	{ "show status", false },
	{ "show xjson", false },
	{ "json show", false },
	{ "show JSON", false },
	{ "", false },
	{ "  ", false },
	{ "\xff json", true },
};

START_TEST(json_is_wanted_by_the_last_word_only)
{
	const struct json_row *row = &json_rows[_i];

	ck_assert_int_eq(request_wants_json(row->line, strlen(row->line)), row->wants);
}
END_TEST

START_TEST(split_of_a_line_gives_its_words)
{
	const char line[] = "  show   queues \xc3\xa4 json ";

	ck_assert_int_eq(request_split(&rq, line, sizeof(line) - 1), 0);
	ck_assert_uint_eq(rq.n_words, 3);
	ck_assert_str_eq(rq.words[0], "show");
	ck_assert_str_eq(rq.words[1], "queues");
	ck_assert_str_eq(rq.words[2], "\xc3\xa4");
}
END_TEST

START_TEST(split_of_json_alone_gives_no_word)
{
	ck_assert_int_eq(request_split(&rq, "json", 4), 0);
	ck_assert_uint_eq(rq.n_words, 0);
}
END_TEST

static const struct dirty_row {
	const char *line;
	size_t len;
} dirty_rows[] = {
	{ "show\0status", 11 }, { "show\tstatus", 11 }, { "show\nstatus", 11 },
	{ "\x1b[2J", 4 }, { "\x7f", 1 }, { "\xc2\x9b", 2 }, /* U+009B: as ESC [ */
	{ "\xff", 1 },                                      /* no UTF-8 */
	{ "\xc3", 1 },                                      /* cut short */
	{ "\xc0\xaf", 2 },                                  /* overlong */
	{ "\xed\xa0\x80", 3 },                              /* surrogate */
};

START_TEST(split_of_control_or_bad_bytes_returns_eilseq)
{
	rq.n_words = 99;
	ck_assert_int_eq(
	    request_split(&rq, dirty_rows[_i].line, dirty_rows[_i].len), -EILSEQ);
	ck_assert_uint_eq(rq.n_words, 99);
}
END_TEST

START_TEST(split_at_the_length_limit_is_exact)
{
	char line[CONTROL_LINE_MAX + 1];

	memset(line, 'a', sizeof(line));
	ck_assert_int_eq(request_split(&rq, line, CONTROL_LINE_MAX), 0);
	ck_assert_uint_eq(strlen(rq.words[0]), CONTROL_LINE_MAX);
	ck_assert_int_eq(request_split(&rq, line, CONTROL_LINE_MAX + 1), -EMSGSIZE);
}
END_TEST

START_TEST(split_at_the_word_limit_is_exact)
{
	char line[2 * REQUEST_WORDS_MAX + 2];

	for (size_t i = 0; i < sizeof(line); i++)
		line[i] = i % 2 == 0 ? 'a' : ' ';
	ck_assert_int_eq(request_split(&rq, line, sizeof(line) - 2), 0);
	ck_assert_uint_eq(rq.n_words, REQUEST_WORDS_MAX);
	ck_assert_int_eq(request_split(&rq, line, sizeof(line)), -E2BIG);
}
END_TEST

static const struct quoted_row {
	const char *line;
	size_t n;           /* words */
	const char *second; /* of them */
	bool quoted;
} quoted_rows[] = {
	{ "show \"orders eu\"", 2, "orders eu", true },
	{ "show \" a  b \"  c", 3, " a  b ", true },
	{ "show \"json\"", 2, "json", true },
	{ "show \"json\" json", 2, "json", true },
	{ "show \"\\\"\\\\\\x41\\xfF\"", 2, "\"\\A\xff", true },
	{ "show a\"b \"", 3, "a\"b", false },
	{ "show a\\x41", 2, "a\\x41", false },
	{ "show \"a b", 3, "\"a", false },
	{ "show \"a b\"c", 3, "\"a", false },
	{ "show \"\"", 2, "\"\"", false },
	{ "show \"\\x00\"", 2, "\"\\x00\"", false },
	{ "show \"\\x4\"", 2, "\"\\x4\"", false },
	{ "show \"\\", 2, "\"\\", false },
};

START_TEST(split_of_quotes_gives_one_word_or_leaves_them)
{
	const struct quoted_row *row = &quoted_rows[_i];
	struct control_command cm = { .words = "show ROUTE..." };
	bool bad = !row->quoted && row->second[0] == '"';

	ck_assert_int_eq(request_split(&rq, row->line, strlen(row->line)), 0);
	ck_assert_uint_eq(rq.n_words, row->n);
	ck_assert_str_eq(rq.words[1], row->second);
	ck_assert_int_eq(rq.quoted[1], row->quoted);
	if (strchr(row->line, ' ') == strrchr(row->line, ' '))
		ck_assert_int_eq(request_settle(&rq, &cm, 1), bad ? -EINVAL : 0);
}
END_TEST

START_TEST(settle_leaves_a_body_as_it_stands)
{
	static const char line[] = "send \"orders eu\" \"a  b\" c\" \"\\x41\"";
	struct control_command cm = { .words = "send QUEUE BODY..." };

	ck_assert_int_eq(request_split(&rq, line, strlen(line)), 0);
	ck_assert_int_eq(request_settle(&rq, &cm, 1), 0);
	ck_assert_uint_eq(rq.n_words, 6);
	ck_assert_str_eq(rq.words[1], "orders eu");
	ck_assert_str_eq(rq.words[2], "\"a");
	ck_assert_str_eq(rq.words[3], "b\"");
	ck_assert_str_eq(rq.words[5], "\"\\x41\"");
	/* Whoever wants the blanks too finds them. */
	ck_assert_int_eq(rq.words[3] - rq.words[2], 4);
	ck_assert_int_eq(rq.words[2][3], ' ');
}
END_TEST

START_TEST(word_in_quotes_is_no_confirmation)
{
	static const char plain[] = "purge a yes", quoted[] = "purge a \"yes\"";
	static const char swapped[] = "purge a json yes", name[] = "purge \"json\" yes";
	struct control_command cm = { .words = "purge ROUTE... [yes]" };

	ck_assert_int_eq(request_split(&rq, plain, strlen(plain)), 0);
	ck_assert(request_confirms(&rq, &cm, 1));
	ck_assert(!request_is_swapped(&rq, &cm, 1));
	ck_assert_int_eq(request_split(&rq, quoted, strlen(quoted)), 0);
	ck_assert(!request_confirms(&rq, &cm, 1));
	ck_assert_int_eq(request_split(&rq, swapped, strlen(swapped)), 0);
	ck_assert(request_is_swapped(&rq, &cm, 1));
	ck_assert_int_eq(request_split(&rq, name, strlen(name)), 0);
	ck_assert(!request_is_swapped(&rq, &cm, 1));
}
END_TEST

static const struct fits_row {
	const char *words, *first, *second;
	bool fits;
} fits_rows[] = {
	{ "pause [route|peer] ROUTE|all", "route", "a", true },
	{ "pause [route|peer] ROUTE|all", "peer", "a", true },
	{ "pause [route|peer] ROUTE|all", "a", "b", false },
	{ "pause [route|peer] ROUTE|all", "rout", "b", false },
	{ "pause [route|peer] ROUTE|all", "route|peer", "b", false },
	/* Which of them are there is not known. */
	{ "drain [route|peer] ROUTE|all [timeout D]", "a", "b", true },
	{ "wait [ROUTE] [N]", "a", "b", true },
};

START_TEST(words_too_many_fit_nothing)
{
	const struct fits_row *row = &fits_rows[_i];
	struct control_command cm = { .words = row->words };
	const char *args[] = { row->first, row->second };

	ck_assert_int_eq(request_fits(&cm, args, 2), row->fits);
	ck_assert(request_fits(&cm, args, 1));
}
END_TEST

static const struct match_row {
	const char *line;
	const char *words; /* of the command that is meant */
	size_t n_words;    /* of the request that name it */
} match_rows[] = {
	{ "show status", "show status", 2 },
	{ "sho stat", "show status", 2 },
	{ "sh q", "show queues", 2 },
	{ "sh d", "show dead-letters", 2 },
	{ "v", "version", 1 },
	{ "help", "help", 1 },
	/* A word written out means itself, although it also begins another. */
	{ "show route", "show route", 2 },
	{ "show routes", "show routes", 2 },
	/* Arguments are what stands behind the longest command. */
	{ "show route a b", "show route", 2 },
	{ "purge orders", "purge", 1 },
	{ "purge all", "purge", 1 },
	{ "purge all orders", "purge", 1 },
	{ "pu al now x", "purge all now", 3 },
	{ "send show", "send", 1 },
};

START_TEST(match_of_unambiguous_words_finds_the_command)
{
	const struct match_row *row = &match_rows[_i];

	ck_assert_int_eq(match_line(row->line), 0);
	ck_assert_str_eq(match.command->words, row->words);
	ck_assert_uint_eq(match.n_words, row->n_words);
}
END_TEST

static const struct fault_row {
	const char *line;
	int rc;
	const char *why;
} fault_rows[] = {
	{ "", -EINVAL, "the request is empty; \"help\" lists the commands" },
	{ "show", -EINVAL,
	    "\"show\" wants another word: show status, show queues, show route, "
	    "show routes, show dead-letters" },
	{ "sh", -EINVAL,
	    "\"sh\" wants another word: show status, show queues, show route, "
	    "show routes, show dead-letters" },
	/* Each word by itself: "st" does not say which "s" is meant. */
	{ "s st", -ENOTUNIQ,
	    "\"s\" may mean: show status, show queues, show route, show routes, "
	    "show dead-letters, send" },
	{ "show rou", -ENOTUNIQ, "\"show rou\" may mean: show route, show routes" },
	{ "shwo status", -ENOENT, "\"shwo\" is not a command; near is: show status" },
	{ "show quues", -ENOENT,
	    "\"show quues\" is not a command; near is: show queues" },
	{ "sh quues", -ENOENT, "\"sh quues\" is not a command; near is: show queues" },
	{ "vershion", -ENOENT, "\"vershion\" is not a command; near is: version" },
	{ "show statusx", -ENOENT,
	    "\"show statusx\" is not a command; near is: show status" },
	{ "frobnicate", -ENOENT,
	    "\"frobnicate\" is not a command; \"help\" lists them all" },
	{ "x", -ENOENT, "\"x\" is not a command; \"help\" lists them all" },
	/* Two letters away, but it has only two. */
	{ "ed", -ENOENT, "\"ed\" is not a command; \"help\" lists them all" },
	{ "SHOW STATUS", -ENOENT,
	    "\"SHOW\" is not a command; \"help\" lists them all" },
};

START_TEST(match_of_anything_else_says_why)
{
	const struct fault_row *row = &fault_rows[_i];

	ck_assert_int_eq(match_line(row->line), row->rc);
	ck_assert_str_eq(why, row->why);
	ck_assert_ptr_null(match.command); /* written on success only */
}
END_TEST

START_TEST(match_with_a_long_word_and_many_commands_stays_in_bounds)
{
	struct control_command many[200];
	char line[CONTROL_LINE_MAX + 1];

	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i].words = "a b";
	many[199].words = "a c";
	ck_assert_int_eq(request_split(&rq, "a", 1), 0);
	ck_assert_int_eq(
	    request_match(&match, why, &rq, many, ARRAY_LEN(many)), -EINVAL);
	ck_assert_uint_lt(strlen(why), REQUEST_WHY_MAX);
	ck_assert_ptr_nonnull(strstr(why, ", a b, ..."));

	memset(line, 'a', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	ck_assert_int_eq(match_line(line), -ENOENT);
	ck_assert_uint_lt(strlen(why), REQUEST_WHY_MAX);
}
END_TEST

Suite *
suite_request(void)
{
	Suite *s = suite_create("request");
	TCase *tc = tcase_create("split");

	tcase_add_loop_test(
	    tc, json_is_wanted_by_the_last_word_only, 0, ARRAY_LEN(json_rows));
	tcase_add_test(tc, split_of_a_line_gives_its_words);
	tcase_add_test(tc, split_of_json_alone_gives_no_word);
	tcase_add_loop_test(
	    tc, split_of_control_or_bad_bytes_returns_eilseq, 0, ARRAY_LEN(dirty_rows));
	tcase_add_test(tc, split_at_the_length_limit_is_exact);
	tcase_add_test(tc, split_at_the_word_limit_is_exact);
	tcase_add_loop_test(tc, split_of_quotes_gives_one_word_or_leaves_them, 0,
	    ARRAY_LEN(quoted_rows));
	tcase_add_test(tc, settle_leaves_a_body_as_it_stands);
	tcase_add_test(tc, word_in_quotes_is_no_confirmation);
	tcase_add_loop_test(tc, words_too_many_fit_nothing, 0, ARRAY_LEN(fits_rows));
	suite_add_tcase(s, tc);

	tc = tcase_create("match");
	tcase_add_loop_test(
	    tc, match_of_unambiguous_words_finds_the_command, 0, ARRAY_LEN(match_rows));
	tcase_add_loop_test(
	    tc, match_of_anything_else_says_why, 0, ARRAY_LEN(fault_rows));
	tcase_add_test(tc, match_with_a_long_word_and_many_commands_stays_in_bounds);
	suite_add_tcase(s, tc);
	return s;
}
