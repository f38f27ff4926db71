#include "commands/commands_metrics.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "assembly/assembly.h"
#include "commands/commands.h"
#include "control/text.h"
#include "metrics/metrics.h"
#include "net/later.h"

struct show { /* an answer that is being given */
	struct control_reply *reply;
	struct metrics_writer *writer;
	struct event *next; /* the next piece, on a turn of its own */
	struct text piece;
	bool ended; /* the last piece was put */
};

/* It answers in lines of its own. */
const struct control_column commands_metrics_columns[] = {
	{ "line", "LINE" },
	{ NULL, NULL },
};

static void
show_free(struct show *sh)
{
	if (sh->next != NULL)
		event_free(sh->next);
	metrics_end(sh->writer);
	text_done(&sh->piece);
	free(sh);
}

static void
show_next(evutil_socket_t fd, short what, void *arg)
{
	struct show *sh = arg;
	int rc = 0;

	(void)fd;
	(void)what;
	text_clear(&sh->piece);
	if (!sh->ended)
		rc = metrics_piece(sh->writer, &sh->piece);
	if (rc < 0 || sh->ended) {
		control_reply_end(sh->reply, rc);
		show_free(sh);
		return;
	}
	sh->ended = rc == 0;
	if (sh->piece.len == 0)
		later_run(sh->next);
	else
		control_reply_put(sh->reply, sh->piece.bytes, sh->piece.len);
}

static void
show_taken(void *owner)
{
	struct show *sh = owner;

	later_run(sh->next);
}

static void
show_gone(void *owner)
{
	show_free(owner);
}

int
commands_show_metrics(void *context, struct control_reply *reply)
{
	static const struct control_later later = { show_taken, show_gone };
	const struct commands_context *cx = context;
	struct show *sh;
	int rc;

	if (reply->as_json) {
		reply->error = "metrics are text only; what they are made of is in "
			       "show status, queues, routes and peers";
		return -EINVAL;
	}
	sh = calloc(1, sizeof(*sh));
	if (sh == NULL)
		return -ENOMEM;
	text_init(&sh->piece, CONTROL_PIECE_MAX);
	rc = metrics_begin(&sh->writer, cx->assembly, METRICS_TEXT);
	sh->next = event_new(cx->assembly->base, -1, 0, show_next, sh);
	if (rc < 0 || sh->next == NULL) {
		show_free(sh);
		return -ENOMEM;
	}
	sh->reply = reply;
	reply->later = &later;
	reply->owner = sh;
	show_taken(sh);
	return CONTROL_LATER;
}
