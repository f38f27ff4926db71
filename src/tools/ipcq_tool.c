#include "tools/ipcq_tool.h"

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "tools/ipcq_call.h"
#include "tools/ipcq_commands.h"

static const char help_head[] =
    "usage: " CALL_PROGRAM " COMMAND [URI] [OPTION...]\n"
    "       " CALL_PROGRAM " [COMMAND] --help\n"
    "       " CALL_PROGRAM " --version\n"
    "\n"
    "Uses the POSIX and System V message queues of this host, without any daemon.\n"
    "\n";

static const char help_tail[] =
    "\n"
    "URI is posix:/NAME, sysv:KEY, sysv:/PATH#PROJECT or sysv:id:ID.\n"
    "Exit status: 0 done, 1 failed, 2 usage, 4 not permitted, 5 no such queue,\n"
    "6 empty, full or timed out.\n";

static const struct call_command *const commands[] = {
	&create_command,
	&send_command,
	&receive_command,
	&peek_command,
	&stat_command,
	&list_command,
	&set_command,
	&remove_command,
	&notify_command,
	&limits_command,
};

/* Has all that was printed been written? Returns the exit status. */
static int
finish_output(const struct call *ca, int status)
{
	if ((fflush(ca->out) == 0 && !ferror(ca->out)) || status != CALL_DONE)
		return status;
	if (errno != EPIPE) /* whoever read has seen enough */
		(void)fprintf(
		    ca->err, CALL_PROGRAM ": cannot write: %s\n", strerror(errno));
	return CALL_FAILED;
}

static void
print_help(const struct call *ca)
{
	const struct call_command *co = ca->command;

	if (co != NULL) {
		(void)fprintf(ca->out, "usage: " CALL_PROGRAM " %s%s%s\n\n%s", co->name,
		    co->synopsis[0] != '\0' ? " " : "", co->synopsis, co->help);
		return;
	}
	(void)fputs(help_head, ca->out);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		(void)fprintf(
		    ca->out, "  %-8s %s\n", commands[i]->name, commands[i]->brief);
	(void)fputs(help_tail, ca->out);
}

/* The option that stands in the place of a command. */
static int
run_option(const struct call *ca, const char *word)
{
	if (strcmp(word, "--help") == 0)
		print_help(ca);
	else if (strcmp(word, "--version") == 0)
		(void)fputs(CALL_PROGRAM " " PACKAGE_VERSION "\n", ca->out);
	else
		return call_usage(ca, word, "does not begin a command");
	return finish_output(ca, CALL_DONE);
}

static int
run_command(struct call *ca, int argc, char **argv)
{
	int rc = call_read(ca, argc, argv);

	if (rc == CALL_USAGE)
		return rc;
	if (rc != 0) {
		print_help(ca);
		return finish_output(ca, CALL_DONE);
	}
	return finish_output(ca, ca->command->run(ca));
}

int
tool_run(int argc, char **argv, FILE *in, FILE *out, FILE *err)
{
	struct call ca = { .in = in, .out = out, .err = err };

	/* A reader that goes is an error of writing, after which a message may be said to be
	 * lost, and not the silent end of the program. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc < 2)
		return call_usage(&ca, "a command", "is missing");
	if (argv[1][0] == '-')
		return run_option(&ca, argv[1]);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(argv[1], commands[i]->name) != 0)
			continue;
		ca.command = commands[i];
		return run_command(&ca, argc - 1, argv + 1);
	}
	return call_usage(&ca, argv[1], "is not a command");
}
