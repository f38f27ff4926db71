#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assembly/assembly.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/quote.h"
#include "commands/commands.h"
#include "commands/commands_letters.h"
#include "commands/letters_choice.h"
#include "config/conf.h"
#include "control/item.h"
#include "endpoint/outlet_requeue.h"
#include "spool/deadletter.h"
#include "spool/disk.h"

#define REASONS_MAX 8 /* told to the client; the number of all is */

const struct control_column commands_requeue_columns[] = {
	{ "requeued", "requeued" },
	{ "refused", "refused" },
	{ "remaining", "remaining" },
	{ NULL, NULL },
};

struct requeue_task {
	struct disk_job job;         /* first: a job is cast to its task */
	struct control_reply *reply; /* NULL: the client has left */
	struct commands_context *cx;
	struct letters_choice choice;
	size_t at;         /* of the choice */
	uint64_t begun_ms; /* CLOCK_MONOTONIC */
	uint64_t requeued, refused, held;
	struct deadletter letter; /* the one at hand */
	char *bytes;              /* which it points to */
	char reasons[REASONS_MAX][CONTROL_WHY_MAX];
};

static void task_next(struct requeue_task *ts);

static void task_refuse(struct requeue_task *ts, const char *format, ...)
    PRINTF_LIKE(2, 3);

/* The letter at hand stays: says why. */
static void
task_refuse(struct requeue_task *ts, const char *format, ...)
{
	char id[DEADLETTER_ID];
	va_list args;
	char *why;
	int len;

	if (ts->refused++ >= REASONS_MAX)
		return;
	why = ts->reasons[ts->refused - 1];
	len = snprintf(why, CONTROL_WHY_MAX,
	    "dead letter %s: ", deadletter_id(id, &ts->choice.keys[ts->at]));
	va_start(args, format);
	(void)vsnprintf(why + len, CONTROL_WHY_MAX - (size_t)len, format, args);
	va_end(args);
}

static int
task_fill(const struct requeue_task *ts, struct control_reply *reply)
{
	struct item it;

	reply->kind = "requeue";
	item_begin(&it);
	item_count(&it, "requeued", ts->requeued);
	item_count(&it, "refused", ts->refused);
	item_count(&it, "remaining", ts->choice.n_keys - ts->at);
	for (uint64_t i = 0; i < ts->refused && i < REASONS_MAX; i++) {
		if (json_array_append_new(
			reply->warnings, json_string(ts->reasons[i])) < 0)
			it.rc = -ENOMEM;
	}
	if (ts->held > 0 &&
	    json_array_append_new(reply->warnings,
		json_sprintf("%" PRIu64 " were left, which are held for a decision; "
			     "\"resolve\" decides",
		    ts->held)) < 0)
		it.rc = -ENOMEM;
	return item_end(&it, reply->items);
}

/* All was done that will be, or the client has waited long enough: it goes on without. */
static void
task_answer(struct requeue_task *ts)
{
	struct control_reply *reply = ts->reply;
	int rc;

	ts->reply = NULL;
	if (reply == NULL)
		return;
	/* Nothing was done: that is a refusal. */
	if (ts->requeued == 0 && ts->refused > 0 && ts->at == ts->choice.n_keys) {
		rc = control_reply_refuse(reply, -EBUSY, "%.400s%s", ts->reasons[0],
		    ts->refused > 1 ? "; and so on, for all of them" : "");
	} else {
		rc = task_fill(ts, reply);
	}
	control_reply_end(reply, rc);
}

static void
task_end(struct requeue_task *ts)
{
	if (ts->requeued > 0)
		log_event(EVENT_LETTERS_REQUEUED, NULL,
		    "requeued %" PRIu64 " dead letters on request", ts->requeued);
	task_answer(ts);
	ts->cx->letters_busy = false;
	letters_choice_done(&ts->choice);
	free(ts->bytes);
	free(ts);
}

static const char *
refusal(int rc)
{
	switch (rc) {
	case -EOPNOTSUPP:
		return "its route has no overflow log (log_limit), through which it "
		       "would go";
	case -EDQUOT:
		return "the overflow log of its route is full (log_limit); try again "
		       "when some of it was sent";
	case -EAGAIN:
		return "the source queue of its route is not there";
	case -EXDEV:
		return "it came from another queue than its route takes from now";
	case -EINPROGRESS:
		return "it is not settled yet; try again when its route is connected";
	default:
		return strerror(-rc);
	}
}

static void
task_on_requeued(void *owner, int rc, bool appended)
{
	struct requeue_task *ts = owner;

	if (rc == 0) {
		ts->requeued++;
	} else if (appended) {
		/* Both exist until the next start, which deletes the letter. */
		ts->requeued++;
		log_event(EVENT_DISK_FAILED, NULL,
		    "a dead letter was requeued but cannot be deleted: %s; do not "
		    "requeue it again",
		    strerror(-rc));
	} else {
		task_refuse(ts, "%s", refusal(rc));
	}
	if (rc == -ECANCELED)
		ts->at = ts->choice.n_keys;
	else
		ts->at++;
	task_next(ts);
}

static struct outlet *
find_outlet(const struct assembly *as, const struct deadletter *dt)
{
	for (size_t i = 0; i < as->n_routes; i++) {
		const struct conf_route *cr = as->routes[i]->conf;

		if (strcmp(cr->name, dt->route) == 0 && strcmp(cr->to, dt->label) == 0)
			return as->routes[i]->outlet;
	}
	return NULL;
}

/* 1: it is on its way. */
static int
task_try(struct requeue_task *ts)
{
	const struct deadletter *dt = &ts->letter;
	struct outlet *ol;
	int rc;

	if ((dt->flags & DEAD_RECEIVED) != 0) {
		task_refuse(ts,
		    "it was put away here by the receiving end, and no route of this "
		    "host can send it again: see \"show in-doubt\" and \"resolve\"");
		return 0;
	}
	ol = find_outlet(ts->cx->assembly, dt);
	if (ol == NULL) {
		task_refuse(ts, "there is no enabled route %.100s to %.100s",
		    quote(dt->route).text, quote(dt->label).text);
		return 0;
	}
	rc = outlet_requeue(ol, dt, task_on_requeued, ts);
	if (rc == 0)
		return 1;
	task_refuse(ts, "%s", refusal(rc));
	return 0;
}

static int
task_run(struct disk_job *job)
{
	struct requeue_task *ts = (struct requeue_task *)job;

	return deadletters_load(
	    ts->cx->assembly->dead, &ts->choice.keys[ts->at], &ts->letter, &ts->bytes);
}

static void
task_done(struct disk_job *job, int rc)
{
	struct requeue_task *ts = (struct requeue_task *)job;

	if (rc == 0 && task_try(ts) == 1)
		return;
	if (rc == -EBADMSG)
		task_refuse(ts, "its file is damaged, and was set aside");
	else if (rc < 0 && rc != -ENOENT) /* or it was purged */
		task_refuse(ts, "%s", strerror(-rc));
	ts->at++;
	task_next(ts);
}

static void
task_next(struct requeue_task *ts)
{
	free(ts->bytes);
	ts->bytes = NULL;
	if (clock_monotonic_ms() - ts->begun_ms >= COMMANDS_PATIENCE_MS)
		task_answer(ts);
	if (ts->at < ts->choice.n_keys && !ts->cx->stopping)
		disk_submit(ts->cx->assembly->disk, &ts->job);
	else
		task_end(ts);
}

static void
task_gone(void *owner)
{
	struct requeue_task *ts = owner;

	ts->reply = NULL; /* it was asked for, so it is done */
}

static int
task_start(struct requeue_task *ts, struct control_reply *reply)
{
	static const struct control_later later = { .gone = task_gone };

	ts->job = (struct disk_job){ .run = task_run, .done = task_done };
	ts->reply = reply;
	reply->later = &later;
	reply->owner = ts;
	ts->begun_ms = clock_monotonic_ms();
	ts->cx->letters_busy = true;
	disk_submit(ts->cx->assembly->disk, &ts->job);
	return CONTROL_LATER;
}

int
commands_requeue(void *context, struct control_reply *reply)
{
	struct commands_context *cx = context;
	struct requeue_task *ts;
	int rc;

	if (cx->letters_busy || cx->stopping) {
		reply->error = "dead letters are being purged or requeued; try again";
		return -EBUSY;
	}
	ts = calloc(1, sizeof(*ts));
	if (ts == NULL)
		return -ENOMEM;
	ts->cx = cx;
	rc = letters_choice_parse(&ts->choice, cx, reply);
	if (rc == 0)
		rc = letters_choice_fix(&ts->choice, cx->assembly->dead, &ts->held);
	if (rc == 0 && ts->choice.n_keys == 0)
		rc = task_fill(ts, reply);
	else if (rc == 0)
		return task_start(ts, reply);
	letters_choice_done(&ts->choice);
	free(ts);
	return rc;
}
