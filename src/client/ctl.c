#include "client/ctl.h"

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/ask.h"
#include "client/complete.h"
#include "client/compose.h"
#include "client/confirm.h"
#include "client/doctor.h"
#include "client/guide.h"
#include "client/options.h"
#include "client/plugin.h"
#include "client/query.h"
#include "client/screen.h"
#include "client/top.h"
#include "client/verbs.h"
#include "client/watch.h"
#include "control/command.h"
#include "control/help.h"
#include "control/reply.h"
#include "control/request.h"
#include "control/text.h"

#define PROGRAM "mqbridgectl"

struct ctl {
	struct options options;
	FILE *out;
	FILE *err;
	struct text line;
	struct text answer;
	struct request request; /* the words of the line */
	bool is_judged;         /* the exit status is that of a check */
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
print(const struct ctl *ct, const char *text)
{
	(void)fputs(text, ct->out);
	return finish_output(ct, REPLY_DONE);
}

static int
say_usage(const struct ctl *ct, const char *what, const char *why)
{
	(void)fprintf(
	    ct->err, PROGRAM ": %s %s; see \"" PROGRAM " --help\"\n", what, why);
	return REPLY_USAGE;
}

/* Does the line put a message whose body ends in "json"? The daemon takes that for the form of
 * its answer, and puts the body without it. */
static bool
has_doubtful_body(const struct request *rq, bool says_json)
{
	static const char word[] = "send";
	size_t len = rq->n_words == 0 ? 0 : strlen(rq->words[0]);

	/* With one letter it may be "show" as well, and the daemon refuses it. */
	if (len < 2 || strncmp(rq->words[0], word, len) != 0)
		return false;
	return says_json;
}

/* The line to send, out of the words that are left. Returns 0 or an exit status. */
static int
compose_line(struct ctl *ct, char **words, int n)
{
	struct request *rq = &ct->request;
	bool says_json;
	int rc;

	if (n == 0)
		return say_usage(ct, "a command", "is missing");
	rc = compose_words(&ct->line, (const char *const *)words, (size_t)n);
	if (rc < 0)
		return say_usage(ct, "the command", "does not fit into the memory");
	says_json = request_wants_json(ct->line.bytes, ct->line.len);
	if (says_json)
		ct->options.as_json = true;
	else if (ct->options.as_json)
		text_puts(&ct->line, " json");
	rc = ct->line.rc;
	if (rc == 0)
		rc = request_split(rq, ct->line.bytes, ct->line.len);
	if (rc == 0 && has_doubtful_body(rq, says_json))
		return say_usage(ct, "a body whose last word is \"json\"",
		    "must be given as base64 (send QUEUE base64 ...)");
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
		    ct->options.socket, strerror(-rc));
		return REPLY_DENIED;
	}
	(void)fprintf(ct->err,
	    PROGRAM ": no daemon answers at %s: %s\n"
		    "Start it with \"systemctl start mqbridged\", or name the socket of"
		    " a running one with --socket.\n",
	    ct->options.socket, strerror(-rc));
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
	    ct->options.socket, why);
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
		return finish_output(ct, status);
	}
	/* Nothing is left of an answer that was all pieces. */
	if (an->len > 0)
		(void)fwrite(an->bytes, 1, an->len, ct->out);
	return finish_output(ct, status);
}

static bool
is_alive(void *owner)
{
	const struct ctl *ct = owner;

	return ask_is_alive(ct->options.socket, ASK_SILENCE_MS);
}

/* Ask, and return what the answer says, or an exit status after it was explained. */
static int
ask_once(struct ctl *ct, bool *ret_answered)
{
	struct ask ask = { .line = ct->line.bytes,
		.len = ct->line.len,
		.as_json = ct->options.as_json,
		.pieces = ct->out,
		.is_alive = is_alive,
		.owner = ct };
	int status;
	int fd;
	int rc;

	rc = ask_connect(&fd, ct->options.socket, ASK_SILENCE_MS);
	if (rc != 0)
		return explain_connect(ct, rc);
	rc = ask_exchange(&ct->answer, fd, &ask);
	(void)close(fd);
	if (rc != 0)
		return explain_exchange(ct, rc);
	/* Nothing is left of an answer that was all pieces. */
	status = ct->answer.len == 0 ? REPLY_DONE
				     : reply_read(ct->answer.bytes, ct->answer.len,
					   ct->options.as_json);
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
	if (ct->options.as_json)
		text_puts(&ct->line, " json");
	text_clear(&ct->answer);
	return ct->line.rc == 0 ? 0 : say_usage(ct, "the command", "is too long");
}

/* Nobody is there who could be asked. */
static int
refuse_unasked(const struct ctl *ct, const char *question)
{
	if (ct->options.as_json)
		return print_answer(ct, REPLY_USAGE);
	(void)fprintf(ct->err,
	    PROGRAM ": not done: %s (--yes confirms it in a script)\n", question);
	return REPLY_USAGE;
}

/* Does the user want what the daemon will not do unasked? Returns 0 or an exit status. */
static int
confirm(struct ctl *ct)
{
	char *question;
	int status;
	bool yes;

	if (ct->options.yes)
		return confirm_line(ct);
	question = confirm_question(&ct->answer, ct->options.as_json);
	if (question == NULL)
		return explain_exchange(ct, -EBADMSG);
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		status = refuse_unasked(ct, question);
		free(question);
		return status;
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

/* A command that only shows something, as it suits the terminal. */
static int
show_on_terminal(struct ctl *ct)
{
	struct query qu = { .socket = ct->options.socket };
	int status = screen_show(ct->out, &qu, ct->line.bytes);

	if (status != REPLY_DONE && status != REPLY_WARNED && status != -ENOTSUP)
		(void)fprintf(ct->err, PROGRAM ": %s\n", qu.why);
	return status < 0 ? status : finish_output(ct, status);
}

static int
run_line(struct ctl *ct)
{
	int status = -ENOTSUP;

	if (!ct->options.as_json && isatty(fileno(ct->out)))
		status = show_on_terminal(ct);
	return status == -ENOTSUP ? ask_daemon(ct) : status;
}

static int
run_again(void *owner)
{
	struct ctl *ct = owner;

	text_clear(&ct->answer);
	return run_line(ct);
}

/* Only what changes nothing is repeated. */
static int
watch_line(struct ctl *ct)
{
	struct query qu = { .socket = ct->options.socket };
	int status = screen_may_repeat(&qu, ct->line.bytes);

	if (status == -ENOTSUP)
		return say_usage(ct, "--watch", "repeats only commands that show");
	if (status != REPLY_DONE) {
		(void)fprintf(ct->err, PROGRAM ": %s\n", qu.why);
		return status;
	}
	return watch_run(ct->out, ct->options.watch_ms, run_again, ct);
}

/* ---- the client's own commands ---------------------------------------------------- */

static int
run_top(struct ctl *ct)
{
	struct query qu = { .socket = ct->options.socket };
	int status;

	if (ct->options.as_json)
		return say_usage(ct, "--json", "is not for \"top\"");
	status = top_run(
	    &qu, ct->options.watch_ms > 0 ? ct->options.watch_ms : TOP_EVERY_MS);
	if (status != REPLY_DONE)
		(void)fprintf(ct->err, PROGRAM ": %s\n", qu.why);
	return status;
}

static int
run_check(struct ctl *ct)
{
	struct query qu = { .socket = ct->options.socket };
	int status;

	if (ct->options.watch_ms > 0)
		return say_usage(ct, "--watch", "repeats only commands that show");
	status =
	    (int)plugin_run(ct->out, &qu, &ct->options.limits, ct->options.as_json);
	ct->is_judged = finish_output(ct, REPLY_DONE) == REPLY_DONE;
	return status;
}

/* A check that found nothing out, as it was called wrongly, says so in its own way: the others'
 * exit status would tell of a daemon that is in trouble. */
static int
end_check(const struct ctl *ct, int status)
{
	if (ct->is_judged || ct->options.complete || status == REPLY_DONE)
		return status;
	plugin_misused(ct->out, ct->options.as_json);
	(void)fflush(ct->out);
	return PLUGIN_UNKNOWN;
}

static int
run_doctor(struct ctl *ct)
{
	int status;

	if (ct->options.watch_ms > 0)
		return say_usage(ct, "--watch", "repeats only commands that show");
	if (strcmp(ct->options.socket, CTL_SOCKET) != 0)
		return say_usage(
		    ct, "--socket", "is not for \"doctor\", which goes by --config");
	status = doctor_run(ct->out, ct->options.config, ct->options.as_json);
	return finish_output(ct, status);
}

/* Of the table, in the same order as verbs_own() has them. */
#define COMMAND(words, role, help, columns, as_list, run)
#define OWN_COMMAND(words, help, run) run,
typedef int ctl_fn(struct ctl *ct);
static ctl_fn *const own_runs[] = {
#include "control/commands.def"
};

/* ---- the command that is meant ---------------------------------------------------- */

/* One that the client does itself, or NULL. */
static ctl_fn *
own_run(const struct control_command *cm)
{
	size_t n;
	const struct control_command *own = verbs_own(&n);

	for (size_t i = 0; cm != NULL && i < n && i < ARRAY_LEN(own_runs); i++) {
		if (strcmp(own[i].words, cm->words) == 0)
			return own_runs[i];
	}
	return NULL;
}

/* Does an explanation name what the daemon does not know? */
static bool
names_own(const char *why)
{
	size_t n;
	const struct control_command *own = verbs_own(&n);

	for (size_t i = 0; i < n; i++) {
		if (strstr(why, own[i].words) != NULL)
			return true;
	}
	return false;
}

static bool
is_help(const struct control_command *cm)
{
	return cm != NULL && strcmp(cm->words, help_command.words) == 0;
}

/* "help COMMAND", or "COMMAND --help". */
static int
run_help(struct ctl *ct, size_t first)
{
	struct query qu = { .socket = ct->options.socket };
	const struct guide gd = { .out = ct->out,
		.qu = &qu,
		.words = ct->request.words + first,
		.n = ct->request.n_words - first,
		.as_json = ct->options.as_json };
	int status;

	if (ct->options.watch_ms > 0)
		return say_usage(ct, "--watch", "repeats only commands that show");
	status = guide_run(&gd);
	if (status != REPLY_DONE && !gd.as_json)
		(void)fprintf(ct->err, PROGRAM ": usage: %s\n", qu.why);
	return finish_output(ct, status);
}

static int
run_own(struct ctl *ct, const struct request_match *match)
{
	const struct request *rq = &ct->request;

	if (rq->n_words > match->n_words)
		return say_usage(ct, rq->words[0], "takes only options");
	return own_run(match->command)(ct);
}

/* The words are in ct->request. Each may be abbreviated as long as only one command can be meant, of
 * the daemon's and the client's. */
static int
run_request(struct ctl *ct, const struct verbs *ve)
{
	struct request_match match = { 0 };
	char why[REQUEST_WHY_MAX];
	int rc = request_match(&match, why, &ct->request, ve->commands, ve->n);
	int status;

	if (ct->options.help)
		return run_help(ct, is_help(match.command) ? match.n_words : 0);
	if (rc != 0 && names_own(why)) {
		(void)fprintf(ct->err, PROGRAM ": usage: %s\n", why);
		return REPLY_USAGE;
	}
	status =
	    options_fit(&ct->options, rc == 0 ? match.command->words : NULL, ct->err);
	if (status != REPLY_DONE)
		return status;
	if (is_help(match.command))
		return run_help(ct, match.n_words);
	if (own_run(match.command) != NULL)
		return run_own(ct, &match);
	return ct->options.watch_ms > 0 ? watch_line(ct) : run_line(ct);
}

static int
run_command(struct ctl *ct, char **words, int n)
{
	struct verbs ve = { 0 };
	int status;

	text_init(&ct->line, CONTROL_LINE_MAX);
	text_init(&ct->answer, ASK_ANSWER_MAX);
	status = compose_line(ct, words, n);
	if (status == 0 && verbs_built_in(&ve) < 0)
		status = say_usage(ct, "the command", "does not fit into the memory");
	if (status == 0)
		status = run_request(ct, &ve);
	verbs_done(&ve);
	text_done(&ct->line);
	text_done(&ct->answer);
	return status;
}

/* For the shells; without a word there is nothing to complete. */
static int
complete(const struct ctl *ct, char **words, int n)
{
	int rc = 0;

	if (n > 0)
		rc = complete_command(
		    ct->out, ct->options.socket, (const char *const *)words, (size_t)n);
	return finish_output(ct, rc == 0 ? REPLY_DONE : REPLY_REFUSED);
}

static int
print_usage(const struct ctl *ct)
{
	size_t n;
	const struct control_command *own = verbs_own(&n);

	(void)fputs(options_usage, ct->out);
	for (size_t i = 0; i < n; i++)
		(void)fprintf(ct->out, "  %-7.*s %s\n", (int)request_words_len(&own[i]),
		    own[i].words, own[i].help);
	return print(ct, options_help);
}

static int
run_options(struct ctl *ct, char **words, int n)
{
	if (ct->options.complete)
		return complete(ct, words, n);
	if (ct->options.help && n == 0)
		return print_usage(ct);
	if (ct->options.version)
		return print(ct, PROGRAM " " PACKAGE_VERSION "\n");
	return run_command(ct, words, n);
}

/* Is it a check, which has exit statuses of its own, also when it was called wrongly? */
static bool
is_check(char **words, int n)
{
	static const char check[] = "check";
	size_t len = n == 0 ? 0 : strcspn(words[0], " ");

	/* No other command begins so. */
	return len > 0 && len < sizeof(check) && strncmp(words[0], check, len) == 0;
}

int
ctl_run(int argc, char **argv, FILE *out, FILE *err)
{
	struct ctl ct = { .out = out, .err = err };
	int status = options_read(&ct.options, argc, argv, err);
	char **words = argv + ct.options.first;
	int n = argc - ct.options.first;

	if (status == REPLY_DONE)
		status = run_options(&ct, words, n);
	if (is_check(words, n))
		status = end_check(&ct, status);
	return status;
}
