/* control/request.h: a line of any client. What is taken is printable, made of the line's own
 * words, and names a command only by their beginnings; every reason can be shown. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/quote.h"
#include "control/command.h"
#include "control/request.h"
#include "control/text.h"
#include "fuzz.h"

static const struct control_command commands[] = {
	{ .words = "show status" },
	{ .words = "show queues" },
	{ .words = "show route" },
	{ .words = "show routes" },
	{ .words = "show dead-letters" },
	{ .words = "purge" },
	{ .words = "purge all now" },
	{ .words = "send QUEUE BODY..." },
	{ .words = "help" },
};

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
must_be_printable(const char *text)
{
	size_t len = strlen(text);

	/* quote() changes a backslash, and shortens a long text, even if it is printable. */
	for (size_t i = 0; i < len; i++)
		must((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
	if (len < QUOTE_MAX / 4 && strchr(text, '\\') == NULL)
		must(strcmp(quote(text).text, text) == 0);
}

static void
must_begin(const struct request *rq, const struct request_match *match)
{
	const char *at = match->command->words;

	must(match->n_words > 0 && match->n_words <= rq->n_words);
	for (size_t i = 0; i < match->n_words; i++) {
		must(strncmp(at, rq->words[i], strlen(rq->words[i])) == 0);
		at += strcspn(at, " ");
		at += *at == ' ';
	}
	must((size_t)(at - match->command->words) >= request_words_len(match->command));
}

/* A word that is written into a request is read as the same one. */
static void
must_come_back(const char *word)
{
	static struct request rq;
	struct text line;
	int rc;

	text_init(&line, CONTROL_LINE_MAX);
	request_put_word(&line, word, true);
	if (line.rc == 0) {
		rc = request_split(&rq, line.bytes, line.len);
		must(rc == 0 && rq.n_words == 1 && rq.quoted[0] &&
		     strcmp(rq.words[0], word) == 0);
	}
	text_done(&line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct request_match match;
	struct request rq;
	char why[REQUEST_WHY_MAX];
	int rc;

	(void)request_wants_json((const char *)bytes, size);
	rc = request_split(&rq, (const char *)bytes, size);
	must(rc == 0 || rc == -EMSGSIZE || rc == -EILSEQ || rc == -E2BIG);
	if (rc != 0)
		return 0;
	must(size <= CONTROL_LINE_MAX && rq.n_words <= REQUEST_WORDS_MAX);
	for (size_t i = 0; i < rq.n_words; i++) {
		must(rq.words[i][0] != '\0');
		must_come_back(rq.words[i]);
		if (rq.quoted[i])
			continue;
		must(strchr(rq.words[i], ' ') == NULL);
		must_be_printable(rq.words[i]);
	}
	rc = request_match(&match, why, &rq, commands, ARRAY_LEN(commands));
	must(rc == 0 || rc == -EINVAL || rc == -ENOENT || rc == -ENOTUNIQ);
	if (rc == 0) {
		must_begin(&rq, &match);
		rc = request_settle(&rq, match.command, match.n_words);
		must(rc == 0 || rc == -EINVAL || rc == -E2BIG);
		return 0;
	}
	must(memchr(why, '\0', sizeof(why)) != NULL && why[0] != '\0');
	must_be_printable(why);
	return 0;
}
