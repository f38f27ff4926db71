#include "web/visits.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "base/clock.h"
#include "web/budget.h"

/* What may lie unread of a connection: evhttp reads on while it writes. More than what it lets
 * a header have. */
#define INPUT_MAX   16384
#define LOOK_MS     2000 /* for descriptors, where there were none */
#define PATIENCE_MS 2000 /* with who takes an answer slowly, while others wait */

struct visit {
	TAILQ_ENTRY(visit) link;
	struct visits *visits;
	struct bufferevent *bev; /* evhttp's */
	struct event *deadline;
	bool busy;  /* its answer is being made or sent */
	bool ended; /* shut down; its end will be told */
};
TAILQ_HEAD(visit_list, visit);

struct visits {
	struct event_base *base;
	struct budget *budget;           /* NULL: visits_free() was called */
	struct evconnlistener *listener; /* NULL: none yet, or not any more */
	struct event *admit;             /* look again whether one may come in */
	struct event *look;              /* the same, every LOOK_MS */
	struct visit_list list;          /* longest without a sign of life first */
	unsigned count;
};

static void
visits_release(struct visits *vs)
{
	if (vs->budget != NULL || vs->count > 0)
		return;
	if (vs->admit != NULL)
		event_free(vs->admit);
	if (vs->look != NULL)
		event_free(vs->look);
	free(vs);
}

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

	TAILQ_FOREACH(vi, &vs->list, link)
	{
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

/* Let in as many as there is room and budget for. */
static void
visits_admit(struct visits *vs)
{
	uint64_t wait_ms;
	struct timeval tv;

	if (vs->listener == NULL)
		return;
	wait_ms = budget_wait_ms(vs->budget, clock_monotonic_ms());
	tv = clock_timeval(wait_ms);
	if (vs->count < VISITS_MAX && wait_ms == 0) {
		(void)evconnlistener_enable(vs->listener);
		return;
	}
	(void)evconnlistener_disable(vs->listener);
	if (wait_ms > 0)
		(void)event_add(vs->admit, &tv);
}

static void
visits_on_admit(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	visits_admit(arg);
}

/* The bufferevent is gone. Also of half-made visits. */
static void
visit_free(void *arg)
{
	struct visit *vi = arg;
	struct visits *vs = vi->visits;

	TAILQ_REMOVE(&vs->list, vi, link);
	vs->count--;
	if (vi->deadline != NULL)
		event_free(vi->deadline);
	free(vi);
	visits_admit(vs);
	visits_release(vs);
}

int
visits_new(struct visits **ret, struct event_base *base, struct budget *budget)
{
	struct timeval look = clock_timeval(LOOK_MS);
	struct visits *vs = calloc(1, sizeof(*vs));

	if (vs == NULL)
		return -ENOMEM;
	vs->base = base;
	vs->budget = budget;
	TAILQ_INIT(&vs->list);
	vs->admit = evtimer_new(base, visits_on_admit, vs);
	vs->look = event_new(base, -1, EV_PERSIST, visits_on_admit, vs);
	if (vs->admit == NULL || vs->look == NULL || event_add(vs->look, &look) != 0) {
		visits_free(vs);
		return -ENOMEM;
	}
	*ret = vs;
	return 0;
}

void
visits_free(struct visits *vs)
{
	if (vs == NULL)
		return;
	vs->budget = NULL;
	vs->listener = NULL;
	if (vs->admit != NULL)
		(void)event_del(vs->admit);
	if (vs->look != NULL)
		(void)event_del(vs->look);
	visits_release(vs);
}

/* No descriptor, or no memory: the connection stays there, and would wake the loop for
 * ever. visits_on_admit() enables it again. */
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
}

static enum bufferevent_filter_result
visit_pass(struct evbuffer *from, struct evbuffer *to, ev_ssize_t limit,
    enum bufferevent_flush_mode mode, void *arg)
{
	(void)mode;
	(void)arg;
	return evbuffer_remove_buffer(from, to, limit < 0 ? INPUT_MAX : (size_t)limit) >
		       0
		   ? BEV_OK
		   : BEV_NEED_MORE;
}

/* A filter that changes nothing: what libevent has to tell of the end of a bufferevent. */
static struct bufferevent *
visit_open(struct visit *vi)
{
	struct bufferevent *inner =
	    bufferevent_socket_new(vi->visits->base, -1, BEV_OPT_CLOSE_ON_FREE);

	if (inner == NULL)
		return NULL;
	vi->bev = bufferevent_filter_new(
	    inner, visit_pass, NULL, BEV_OPT_CLOSE_ON_FREE, visit_free, vi);
	if (vi->bev == NULL) {
		bufferevent_free(inner);
		return NULL;
	}
	bufferevent_setwatermark(inner, EV_READ, 0, INPUT_MAX);
	bufferevent_setwatermark(vi->bev, EV_READ, 0, INPUT_MAX);
	return vi->bev;
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
	if (vi->deadline == NULL || visit_open(vi) == NULL) {
		visit_free(vi);
		return NULL;
	}
	visit_expect(vi, VISITS_FIRST_MS);
	budget_spend(vs->budget, BUDGET_FIXED);
	if (vs->count == VISITS_MAX)
		visits_make_room(vs);
	visits_admit(vs);
	return vi->bev;
}

static struct visit *
visit_of(struct visits *vs, const struct bufferevent *bev)
{
	struct visit *vi;

	TAILQ_FOREACH(vi, &vs->list, link)
	{
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
