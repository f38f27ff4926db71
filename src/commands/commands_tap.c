/* Following the messages of a route: a few lines of them, never all, and nothing that waits. */
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assembly/assembly.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/quote.h"
#include "base/utf8.h"
#include "commands/commands.h"
#include "commands/commands_steer.h"
#include "commands/steer_choice.h"
#include "commands/watch.h"
#include "config/conf.h"
#include "control/text.h"
#include "endpoint/outlet.h"
#include "record/record.h"
#include "spool/runtime.h"

#define FLUSH_MS     100
#define SAMPLED_MAX  10   /* lines a second, unless "every" asks for more */
#define EVERY_MAX    1000 /* then: some 2 us each, of the loop's time */
#define PENDING_MAX  65536
#define BODY_SHOWN   1024 /* bytes */
#define HEARTBEAT_MS 5000 /* so that a client which left is noticed */
#define NS_PER_S     1000000000

const struct control_column commands_tap_columns[] = {
	{ "time", "TIME" },
	{ "route", "ROUTE" },
	{ "sequence", "SEQUENCE" },
	{ NULL, NULL },
};

struct tap {
	struct outlet_tap tap; /* first: an outlet's tap is cast to it */
	struct commands_context *cx;
	struct control_reply *reply;
	struct event *timer;
	bool attached; /* to the outlet */
	bool putting;  /* a piece is not with the client yet */
	bool body, posix;
	char route[PAUSE_NAME];
	char origin[2 * PAUSE_NAME];
	uint64_t every, count;        /* 0: not asked for */
	uint64_t passed;              /* since it began */
	uint64_t shown;               /* of them */
	uint64_t left_out;            /* since the last line */
	uint64_t lost;                /* since then, as the client is slow */
	uint64_t tokens, refilled_ms; /* of the lines that may go */
	uint64_t told_ms;
	struct text pending;
};

/* ---- one line ------------------------------------------------------------------------ */

static void
put_json(struct tap *tp, json_t *object)
{
	char *dump = object == NULL
			 ? NULL
			 : json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);

	if (dump != NULL) {
		text_puts(&tp->pending, dump);
		text_puts(&tp->pending, "\n");
	}
	free(dump);
	json_decref(object);
}

static void
add_body(json_t *object, const struct record *rec)
{
	char encoded[BASE64_LEN(BODY_SHOWN) + 1];
	size_t len = rec->length < BODY_SHOWN ? rec->length : BODY_SHOWN;
	json_t *text = NULL;

	if (len == rec->length)
		text = json_stringn((const char *)rec->body, len);
	if (text != NULL) {
		(void)json_object_set_new(object, "body", text);
		return;
	}
	encoded[base64_encode(encoded, rec->body, len)] = '\0';
	(void)json_object_set_new(object, "body_base64", json_string(encoded));
	(void)json_object_set_new(object, "body_cut", json_boolean(len < rec->length));
}

static double
age_s(const struct tap *tp, const struct record *rec)
{
	int64_t age_ns = runtime_clock_ns(tp->cx->assembly->runtime) - rec->captured_ns;

	return age_ns < 0 ? 0 : (double)age_ns / NS_PER_S;
}

static void
line_json(struct tap *tp, const struct record *rec, uint64_t seq, bool resent)
{
	char when[32];
	json_t *object;

	object = json_pack("{s:s, s:s, s:I, s:I, s:s, s:f, s:b, s:I, s:I}", "time",
	    clock_format(when, sizeof(when), clock_wall_ns()), "route",
	    quote(tp->route).text, "sequence", (json_int_t)seq, "size_bytes",
	    (json_int_t)rec->length, "origin", quote(tp->origin).text, "age_s",
	    age_s(tp, rec), "resent", resent, "left_out", (json_int_t)tp->left_out,
	    "lost", (json_int_t)tp->lost);
	if (object != NULL) {
		(void)json_object_set_new(object, "priority",
		    tp->posix ? json_integer(rec->type) : json_null());
		(void)json_object_set_new(
		    object, "type", tp->posix ? json_null() : json_integer(rec->type));
		if (tp->body)
			add_body(object, rec);
	}
	put_json(tp, object);
}

static void
line_text(struct tap *tp, const struct record *rec, uint64_t seq, bool resent)
{
	char line[1024];
	char when[32];

	(void)snprintf(line, sizeof(line),
	    "%s %s #%" PRIu64 " %s %" PRId64 " %" PRIu32 " bytes age %.3fs from %s%s",
	    clock_format(when, sizeof(when), clock_wall_ns()), quote(tp->route).text,
	    seq, tp->posix ? "priority" : "type", rec->type, rec->length,
	    age_s(tp, rec), quote(tp->origin).text, resent ? " again" : "");
	text_puts(&tp->pending, line);
	if (tp->left_out > 0) {
		(void)snprintf(
		    line, sizeof(line), " (%" PRIu64 " left out)", tp->left_out);
		text_puts(&tp->pending, line);
	}
	if (tp->lost > 0) {
		(void)snprintf(line, sizeof(line), " (%" PRIu64 " lost)", tp->lost);
		text_puts(&tp->pending, line);
	}
	if (tp->body) {
		size_t len = rec->length < BODY_SHOWN ? rec->length : BODY_SHOWN;

		text_puts(&tp->pending, ": ");
		text_puts(&tp->pending, quote_bytes((const char *)rec->body, len).text);
		if (len < rec->length)
			text_puts(&tp->pending, "...");
	}
	text_puts(&tp->pending, "\n");
}

/* A message becomes a line, or is lost if the client has not taken the ones before. */
static void
tap_line(struct tap *tp, const struct record *rec, uint64_t seq, bool resent)
{
	size_t before = tp->pending.len;

	if (tp->reply->as_json)
		line_json(tp, rec, seq, resent);
	else
		line_text(tp, rec, seq, resent);
	if (tp->pending.rc != 0) {
		tp->pending.rc = 0;
		text_cut(&tp->pending, before);
		tp->lost++;
		return;
	}
	tp->shown++;
	tp->left_out = tp->lost = 0;
}

/* ---- which of them --------------------------------------------------------------------- */

static void
refill(struct tap *tp)
{
	uint64_t most = tp->every == 0 ? SAMPLED_MAX : EVERY_MAX;
	uint64_t now = clock_coarse_ms();
	uint64_t more = (now - tp->refilled_ms) * most / 1000;

	if (more == 0)
		return;
	tp->tokens = tp->tokens + more < most ? tp->tokens + more : most;
	tp->refilled_ms = now;
}

static bool
tap_ended(const struct tap *tp)
{
	return tp->count != 0 && tp->shown >= tp->count;
}

static void
tap_see(struct outlet_tap *ot, const struct source_run *run, uint64_t resent)
{
	struct tap *tp = (struct tap *)ot;
	const struct record *rec = run->first;
	uint64_t every = tp->every == 0 ? 1 : tp->every;

	refill(tp);
	for (uint32_t i = 0; i < run->count; i++) {
		/* Without a line to give, the rest is only counted. */
		if (tp->tokens == 0 || tap_ended(tp)) {
			tp->passed += run->count - i;
			tp->left_out += run->count - i;
			return;
		}
		if (tp->passed++ % every == 0) {
			tp->tokens--;
			tap_line(tp, rec, run->seq + i, run->seq + i <= resent);
		} else {
			tp->left_out++;
		}
		rec = (const struct record *)(const void *)((const uint8_t *)rec +
							    record_stride(rec->length));
	}
}

/* ---- life ------------------------------------------------------------------------------ */

static void
tap_free(struct tap *tp)
{
	if (tp->attached)
		outlet_remove_tap(&tp->tap);
	if (tp->timer != NULL)
		event_free(tp->timer);
	text_done(&tp->pending);
	free(tp);
}

static void
tap_end(struct tap *tp)
{
	struct control_reply *reply = tp->reply;
	bool removed = !tp->attached;

	watch_leave(tp->cx);
	tap_free(tp);
	if (removed)
		reply->error = "the route is no more, or was made anew";
	control_reply_end(reply, removed ? -ENOENT : 0);
}

static void
heartbeat(struct tap *tp)
{
	char line[256];

	if (tp->reply->as_json) {
		put_json(
		    tp, json_pack("{s:s, s:s, s:I, s:I}", "tap", quote(tp->route).text,
			    "text", "nothing to show", "left_out",
			    (json_int_t)tp->left_out, "lost", (json_int_t)tp->lost));
		return;
	}
	(void)snprintf(line, sizeof(line), "%.128s: nothing to show for %d s\n",
	    quote(tp->route).text, HEARTBEAT_MS / 1000);
	text_puts(&tp->pending, line);
}

static void
tap_on_timer(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval tv = clock_timeval(FLUSH_MS);
	uint64_t now = clock_monotonic_ms();
	struct tap *tp = arg;

	(void)fd;
	(void)what;
	if (!tp->putting && tp->pending.len == 0 && now - tp->told_ms >= HEARTBEAT_MS)
		heartbeat(tp);
	if (!tp->putting && tp->pending.len > 0) {
		tp->told_ms = now;
		tp->putting = true;
		control_reply_put(tp->reply, tp->pending.bytes, tp->pending.len);
		text_clear(&tp->pending);
	} else if (!tp->putting && (tap_ended(tp) || !tp->attached)) {
		tap_end(tp);
		return;
	}
	if (event_add(tp->timer, &tv) < 0)
		event_active(tp->timer, EV_TIMEOUT, 0);
}

static void
tap_taken(void *owner)
{
	struct tap *tp = owner;

	tp->putting = false;
}

static void
tap_client_gone(void *owner)
{
	struct tap *tp = owner;

	watch_leave(tp->cx);
	tap_free(tp);
}

static void
tap_outlet_gone(struct outlet_tap *ot)
{
	struct tap *tp = (struct tap *)ot;

	tp->attached = false;
}

/* ---- the beginning --------------------------------------------------------------------- */

static int
parse_options(struct tap *tp, struct control_reply *reply)
{
	for (size_t i = tp->body ? 2 : 1; i < reply->n_args; i++) {
		uint64_t *number = NULL;

		if (strcmp(reply->args[i], "every") == 0)
			number = &tp->every;
		if (strcmp(reply->args[i], "count") == 0)
			number = &tp->count;
		if (number == NULL || ++i == reply->n_args ||
		    parse_u64(number, reply->args[i], 1, UINT32_MAX) < 0) {
			reply->error =
			    "behind the route may stand \"body\", then \"every N\" "
			    "and \"count N\", with numbers from 1";
			return -EINVAL;
		}
	}
	return 0;
}

/* What is read of the route now: the object may go while it is tapped. */
static void
tap_aim(struct tap *tp, const struct assembly_route *ar)
{
	const struct conf_queue *cq = ar->from->conf;

	(void)snprintf(tp->route, sizeof(tp->route), "%s", ar->conf->name);
	(void)snprintf(tp->origin, sizeof(tp->origin), "%s/%s",
	    tp->cx->assembly->conf->name, cq->name);
	tp->posix = strncmp(cq->uri, "posix:", 6) == 0;
}

static int
tap_begin(struct tap *tp, struct control_reply *reply, const struct assembly_route *ar)
{
	static const struct control_later later = { tap_taken, tap_client_gone };
	const struct timeval tv = clock_timeval(FLUSH_MS);
	int rc = watch_admit(tp->cx, reply);

	if (rc < 0)
		return rc;
	tp->timer = evtimer_new(tp->cx->assembly->base, tap_on_timer, tp);
	if (tp->timer == NULL || event_add(tp->timer, &tv) < 0) {
		watch_leave(tp->cx);
		return -ENOMEM;
	}
	tp->tap.see = tap_see;
	tp->tap.gone = tap_outlet_gone;
	outlet_add_tap(ar->outlet, &tp->tap);
	tp->attached = true;
	reply->later = &later;
	reply->owner = tp;
	return CONTROL_LATER;
}

static int
tap_run(struct commands_context *cx, struct control_reply *reply, bool body)
{
	const struct assembly_route *ar =
	    steer_route_find(cx->assembly, reply->args[0]);
	struct tap *tp;
	int rc;

	if (ar == NULL)
		return steer_absent(reply, "route", reply->args[0]);
	tp = calloc(1, sizeof(*tp));
	if (tp == NULL)
		return -ENOMEM;
	text_init(&tp->pending, PENDING_MAX);
	tp->cx = cx;
	tp->reply = reply;
	tp->body = body;
	tp->tokens = SAMPLED_MAX;
	tp->refilled_ms = clock_coarse_ms();
	tp->told_ms = clock_monotonic_ms();
	tap_aim(tp, ar);
	rc = parse_options(tp, reply);
	if (rc == 0)
		rc = tap_begin(tp, reply, ar);
	if (rc < 0)
		tap_free(tp);
	return rc;
}

int
commands_tap(void *context, struct control_reply *reply)
{
	return tap_run(context, reply, false);
}

int
commands_tap_bodies(void *context, struct control_reply *reply)
{
	return tap_run(context, reply, true);
}
