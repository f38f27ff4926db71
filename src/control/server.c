#include "control/server.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "control/answer.h"
#include "control/command.h"
#include "control/reply.h"
#include "control/socket.h"
#include "control/text.h"

#define SOCKET_MODE     0660
#define ACCEPT_PER_TURN 16   /* connections; the loop has other work */
#define ACCEPT_PAUSE_MS 1000 /* when descriptors or memory are short */
#define INPUT_MAX       (CONTROL_LINE_MAX + 2) /* a line with CR and LF */

struct client {
	struct control_server *cs; /* borrowed */
	struct client **place;     /* in its table */
	int fd;
	struct control_caller caller;
	/* Only one of the two is pending: requests are not read while an answer waits. */
	struct event *readable;
	struct event *writable;
	struct event
	    *deadline; /* ends the client; made active at once by client_kill() */
	bool at_end;   /* the client sends no more */
	bool is_last;  /* no request is read after this answer */
	char in[INPUT_MAX];
	size_t in_len;
	struct text out;
	size_t out_sent; /* bytes of out */
	/* One that comes later, or NULL; then no event is pending while the command works. */
	struct answer *answer;
	bool is_whole; /* it has been ended */
	bool is_dead;  /* killed, and not yet freed */
};

struct control_server {
	struct event_base *base; /* borrowed */
	char *path;
	char *name;
	struct timeval idle;
	struct control_socket socket;
	struct answerer *answerer;
	struct event *acceptable;
	struct event *resume;                        /* accepting, after a pause */
	struct client *clients[CONTROL_CLIENTS_MAX]; /* NULL: free */
};

/* Never under a running callback but that of the client's own deadline. */
static void
client_free(struct client *cl)
{
	*cl->place = NULL;
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
	(void)fd;
	(void)what;
	client_free(arg);
}

/* The client is freed on the next turn; none of its other callbacks comes before. */
static void
client_kill(struct client *cl)
{
	cl->is_dead = true;
	(void)event_del(cl->readable);
	(void)event_del(cl->writable);
	event_active(cl->deadline, EV_TIMEOUT, 0);
}

/* Wait for ev, and give the client its full time again when it has made progress. */
static void
client_wait(struct client *cl, struct event *ev, bool progress)
{
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
	if (rc < 0)
		client_kill(cl);
	else
		client_wait(cl, cl->writable, true);
}

/* The command works on it: the time that this takes is not the client's. */
static void
client_await(struct client *cl)
{
	cl->is_whole = false;
	answer_listen(cl->answer, client_on_answer, cl);
	(void)event_del(cl->deadline);
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
		struct answer_request request = { cl->in, len, &cl->caller };

		rc = answerer_run(cl->cs->answerer, &cl->answer, &cl->out, &request);
	}
	cl->in_len -= used;
	memmove(cl->in, cl->in + used, cl->in_len);
	if (rc == 1)
		client_await(cl);
	else if (rc != 0)
		client_kill(cl);
	else
		client_wait(cl, cl->writable, true);
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
client_on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct client *cl = arg;
	ssize_t n;

	(void)what;
	assert(cl->in_len < sizeof(cl->in));
	n = recv(fd, cl->in + cl->in_len, sizeof(cl->in) - cl->in_len, MSG_DONTWAIT);
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

static void
client_on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct client *cl = arg;
	ssize_t n;

	(void)what;
	n = send(fd, cl->out.bytes + cl->out_sent, cl->out.len - cl->out_sent,
	    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		client_kill(cl);
		return;
	}
	if (n > 0)
		cl->out_sent += (size_t)n;
	if (cl->out_sent < cl->out.len) {
		client_wait(cl, cl->writable, false);
		return;
	}
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

/* Who connected. Returns 0 or -errno. */
static int
identify(struct control_caller *ret, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return -errno;
	*ret = (struct control_caller){ cred.uid, cred.gid, cred.pid, CONTROL_VIEWER };
	if (cred.uid == 0 || cred.uid == geteuid())
		ret->role = CONTROL_ADMIN;
	return 0;
}

/* A new client for a free place of the table. Takes over fd. */
static int
client_new(struct control_server *cs, struct client **place, int fd)
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
	text_init(&cl->out, ANSWER_MAX);
	cl->readable = event_new(cs->base, fd, EV_READ, client_on_readable, cl);
	cl->writable = event_new(cs->base, fd, EV_WRITE, client_on_writable, cl);
	cl->deadline = evtimer_new(cs->base, client_on_deadline, cl);
	if (cl->readable == NULL || cl->writable == NULL || cl->deadline == NULL) {
		client_free(cl);
		return -ENOMEM;
	}
	if (identify(&cl->caller, fd) != 0)
		client_kill(cl);
	else
		client_wait(cl, cl->readable, true);
	return 0;
}

/* Say why and hang up; a fresh socket has room for the line. Takes over fd. */
static void
turn_away(int fd)
{
	struct text out;

	text_init(&out, ANSWER_MAX);
	reply_write_error(&out, false, REPLY_REFUSED, "too many clients");
	if (out.rc == 0)
		(void)send(fd, out.bytes, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	text_done(&out);
	(void)close(fd);
}

/* Returns 0, or -errno when no more can be accepted now. */
static int
accept_one(struct control_server *cs)
{
	int fd = accept4(cs->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (cs->clients[i] == NULL)
			return client_new(cs, &cs->clients[i], fd);
	}
	turn_away(fd);
	return 0;
}

static void
server_on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct control_server *cs = arg;
	struct timeval pause = clock_timeval(ACCEPT_PAUSE_MS);
	int rc = 0;

	(void)fd;
	(void)what;
	for (int i = 0; i < ACCEPT_PER_TURN && rc == 0; i++)
		rc = accept_one(cs);
	switch (rc) {
	case 0:
	case -EAGAIN:
	case -EINTR:
	case -ECONNABORTED:
		return;
	default:
		/* The connection stays there, and would wake the loop for ever. */
		if (event_add(cs->resume, &pause) == 0)
			(void)event_del(cs->acceptable);
	}
}

static void
server_on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct control_server *cs = arg;
	struct timeval pause = clock_timeval(ACCEPT_PAUSE_MS);

	(void)fd;
	(void)what;
	if (event_add(cs->acceptable, NULL) != 0)
		(void)event_add(cs->resume, &pause);
}

static int
server_start(struct control_server *cs, const struct control_spec *spec)
{
	struct control_spec own = *spec;
	int rc;

	cs->path = strdup(spec->path);
	cs->name = strdup(spec->name);
	if (cs->path == NULL || cs->name == NULL)
		return -ENOMEM;
	own.name = cs->name;
	rc = answerer_new(&cs->answerer, &own);
	if (rc != 0)
		return rc;
	rc = control_socket_open(&cs->socket, cs->path, SOCKET_MODE);
	if (rc != 0)
		return rc;
	cs->acceptable = event_new(
	    cs->base, cs->socket.fd, EV_READ | EV_PERSIST, server_on_acceptable, cs);
	cs->resume = evtimer_new(cs->base, server_on_resume, cs);
	if (cs->acceptable == NULL || cs->resume == NULL)
		return -ENOMEM;
	return event_add(cs->acceptable, NULL) == 0 ? 0 : -ENOMEM;
}

int
control_server_open(struct control_server **ret, struct event_base *base,
    const struct control_spec *spec)
{
	struct control_server *cs = calloc(1, sizeof(*cs));
	int rc;

	if (cs == NULL)
		return -ENOMEM;
	cs->base = base;
	cs->idle =
	    clock_timeval(spec->idle_ms == 0 ? CONTROL_CLIENT_IDLE_MS : spec->idle_ms);
	cs->socket.fd = -1;
	rc = server_start(cs, spec);
	if (rc != 0) {
		control_server_close(cs);
		return rc;
	}
	*ret = cs;
	return 0;
}

void
control_server_close(struct control_server *cs)
{
	if (cs == NULL)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (cs->clients[i] != NULL)
			client_free(cs->clients[i]);
	}
	if (cs->acceptable != NULL)
		event_free(cs->acceptable);
	if (cs->resume != NULL)
		event_free(cs->resume);
	control_socket_close(&cs->socket, cs->path);
	answerer_free(cs->answerer);
	free(cs->path);
	free(cs->name);
	free(cs);
}
