#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "control/answer.h"
#include "control/reply.h"
#include "control/server_private.h"

#define GRACE_MS 1000 /* for a client whose time is over while it waits for its turn */

void
client_free(struct client *cl)
{
	*cl->place = NULL;
	server_forget(cl);
	places_leave(&cl->cs->places, cl->account);
	answer_free(cl->answer);
	if (cl->readable != NULL)
		event_free(cl->readable);
	if (cl->writable != NULL)
		event_free(cl->writable);
	if (cl->deadline != NULL)
		event_free(cl->deadline);
	(void)close(cl->fd);
	text_done(&cl->out);
	free(cl);
}

static void
client_on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct client *cl = arg;
	struct timeval grace = clock_timeval(GRACE_MS);

	(void)fd;
	(void)what;
	/* It is we who let it wait. */
	if (!cl->is_dead && cl->due != NULL && event_add(cl->deadline, &grace) == 0)
		return;
	client_free(cl);
}

void
client_kill(struct client *cl)
{
	cl->is_dead = true;
	server_forget(cl);
	(void)event_del(cl->readable);
	(void)event_del(cl->writable);
	event_active(cl->deadline, EV_TIMEOUT, 0);
}

bool
client_owes(const struct client *cl)
{
	if (cl->is_dead || cl->due != NULL)
		return false;
	return cl->answer == NULL || cl->out.len > 0;
}

/* Wait for ev, and give the client its full time again when it has made progress. */
static void
client_wait(struct client *cl, struct event *ev, bool progress)
{
	if (progress)
		cl->progress_ns = clock_monotonic_ns();
	if (event_add(ev, NULL) != 0 ||
	    (progress && event_add(cl->deadline, &cl->cs->idle) != 0))
		client_kill(cl);
}

/* Something of an answer that comes later, or its end: struct answer, ready(). */
static void
client_on_answer(void *owner, int rc)
{
	struct client *cl = owner;

	cl->is_whole = rc != 0;
	if (cl->is_dead)
		return;
	if (rc < 0) {
		client_kill(cl);
		return;
	}
	server_bound_memory(cl);
	client_wait(cl, cl->writable, true);
}

/* The command works on it: the time that this takes is not the client's. */
static void
client_await(struct client *cl)
{
	cl->is_whole = false;
	answer_listen(cl->answer, client_on_answer, cl);
	(void)event_del(cl->deadline);
	server_look_later(cl->cs);
}

/* Send what the socket takes. Returns 0 or -errno. */
static int
client_push(struct client *cl)
{
	size_t left = cl->out.len - cl->out_sent;
	ssize_t n = 0;

	if (left > 0)
		n = send(cl->fd, cl->out.bytes + cl->out_sent, left,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	if (n > 0) {
		cl->out_sent += (size_t)n;
		cl->progress_ns = clock_monotonic_ns();
	}
	return 0;
}

/* Answer the first len bytes of the input, which are a line without its newline, and forget
 * the first used. */
static void
client_answer(struct client *cl, size_t len, size_t used)
{
	int rc;

	if (len > 0 && cl->in[len - 1] == '\r')
		len--;
	if (len > CONTROL_LINE_MAX) {
		reply_write_error(
		    &cl->out, false, REPLY_USAGE, "the request is too long");
		rc = cl->out.rc;
		cl->is_last = true;
	} else {
		struct answer_request request = { cl->in, len, &cl->caller, NULL };

		rc = answerer_run(cl->cs->answerer, &cl->answer, &cl->out, &request);
	}
	cl->in_len -= used;
	memmove(cl->in, cl->in + used, cl->in_len);
	if (rc == 1) {
		client_await(cl);
	} else if (rc != 0 || client_push(cl) != 0) {
		client_kill(cl);
	} else {
		server_bound_memory(cl);
		client_wait(cl, cl->writable, true);
	}
}

/* Nothing waits to be sent: answer the next line that is there, or read on. */
static void
client_proceed(struct client *cl, bool progress)
{
	const char *newline = memchr(cl->in, '\n', cl->in_len);

	if (newline != NULL) {
		size_t len = (size_t)(newline - cl->in);

		client_answer(cl, len, len + 1);
	} else if (cl->in_len == sizeof(cl->in) || (cl->at_end && cl->in_len > 0)) {
		client_answer(cl, cl->in_len, cl->in_len);
	} else if (cl->at_end) {
		client_kill(cl);
	} else {
		client_wait(cl, cl->readable, progress);
	}
}

static void
client_receive(struct client *cl)
{
	ssize_t n;

	assert(cl->in_len < sizeof(cl->in));
	n = recv(
	    cl->fd, cl->in + cl->in_len, sizeof(cl->in) - cl->in_len, MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		client_kill(cl);
		return;
	}
	if (n == 0)
		cl->at_end = true;
	if (n > 0)
		cl->in_len += (size_t)n;
	client_proceed(cl, false);
}

/* The answer, or a piece of it, is with the client. */
static void
client_go_on(struct client *cl)
{
	text_done(&cl->out);
	cl->out_sent = 0;
	if (cl->answer != NULL && !cl->is_whole) {
		(void)event_del(cl->deadline);
		answer_taken(cl->answer);
		return;
	}
	answer_free(cl->answer);
	cl->answer = NULL;
	if (cl->is_last)
		client_kill(cl);
	else
		client_proceed(cl, true);
}

static void
client_send(struct client *cl)
{
	if (client_push(cl) != 0)
		client_kill(cl);
	else if (cl->out_sent < cl->out.len)
		client_wait(cl, cl->writable, false);
	else
		client_go_on(cl);
}

static void
client_on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	server_admit(arg, client_receive);
}

static void
client_on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	server_admit(arg, client_send);
}

int
client_new(struct control_server *cs, struct client **place, int fd,
    const struct control_caller *caller)
{
	struct client *cl = calloc(1, sizeof(*cl));

	if (cl == NULL) {
		(void)close(fd);
		return -ENOMEM;
	}
	cl->cs = cs;
	cl->place = place;
	*place = cl;
	cl->fd = fd;
	cl->caller = *caller;
	cl->account = places_take(&cs->places, caller->uid, clock_monotonic_ns());
	text_init(&cl->out, ANSWER_MAX);
	cl->readable = event_new(cs->base, fd, EV_READ, client_on_readable, cl);
	cl->writable = event_new(cs->base, fd, EV_WRITE, client_on_writable, cl);
	cl->deadline = evtimer_new(cs->base, client_on_deadline, cl);
	if (cl->readable == NULL || cl->writable == NULL || cl->deadline == NULL) {
		client_free(cl);
		return -ENOMEM;
	}
	client_wait(cl, cl->readable, true);
	return 0;
}
