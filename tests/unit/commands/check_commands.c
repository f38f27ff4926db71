/* The table of commands against mqbridgectl(1), and against the rules of control/command.h. */
#include "commands/commands.h"

#include <check.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/compiler.h"
#include "base/file.h"
#include "control/command.h"
#include "control/help.h"
#include "suites.h"

#define THIS_FILE    "tests/unit/commands/check_commands.c"
#define MANUAL       "man/mqbridgectl.1"
#define SYNOPSIS     256 /* bytes of one, with its NUL */
#define COMMANDS_MAX 100

static const struct control_command *commands;
static size_t n_commands;
static char *page;
static char titles[COMMANDS_MAX][SYNOPSIS]; /* of the subsections of COMMANDS */
static size_t n_titles;

static bool
find_page(char *path, size_t size)
{
	const char *build = getenv("MQBRIDGE_BUILD");
	int root = (int)(strlen(__FILE__) - strlen(THIS_FILE));
	struct stat st;

	(void)snprintf(path, size, "%.*s%s", root, __FILE__, MANUAL);
	if (stat(path, &st) == 0)
		return true;
	if (build == NULL)
		return false;
	(void)snprintf(path, size, "%s/%.*s%s", build, root, __FILE__, MANUAL);
	return stat(path, &st) == 0;
}

static bool
is_macro(const char *word)
{
	static const char *const macros[] = { "Ar", "Cm", "Oc", "Oo", "Op", "yes" };

	for (size_t i = 0; i < ARRAY_LEN(macros); i++) {
		if (strcmp(word, macros[i]) == 0)
			return true;
	}
	return false;
}

/* The words of a synopsis alone, with a blank behind each: neither how it is written, as in the
 * table or as in a manual page, nor what is optional. */
static void
reduce(char *ret, const char *text, size_t len)
{
	size_t at = 0;
	size_t i = 0;

	while (i < len) {
		char word[SYNOPSIS];
		size_t n = 0;

		while (i < len && !isalnum((unsigned char)text[i]))
			i++;
		while (i < len && (isalnum((unsigned char)text[i]) || text[i] == '-'))
			word[n++] = text[i++];
		word[n] = '\0';
		if (n > 0 && !is_macro(word))
			at += (size_t)snprintf(ret + at, SYNOPSIS - at, "%s ", word);
		ck_assert_uint_lt(at, SYNOPSIS);
	}
	ret[at] = '\0';
}

static void
read_titles(void)
{
	static const char mark[] = "\n.Ss ";
	const char *end = strstr(page, "\n.Sh CONTROL SOCKET");
	const char *at = strstr(page, "\n.Sh COMMANDS");

	ck_assert(at != NULL && end != NULL);
	n_titles = 0;
	while ((at = strstr(at + 1, mark)) != NULL && at < end) {
		const char *title = at + strlen(mark);

		ck_assert_uint_lt(n_titles, COMMANDS_MAX);
		reduce(titles[n_titles++], title, strcspn(title, "\n"));
	}
}

static void
set_up(void)
{
	char path[4096];
	size_t len = 0;

	commands = commands_table(&n_commands);
	page = NULL;
	if (find_page(path, sizeof(path))) {
		ck_assert_int_eq(file_read(&page, &len, AT_FDCWD, path, 1 << 20), 0);
		read_titles();
	}
}

static void
tear_down(void)
{
	free(page);
}

static bool
is_title(const char *synopsis)
{
	for (size_t i = 0; i < n_titles; i++) {
		if (strcmp(titles[i], synopsis) == 0)
			return true;
	}
	return false;
}

START_TEST(commands_are_all_in_the_manual)
{
	char synopsis[SYNOPSIS];

	if (page == NULL) {
		(void)fprintf(stderr, "SKIP commands: " MANUAL " is not found\n");
		return;
	}
	for (size_t i = 0; i < n_commands; i++) {
		reduce(synopsis, commands[i].words, strlen(commands[i].words));
		ck_assert_msg(is_title(synopsis), "the manual has no .Ss \"%s\"",
		    commands[i].words);
	}
}
END_TEST

static bool
is_command(const char *title)
{
	char synopsis[SYNOPSIS];

	for (size_t i = 0; i < n_commands; i++) {
		reduce(synopsis, commands[i].words, strlen(commands[i].words));
		if (strcmp(synopsis, title) == 0)
			return true;
	}
	reduce(synopsis, help_command.words, strlen(help_command.words));
	return strcmp(title, synopsis) == 0; /* the server's own */
}

START_TEST(manual_has_no_command_that_is_not_there)
{
	for (size_t i = 0; page != NULL && i < n_titles; i++)
		ck_assert_msg(
		    is_command(titles[i]), "there is no command \"%s\"", titles[i]);
}
END_TEST

START_TEST(commands_have_what_the_server_needs)
{
	for (size_t i = 0; i < n_commands; i++) {
		const struct control_command *cm = &commands[i];

		ck_assert_msg(cm->role >= CONTROL_VIEWER && cm->role <= CONTROL_ADMIN,
		    "%s: no role", cm->words);
		ck_assert_msg(
		    cm->columns[0].member != NULL, "%s: no column", cm->words);
		ck_assert_msg(cm->help[0] != '\0' && strchr(cm->help, '\n') == NULL,
		    "%s: no line of help", cm->words);
		ck_assert_ptr_nonnull(cm->run);
	}
}
END_TEST

/* What cannot be undone is not for everybody. */
START_TEST(commands_that_ask_are_for_admins)
{
	for (size_t i = 0; i < n_commands; i++) {
		if (strstr(commands[i].words, "[yes]") != NULL)
			ck_assert_msg(
			    commands[i].role == CONTROL_ADMIN, "%s", commands[i].words);
	}
}
END_TEST

Suite *
suite_commands(void)
{
	Suite *s = suite_create("commands");
	TCase *tc = tcase_create("table");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, commands_are_all_in_the_manual);
	tcase_add_test(tc, manual_has_no_command_that_is_not_there);
	tcase_add_test(tc, commands_have_what_the_server_needs);
	tcase_add_test(tc, commands_that_ask_are_for_admins);
	suite_add_tcase(s, tc);
	return s;
}
