#include "web/visits.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "base/clock.h"
#include "web/budget.h"
#include "web/socket.h"

/* What may lie unread of a connection: evhttp reads on while it writes. More than what it lets
 * a header have. */
#define INPUT_MAX   16384
#define LOOK_MS     100  /* while there are any */
#define IDLE_MS     5000 /* for descriptors, where there were none */
#define PATIENCE_MS 2000 /* with who takes an answer slowly, while others wait */
#define READ_MS     10   /* between two reads: bytes that trickle in take a turn each */

struct visit {
	TAILQ_ENTRY(visit) link;
	struct visits *visits;
	struct bufferevent *bev; /* evhttp's, with a reference of our own */
	struct event *deadline, *resume;
	bool busy;  /* its answer is being made or sent */
	bool ended; /* shut down: evhttp will free it */
};
TAILQ_HEAD(visit_list, visit);

struct visits {
	struct event_base *base;
	struct budget *budget;
	struct evconnlistener *listener;
	bool silent;            /* its socket does not listen */
	struct event *look;     /* who has left, and who may come in */
	struct visit_list list; /* longest without a sign of life first */
	unsigned count;
};

/* evhttp sees the end of the connection then, and frees it. */
static void
visit_end(struct visit *vi)
{
	vi->ended = true;
	(void)shutdown(bufferevent_getfd(vi->bev), SHUT_RDWR);
}

static void
visit_on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	visit_end(arg);
}

/* Somebody waits at the door: who has been idle for the longest time makes room. */
static void
visits_make_room(struct visits *vs)
{
	struct timeval patience = clock_timeval(PATIENCE_MS);
	struct visit *vi;

	TAILQ_FOREACH (vi, &vs->list, link) {
		if (vi->ended)
			return; /* it is on its way out */
		if (!vi->busy)
			break;
	}
	if (vi != NULL) {
		visit_end(vi);
		return;
	}
	vi = TAILQ_FIRST(&vs->list);
	(void)event_add(vi->deadline, &patience);
}

static int
visits_try_listen(struct visits *vs)
{
	if (vs->silent &&
	    listen(evconnlistener_get_fd(vs->listener), WEB_SOCKET_BACKLOG) != 0)
		return -errno;
	vs->silent = false;
	return 0;
}

/* Let in as many as there is room and budget for, and look again later. */
static void
visits_admit(struct visits *vs)
{
	uint64_t wait_ms = budget_wait_ms(vs->budget, clock_monotonic_ms());
	uint64_t look_ms = vs->count > 0 ? LOOK_MS : IDLE_MS;
	struct timeval tv = clock_timeval(wait_ms > 0 ? wait_ms : look_ms);

	if (visits_try_listen(vs) == 0 && vs->count < VISITS_MAX && wait_ms == 0)
		(void)evconnlistener_enable(vs->listener);
	else
		(void)evconnlistener_disable(vs->listener);
	(void)event_add(vs->look, &tv);
}

static void
visit_on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
	const struct timeval tv = clock_timeval(READ_MS);
	struct visit *vi = arg;

	(void)input;
	if (info->n_added > 0 && event_add(vi->resume, &tv) == 0)
		(void)bufferevent_disable(vi->bev, EV_READ);
}

static void
visit_on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct visit *vi = arg;

	(void)fd;
	(void)what;
	/* Between a request and its answer evhttp must not read; it goes on by itself then. */
	if (!vi->busy)
		(void)bufferevent_enable(vi->bev, EV_READ);
}

/* The connection goes with its bufferevent; also of half-made visits. */
static void
visit_free(struct visit *vi)
{
	struct visits *vs = vi->visits;

	TAILQ_REMOVE(&vs->list, vi, link);
	vs->count--;
	if (vi->deadline != NULL)
		event_free(vi->deadline);
	if (vi->resume != NULL)
		event_free(vi->resume);
	if (vi->bev != NULL) {
		(void)evbuffer_remove_cb(
		    bufferevent_get_input(vi->bev), visit_on_input, vi);
		(void)bufferevent_decref(vi->bev);
	}
	free(vi);
}

/* Has evhttp freed it, but for our reference? Then it has no callbacks any more. */
static bool
visit_is_over(const struct visit *vi)
{
	bufferevent_data_cb on_read, on_write;
	bufferevent_event_cb on_event;
	void *arg;

	bufferevent_getcb(vi->bev, &on_read, &on_write, &on_event, &arg);
	return on_event == NULL;
}

static void
visits_sweep(struct visits *vs)
{
	struct visit *vi = TAILQ_FIRST(&vs->list);

	while (vi != NULL) {
		struct visit *next = TAILQ_NEXT(vi, link);

		if (visit_is_over(vi))
			visit_free(vi);
		vi = next;
	}
}

static void
visits_on_look(evutil_socket_t fd, short what, void *arg)
{
	struct visits *vs = arg;

	(void)fd;
	(void)what;
	visits_sweep(vs);
	visits_admit(vs);
}

int
visits_new(struct visits **ret, struct event_base *base, struct budget *budget)
{
	struct visits *vs = calloc(1, sizeof(*vs));

	if (vs == NULL)
		return -ENOMEM;
	vs->base = base;
	vs->budget = budget;
	TAILQ_INIT(&vs->list);
	vs->look = evtimer_new(base, visits_on_look, vs);
	if (vs->look == NULL) {
		visits_free(vs);
		return -ENOMEM;
	}
	*ret = vs;
	return 0;
}

void
visits_free(struct visits *vs)
{
	struct visit *vt, *next;

	if (vs == NULL)
		return;
	for (vt = TAILQ_FIRST(&vs->list); vt != NULL; vt = next) {
		next = TAILQ_NEXT(vt, link);
		visit_free(vt);
	}
	if (vs->look != NULL)
		event_free(vs->look);
	free(vs);
}

/* No descriptor, or no memory: the connection stays there, and would wake the loop for
 * ever. visits_on_look() enables it again. */
static void
visits_on_error(struct evconnlistener *listener, void *arg)
{
	(void)arg; /* evhttp's */
	(void)evconnlistener_disable(listener);
}

void
visits_watch(struct visits *vs, struct evconnlistener *listener)
{
	vs->listener = listener;
	evconnlistener_set_error_cb(listener, visits_on_error);
	visits_admit(vs);
}

void
visits_silence(struct visits *vs)
{
	vs->silent = true;
	(void)evconnlistener_disable(vs->listener);
	(void)shutdown(evconnlistener_get_fd(vs->listener), SHUT_RDWR);
}

int
visits_listen(struct visits *vs)
{
	int rc = visits_try_listen(vs);

	visits_admit(vs);
	return rc;
}

static void
visit_expect(struct visit *vi, uint64_t ms)
{
	struct timeval tv = clock_timeval(ms);

	/* Without a timer it would be unbounded. */
	if (event_add(vi->deadline, &tv) != 0)
		visit_end(vi);
	TAILQ_REMOVE(&vi->visits->list, vi, link);
	TAILQ_INSERT_TAIL(&vi->visits->list, vi, link);
}

struct bufferevent *
visits_begin(struct event_base *base, void *arg)
{
	struct visits *vs = arg;
	struct visit *vi = calloc(1, sizeof(*vi));

	(void)base;
	if (vi == NULL)
		return NULL;
	vi->visits = vs;
	TAILQ_INSERT_TAIL(&vs->list, vi, link);
	vs->count++;
	vi->deadline = evtimer_new(vs->base, visit_on_deadline, vi);
	vi->resume = evtimer_new(vs->base, visit_on_resume, vi);
	vi->bev = bufferevent_socket_new(vs->base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (vi->deadline == NULL || vi->resume == NULL || vi->bev == NULL ||
	    evbuffer_add_cb(bufferevent_get_input(vi->bev), visit_on_input, vi) ==
		NULL) {
		visit_free(vi);
		return NULL;
	}
	bufferevent_incref(vi->bev);
	bufferevent_setwatermark(vi->bev, EV_READ, 0, INPUT_MAX);
	visit_expect(vi, VISITS_FIRST_MS);
	budget_spend(vs->budget, BUDGET_FIXED);
	if (vs->count == VISITS_MAX)
		visits_make_room(vs);
	visits_admit(vs);
	return vi->bev;
}

bool
visits_crowded(const struct visits *vs)
{
	return vs->count > VISITS_CROWD;
}

static struct visit *
visit_of(struct visits *vs, const struct bufferevent *bev)
{
	struct visit *vi;

	TAILQ_FOREACH (vi, &vs->list, link) {
		if (vi->bev == bev)
			break;
	}
	return vi;
}

void
visits_busy(struct visits *vs, struct bufferevent *bev)
{
	struct visit *vi = visit_of(vs, bev);

	if (vi == NULL)
		return;
	vi->busy = true;
	visit_expect(vi, VISITS_NEXT_MS);
}

void
visits_idle(struct visits *vs, struct bufferevent *bev)
{
	struct visit *vi = visit_of(vs, bev);

	if (vi == NULL)
		return;
	vi->busy = false;
	visit_expect(vi, VISITS_NEXT_MS);
}
