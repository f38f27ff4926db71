#include "control/server.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "control/answer.h"
#include "control/reply.h"
#include "control/server_private.h"

#define SOCKET_MODE     0660
#define ACCEPT_PER_TURN 16   /* connections; the loop has other work */
#define ACCEPT_PAUSE_MS 1000 /* when descriptors or memory are short */
#define LOOK_MS         1000 /* how soon it is seen that the client of a command has left */
#define NS_PER_MS       1000000

/* Say why and hang up; a fresh socket has room for the line. Takes over fd. */
static void
turn_away(int fd, const char *why)
{
	struct text out;

	text_init(&out, ANSWER_MAX);
	reply_write_error(&out, false, REPLY_REFUSED, why);
	if (out.rc == 0)
		(void)send(fd, out.bytes, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	text_done(&out);
	(void)close(fd);
}

/* How much the client deserves to go, 0: not at all. Longer silent, or else more of the loop's
 * time, is more. */
static int64_t
burden_of(const struct client *cl, int64_t now_ns)
{
	int64_t silent_ns = now_ns - cl->progress_ns;

	if (!client_owes(cl))
		silent_ns = 0;
	if (silent_ns >= (int64_t)CONTROL_SILENT_MS * NS_PER_MS)
		return INT64_MAX / 2 + silent_ns;
	/* Not those for which a command works: they may wait for long. */
	if (cl->answer == NULL && !cl->is_dead &&
	    cl->total_ns >= (int64_t)CONTROL_HEAVY_MS * NS_PER_MS)
		return cl->total_ns;
	return 0;
}

/* The client of that user that has to go for another; or NULL. */
static struct client *
find_burden(const struct control_server *cs, uid_t uid)
{
	int64_t now_ns = clock_monotonic_ns();
	struct client *ret = NULL;
	int64_t most = 0;

	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct client *cl = cs->clients[i];
		int64_t burden;

		if (cl == NULL || cl->caller.uid != uid)
			continue;
		burden = burden_of(cl, now_ns);
		if (burden > most) {
			most = burden;
			ret = cl;
		}
	}
	return ret;
}

/* NULL, or why there is no place for another client of that caller. */
static const char *
make_place(struct control_server *cs, const struct control_caller *caller)
{
	enum place_refusal refusal = places_ask(&cs->places, caller);

	if (refusal == PLACE_USER_FULL) {
		struct client *burden = find_burden(cs, caller->uid);

		if (burden == NULL)
			return "too many clients of your user";
		/* None of its callbacks is running: this is one of the server. */
		client_free(burden);
		refusal = places_ask(&cs->places, caller);
	}
	return refusal == PLACE_FREE ? NULL : "too many clients";
}

/* Returns 0, or -errno when no more can be accepted now. */
static int
accept_one(struct control_server *cs)
{
	int fd = accept4(cs->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct control_caller caller;
	const char *why;
	size_t i = 0;

	if (fd < 0)
		return -errno;
	if (roles_identify(&caller, &cs->roles, fd) != 0) {
		(void)close(fd);
		return 0;
	}
	why = make_place(cs, &caller);
	if (why != NULL) {
		turn_away(fd, why);
		return 0;
	}
	while (cs->clients[i] != NULL)
		i++;
	return client_new(cs, &cs->clients[i], fd, &caller);
}

/* Somebody waits for a turn. */
static void
await_turn(struct control_server *cs)
{
	struct timeval wait = clock_timeval(share_wait_ms(&cs->share));

	if (!evtimer_pending(cs->turn, NULL))
		(void)event_add(cs->turn, &wait);
}

static void
pause_accepting(struct control_server *cs)
{
	struct timeval pause = clock_timeval(ACCEPT_PAUSE_MS);

	/* The connection stays there, and would wake the loop for ever. */
	if (event_add(cs->resume, &pause) == 0)
		(void)event_del(cs->acceptable);
}

/* Accept at most n, as long as the share lasts. */
static void
accept_some(struct control_server *cs, int n)
{
	int64_t now_ns = clock_monotonic_ns();
	int rc = 0;

	for (int i = 0; i < n && rc == 0 && share_is_open(&cs->share, now_ns); i++) {
		int64_t begun_ns = now_ns;

		rc = accept_one(cs);
		now_ns = clock_monotonic_ns();
		share_spend(&cs->share, now_ns - begun_ns);
	}
	switch (rc) {
	case 0:
	case -EAGAIN:
	case -EINTR:
	case -ECONNABORTED:
		return;
	default:
		pause_accepting(cs);
	}
}

static void
server_on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct control_server *cs = arg;

	(void)fd;
	(void)what;
	accept_some(cs, ACCEPT_PER_TURN);
	if (share_is_open(&cs->share, clock_monotonic_ns()))
		return;
	cs->accept_waits = true;
	(void)event_del(cs->acceptable);
	await_turn(cs);
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

/* Do what the client has to do. It is freed on a later turn at the earliest. */
static void
serve(struct client *cl, void (*due)(struct client *cl), int64_t now_ns)
{
	int64_t spent_ns;

	due(cl);
	spent_ns = clock_monotonic_ns() - now_ns;
	share_spend(&cl->cs->share, spent_ns);
	(void)places_spend(cl->account, spent_ns, now_ns);
	cl->spent_ns = spent_ns;
	cl->total_ns += spent_ns;
}

void
server_admit(struct client *cl, void (*due)(struct client *cl))
{
	struct control_server *cs = cl->cs;
	int64_t now_ns = clock_monotonic_ns();

	if (TAILQ_EMPTY(&cs->waiting) && share_is_open(&cs->share, now_ns)) {
		serve(cl, due, now_ns);
		return;
	}
	cl->due = due;
	cl->due_ns = now_ns;
	TAILQ_INSERT_TAIL(&cs->waiting, cl, link);
	await_turn(cs);
}

void
server_forget(struct client *cl)
{
	if (cl->due != NULL)
		TAILQ_REMOVE(&cl->cs->waiting, cl, link);
	cl->due = NULL;
}

/* What stands against a client: what its user has had lately, and it had itself when it came
 * last. Who waits gains with the time, at the pace at which each that waits could be given
 * some, so that nobody waits for ever. */
static int64_t
cost_of(const struct client *cl, int64_t now_ns, int64_t n_waiting)
{
	return places_spend(cl->account, 0, now_ns) + cl->spent_ns -
	       (now_ns - cl->due_ns) / 100 * SHARE_PERCENT / (2 * n_waiting);
}

/* Whose turn is it? */
static struct client *
choose(const struct control_server *cs, int64_t now_ns)
{
	struct client *best = NULL;
	int64_t best_cost = 0;
	int64_t n_waiting = 0;
	struct client *cl;

	TAILQ_FOREACH (cl, &cs->waiting, link)
		n_waiting++;
	TAILQ_FOREACH (cl, &cs->waiting, link) {
		int64_t cost = cost_of(cl, now_ns, n_waiting);

		if (best == NULL || cost < best_cost) {
			best = cl;
			best_cost = cost;
		}
	}
	return best;
}

static void
server_on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct control_server *cs = arg;
	int64_t now_ns = clock_monotonic_ns();

	(void)fd;
	(void)what;
	share_begin_slice(&cs->share);
	/* One, so that those who are in do not keep out the others. */
	if (cs->accept_waits)
		accept_some(cs, 1);
	while (share_is_open(&cs->share, now_ns)) {
		struct client *cl = choose(cs, now_ns);
		void (*due)(struct client *);

		if (cl == NULL)
			break;
		due = cl->due;
		server_forget(cl);
		serve(cl, due, now_ns);
		now_ns = clock_monotonic_ns();
	}
	if (TAILQ_EMPTY(&cs->waiting) && cs->accept_waits &&
	    event_add(cs->acceptable, NULL) == 0)
		cs->accept_waits = false;
	if (!TAILQ_EMPTY(&cs->waiting) || cs->accept_waits)
		await_turn(cs);
}

void
server_look_later(struct control_server *cs)
{
	struct timeval look = clock_timeval(LOOK_MS);

	if (!evtimer_pending(cs->look, NULL))
		(void)event_add(cs->look, &look);
}

static void
server_on_look(evutil_socket_t fd, short what, void *arg)
{
	struct control_server *cs = arg;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct client *cl = cs->clients[i];
		struct pollfd at;

		if (cl == NULL || cl->answer == NULL || cl->is_dead)
			continue;
		server_look_later(cs);
		/* Not half closed: who only has no more to ask waits for the answer. */
		at = (struct pollfd){ .fd = cl->fd };
		if (poll(&at, 1, 0) == 1 && (at.revents & (POLLHUP | POLLERR)) != 0)
			client_kill(cl);
	}
}

void
server_bound_memory(const struct client *grown)
{
	const struct control_server *cs = grown->cs;

	for (;;) {
		struct client *worst = NULL;
		size_t pending = 0;

		for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
			struct client *cl = cs->clients[i];

			if (cl == NULL || cl->is_dead)
				continue;
			pending += cl->out.size;
			if (cl != grown && cl->out.size > 0 &&
			    (worst == NULL || cl->progress_ns < worst->progress_ns))
				worst = cl;
		}
		if (pending <= CONTROL_PENDING_MAX || worst == NULL)
			return;
		client_kill(worst);
	}
}

/* What was permitted before, a tap with bodies for instance, may not go on. */
static void
identify_again(struct client *cl)
{
	enum control_role before = cl->caller.role;

	if (roles_identify(&cl->caller, &cl->cs->roles, cl->fd) != 0 ||
	    (cl->answer != NULL && cl->caller.role < before))
		client_kill(cl);
}

unsigned
control_server_clients(const struct control_server *cs)
{
	return cs->places.n_clients;
}

void
control_server_take_roles(struct control_server *cs, struct control_roles *roles)
{
	roles_done(&cs->roles);
	cs->roles = *roles;
	*roles = (struct control_roles){ 0 };
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (cs->clients[i] != NULL)
			identify_again(cs->clients[i]);
	}
}

static int
server_watch(struct control_server *cs)
{
	cs->acceptable = event_new(
	    cs->base, cs->socket.fd, EV_READ | EV_PERSIST, server_on_acceptable, cs);
	cs->resume = evtimer_new(cs->base, server_on_resume, cs);
	cs->turn = evtimer_new(cs->base, server_on_turn, cs);
	cs->look = evtimer_new(cs->base, server_on_look, cs);
	if (cs->acceptable == NULL || cs->resume == NULL || cs->turn == NULL ||
	    cs->look == NULL)
		return -ENOMEM;
	return event_add(cs->acceptable, NULL) == 0 ? 0 : -ENOMEM;
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
	rc = roles_copy(&cs->roles, spec->roles);
	if (rc != 0)
		return rc;
	rc = answerer_new(&cs->answerer, &own);
	if (rc != 0)
		return rc;
	if (spec->passed == NULL)
		rc = control_socket_open(
		    &cs->socket, cs->path, SOCKET_MODE, spec->group);
	return rc != 0 ? rc : server_watch(cs);
}

int
control_server_open(struct control_server **ret, struct event_base *base,
    const struct control_spec *spec)
{
	struct control_server *cs = calloc(1, sizeof(*cs));
	int rc;

	if (cs == NULL) {
		if (spec->passed != NULL)
			(void)close(*spec->passed);
		return -ENOMEM;
	}
	cs->base = base;
	cs->idle =
	    clock_timeval(spec->idle_ms == 0 ? CONTROL_CLIENT_IDLE_MS : spec->idle_ms);
	cs->socket.fd = -1;
	if (spec->passed != NULL)
		control_socket_adopt(&cs->socket, *spec->passed);
	TAILQ_INIT(&cs->waiting);
	share_init(&cs->share, clock_monotonic_ns());
	rc = server_start(cs, spec);
	if (rc != 0) {
		control_server_close(cs);
		return rc;
	}
	*ret = cs;
	return 0;
}

static void
free_event(struct event *ev)
{
	if (ev != NULL)
		event_free(ev);
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
	free_event(cs->acceptable);
	free_event(cs->resume);
	free_event(cs->turn);
	free_event(cs->look);
	control_socket_close(&cs->socket, cs->path);
	answerer_free(cs->answerer);
	roles_done(&cs->roles);
	free(cs->path);
	free(cs->name);
	free(cs);
}
