#include "web/page.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/state.h"
#include "suites.h"

static const char *const ranks[] = { [STATE_GOOD] = "good",
	[STATE_NOTICE] = "notice",
	[STATE_WARNING] = "warning",
	[STATE_BAD] = "bad" };

/* The script's line with the states of a rank. */
static void
find_line(char *ret, size_t size, enum state_rank rank)
{
	static const char table[] = "const RANKS = {";
	const char *end = (const char *)page_bytes + page_len;
	const char *at = memmem(page_bytes, page_len, table, sizeof(table) - 1);
	char begin[32];

	ck_assert_ptr_nonnull(at);
	(void)snprintf(begin, sizeof(begin), "\n\t%s: [", ranks[rank]);
	at = memmem(at, (size_t)(end - at), begin, strlen(begin));
	ck_assert_ptr_nonnull(at);
	at += strlen(begin);
	(void)snprintf(ret, size, "%.*s", (int)strcspn(at, "]"), at);
}

START_TEST(page_ranks_each_state_as_the_daemon_does)
{
	enum state state = (enum state)_i;
	char line[512], word[64];

	(void)snprintf(word, sizeof(word), "\"%s\"", state_name(state));
	for (enum state_rank rank = STATE_GOOD; rank <= STATE_BAD; rank++) {
		find_line(line, sizeof(line), rank);
		ck_assert_int_eq(strstr(line, word) != NULL, rank == state_rank(state));
	}
}
END_TEST

Suite *
suite_page(void)
{
	Suite *s = suite_create("page");
	TCase *tc = tcase_create("page");

	tcase_add_loop_test(tc, page_ranks_each_state_as_the_daemon_does, 0, STATE_END);
	suite_add_tcase(s, tc);
	return s;
}
