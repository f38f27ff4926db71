#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "suites.h"
#include "tools/ipcq_call.h"
#include "tools/ipcq_commands.h"

#define WORDS_MAX 9

static struct call ca;
static char *said;

static void
forget(void)
{
	free(said);
	said = NULL;
}

/* Read the words as those of the command; what was said is in said. */
static int
read_words(const struct call_command *co, const char *const *words)
{
	char *argv[WORDS_MAX + 2] = { (char *)(uintptr_t)co->name };
	size_t size = 0;
	int argc = 1;
	int rc;

	for (; argc <= WORDS_MAX && words[argc - 1] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc - 1];
	forget();
	ca = (struct call){ .command = co, .err = open_memstream(&said, &size) };
	ck_assert_ptr_nonnull(ca.err);
	rc = call_read(&ca, argc, argv);
	ck_assert_int_eq(fclose(ca.err), 0);
	return rc;
}

START_TEST(create_has_all_it_was_told)
{
	static const char *const words[WORDS_MAX] = { "--mode", "0620", "posix:/q",
		"--message-size=2KiB", "--max-messages", "7", "--exclusive" };

	ck_assert_int_eq(read_words(&create_command, words), 0);
	ck_assert_str_eq(said, "");
	ck_assert_str_eq(ca.uri, "posix:/q");
	ck_assert_int_eq(ca.kind, IPCQ_POSIX);
	ck_assert_uint_eq(ca.create.mode, 0620);
	ck_assert_uint_eq(ca.create.message_size, 2048);
	ck_assert_uint_eq(ca.create.max_messages, 7);
	ck_assert_uint_eq(ca.create.set, IPCQ_SET_MODE);
	ck_assert_uint_eq(ca.given,
	    CALL_MODE | CALL_MESSAGE_SIZE | CALL_MAX_MESSAGES | CALL_EXCLUSIVE);
}
END_TEST

START_TEST(receive_has_all_it_was_told)
{
	static const char *const words[WORDS_MAX] = { "sysv:0xffffffff", "--type",
		"-0x7", "--timeout", "1.5s", "--count", "3", "--output=hex" };

	ck_assert_int_eq(read_words(&receive_command, words), 0);
	ck_assert_int_eq(ca.kind, IPCQ_SYSV);
	ck_assert_int_eq(ca.type, -7);
	ck_assert_uint_eq(ca.timeout_ms, 1500);
	ck_assert_uint_eq(ca.count, 3);
	ck_assert_int_eq(ca.output, MESSAGE_HEX);
}
END_TEST

START_TEST(words_behind_two_dashes_are_no_options)
{
	static const char *const words[WORDS_MAX] = { "posix:/q", "--", "--lines" };

	ck_assert_int_eq(read_words(&send_command, words), 0);
	ck_assert_str_eq(ca.message, "--lines");
	ck_assert_uint_eq(ca.given, 0);
}
END_TEST

START_TEST(help_wins)
{
	static const char *const words[WORDS_MAX] = { "--help", "--nonsense" };

	ck_assert_int_eq(read_words(&send_command, words), 1);
}
END_TEST

static const struct {
	const struct call_command *command;
	const char *words[WORDS_MAX];
	const char *said; /* a part of it */
} faults[] = {
	{ &send_command, { NULL }, "the name of a queue is missing" },
	{ &send_command, { "posix:/q", "a", "b" }, "b is one argument too many" },
	{ &send_command, { "/q", "a" }, "/q is not the name of a queue" },
	{ &send_command, { "posix:/q", "--json" }, "--json is not an option of this" },
	{ &send_command, { "posix:/q", "--nonsense" }, "--nonsense is not an option" },
	{ &send_command, { "posix:/q", "--file" }, "--file needs a value" },
	{ &send_command, { "posix:/q", "--type", "1" }, "for System V queues only" },
	{ &send_command, { "sysv:1", "--priority", "1" }, "for POSIX queues only" },
	{ &send_command, { "posix:/q", "--priority", "32768" }, "0 to 32767" },
	{ &send_command, { "sysv:1", "--type", "0" }, "1 to 2^63-1" },
	{ &send_command, { "sysv:1", "--timeout", "5" }, "a duration with its unit" },
	{ &send_command, { "sysv:1", "--lines", "a" }, "excludes --file and --lines" },
	{ &send_command, { "sysv:1", "--nonblock", "--timeout", "1s" },
	    "--timeout and --nonblock exclude each other" },
	{ &receive_command, { "sysv:1", "--all", "--count", "1" },
	    "--count and --all exclude each other" },
	{ &receive_command, { "sysv:1", "--follow", "--all" },
	    "--all and --follow exclude each other" },
	{ &receive_command, { "sysv:1", "--except", "2", "--type", "1" },
	    "--type and --except exclude each other" },
	{ &receive_command, { "sysv:1", "--except", "0" }, "1 to 2^63-1" },
	{ &receive_command, { "sysv:1", "--count", "0" }, "1 at least" },
	{ &receive_command, { "sysv:1", "--output", "xml" }, "text, raw, hex or json" },
	{ &receive_command, { "sysv:private" }, "for create only" },
	{ &create_command, { "sysv:1", "--max-messages", "1" },
	    "for POSIX queues only" },
	{ &create_command, { "posix:/q", "--message-size", "1x" }, "must be a size" },
	{ &create_command, { "posix:/q", "--mode", "888" }, "octal" },
	{ &set_command, { "posix:/q", "--owner", "no such one" }, "number of a user" },
	{ &set_command, { "posix:/q", "--group", "-1" }, "number of a group" },
	{ &set_command, { "posix:/q", "--owner", "4294967295" }, "number of a user" },
	{ &list_command, { "posix:/q" }, "posix:/q is one argument too many" },
};

START_TEST(faulty_words_are_usage)
{
	ck_assert_int_eq(read_words(faults[_i].command, faults[_i].words), CALL_USAGE);
	ck_assert_msg(strstr(said, faults[_i].said) != NULL, "said: %s", said);
	ck_assert_msg(strstr(said, " --help\"\n") != NULL, "said: %s", said);
}
END_TEST

Suite *
suite_ipcq_call(void)
{
	Suite *suite = suite_create("ipcq_call");
	TCase *tc = tcase_create("call");

	tcase_add_checked_fixture(tc, NULL, forget);
	tcase_add_test(tc, create_has_all_it_was_told);
	tcase_add_test(tc, receive_has_all_it_was_told);
	tcase_add_test(tc, words_behind_two_dashes_are_no_options);
	tcase_add_test(tc, help_wins);
	tcase_add_loop_test(tc, faulty_words_are_usage, 0, (int)ARRAY_LEN(faults));
	suite_add_tcase(suite, tc);
	return suite;
}
