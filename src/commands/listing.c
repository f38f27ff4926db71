#include "commands/listing.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "assembly/assembly.h"
#include "base/slice.h"
#include "commands/commands.h"
#include "control/command.h"

struct listing {
	const struct commands_context *cx;
	struct control_reply *reply;
	listing_step *step;
	size_t next;
	struct event *turn;
};

static void
listing_free(struct listing *li)
{
	if (li->turn != NULL)
		event_free(li->turn);
	free(li);
}

/* A share of it: 1: there is more; 0: that was all; or -errno. */
static int
listing_share(struct listing *li)
{
	struct slice sl;

	slice_begin(&sl);
	while (slice_has_room(&sl)) {
		int rc = li->step(li->cx, li->reply, li->next);

		if (rc <= 0)
			return rc;
		control_reply_write(li->reply);
		li->next++;
	}
	return 1;
}

static void
listing_on_turn(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval soon = { 0 };
	struct listing *li = arg;
	struct control_reply *reply = li->reply;
	int rc = listing_share(li);

	(void)fd;
	(void)what;
	if (rc == 1 && event_add(li->turn, &soon) == 0)
		return;
	listing_free(li);
	control_reply_end(reply, rc == 1 ? -ENOMEM : rc);
}

static void
listing_gone(void *owner)
{
	listing_free(owner);
}

static const struct control_later listing_later = { .gone = listing_gone };

int
listing_run(
    const struct commands_context *cx, struct control_reply *reply, listing_step *step)
{
	const struct timeval soon = { 0 };
	struct listing *li = calloc(1, sizeof(*li));
	int rc;

	if (li == NULL)
		return -ENOMEM;
	li->cx = cx;
	li->reply = reply;
	li->step = step;
	rc = listing_share(li);
	if (rc == 1) {
		li->turn = event_new(cx->assembly->base, -1, 0, listing_on_turn, li);
		rc = li->turn == NULL || event_add(li->turn, &soon) < 0 ? -ENOMEM : 1;
	}
	if (rc <= 0) {
		listing_free(li);
		return rc;
	}
	reply->later = &listing_later;
	reply->owner = li;
	return CONTROL_LATER;
}
