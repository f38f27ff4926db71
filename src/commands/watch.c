#include "commands/watch.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>

#include "assembly/assembly.h"
#include "base/clock.h"
#include "commands/commands.h"
#include "control/command.h"

#define LOOK_MS   50
#define TELL_MS   1000
#define PIECE_MAX 65536

int
watch_admit(struct commands_context *cx, struct control_reply *reply)
{
	if (cx->watches >= WATCHES_MAX)
		return control_reply_refuse(reply, -EBUSY,
		    "%d commands that wait, drain or tap are running already; end one "
		    "of them",
		    WATCHES_MAX);
	cx->watches++;
	return 0;
}

void
watch_leave(struct commands_context *cx)
{
	cx->watches--;
}

static void
watch_free(struct watch *wa)
{
	event_free(wa->timer);
	watch_leave(wa->cx);
	wa->ops->end(wa);
}

static void
watch_answer(struct watch *wa)
{
	struct control_reply *reply = wa->reply;
	int rc = wa->ops->fill(wa, reply, wa->rc);

	watch_free(wa);
	control_reply_end(reply, rc);
}

static void
watch_tell(struct watch *wa, uint64_t now)
{
	struct text tx;

	if (wa->telling || wa->ops->tell == NULL || now - wa->told_ms < TELL_MS)
		return;
	wa->told_ms = now;
	text_init(&tx, PIECE_MAX);
	wa->ops->tell(wa, &tx);
	if (tx.rc == 0 && tx.len > 0) {
		wa->telling = true;
		control_reply_put(wa->reply, tx.bytes, tx.len);
	}
	text_done(&tx);
}

static void
watch_on_timer(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval tv = clock_timeval(LOOK_MS);
	struct watch *wa = arg;
	uint64_t now = clock_monotonic_ms();

	(void)fd;
	(void)what;
	if (!wa->ended)
		wa->ops->look(wa);
	if (!wa->ended && wa->deadline_ms != 0 && now >= wa->deadline_ms) {
		wa->ended = true;
		wa->rc = CONTROL_UNREACHED;
	}
	if (!wa->ended)
		watch_tell(wa, now);
	if (wa->ended && !wa->telling) {
		watch_answer(wa);
		return;
	}
	if (event_add(wa->timer, &tv) < 0)
		event_active(wa->timer, EV_TIMEOUT, 0);
}

static void
watch_taken(void *owner)
{
	struct watch *wa = owner;

	wa->telling = false;
	if (wa->ended)
		event_active(wa->timer, EV_TIMEOUT, 0);
}

static void
watch_gone(void *owner)
{
	watch_free(owner);
}

void
watch_end(struct watch *wa, int rc)
{
	if (wa->ended)
		return;
	wa->ended = true;
	wa->rc = rc;
	event_active(wa->timer, EV_TIMEOUT, 0);
}

uint64_t
watch_ms(const struct watch *wa)
{
	return clock_monotonic_ms() - wa->begun_ms;
}

int
watch_begin(struct watch *wa, struct control_reply *reply, struct commands_context *cx,
    uint64_t timeout_ms)
{
	static const struct control_later later = { watch_taken, watch_gone };
	/* Not at once: what programs have sent just now is received first. */
	const struct timeval tv = clock_timeval(LOOK_MS);
	int rc;

	wa->cx = cx;
	wa->reply = reply;
	wa->begun_ms = wa->told_ms = clock_monotonic_ms();
	wa->deadline_ms = timeout_ms == 0 ? 0 : wa->begun_ms + timeout_ms;
	rc = watch_admit(cx, reply);
	if (rc < 0)
		return rc;
	wa->timer = evtimer_new(cx->assembly->base, watch_on_timer, wa);
	if (wa->timer == NULL || event_add(wa->timer, &tv) < 0) {
		if (wa->timer != NULL)
			event_free(wa->timer);
		watch_leave(cx);
		return -ENOMEM;
	}
	reply->later = &later;
	reply->owner = wa;
	return CONTROL_LATER;
}
