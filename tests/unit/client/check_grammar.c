#include "client/grammar.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "suites.h"

#define WORDS_MAX 12

static char found[200]; /* what may come next, with blanks between */

static void
note(void *owner, const char *word, size_t len)
{
	size_t at = strlen(found);

	(void)owner;
	(void)snprintf(found + at, sizeof(found) - at, "%s%.*s", at == 0 ? "" : " ",
	    (int)len, word);
}

static int
follow(const char *row, const char *line)
{
	const char *words[WORDS_MAX];
	char copy[200];
	size_t n = 0;

	(void)snprintf(copy, sizeof(copy), "%s", line);
	for (char *at = copy; *at != '\0'; at += strspn(at, " ")) {
		words[n++] = at;
		at += strcspn(at, " ");
		if (*at == ' ')
			*at++ = '\0';
	}
	found[0] = '\0';
	return grammar_follow(row, words, n, note, NULL);
}

#define DRAIN   "drain [route|peer] ROUTE|PEER|all [timeout D]"
#define EXPLAIN "explain QUEUE [priority P] [type T] [size N]"
#define SETTLED "wait settled [ROUTE] [timeout D]"
#define PURGE   "purge dead-letters ROUTE|ID|all... [yes]"

static const struct row {
	const char *row, *line;
	int own;
	const char *next;
} rows[] = {
	{ "show status", "", 0, "show" },
	{ "show status", "sh", 1, "status" },
	{ "show status", "show status", 2, "" },
	{ "show status", "show status x", -1, "" },
	{ "show status", "show statusx", -1, "" },
	{ "show route ROUTE", "show route", 2, "ROUTE" },
	{ "show route ROUTE", "show route a b", -1, "" },
	{ DRAIN, "drain", 1, "route peer ROUTE PEER all" },
	{ DRAIN, "drain a", 1, "timeout" },
	{ DRAIN, "drain route", 1, "ROUTE all" },
	{ DRAIN, "drain peer", 1, "PEER all" },
	{ DRAIN, "drain peer a", 1, "timeout" },
	{ DRAIN, "drain all timeout", 1, "D" },
	{ DRAIN, "drain all timeout 5s", 1, "" },
	{ EXPLAIN, "explain q", 1, "priority type size" },
	{ EXPLAIN, "explain q size", 1, "N" },
	{ EXPLAIN, "explain q size 3", 1, "priority type" },
	{ EXPLAIN, "explain q type 1 priority 2", 1, "size" },
	{ EXPLAIN, "explain q what", -1, "" },
	{ SETTLED, "wait settled", 2, "ROUTE timeout" },
	{ SETTLED, "wait settled r", 2, "timeout" },
	{ SETTLED, "wait settled timeout 1s", 2, "" },
	{ PURGE, "purge dead-letters", 2, "ROUTE ID all" },
	{ PURGE, "purge dead-letters a b", 2, "ROUTE ID all yes" },
	{ PURGE, "purge dead-letters a yes", 2, "" },
	{ "log error|warn [AREA]", "log", 1, "error warn" },
	{ "log error|warn [AREA]", "log warn", 1, "AREA" },
	{ "log error|warn [AREA]", "log bad", -1, "" },
	{ "check [--age D] [--more D]", "check", 1, "--age --more" },
	{ "show dead-letters [ROUTE...]", "show dead-letters a b", 2, "ROUTE" },
};

START_TEST(follow_of_words_gives_what_may_come_next)
{
	const struct row *row = &rows[_i];

	ck_assert_int_eq(follow(row->row, row->line), row->own);
	ck_assert_str_eq(found, row->next);
}
END_TEST

START_TEST(follow_of_a_row_with_many_words_stays_in_bounds)
{
	char long_row[400] = "a";

	for (size_t i = 0; i < 60; i++)
		memcpy(long_row + 1 + 6 * i, " [b|B]", 7);
	ck_assert_int_eq(follow(long_row, "a b b b b b b b b b b"), 1);
}
END_TEST

Suite *
suite_grammar(void)
{
	Suite *s = suite_create("grammar");
	TCase *tc = tcase_create("follow");

	tcase_add_loop_test(
	    tc, follow_of_words_gives_what_may_come_next, 0, ARRAY_LEN(rows));
	tcase_add_test(tc, follow_of_a_row_with_many_words_stays_in_bounds);
	suite_add_tcase(s, tc);
	return s;
}
