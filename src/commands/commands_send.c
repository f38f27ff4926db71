#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assembly/assembly.h"
#include "base/base64.h"
#include "base/parse.h"
#include "base/quote.h"
#include "commands/commands.h"
#include "commands/commands_steer.h"
#include "commands/steer_choice.h"
#include "config/conf.h"
#include "control/item.h"
#include "control/server.h"
#include "endpoint/delivery.h"
#include "lib/ipcq.h"
#include "record/record.h"

const struct control_column commands_send_columns[] = {
	{ "queue", "queue" },
	{ "length_bytes", "bytes" },
	{ "priority", "priority" },
	{ "type", "type" },
	{ NULL, NULL },
};

/* A message as the request has it. */
struct sending {
	struct control_reply *reply;
	const struct assembly_queue *queue;
	bool sysv;
	int64_t type;           /* or priority */
	struct record *message; /* in bytes */
	_Alignas(RECORD_ALIGN) uint8_t bytes[RECORD_HEADER + CONTROL_LINE_MAX + 1];
};

static int
usage(struct control_reply *reply, const char *why)
{
	reply->error = why;
	return -EINVAL;
}

/* "priority P" or "type T" at that word. 0 or -EINVAL. */
static int
parse_type(struct sending *sd, size_t i)
{
	struct control_reply *reply = sd->reply;
	bool is_type = strcmp(reply->args[i], "type") == 0;

	if (is_type != sd->sysv)
		return usage(reply, sd->sysv ? "a System V queue takes \"type T\""
					     : "a POSIX queue takes \"priority P\"");
	if (sd->sysv && parse_i64(&sd->type, reply->args[i + 1], 1, INT64_MAX) < 0)
		return control_reply_refuse(reply, -EINVAL,
		    "type \"%s\" is not a number from 1 to 9223372036854775807",
		    quote(reply->args[i + 1]).text);
	if (!sd->sysv &&
	    parse_i64(&sd->type, reply->args[i + 1], 0, IPCQ_PRIORITY_MAX) < 0)
		return control_reply_refuse(reply, -EINVAL,
		    "priority \"%s\" is not a number from 0 to 32767",
		    quote(reply->args[i + 1]).text);
	return 0;
}

/* From a word of the request to its end, as it stands there: blanks between words too. */
static size_t
copy_rest(uint8_t *out, const struct control_reply *reply, size_t i)
{
	const char *from = reply->args[i];
	const char *last = reply->args[reply->n_args - 1];
	size_t len = (size_t)(last - from) + strlen(last);

	memcpy(out, from, len);
	for (size_t k = 0; k < len; k++) {
		if (out[k] == '\0')
			out[k] = ' ';
	}
	return len;
}

static int
parse_body(struct sending *sd, size_t i)
{
	struct control_reply *reply = sd->reply;
	bool base64 = i + 1 < reply->n_args && strcmp(reply->args[i], "base64") == 0;
	size_t len = 0;

	if (base64 && (i + 2 != reply->n_args ||
			  base64_decode(sd->message->body, &len, reply->args[i + 1],
			      strlen(reply->args[i + 1])) < 0))
		return usage(reply, "base64 is followed by one word of base64, with "
				    "its padding");
	if (!base64 && i + 1 < reply->n_args && strcmp(reply->args[i], "text") == 0)
		i++;
	if (!base64)
		len = copy_rest(sd->message->body, reply, i);
	sd->message->length = (uint32_t)len;
	return 0;
}

/* "priority 5" alone was hardly meant as a body. */
static bool
lacks_body(const struct sending *sd)
{
	const struct control_reply *reply = sd->reply;
	int64_t number;

	return reply->n_args == 3 &&
	       strcmp(reply->args[1], sd->sysv ? "type" : "priority") == 0 &&
	       parse_i64(&number, reply->args[2], 0, INT64_MAX) == 0;
}

/* 0, or -errno with what is wrong. */
static int
parse_message(struct sending *sd)
{
	const struct control_reply *reply = sd->reply;
	size_t i = 1;
	int rc = 0;

	sd->type = sd->sysv ? 1 : 0;
	if (lacks_body(sd))
		return usage(sd->reply,
		    "the body is missing; one of these words stands "
		    "behind \"text\"");
	if (reply->n_args > 3 && (strcmp(reply->args[i], "priority") == 0 ||
				     strcmp(reply->args[i], "type") == 0)) {
		rc = parse_type(sd, i);
		i += 2;
	}
	if (rc == 0)
		rc = parse_body(sd, i);
	sd->message->type = sd->type;
	return rc;
}

/* The queue is opened for this one message: nobody delivers to it. */
static int
put_by_name(const struct sending *sd)
{
	struct ipcq *q;
	int rc;

	rc = ipcq_open(&q, sd->queue->conf->uri, IPCQ_WRITE | IPCQ_NONBLOCK, NULL);
	if (rc < 0)
		return rc == -ENOENT ? -ENOTCONN : rc;
	rc =
	    ipcq_send(q, sd->message->body, sd->message->length, sd->type, IPCQ_NOWAIT);
	ipcq_close(q);
	return rc;
}

static int
refuse(struct control_reply *reply, const struct conf_queue *cq, int rc)
{
	char text[CONTROL_WHY_MAX - 128];

	switch (rc) {
	case -EAGAIN:
		return control_reply_refuse(reply, -EAGAIN,
		    "queue-full: %.64s takes no more now", quote(cq->name).text);
	case -ENOTCONN:
	case -EIDRM:
		return control_reply_refuse(reply, -EAGAIN,
		    "queue-absent: %.200s is not there", quote(cq->uri).text);
	case -EACCES:
	case -EPERM:
		return control_reply_refuse(reply, -EAGAIN,
		    "not-permitted: the daemon's user may not write to %.200s",
		    quote(cq->uri).text);
	default:
		(void)ipcq_explain(text, sizeof(text), cq->uri, NULL, rc);
		return control_reply_refuse(reply, -EAGAIN, "%s", text);
	}
}

static int
answer(const struct sending *sd)
{
	struct control_reply *reply = sd->reply;
	struct item it;

	reply->kind = "send";
	item_begin(&it);
	item_text(&it, "queue", sd->queue->conf->name);
	item_count(&it, "length_bytes", sd->message->length);
	if (sd->sysv)
		item_null(&it, "priority");
	else
		item_number(&it, "priority", sd->type);
	if (sd->sysv)
		item_number(&it, "type", sd->type);
	else
		item_null(&it, "type");
	return item_end(&it, reply->items);
}

int
commands_send(void *context, struct control_reply *reply)
{
	const struct commands_context *cx = context;
	struct sending *sd;
	int rc;

	if (reply->n_args < 2)
		return usage(reply, "the body is missing");
	sd = calloc(1, sizeof(*sd));
	if (sd == NULL)
		return -ENOMEM;
	sd->reply = reply;
	sd->message = (struct record *)(void *)sd->bytes;
	sd->queue = assembly_queue_find(cx->assembly, reply->args[0]);
	if (sd->queue == NULL) {
		free(sd);
		return steer_absent(reply, "queue", reply->args[0]);
	}
	sd->sysv = strncmp(sd->queue->conf->uri, "sysv:", 5) == 0;
	rc = parse_message(sd);
	if (rc == 0) {
		/* What delivers to it knows what else was sent there. */
		rc = sd->queue->target != NULL
			 ? target_put(sd->queue->target, sd->message, sd->sysv)
			 : put_by_name(sd);
		rc = rc < 0 ? refuse(reply, sd->queue->conf, rc) : answer(sd);
	}
	free(sd);
	return rc;
}
