#include "web/document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/clock.h"
#include "control/answer.h"
#include "control/command.h"
#include "control/reply.h"
#include "control/text.h"
#include "net/later.h"
#include "web/bytes.h"

#define STATUS_GOOD        200
#define STATUS_DENIED      403
#define STATUS_ABSENT      404
#define STATUS_UNAVAILABLE 503

struct document {
	struct document_spec spec;
	struct control_caller caller; /* of the command */
	struct bytes *bytes;
	int status;
	uint64_t made_ms; /* 0: never */
	uint64_t begun_ms;
	bool making;
	struct text whole;     /* while it is made */
	struct text out;       /* the command's */
	struct answer *answer; /* a command's that answers later, */
	int answer_rc;         /* and what it told last */
	enum reply_fault fault;
	void *work;         /* the maker's */
	struct event *step; /* go on making; or tell that it is made */
	struct event *deadline;
};

static void
document_stop(struct document *dc)
{
	if (dc->work != NULL)
		dc->spec.maker->end(dc->work);
	dc->work = NULL;
	answer_free(dc->answer);
	dc->answer = NULL;
	text_done(&dc->out);
	text_done(&dc->whole);
	(void)event_del(dc->deadline);
}

/* What whole has, or rc, is the document now; its owner is told on another turn. */
static void
document_made(struct document *dc, int rc)
{
	struct bytes *bytes = NULL;

	if (rc == 0)
		rc = dc->whole.rc;
	if (rc == 0) {
		rc = bytes_new(&bytes, dc->spec.pool, dc->whole.bytes, dc->whole.len);
		text_init(&dc->whole, DOCUMENT_MAX); /* what it had is taken over */
	}
	if (rc != 0)
		dc->status = STATUS_UNAVAILABLE;
	bytes_drop(dc->bytes);
	dc->bytes = bytes;
	dc->made_ms = clock_monotonic_ms();
	document_stop(dc);
	later_run(dc->step);
}

/* ---- by a command ------------------------------------------------------------- */

static int
status_of(enum reply_fault fault)
{
	switch (fault) {
	case REPLY_DONE:
		return STATUS_GOOD;
	case REPLY_DENIED:
		return STATUS_DENIED;
	case REPLY_ABSENT:
		return STATUS_ABSENT;
	default:
		return STATUS_UNAVAILABLE;
	}
}

static void
take_out(struct document *dc)
{
	text_put(&dc->whole, dc->out.bytes, dc->out.len);
	if (dc->out.rc != 0)
		dc->whole.rc = dc->out.rc;
	text_clear(&dc->out);
}

/* The line that ends an answer is of the control socket. */
static void
command_made(struct document *dc, int rc)
{
	struct text *tx = &dc->whole;

	if (rc == 0 && tx->rc == 0) {
		if (tx->len > 0 && tx->bytes[tx->len - 1] == '\n')
			text_cut(tx, tx->len - 1);
		dc->status = status_of(dc->fault);
	}
	document_made(dc, rc);
}

/* The command is not to lose its reply while it calls this. */
static void
document_on_answer(void *owner, int rc)
{
	struct document *dc = owner;

	dc->answer_rc = rc;
	later_run(dc->step);
}

static void
command_go_on(struct document *dc)
{
	take_out(dc);
	if (dc->answer_rc == 0 && dc->whole.rc == 0)
		answer_taken(dc->answer);
	else
		command_made(dc, dc->answer_rc < 0 ? dc->answer_rc : 0);
}

static void
command_begin(struct document *dc)
{
	struct answer_request request = { .line = dc->spec.command,
		.len = strlen(dc->spec.command),
		.caller = &dc->caller,
		.fault = &dc->fault };
	int rc;

	rc = answerer_run(dc->spec.answerer, &dc->answer, &dc->out, &request);
	if (rc == 1) {
		answer_listen(dc->answer, document_on_answer, dc);
		return;
	}
	take_out(dc);
	command_made(dc, rc);
}

/* ---- by a maker --------------------------------------------------------------- */

static void
maker_begin(struct document *dc)
{
	int rc = dc->spec.maker->begin(&dc->work, dc->spec.maker->context);

	if (rc != 0)
		document_made(dc, rc);
	else
		later_run(dc->step);
}

static void
maker_go_on(struct document *dc)
{
	int rc = dc->spec.maker->piece(dc->work, &dc->whole);

	if (rc == 1) {
		later_run(dc->step);
		return;
	}
	dc->status = STATUS_GOOD;
	document_made(dc, rc);
}

/* ------------------------------------------------------------------------------- */

static void
document_on_step(evutil_socket_t fd, short what, void *arg)
{
	struct document *dc = arg;

	(void)fd;
	(void)what;
	if (dc->work != NULL) {
		maker_go_on(dc);
	} else if (dc->answer != NULL) {
		command_go_on(dc);
	} else {
		dc->making = false;
		dc->spec.on_made(dc->spec.owner);
	}
}

static void
document_on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	document_made(arg, -ETIMEDOUT);
}

int
document_new(struct document **ret, const struct document_spec *spec)
{
	struct document *dc = calloc(1, sizeof(*dc));

	if (dc == NULL)
		return -ENOMEM;
	dc->spec = *spec;
	dc->caller = (struct control_caller){
		.uid = (uid_t)-1, .gid = (gid_t)-1, .role = CONTROL_VIEWER
	};
	text_init(&dc->whole, DOCUMENT_MAX);
	text_init(&dc->out, ANSWER_MAX);
	dc->step = event_new(spec->base, -1, 0, document_on_step, dc);
	dc->deadline = evtimer_new(spec->base, document_on_deadline, dc);
	if (dc->step == NULL || dc->deadline == NULL) {
		document_free(dc);
		return -ENOMEM;
	}
	*ret = dc;
	return 0;
}

void
document_free(struct document *dc)
{
	if (dc == NULL)
		return;
	if (dc->deadline != NULL) {
		document_stop(dc);
		event_free(dc->deadline);
	}
	if (dc->step != NULL)
		event_free(dc->step);
	bytes_drop(dc->bytes);
	free(dc);
}

bool
document_is_ready(const struct document *dc, uint64_t asked_ms, uint64_t now_ms)
{
	return dc->made_ms != 0 && !dc->making &&
	       (dc->begun_ms >= asked_ms || now_ms - dc->made_ms < DOCUMENT_KEPT_MS);
}

void
document_make(struct document *dc)
{
	struct timeval tv = clock_timeval(DOCUMENT_MAKE_MS);

	if (dc->making)
		return;
	dc->making = true;
	dc->begun_ms = clock_monotonic_ms();
	text_init(&dc->whole, DOCUMENT_MAX);
	text_init(&dc->out, ANSWER_MAX);
	if (event_add(dc->deadline, &tv) != 0)
		document_made(dc, -ENOMEM);
	else if (dc->spec.maker != NULL)
		maker_begin(dc);
	else
		command_begin(dc);
}

int
document_take(const struct document *dc, struct bytes **ret)
{
	*ret = dc->bytes;
	return dc->bytes == NULL ? STATUS_UNAVAILABLE : dc->status;
}
