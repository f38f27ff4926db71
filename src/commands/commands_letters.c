#include "commands/commands_letters.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assembly/assembly.h"
#include "base/log.h"
#include "commands/commands.h"
#include "commands/letter_json.h"
#include "commands/letters_choice.h"
#include "config/conf.h"
#include "control/item.h"
#include "spool/deadletter.h"
#include "spool/deadletter_reader.h"
#include "spool/disk.h"
#include "spool/space.h"

#define SHOWN_MAX 2000  /* letters of one answer, which is built in one turn */
#define BODY_MAX  65536 /* bytes of a body that are shown */

const struct control_column commands_letters_columns[] = {
	{ "id", "ID" },
	{ "time", "TIME" },
	{ "route", "ROUTE" },
	{ "reason", "REASON" },
	{ "queue", "QUEUE" },
	{ "to", "TO" },
	{ "number", "NUMBER" },
	{ "type", "TYPE" },
	{ "length_bytes", "BYTES" },
	{ "detail", "DETAIL" },
	{ NULL, NULL },
};

const struct control_column commands_letter_columns[] = {
	{ "id", "id" },
	{ "time", "time" },
	{ "route", "route" },
	{ "reason", "reason" },
	{ "detail", "detail" },
	{ "queue", "queue" },
	{ "to", "to" },
	{ "number", "number" },
	{ "type", "type" },
	{ "flags", "flags" },
	{ "length_bytes", "bytes" },
	{ "file", "file" },
	{ "encoding", "encoding" },
	{ "body", "body" },
	{ NULL, NULL },
};

/* Takes over text, which may be NULL: memory was short. */
static int
warn_reply(struct control_reply *reply, json_t *text)
{
	return json_array_append_new(reply->warnings, text) == 0 ? 0 : -ENOMEM;
}

static int
warn_aside(struct control_reply *reply, const struct deadletters *dl)
{
	uint64_t aside = deadletters_aside(dl);

	if (aside == 0)
		return 0;
	return warn_reply(reply,
	    json_sprintf("%" PRIu64 " files of the store cannot be read and are set "
			 "aside: dead-letters/damaged-* or future-*",
		aside));
}

struct letters_list {
	struct control_reply *reply;
	size_t shown;
};

static int
list_one(const struct deadletter_info *in, void *arg)
{
	struct letters_list *ll = arg;
	struct item it;

	if (ll->shown++ >= SHOWN_MAX)
		return 0;
	item_begin(&it);
	letter_fill(&it, in);
	return item_end(&it, ll->reply->items);
}

int
commands_show_letters(void *context, struct control_reply *reply)
{
	const struct commands_context *cx = context;
	struct letters_list ll = { .reply = reply };
	struct letters_choice lc;
	int rc;

	reply->kind = "dead-letters";
	rc = letters_choice_parse(&lc, cx, reply);
	if (rc < 0)
		return rc;
	if (lc.by_id) {
		reply->error = "it wants a route; \"show dead-letter\" wants an id";
		rc = -EINVAL;
	} else {
		rc = deadletters_list(cx->assembly->dead, lc.route, list_one, &ll);
	}
	letters_choice_done(&lc);
	if (rc == 0 && ll.shown > SHOWN_MAX)
		rc = warn_reply(reply,
		    json_sprintf("only %d of %zu are shown; \"export dead-letters\" "
				 "gives all",
			SHOWN_MAX, ll.shown));
	return rc < 0 ? rc : warn_aside(reply, cx->assembly->dead);
}

/* ---- one letter ------------------------------------------------------------------- */

struct letter_show {
	struct disk_job job;         /* first: a job is cast to its show */
	struct control_reply *reply; /* NULL: the client has left */
	struct deadletters *dead;
	struct deadletter_key key;
	struct deadletter_reader *reader; /* opened by the job */
	int64_t len;
	uint8_t body[BODY_MAX];
};

static int
show_run(struct disk_job *job)
{
	struct letter_show *ls = (struct letter_show *)job;
	int rc = deadletter_reader_open(&ls->reader, ls->dead, &ls->key);

	if (rc < 0)
		return rc;
	ls->len = deadletter_reader_body(ls->reader, ls->body, sizeof(ls->body));
	return ls->len < 0 ? (int)ls->len : 0;
}

static int
show_fill(struct letter_show *ls)
{
	const struct deadletter *dt = deadletter_reader_letter(ls->reader);
	struct deadletter_info in;
	struct item it;
	int rc;

	letter_info(&in, dt);
	ls->reply->kind = "dead-letter";
	item_begin(&it);
	letter_fill(&it, &in);
	letter_fill_more(&it, &in);
	letter_fill_body(
	    &it, deadletter_reader_is_text(ls->reader), ls->body, (size_t)ls->len);
	rc = item_end(&it, ls->reply->items);
	if (rc == 0 && in.length > BODY_MAX)
		rc = warn_reply(ls->reply,
		    json_sprintf("only the first %d bytes of the body are shown; "
				 "\"export dead-letters\" gives all",
			BODY_MAX));
	return rc;
}

static void
show_done(struct disk_job *job, int rc)
{
	struct letter_show *ls = (struct letter_show *)job;

	if (ls->reply != NULL) {
		if (rc == 0)
			rc = show_fill(ls);
		else if (rc == -EBADMSG)
			ls->reply->error = "its file is damaged, and was set aside";
		control_reply_end(ls->reply, rc);
	}
	deadletter_reader_close(ls->reader);
	free(ls);
}

static void
show_gone(void *owner)
{
	struct letter_show *ls = owner;

	ls->reply = NULL;
}

int
commands_show_letter(void *context, struct control_reply *reply)
{
	static const struct control_later later = { .gone = show_gone };
	const struct commands_context *cx = context;
	struct letters_choice lc;
	struct letter_show *ls;
	int rc;

	rc = letters_choice_parse(&lc, cx, reply);
	if (rc < 0)
		return rc;
	if (!lc.by_id) {
		letters_choice_done(&lc);
		reply->error = "it wants the id of a dead letter, such as 17-3fa9c1d2";
		return -EINVAL;
	}
	ls = calloc(1, sizeof(*ls));
	if (ls != NULL) {
		ls->job = (struct disk_job){ .run = show_run, .done = show_done };
		ls->reply = reply;
		ls->dead = cx->assembly->dead;
		ls->key = lc.keys[0];
	}
	letters_choice_done(&lc);
	if (ls == NULL)
		return -ENOMEM;
	reply->later = &later;
	reply->owner = ls;
	disk_submit(cx->assembly->disk, &ls->job);
	return CONTROL_LATER;
}
