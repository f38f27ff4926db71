#include "commands/commands_events.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "assembly/assembly.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/quote.h"
#include "commands/commands.h"
#include "commands/events.h"
#include "control/text.h"

#define SHOWN       100   /* events, where the request names no number */
#define PIECE_BYTES 65536 /* about; an item is far smaller */
#define PIECE_MAX   (2UL * PIECE_BYTES)
/* How late a follower may hear of an event. It is not told from within the log: that is
 * called from the depth of everything. */
#define FOLLOW_MS 100

const struct control_column commands_events_columns[] = {
	{ "time", "TIME" },
	{ "level", "LEVEL" },
	{ "event", "EVENT" },
	{ "text", "TEXT" },
	{ NULL, NULL },
};

int
commands_show_events(void *context, struct control_reply *reply)
{
	const struct commands_context *cx = context;
	uint64_t shown = SHOWN, at = events_oldest(cx->events);
	int rc = 0;

	reply->kind = "events";
	if (reply->n_args > 0 &&
	    parse_u64(&shown, reply->args[0], 1, EVENTS_KEPT) < 0) {
		reply->error = "show events takes a number from 1 to 1000";
		return -EINVAL;
	}
	if (events_next(cx->events) - at > shown)
		at = events_next(cx->events) - shown;
	for (; rc == 0 && at < events_next(cx->events); at++)
		rc = events_item(cx->events, at, reply->items);
	return rc;
}

/* ---- following ----------------------------------------------------------------- */

struct follower {
	struct control_reply *reply;
	const struct events *events;
	uint64_t next; /* not yet told */
	struct event *timer;
	struct text piece;
};

static void
follower_free(struct follower *fw)
{
	if (fw->timer != NULL)
		event_free(fw->timer);
	text_done(&fw->piece);
	free(fw);
}

static void
put_line(struct follower *fw, const json_t *item)
{
	static const char *const members[] = { "time", "level", "event", "text" };
	char *dump;

	if (fw->reply->as_json) {
		dump = json_dumps(item, JSON_COMPACT | JSON_ENSURE_ASCII);
		if (dump == NULL)
			fw->piece.rc = -ENOMEM;
		else
			text_puts(&fw->piece, dump);
		free(dump);
	}
	for (size_t i = 0; !fw->reply->as_json && i < ARRAY_LEN(members); i++) {
		const char *value =
		    json_string_value(json_object_get(item, members[i]));

		if (i > 0)
			text_puts(&fw->piece, " ");
		text_puts(&fw->piece, quote(value == NULL ? "-" : value).text);
	}
	text_puts(&fw->piece, "\n");
}

/* The next of its events as a line. 0 or -ENOMEM. */
static int
put_next(struct follower *fw)
{
	json_t *array = json_array();
	uint64_t oldest = events_oldest(fw->events);
	int rc;

	if (array == NULL)
		return -ENOMEM;
	if (fw->next < oldest) {
		rc = events_missing_item(oldest - fw->next, array);
		fw->next = oldest;
	} else {
		rc = events_item(fw->events, fw->next, array);
		fw->next++;
	}
	if (rc == 0)
		put_line(fw, json_array_get(array, 0));
	json_decref(array);
	return rc < 0 ? rc : fw->piece.rc;
}

static void
follower_wait(struct follower *fw)
{
	const struct timeval tv = clock_timeval(FOLLOW_MS);

	/* Without a timer it would stay silent for ever: end it, on the next turn. */
	if (event_add(fw->timer, &tv) < 0)
		event_active(fw->timer, EV_TIMEOUT, 0);
}

static void
follower_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct follower *fw = arg;
	int rc = 0;

	(void)fd;
	(void)what;
	while (rc == 0 && fw->next < events_next(fw->events) &&
	       fw->piece.len < PIECE_BYTES)
		rc = put_next(fw);
	if (rc < 0) {
		control_reply_end(fw->reply, rc);
		follower_free(fw);
	} else if (fw->piece.len > 0) {
		control_reply_put(fw->reply, fw->piece.bytes, fw->piece.len);
		text_clear(&fw->piece);
	} else {
		follower_wait(fw);
	}
}

static void
follower_taken(void *owner)
{
	follower_wait(owner);
}

static void
follower_gone(void *owner)
{
	follower_free(owner);
}

int
commands_follow_events(void *context, struct control_reply *reply)
{
	static const struct control_later later = { follower_taken, follower_gone };
	const struct commands_context *cx = context;
	struct follower *fw = calloc(1, sizeof(*fw));

	if (fw == NULL)
		return -ENOMEM;
	text_init(&fw->piece, PIECE_MAX);
	fw->events = cx->events;
	fw->next = events_next(cx->events);
	fw->reply = reply;
	fw->timer = evtimer_new(cx->assembly->base, follower_on_timer, fw);
	if (fw->timer == NULL) {
		follower_free(fw);
		return -ENOMEM;
	}
	reply->later = &later;
	reply->owner = fw;
	follower_wait(fw);
	return CONTROL_LATER;
}
