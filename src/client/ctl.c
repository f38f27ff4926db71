#include "client/ctl.h"

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/ask.h"
#include "client/confirm.h"
#include "control/reply.h"
#include "control/request.h"
#include "control/text.h"

#define PROGRAM "mqbridgectl"

static const char help_text[] =
    "usage: " PROGRAM " [--socket PATH] [--json] [--yes] COMMAND...\n"
    "       " PROGRAM " --help | --version\n"
    "\n"
    "Asks a running mqbridged. \"" PROGRAM " help\" lists the commands it knows;\n"
    "each word of a command may be abbreviated.\n"
    "\n"
    "  --socket PATH  the daemon's control socket (" CTL_SOCKET ")\n"
    "  --json         print one JSON document\n"
    "  --yes          do not ask before what cannot be undone\n"
    "\n"
    "Exit status: 0 done, 1 refused, 2 usage, 3 no daemon, 4 not permitted,\n"
    "5 no such object.\n";

struct ctl {
	const char *socket;
	bool as_json;
	bool yes;
	FILE *out;
	FILE *err;
	struct text line;
	struct text answer;
};

/* Has all that was printed been written? Returns the exit status. */
static int
finish_output(const struct ctl *ct, int status)
{
	if (fflush(ct->out) == 0 && !ferror(ct->out))
		return status;
	(void)fprintf(ct->err, PROGRAM ": cannot write: %s\n", strerror(errno));
	return REPLY_REFUSED;
}

static int
print_help(const struct ctl *ct)
{
	(void)fputs(help_text, ct->out);
	return finish_output(ct, REPLY_DONE);
}

static int
print_version(const struct ctl *ct)
{
	(void)fputs(PROGRAM " " PACKAGE_VERSION "\n", ct->out);
	return finish_output(ct, REPLY_DONE);
}

static int
say_usage(const struct ctl *ct, const char *what, const char *why)
{
	(void)fprintf(
	    ct->err, PROGRAM ": %s %s; see \"" PROGRAM " --help\"\n", what, why);
	return REPLY_USAGE;
}

/* The line to send, out of the words that are left. Returns 0 or an exit status. */
static int
compose_line(struct ctl *ct, char **words, int n)
{
	struct request rq;
	int rc;

	if (n == 0)
		return say_usage(ct, "a command", "is missing");
	for (int i = 0; i < n; i++) {
		if (i > 0)
			text_puts(&ct->line, " ");
		text_puts(&ct->line, words[i]);
	}
	if (request_wants_json(ct->line.bytes, ct->line.len))
		ct->as_json = true;
	else if (ct->as_json)
		text_puts(&ct->line, " json");
	rc = ct->line.rc;
	if (rc == 0)
		rc = request_split(&rq, ct->line.bytes, ct->line.len);
	if (rc == 0)
		return 0;
	if (rc == -EILSEQ)
		return say_usage(
		    ct, "the command", "has control characters, or is not UTF-8");
	return say_usage(ct, "the command", "is too long");
}

static int
explain_connect(const struct ctl *ct, int rc)
{
	if (rc == -EACCES || rc == -EPERM) {
		(void)fprintf(ct->err,
		    PROGRAM ": not permitted to use %s: %s\n"
			    "Become root, or a member of the group that owns it.\n",
		    ct->socket, strerror(-rc));
		return REPLY_DENIED;
	}
	(void)fprintf(ct->err,
	    PROGRAM ": no daemon answers at %s: %s\n"
		    "Start it with \"systemctl start mqbridged\", or name the socket of"
		    " a running one with --socket.\n",
	    ct->socket, strerror(-rc));
	return CTL_NO_DAEMON;
}

static int
explain_exchange(const struct ctl *ct, int rc)
{
	const char *why = strerror(-rc);

	if (rc == -ETIMEDOUT)
		why = "it has been silent for 10 seconds; is it stopped or overloaded?";
	else if (rc == -ECONNRESET)
		why = "it hung up before the answer was whole";
	else if (rc == -EBADMSG)
		why = "the answer is not one of mqbridged";
	(void)fprintf(ct->err, PROGRAM ": no answer from the daemon at %s: %s\n",
	    ct->socket, why);
	return CTL_NO_DAEMON;
}

/* Errors in text go where a person looks for them; a program that asked for JSON gets all
 * documents in one place. */
static int
print_answer(const struct ctl *ct, int status)
{
	static const char error_word[] = "error: ";
	size_t skip = sizeof(error_word) - 1;
	const struct text *an = &ct->answer;

	if (status != REPLY_DONE && an->len > skip &&
	    memcmp(an->bytes, error_word, skip) == 0) {
		(void)fprintf(
		    ct->err, PROGRAM ": %.*s", (int)(an->len - skip), an->bytes + skip);
		return status;
	}
	(void)fwrite(an->bytes, 1, an->len, ct->out);
	return finish_output(ct, status);
}

/* Ask, and return what the answer says, or an exit status after it was explained. */
static int
ask_once(struct ctl *ct, bool *ret_answered)
{
	int status;
	int fd;
	int rc;

	rc = ask_connect(&fd, ct->socket, ASK_SILENCE_MS);
	if (rc != 0)
		return explain_connect(ct, rc);
	rc = ask_exchange(&ct->answer, fd, ct->line.bytes, ct->line.len, ct->out);
	(void)close(fd);
	if (rc != 0)
		return explain_exchange(ct, rc);
	/* Nothing is left of an answer in pieces. */
	status = ct->answer.len == 0
		     ? REPLY_DONE
		     : reply_read(ct->answer.bytes, ct->answer.len, ct->as_json);
	if (status < 0)
		return explain_exchange(ct, status);
	*ret_answered = true;
	return status;
}

/* The same line as a confirmed one. */
static int
confirm_line(struct ctl *ct)
{
	static const char json[] = "json";

	if (request_wants_json(ct->line.bytes, ct->line.len)) {
		while (ct->line.bytes[ct->line.len - 1] == ' ')
			text_cut(&ct->line, ct->line.len - 1);
		text_cut(&ct->line, ct->line.len - (sizeof(json) - 1));
	}
	text_puts(&ct->line, " yes");
	if (ct->as_json)
		text_puts(&ct->line, " json");
	text_clear(&ct->answer);
	return ct->line.rc == 0 ? 0 : say_usage(ct, "the command", "is too long");
}

/* Does the user want what the daemon will not do unasked? Returns 0 or an exit status. */
static int
confirm(struct ctl *ct)
{
	char *question;
	bool yes;

	if (ct->yes)
		return confirm_line(ct);
	question = confirm_question(&ct->answer, ct->as_json);
	if (question == NULL)
		return explain_exchange(ct, -EBADMSG);
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		(void)fprintf(ct->err,
		    PROGRAM ": not done: %s (--yes confirms it in a script)\n",
		    question);
		free(question);
		return REPLY_USAGE;
	}
	yes = confirm_ask(stdin, stderr, question);
	free(question);
	if (yes)
		return confirm_line(ct);
	(void)fputs(PROGRAM ": not done\n", ct->err);
	return REPLY_REFUSED;
}

static int
ask_daemon(struct ctl *ct)
{
	bool answered = false;
	int status = ask_once(ct, &answered);

	if (answered && status == REPLY_CONFIRM) {
		status = confirm(ct);
		if (status != 0)
			return status;
		answered = false;
		status = ask_once(ct, &answered);
	}
	return answered ? print_answer(ct, status) : status;
}

static int
run_command(struct ctl *ct, char **words, int n)
{
	int status;

	text_init(&ct->line, CONTROL_LINE_MAX);
	text_init(&ct->answer, ASK_ANSWER_MAX);
	status = compose_line(ct, words, n);
	if (status == 0)
		status = ask_daemon(ct);
	text_done(&ct->line);
	text_done(&ct->answer);
	return status;
}

int
ctl_run(int argc, char **argv, FILE *out, FILE *err)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ "socket", required_argument, NULL, 's' },
		{ "version", no_argument, NULL, 'v' },
		{ "yes", no_argument, NULL, 'y' },
		{ NULL, 0, NULL, 0 },
	};
	struct ctl ct = { .socket = CTL_SOCKET, .out = out, .err = err };
	int option;

	opterr = 0; /* the message is ours, to err */
	optind = 0; /* glibc: start anew, also when called twice */
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (option) {
		case 'h':
			return print_help(&ct);
		case 'v':
			return print_version(&ct);
		case 'j':
			ct.as_json = true;
			break;
		case 'y':
			ct.yes = true;
			break;
		case 's':
			ct.socket = optarg;
			break;
		case ':':
			return say_usage(&ct, "--socket", "wants a path");
		default:
			return say_usage(&ct, argv[optind - 1], "is not an option");
		}
	}
	return run_command(&ct, argv + optind, argc - optind);
}
