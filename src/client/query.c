#include "client/query.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/ask.h"
#include "client/ctl.h"
#include "control/reply.h"
#include "control/server.h"
#include "control/text.h"

static int
say(struct query *qu, int status, const char *what, const char *why)
{
	(void)snprintf(qu->why, sizeof(qu->why), "%s %s: %s", what, qu->socket, why);
	return status;
}

static int
exchange(struct query *qu, struct text *answer, const struct ask *ak)
{
	int fd;
	int rc;

	rc = ask_connect(
	    &fd, qu->socket, qu->silence_ms == 0 ? ASK_SILENCE_MS : qu->silence_ms);
	if (rc == -EACCES || rc == -EPERM)
		return say(qu, REPLY_DENIED, "not permitted to use", strerror(-rc));
	if (rc < 0)
		return say(qu, CTL_NO_DAEMON, "no daemon answers at", strerror(-rc));
	rc = ask_exchange(answer, fd, ak);
	(void)close(fd);
	if (rc < 0)
		return say(qu, CTL_NO_DAEMON, "no answer from the daemon at",
		    rc == -ETIMEDOUT ? "it is silent" : strerror(-rc));
	return REPLY_DONE;
}

static const char *
error_of(const json_t *document)
{
	const char *error = json_string_value(json_object_get(document, "error"));

	return error == NULL ? "refused" : error;
}

/* What a document that came says. Takes it over but on success. */
static int
judge(struct query *qu, json_t **ret, json_t *document, int status)
{
	if (status == REPLY_DONE || status == REPLY_WARNED) {
		*ret = document;
		return status;
	}
	if (status < 0)
		status = say(qu, CTL_NO_DAEMON, "no answer from the daemon at",
		    "what it says is not of mqbridged");
	else
		(void)snprintf(qu->why, sizeof(qu->why), "%s", error_of(document));
	json_decref(document);
	return status;
}

int
query_run(struct query *qu, json_t **ret, const char *line)
{
	char request[CONTROL_LINE_MAX + 1];
	struct ask ak = { .line = request, .as_json = true, .pieces = stderr };
	struct text answer;
	int status;

	(void)snprintf(request, sizeof(request), "%s json", line);
	ak.len = strlen(request);
	text_init(&answer, ASK_ANSWER_MAX);
	status = exchange(qu, &answer, &ak);
	if (status == REPLY_DONE)
		status = judge(qu, ret, json_loadb(answer.bytes, answer.len, 0, NULL),
		    reply_read(answer.bytes, answer.len, 1));
	text_done(&answer);
	return status;
}
