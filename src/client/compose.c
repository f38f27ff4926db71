#include "client/compose.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "client/verbs.h"
#include "control/command.h"
#include "control/help.h"
#include "control/request.h"
#include "control/text.h"

#define DOUBTFUL 3 /* words at the end: a name, "yes" and "json" */

struct composition {
	const struct verbs *ve;
	const char *const *words;
	size_t n;
};

/* Would a word behind what there is of the line be an argument that is not of a body? */
static bool
expects_argument(const struct composition *co, struct text *line)
{
	size_t len = line->len;
	char why[REQUEST_WHY_MAX];
	struct request_match match;
	struct request rq;
	int rc;

	/* No command has such a word. */
	text_puts(line, ".");
	rc = line->rc;
	if (rc == 0)
		rc = request_split(&rq, line->bytes, line->len);
	if (rc == 0)
		rc = request_match(&match, why, &rq, co->ve->commands, co->ve->n);
	if (line->rc == 0)
		text_cut(line, len);
	if (rc != 0 || strcmp(match.command->words, help_command.words) == 0)
		return false;
	for (size_t i = match.n_words; i < rq.n_words; i++) {
		if (request_is_body(match.command, i - match.n_words))
			return false;
	}
	return true;
}

static bool
is_doubtful(const char *word)
{
	return strcmp(word, "json") == 0 || strcmp(word, "yes") == 0;
}

/* quotes: a bit for each doubtful word that is a name, that of the last is 1. */
static void
put_words(struct text *line, const struct composition *co, unsigned quotes)
{
	for (size_t i = 0; i < co->n && line->rc == 0; i++) {
		size_t left = co->n - 1 - i;
		bool is_name = left < DOUBTFUL && (quotes >> left & 1) != 0 &&
			       is_doubtful(co->words[i]);

		if (i > 0)
			text_puts(line, " ");
		if (i > 0 && expects_argument(co, line))
			request_put_word(line, co->words[i], is_name);
		else
			text_puts(line, co->words[i]);
	}
}

static bool
may_repeat(const struct control_command *cm)
{
	struct request_arguments ra;

	request_arguments(&ra, cm);
	return ra.max == REQUEST_WORDS_MAX;
}

/* Has the command all that it wants, and not more? */
static bool
fits(const struct composition *co, const struct text *line, bool repeats)
{
	char why[REQUEST_WHY_MAX];
	struct request_match match;
	struct request rq;

	if (line->rc != 0 || request_split(&rq, line->bytes, line->len) != 0 ||
	    request_match(&match, why, &rq, co->ve->commands, co->ve->n) != 0 ||
	    request_is_swapped(&rq, match.command, match.n_words))
		return false;
	for (size_t i = 0; i < co->ve->n; i++) {
		const struct control_command *cm = &co->ve->commands[i];
		size_t n = rq.n_words - match.n_words -
			   request_confirms(&rq, match.command, match.n_words);

		if (request_same_words(cm, match.command) &&
		    request_fits(cm, rq.words + match.n_words, n))
			return repeats || n < 2 || !may_repeat(cm);
	}
	return false;
}

/* Which of the last words are names although they look otherwise. */
static unsigned
find_names(struct text *line, const struct composition *co)
{
	for (unsigned quotes = 0; quotes < 1U << DOUBTFUL; quotes++) {
		bool good;

		put_words(line, co, quotes);
		/* Of several names one that looks so is rather a mistake. */
		good = fits(co, line, quotes == 0);
		text_clear(line);
		if (good)
			return quotes;
	}
	return 0;
}

int
compose_words(struct text *line, const char *const *words, size_t n)
{
	struct verbs ve = { 0 };
	struct composition co = { .ve = &ve, .words = words, .n = n };
	unsigned quotes = 0;

	if (verbs_built_in(&ve) < 0)
		return -ENOMEM;
	if (n > 1 && is_doubtful(words[n - 1]))
		quotes = find_names(line, &co);
	put_words(line, &co, quotes);
	verbs_done(&ve);
	return 0;
}
