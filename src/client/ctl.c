#include "client/ctl.h"

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "client/ask.h"
#include "control/reply.h"
#include "control/request.h"
#include "control/text.h"

#define PROGRAM "mqbridgectl"

static const char help_text[] =
    "usage: " PROGRAM " [--socket PATH] [--json] COMMAND...\n"
    "       " PROGRAM " --help | --version\n"
    "\n"
    "Asks a running mqbridged. \"" PROGRAM " help\" lists the commands it knows;\n"
    "each word of a command may be abbreviated.\n"
    "\n"
    "  --socket PATH  the daemon's control socket (" CTL_SOCKET ")\n"
    "  --json         print one JSON document\n"
    "\n"
    "Exit status: 0 done, 1 refused, 2 usage, 3 no daemon, 4 not permitted,\n"
    "5 no such object.\n";

struct ctl {
	const char *socket;
	bool as_json;
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

static int
ask_daemon(struct ctl *ct)
{
	int status;
	int fd;
	int rc;

	rc = ask_connect(&fd, ct->socket, ASK_SILENCE_MS);
	if (rc != 0)
		return explain_connect(ct, rc);
	rc = ask_exchange(&ct->answer, fd, ct->line.bytes, ct->line.len);
	(void)close(fd);
	if (rc != 0)
		return explain_exchange(ct, rc);
	status = reply_read(ct->answer.bytes, ct->answer.len, ct->as_json);
	if (status < 0)
		return explain_exchange(ct, status);
	return print_answer(ct, status);
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
