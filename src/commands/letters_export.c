#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "assembly/assembly.h"
#include "commands/commands.h"
#include "commands/commands_letters.h"
#include "commands/letter_json.h"
#include "commands/letters_choice.h"
#include "config/conf.h"
#include "control/text.h"
#include "spool/deadletter.h"
#include "spool/deadletter_reader.h"
#include "spool/disk.h"

/* A piece is closed above that; it is at most this and six times LETTER_PIECE larger. */
#define PIECE_BYTES 65536

_Static_assert(PIECE_BYTES + 7 * LETTER_PIECE < CONTROL_PIECE_MAX, "a piece fits");

struct export
{
	struct disk_job job;         /* first: a job is cast to its export */
	struct control_reply *reply; /* NULL: the client has left */
	const struct commands_context *cx;
	struct letters_choice choice;
	size_t at;                  /* next of its keys, if it has any */
	struct deadletter_key last; /* else: go on behind it */
	bool begun;                 /* there is a last */
	bool at_end;
	bool running;                     /* a job is on the disk thread */
	struct deadletter_reader *reader; /* of the letter that is being written */
	struct letter_body body;
	struct text piece;
	uint8_t bytes[LETTER_PIECE];
};

static void
export_free(struct export *ex)
{
	deadletter_reader_close(ex->reader);
	letters_choice_done(&ex->choice);
	text_done(&ex->piece);
	free(ex);
}

static bool
next_key(struct export *ex, struct deadletter_key *ret)
{
	if (ex->choice.by_id) {
		if (ex->at == ex->choice.n_keys)
			return false;
		*ret = ex->choice.keys[ex->at++];
		return true;
	}
	if (!deadletters_next(ex->cx->assembly->dead, ex->choice.route,
		ex->begun ? &ex->last : NULL, &ex->last))
		return false;
	ex->begun = true;
	*ret = ex->last;
	return true;
}

/* A reader sees what is missing: an export never seems complete when it is not. */
static void
put_damaged(struct export *ex, const struct deadletter_key *key)
{
	char line[256];
	char id[DEADLETTER_ID];

	(void)snprintf(line, sizeof(line),
	    "{\"warning\": \"dead letter %s is damaged; its file was set aside\"}\n",
	    deadletter_id(id, key));
	text_puts(&ex->piece, line);
}

static int
begin_letter(struct export *ex)
{
	struct deadletters *dl = ex->cx->assembly->dead;
	struct deadletter_key key;
	int rc;

	if (!next_key(ex, &key)) {
		ex->at_end = true;
		return 0;
	}
	rc = deadletter_reader_open(&ex->reader, dl, &key);
	if (rc == -ENOENT) /* it was purged meanwhile */
		return 0;
	if (rc == -EBADMSG) {
		put_damaged(ex, &key);
		return 0;
	}
	if (rc < 0)
		return rc;
	ex->body =
	    (struct letter_body){ .is_text = deadletter_reader_is_text(ex->reader) };
	letter_put_begin(&ex->piece, ex->cx->assembly->conf->name,
	    deadletter_reader_letter(ex->reader), ex->body.is_text);
	return ex->piece.rc;
}

static int
go_on(struct export *ex)
{
	int64_t len = deadletter_reader_body(ex->reader, ex->bytes, sizeof(ex->bytes));

	if (len < 0)
		return (int)len;
	letter_put_body(&ex->piece, &ex->body, ex->bytes, (size_t)len, len == 0);
	if (len == 0) {
		letter_put_end(&ex->piece);
		deadletter_reader_close(ex->reader);
		ex->reader = NULL;
	}
	return ex->piece.rc;
}

static int
export_run(struct disk_job *job)
{
	struct export *ex = (struct export *)job;
	int rc = 0;

	while (rc == 0 && !ex->at_end && ex->piece.len < PIECE_BYTES)
		rc = ex->reader == NULL ? begin_letter(ex) : go_on(ex);
	return rc;
}

static void
export_done(struct disk_job *job, int rc)
{
	struct export *ex = (struct export *)job;

	ex->running = false;
	if (ex->reply == NULL) {
		export_free(ex);
		return;
	}
	/* Also an empty one: it is an answer in pieces without any. */
	control_reply_put(ex->reply, ex->piece.bytes, ex->piece.len);
	text_clear(&ex->piece);
	if (rc == 0 && !ex->at_end)
		return;
	control_reply_end(ex->reply, rc);
	export_free(ex);
}

static void
export_taken(void *owner)
{
	struct export *ex = owner;

	ex->running = true;
	disk_submit(ex->cx->assembly->disk, &ex->job);
}

static void
export_gone(void *owner)
{
	struct export *ex = owner;

	ex->reply = NULL;
	if (!ex->running)
		export_free(ex);
}

int
commands_export_letters(void *context, struct control_reply *reply)
{
	static const struct control_later later = { export_taken, export_gone };
	struct export *ex = calloc(1, sizeof(*ex));
	int rc;

	if (ex == NULL)
		return -ENOMEM;
	ex->cx = context;
	text_init(&ex->piece, CONTROL_PIECE_MAX);
	rc = letters_choice_parse(&ex->choice, ex->cx, reply);
	if (rc < 0) {
		export_free(ex);
		return rc;
	}
	ex->job = (struct disk_job){ .run = export_run, .done = export_done };
	ex->reply = reply;
	reply->later = &later;
	reply->owner = ex;
	export_taken(ex);
	return CONTROL_LATER;
}
