#include "assembly/survey.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>

#include "assembly/alarm.h"
#include "assembly/assembly.h"
#include "assembly/numbers.h"
#include "base/clock.h"
#include "base/slice.h"

#define EVERY_MS 1000

struct survey {
	const struct assembly *as;
	survey_done_fn *on_done;
	void *owner;
	struct event *second; /* begin */
	struct event *turn;   /* go on */
	bool is_going_on;
	uint64_t changes; /* of the assembly, when it began */
	size_t next;      /* object: routes, queues, peers */
	struct numbers_total total;
};

static void
survey_begin(struct survey *su)
{
	su->is_going_on = true;
	su->changes = su->as->changes;
	su->next = 0;
	numbers_total_begin(&su->total);
}

static void
look_at_route(struct survey *su, struct assembly_route *ar)
{
	struct numbers_route nr;

	numbers_route(su->as, ar, &nr);
	numbers_route_tick(ar, &nr);
	alarm_look(ar, &nr.health);
	numbers_total_route(&su->total, ar, &nr);
}

static void
look_at_queue(struct survey *su, struct assembly_queue *aq)
{
	struct numbers_queue nq;

	numbers_queue(su->as, aq, &nq);
	numbers_queue_tick(aq, &nq);
	numbers_total_queue(&su->total, aq, &nq);
}

static void
look_at_peer(struct survey *su, struct assembly_peer *ap)
{
	struct numbers_peer np;

	numbers_peer(su->as, ap, &np);
	numbers_peer_tick(ap, &np);
	numbers_total_peer(&su->total, ap, &np);
}

/* Returns whether there was one more. */
static bool
look_at_next(struct survey *su)
{
	const struct assembly *as = su->as;
	size_t i = su->next++;

	if (i < as->n_routes) {
		look_at_route(su, as->routes[i]);
		return true;
	}
	i -= as->n_routes;
	if (i < as->n_queues) {
		look_at_queue(su, as->queues[i]);
		return true;
	}
	i -= as->n_queues;
	if (i < as->n_peers)
		look_at_peer(su, as->peers[i]);
	return i < as->n_peers;
}

static void
survey_go_on(struct survey *su)
{
	const struct timeval soon = { 0 };
	bool more = true;
	struct slice sl;

	/* What was found before a reload may be gone, and so are its names. */
	if (su->changes != su->as->changes)
		survey_begin(su);
	slice_begin(&sl);
	while (more && slice_has_room(&sl))
		more = look_at_next(su);
	if (more && event_add(su->turn, &soon) == 0)
		return;
	su->is_going_on = false;
	if (more)
		return; /* without memory; the next second may have some */
	numbers_total_end(su->as, &su->total);
	su->on_done(su->owner, &su->total);
}

static void
survey_on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	survey_go_on(arg);
}

static void
survey_on_second(evutil_socket_t fd, short what, void *arg)
{
	struct survey *su = arg;

	(void)fd;
	(void)what;
	if (su->is_going_on)
		return;
	survey_begin(su);
	survey_go_on(su);
}

int
survey_new(struct survey **ret, const struct assembly *as, survey_done_fn *on_done,
    void *owner)
{
	const struct timeval every = clock_timeval(EVERY_MS);
	struct survey *su = calloc(1, sizeof(*su));

	if (su == NULL)
		return -ENOMEM;
	su->as = as;
	su->on_done = on_done;
	su->owner = owner;
	su->second = event_new(as->base, -1, EV_PERSIST, survey_on_second, su);
	su->turn = event_new(as->base, -1, 0, survey_on_turn, su);
	if (su->second == NULL || su->turn == NULL ||
	    event_add(su->second, &every) < 0) {
		survey_free(su);
		return -ENOMEM;
	}
	*ret = su;
	return 0;
}

void
survey_free(struct survey *su)
{
	if (su == NULL)
		return;
	if (su->second != NULL)
		event_free(su->second);
	if (su->turn != NULL)
		event_free(su->turn);
	free(su);
}
