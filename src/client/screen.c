#include "client/screen.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/ask.h"
#include "client/query.h"
#include "client/verbs.h"
#include "control/command.h"
#include "control/reply.h"
#include "control/table.h"
#include "control/text.h"

#define WIDTH 80 /* of a terminal that does not say */

static bool
wants_colour(void)
{
	const char *none = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return (none == NULL || none[0] == '\0') && term != NULL &&
	       strcmp(term, "dumb") != 0;
}

void
screen_style(struct table_style *ret, FILE *out)
{
	struct winsize size;
	int fd = fileno(out);

	*ret = (struct table_style){ 0 };
	if (fd < 0 || !isatty(fd))
		return;
	ret->width = WIDTH;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		ret->width = size.ws_col;
	ret->colour = wants_colour();
}

static bool
only_shows(const struct control_command *cm)
{
	static const char word[] = "show ";

	return cm != NULL && strncmp(cm->words, word, sizeof(word) - 1) == 0;
}

static int
show_document(FILE *out, const struct control_command *cm, const json_t *document)
{
	struct table_style style;
	struct text text;
	int rc;

	screen_style(&style, out);
	text_init(&text, ASK_ANSWER_MAX);
	table_write(&text, cm, json_object_get(document, "items"), &style);
	reply_write_warnings(&text, json_object_get(document, "warnings"));
	(void)fwrite(text.bytes, 1, text.len, out);
	rc = text.rc;
	text_done(&text);
	return rc;
}

int
screen_may_repeat(struct query *qu, const char *line)
{
	struct verbs ve;
	int status = verbs_ask(&ve, qu);

	if (status != REPLY_DONE)
		return status;
	if (!only_shows(verbs_find(&ve, line)))
		status = -ENOTSUP;
	verbs_done(&ve);
	return status;
}

int
screen_show(FILE *out, struct query *qu, const char *line)
{
	const struct control_command *cm;
	json_t *document = NULL;
	struct verbs ve;
	int status;

	status = verbs_ask(&ve, qu);
	if (status != REPLY_DONE)
		return status;
	cm = verbs_find(&ve, line);
	if (!only_shows(cm)) {
		verbs_done(&ve);
		return -ENOTSUP;
	}
	status = query_run(qu, &document, line);
	if (document != NULL && show_document(out, cm, document) < 0) {
		(void)snprintf(qu->why, sizeof(qu->why), "the answer is too long");
		status = REPLY_REFUSED;
	}
	json_decref(document);
	verbs_done(&ve);
	return status;
}
