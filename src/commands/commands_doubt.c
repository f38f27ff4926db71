#include "commands/commands_doubt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assembly/assembly.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "base/quote.h"
#include "base/reason.h"
#include "commands/commands.h"
#include "config/conf.h"
#include "control/command.h"
#include "control/item.h"
#include "endpoint/resolver.h"
#include "spool/deadletter.h"
#include "spool/marks.h"

#define TIME_MAX 32   /* bytes; base/clock.h */
#define HELD_MAX 4096 /* that one answer shows */

/* A letter that is held, as it was when the answer was begun. */
struct held {
	struct deadletter_info info; /* its strings are not there */
	char label[512];
	bool shown;
};

struct answer {
	const struct assembly *assembly;
	struct control_reply *reply;
	struct held *held;
	size_t n_held;
	uint64_t more; /* held, but not in there */
};

static void
item_time(struct item *it, const char *member, int64_t wall_ns)
{
	char time[TIME_MAX];

	item_text(it, member, clock_format(time, sizeof(time), wall_ns));
}

/* What is configured for the queue at the end of a label, "peer/entry" or "entry". */
static const char *
policy_of(const struct assembly *as, const char *label)
{
	static const char *const policies[] = {
		[CONF_IN_DOUBT_RESEND] = "resend",
		[CONF_IN_DOUBT_DROP] = "drop",
		[CONF_IN_DOUBT_HOLD] = "hold",
	};
	const char *slash = strchr(label, '/');
	const struct assembly_queue *aq = assembly_queue_find(as, label);

	if (aq == NULL && slash != NULL)
		aq = assembly_queue_find(as, slash + 1);
	return aq == NULL ? "" : policies[aq->conf->in_doubt];
}

static void
item_message(struct item *it, uint64_t number, int64_t type, uint32_t length)
{
	item_count(it, "number", number);
	item_number(it, "type", type);
	item_count(it, "length_bytes", length);
}

static void
item_held(struct item *it, struct held *hd)
{
	char id[DEADLETTER_ID];

	hd->shown = true;
	item_text(it, "id", deadletter_id(id, &hd->info.key));
	item_text(it, "outcome",
	    (hd->info.flags & DEAD_PERHAPS) != 0 ? "held-perhaps-resent" : "held");
	item_text(it, "reason", dead_reason_name(hd->info.reason));
}

static struct held *
find_held(const struct answer *an, const struct doubt *db)
{
	for (size_t i = 0; db->outcome == DOUBT_HELD && i < an->n_held; i++) {
		struct held *hd = &an->held[i];

		if (hd->info.key.number == db->number &&
		    id_equal(&hd->info.key.stream, &db->stream))
			return hd;
	}
	return NULL;
}

static int
show_doubt(const struct answer *an, const struct doubt *db)
{
	static const char *const absent[] = { "number", "type", "length_bytes",
		"body_crc32c" };
	const char *label = marks_doubt_label(an->assembly->marks, db);
	struct held *hd = find_held(an, db);
	char text[ID_TEXT];
	struct item it;

	item_begin(&it);
	item_text(&it, "stream", id_format(text, &db->stream));
	item_text(&it, "label", label);
	item_count(&it, "seq", db->seq);
	item_count(&it, "last_seq", db->last_seq);
	item_time(&it, "time", db->wall_ns);
	item_text(&it, "policy", policy_of(an->assembly, label));
	if (hd != NULL) {
		item_held(&it, hd);
	} else {
		item_null(&it, "id");
		item_text(&it, "outcome",
		    db->outcome == DOUBT_HELD ? "held-resolved"
					      : doubt_outcome_name(db->outcome));
		item_null(&it, "reason");
	}
	/* Which message it is is known when it comes again. */
	for (size_t i = 0; db->number == 0 && i < ARRAY_LEN(absent); i++)
		item_null(&it, absent[i]);
	if (db->number == 0)
		return item_end(&it, an->reply->items);
	item_message(&it, db->number, db->type, db->length);
	(void)snprintf(text, sizeof(text), "%08" PRIx32, db->body_crc);
	item_text(&it, "body_crc32c", text);
	return item_end(&it, an->reply->items);
}

/* Recovered, or in doubt so long ago that the list of doubts has ended. */
static int
show_held(const struct answer *an, struct held *hd)
{
	static const char *const absent[] = { "seq", "last_seq", "body_crc32c" };
	char text[ID_TEXT];
	struct item it;

	item_begin(&it);
	item_text(&it, "stream", id_format(text, &hd->info.key.stream));
	item_text(&it, "label", hd->label);
	item_time(&it, "time", hd->info.wall_ns);
	item_text(&it, "policy", policy_of(an->assembly, hd->label));
	item_held(&it, hd);
	item_message(&it, hd->info.key.number, hd->info.type, hd->info.length);
	for (size_t i = 0; i < ARRAY_LEN(absent); i++)
		item_null(&it, absent[i]);
	return item_end(&it, an->reply->items);
}

static int
collect_held(const struct deadletter_info *in, void *arg)
{
	struct answer *an = arg;
	struct held *hd;

	if ((in->flags & DEAD_HELD) == 0)
		return 0;
	if (an->n_held == HELD_MAX) {
		an->more++;
		return 0;
	}
	hd = &an->held[an->n_held++];
	hd->info = *in;
	(void)snprintf(hd->label, sizeof(hd->label), "%s", in->route);
	return 0;
}

/* Takes over text, which may be NULL: memory was short. */
static int
warn_reply(struct control_reply *reply, json_t *text)
{
	return json_array_append_new(reply->warnings, text) == 0 ? 0 : -ENOMEM;
}

static int
show_all(struct answer *an)
{
	struct marks *mk = an->assembly->marks;
	unsigned listed = marks_doubts_listed(mk);
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < listed; i++) {
		struct doubt db;

		marks_doubt_at(mk, i, &db);
		rc = show_doubt(an, &db);
	}
	for (size_t i = 0; rc == 0 && i < an->n_held; i++) {
		if (!an->held[i].shown)
			rc = show_held(an, &an->held[i]);
	}
	if (rc == 0 && listed < marks_doubts_total(mk))
		rc = warn_reply(
		    an->reply, json_sprintf("the newest %u entries are listed; %" PRIu64
					    " messages were ever in doubt",
				   listed, marks_doubts_total(mk)));
	if (rc == 0 && an->more > 0)
		rc = warn_reply(
		    an->reply, json_sprintf("%" PRIu64 " more messages are held; show "
					    "dead-letters lists them",
				   an->more));
	return rc;
}

int
doubt_show(void *context, struct control_reply *reply)
{
	const struct commands_context *cx = context;
	struct answer an = { .assembly = cx->assembly, .reply = reply };
	int rc;

	reply->kind = "in-doubt";
	an.held = calloc(HELD_MAX, sizeof(*an.held));
	if (an.held == NULL)
		return -ENOMEM;
	(void)deadletters_list(cx->assembly->dead, NULL, collect_held, &an);
	rc = show_all(&an);
	free(an.held);
	return rc;
}

/* A client that waits for what it decided. */
struct decision {
	struct resolver *resolver;
	struct control_reply *reply;
	struct deadletter_key key;
	const char *action;
};

static const char *
refusal(int rc)
{
	switch (rc) {
	case -ENOENT:
		return "there is no such message";
	case -EINVAL:
		return "it is not held: only messages that \"show in-doubt\" shows as held "
		       "can be resolved";
	case -ENXIO:
		return "its queue is not configured any more; it stays held";
	case -ENOTCONN:
		return "its queue is not there; it stays held";
	case -EAGAIN:
		return "its queue is full; it stays held";
	case -EMSGSIZE:
		return "it is too big for its queue; it stays held";
	case -ERANGE:
		return "its queue has no such type or priority; it stays held";
	case -EIDRM:
		return "its queue was removed just then, perhaps with it; it stays held";
	case -EBUSY:
		return "it is being resolved already";
	default:
		return NULL;
	}
}

static void
decision_done(void *owner, int rc)
{
	struct decision *ds = owner;
	struct control_reply *reply = ds->reply;
	char id[DEADLETTER_ID];
	struct item it;

	if (rc == 0) {
		reply->kind = "resolved";
		item_begin(&it);
		item_text(&it, "id", deadletter_id(id, &ds->key));
		item_text(&it, "action", ds->action);
		rc = item_end(&it, reply->items);
	} else {
		reply->error = refusal(rc);
		/* To the client it is no wrong use of the command. */
		rc = rc == -EINVAL ? -EBUSY : rc;
	}
	control_reply_end(reply, rc);
	free(ds);
}

/* What was begun is done all the same. */
static void
decision_gone(void *owner)
{
	struct decision *ds = owner;

	resolver_forget(ds->resolver, ds);
	free(ds);
}

static const struct control_later decision_later = { .gone = decision_gone };

static int
parse_action(const char *word, enum resolver_action *ret, const char **ret_name)
{
	static const char *const names[] = {
		[RESOLVER_RESEND] = "resend",
		[RESOLVER_DROP] = "drop",
		[RESOLVER_DEAD_LETTER] = "dead-letter",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(word, names[i]) != 0)
			continue;
		*ret = (enum resolver_action)i;
		*ret_name = names[i];
		return 0;
	}
	return -EINVAL;
}

static int
begin(const struct assembly *as, struct control_reply *reply,
    const struct decision *what, enum resolver_action action)
{
	struct decision *ds = malloc(sizeof(*ds));
	struct resolver_wish wish = { .action = action, .done = decision_done };
	int rc;

	if (ds == NULL)
		return -ENOMEM;
	*ds = *what;
	wish.key = &ds->key;
	wish.owner = ds;
	rc = resolver_begin(as->resolver, &wish);
	if (rc < 0) {
		reply->error = refusal(rc);
		free(ds);
		return rc;
	}
	reply->later = &decision_later;
	reply->owner = ds;
	return CONTROL_LATER;
}

int
doubt_resolve(void *context, struct control_reply *reply)
{
	const struct assembly *as =
	    ((const struct commands_context *)context)->assembly;
	struct decision ds = { .resolver = as->resolver, .reply = reply };
	enum resolver_action action;
	int rc;

	rc = parse_action(reply->args[1], &action, &ds.action);
	if (rc < 0) {
		reply->error = "what to do is \"resend\", \"drop\" or \"dead-letter\"";
		return rc;
	}
	rc = deadletters_find(as->dead, reply->args[0], &ds.key);
	if (rc < 0) {
		reply->error =
		    rc == -EINVAL ? "that is no id; see \"show in-doubt\""
		    : rc == -ENOTUNIQ
			? "several messages have that number: give more of the id"
			: refusal(rc);
		return rc;
	}
	if (action == RESOLVER_DROP && !reply->confirmed) {
		reply->error = "the message is deleted for ever";
		return CONTROL_CONFIRM;
	}
	return begin(as, reply, &ds, action);
}

static int
forget_stream(struct mark *m, struct control_reply *reply)
{
	uint64_t mark = mark_value(m);
	char label[512];
	char text[ID_TEXT];
	struct item it;
	int rc;

	(void)id_format(text, mark_stream(m));
	(void)snprintf(label, sizeof(label), "%s", mark_label(m));
	rc = mark_forget(m);
	if (rc < 0) {
		reply->error = "the stream is open and needs no resolving";
		return rc;
	}
	log_event(EVENT_DOUBT_RESOLVED, NULL,
	    "stream %s, %s: what was delivered of it, up to %" PRIu64
	    ", is forgotten, as an operator decided",
	    text, quote(label).text, mark);
	reply->kind = "resolved-stream";
	item_begin(&it);
	item_text(&it, "stream", text);
	item_text(&it, "label", label);
	item_count(&it, "delivered_up_to", mark);
	return item_end(&it, reply->items);
}

int
doubt_resolve_stream(void *context, struct control_reply *reply)
{
	const struct commands_context *cx = context;
	struct id stream;
	struct mark *m;

	if (strcmp(reply->args[1], "forget") != 0) {
		reply->error = "what to do is \"forget\"";
		return -EINVAL;
	}
	if (id_parse(&stream, reply->args[0]) < 0) {
		reply->error =
		    "that is no id of a stream: it has 32 hexadecimal digits";
		return -EINVAL;
	}
	m = mark_find(cx->assembly->marks, &stream);
	if (m == NULL) {
		reply->error = "nothing is known of such a stream";
		return -ENOENT;
	}
	if (!reply->confirmed) {
		reply->error = "what was delivered of it is forgotten, so all that its "
			       "sender still has is delivered, perhaps again";
		return CONTROL_CONFIRM;
	}
	return forget_stream(m, reply);
}

const struct control_column doubt_columns[] = {
	{ "id", "ID" },
	{ "stream", "STREAM" },
	{ "label", "TO" },
	{ "seq", "SEQUENCE" },
	{ "last_seq", "LAST" },
	{ "number", "NUMBER" },
	{ "type", "TYPE" },
	{ "length_bytes", "BYTES" },
	{ "body_crc32c", "CRC-32C" },
	{ "time", "TIME" },
	{ "policy", "POLICY" },
	{ "outcome", "OUTCOME" },
	{ "reason", "REASON" },
	{ NULL, NULL },
};

const struct control_column resolved_columns[] = {
	{ "id", "ID" },
	{ "action", "DONE" },
	{ NULL, NULL },
};

const struct control_column resolved_stream_columns[] = {
	{ "stream", "STREAM" },
	{ "label", "TO" },
	{ "delivered_up_to", "DELIVERED UP TO" },
	{ NULL, NULL },
};
