#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assembly/assembly.h"
#include "base/clock.h"
#include "base/log.h"
#include "commands/commands.h"
#include "commands/commands_letters.h"
#include "commands/letters_choice.h"
#include "control/item.h"
#include "spool/deadletter.h"
#include "spool/disk.h"

#define SLICE 256 /* letters of one job: others wait for the disk thread too */

const struct control_column commands_purge_columns[] = {
	{ "purged", "purged" },
	{ "remaining", "remaining" },
	{ NULL, NULL },
};

struct purge {
	struct disk_job job;         /* first: a job is cast to its purge */
	struct control_reply *reply; /* NULL: the client has left */
	struct commands_context *cx;
	struct letters_choice choice;
	size_t at;         /* of the choice */
	uint64_t begun_ms; /* CLOCK_MONOTONIC */
	uint64_t purged, held;
};

/* From the end: that moves nothing in the store's memory. */
static int
purge_run(struct disk_job *job)
{
	struct purge *pu = (struct purge *)job;
	struct deadletters *dl = pu->cx->assembly->dead;
	int rc = 0;

	for (size_t i = 0; i < SLICE && rc == 0 && pu->at < pu->choice.n_keys; i++) {
		rc = deadletters_remove(
		    dl, &pu->choice.keys[pu->choice.n_keys - 1 - pu->at]);
		if (rc == 0)
			pu->purged++;
		else if (rc == -ENOENT) /* it went meanwhile */
			rc = 0;
		pu->at++;
	}
	return rc < 0 ? rc : deadletters_sync(dl);
}

static int
purge_fill(const struct purge *pu, struct control_reply *reply)
{
	struct item it;

	reply->kind = "purge";
	item_begin(&it);
	item_count(&it, "purged", pu->purged);
	item_count(&it, "remaining", pu->choice.n_keys - pu->at);
	if (pu->held > 0 &&
	    json_array_append_new(reply->warnings,
		json_sprintf("%" PRIu64 " were left, which are held for a decision; "
			     "\"resolve\" decides",
		    pu->held)) < 0)
		it.rc = -ENOMEM;
	return item_end(&it, reply->items);
}

/* All was done that will be, or the client has waited long enough: it goes on without. */
static void
purge_answer(struct purge *pu, int rc)
{
	struct control_reply *reply = pu->reply;

	pu->reply = NULL;
	if (reply == NULL)
		return;
	if (rc < 0)
		(void)control_reply_refuse(reply, rc,
		    "purged %" PRIu64 " of %zu, then failed: %s", pu->purged,
		    pu->choice.n_keys, strerror(-rc));
	control_reply_end(reply, rc < 0 ? rc : purge_fill(pu, reply));
}

static void
purge_end(struct purge *pu, int rc)
{
	if (rc < 0)
		log_event(EVENT_DISK_FAILED, NULL,
		    "purged %" PRIu64 " of %zu dead letters, then failed: %s",
		    pu->purged, pu->choice.n_keys, strerror(-rc));
	else
		log_event(EVENT_LETTERS_PURGED, NULL,
		    "purged %" PRIu64 " dead letters on request", pu->purged);
	purge_answer(pu, rc);
	pu->cx->letters_busy = false;
	letters_choice_done(&pu->choice);
	free(pu);
}

static void
purge_done(struct disk_job *job, int rc)
{
	struct purge *pu = (struct purge *)job;

	if (rc < 0 || pu->at == pu->choice.n_keys) {
		purge_end(pu, rc);
		return;
	}
	if (clock_monotonic_ms() - pu->begun_ms >= COMMANDS_PATIENCE_MS)
		purge_answer(pu, 0);
	disk_submit(pu->cx->assembly->disk, &pu->job);
}

static void
purge_gone(void *owner)
{
	struct purge *pu = owner;

	pu->reply = NULL; /* it was confirmed, so it is done */
}

static int
purge_start(struct purge *pu, struct control_reply *reply)
{
	static const struct control_later later = { .gone = purge_gone };

	pu->job = (struct disk_job){ .run = purge_run, .done = purge_done };
	pu->reply = reply;
	reply->later = &later;
	reply->owner = pu;
	pu->begun_ms = clock_monotonic_ms();
	pu->cx->letters_busy = true;
	disk_submit(pu->cx->assembly->disk, &pu->job);
	return CONTROL_LATER;
}

static int
purge_ask(const struct purge *pu, struct control_reply *reply)
{
	char what[200];

	letters_choice_format(&pu->choice, what, sizeof(what));
	return control_reply_refuse(
	    reply, CONTROL_CONFIRM, "delete %s for ever?", what);
}

/* Only what resolve decides is held. */
static int
find_held(const struct deadletter_info *in, void *arg)
{
	const struct letters_choice *lc = arg;

	for (size_t i = 0; (in->flags & DEAD_HELD) && i < lc->n_keys; i++) {
		if (memcmp(&lc->keys[i], &in->key, sizeof(in->key)) == 0)
			return 1;
	}
	return 0;
}

static int
purge_choose(struct purge *pu, struct control_reply *reply)
{
	struct deadletters *dl = pu->cx->assembly->dead;
	int rc = letters_choice_parse(&pu->choice, pu->cx, reply);

	if (rc == 0)
		rc = letters_choice_fix(&pu->choice, dl, &pu->held);
	if (rc == 0 && pu->choice.by_id &&
	    deadletters_list(dl, NULL, find_held, &pu->choice) == 1) {
		reply->error = "it is held for a decision: see \"show in-doubt\" and "
			       "\"resolve\"";
		rc = -EBUSY;
	}
	return rc;
}

int
commands_purge_letters(void *context, struct control_reply *reply)
{
	struct commands_context *cx = context;
	struct purge *pu;
	int rc;

	if (cx->letters_busy) {
		reply->error = "dead letters are being purged or requeued; try again";
		return -EBUSY;
	}
	pu = calloc(1, sizeof(*pu));
	if (pu == NULL)
		return -ENOMEM;
	pu->cx = cx;
	rc = purge_choose(pu, reply);
	if (rc == 0 && pu->choice.n_keys == 0)
		rc = purge_fill(pu, reply);
	else if (rc == 0 && !reply->confirmed)
		rc = purge_ask(pu, reply);
	else if (rc == 0)
		return purge_start(pu, reply);
	letters_choice_done(&pu->choice);
	free(pu);
	return rc;
}
