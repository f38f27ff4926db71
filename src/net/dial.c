#include "net/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>

#include "base/clock.h"
#include "net/address.h"
#include "net/later.h"
#include "net/sockname.h"

#define DIAL_TARGETS 16   /* addresses of one name that are tried */
#define DIAL_WHY     1024 /* bytes of the reasons together */

struct target {
	struct sockaddr_storage sa;
	socklen_t len;
};

/* What evdns calls back with, also after a cancel: it outlives the dial. */
struct lookup {
	struct dial *dl; /* NULL: nobody waits any more */
	struct evdns_getaddrinfo_request *request;
};

struct dial {
	struct address address;
	struct event_base *base;
	struct evdns_base *dns;
	uint64_t deadline_ms;
	bool finished;
	struct lookup *lookup;
	struct target target[DIAL_TARGETS];
	unsigned n_targets, current;
	int fd;                /* of the current try */
	int error;             /* of the last try, negative */
	struct event *start;   /* dial_start() itself calls nothing */
	struct event *timer;   /* ends the lookup, or the current try */
	struct event *connect; /* of the current try */
	struct event *burial;
	char why[DIAL_WHY];
	size_t why_len;
	struct dial_spec spec;
};

static void dial_try(struct dial *dl);

static void
dial_free(struct dial *dl)
{
	if (dl->start != NULL)
		event_free(dl->start);
	if (dl->timer != NULL)
		event_free(dl->timer);
	if (dl->burial != NULL)
		event_free(dl->burial);
	free(dl);
}

static void
dial_on_burial(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	dial_free(arg);
}

/* End the current try. */
static void
dial_drop_try(struct dial *dl)
{
	if (dl->connect != NULL)
		event_free(dl->connect);
	dl->connect = NULL;
	if (dl->fd >= 0)
		(void)close(dl->fd);
	dl->fd = -1;
}

/* Nothing of the dial is heard of after this. */
static void
dial_end(struct dial *dl)
{
	dl->finished = true;
	dial_drop_try(dl);
	(void)event_del(dl->start);
	(void)event_del(dl->timer);
	if (dl->lookup != NULL) {
		dl->lookup->dl = NULL;
		evdns_getaddrinfo_cancel(dl->lookup->request);
		dl->lookup = NULL;
	}
	later_run(dl->burial);
}

static void
dial_done(struct dial *dl, int fd_or_error)
{
	dial_end(dl);
	dl->spec.on_done(dl->spec.owner, fd_or_error, fd_or_error < 0 ? dl->why : "");
}

/* Add "name: reason" to what is told in the end. */
static void
dial_note(struct dial *dl, const char *name, const char *reason)
{
	size_t room = sizeof(dl->why) - dl->why_len;
	int n = snprintf(dl->why + dl->why_len, room, "%s%s: %s",
	    dl->why_len > 0 ? "; " : "", name, reason);

	if (n > 0)
		dl->why_len += (size_t)n < room ? (size_t)n : room - 1;
}

static void
dial_note_try(struct dial *dl, int error)
{
	char name[SOCKNAME_MAX];
	const struct target *tg = &dl->target[dl->current];

	dl->error = error;
	dial_note(dl, sockname_format(name, &tg->sa, tg->len), strerror(-error));
}

/* The current try failed: on to the next address, if there is one. */
static void
dial_fail_try(struct dial *dl, int error)
{
	dial_note_try(dl, error);
	dial_drop_try(dl);
	dl->current++;
	dial_try(dl);
}

/* The kernel connects a socket to itself when the port is one it gives out and nobody
 * listens. */
static bool
is_self(int fd)
{
	struct sockaddr_storage a = { 0 }, b = { 0 };
	socklen_t a_len = sizeof(a), b_len = sizeof(b);

	if (getsockname(fd, (struct sockaddr *)&a, &a_len) != 0 ||
	    getpeername(fd, (struct sockaddr *)&b, &b_len) != 0)
		return false;
	return a_len == b_len && memcmp(&a, &b, a_len) == 0;
}

static void
dial_finish_try(struct dial *dl)
{
	int fd = dl->fd;

	dl->fd = -1;
	dial_done(dl, fd);
}

static void
dial_on_connect(evutil_socket_t fd, short what, void *arg)
{
	struct dial *dl = arg;
	int error = 0;
	socklen_t len = sizeof(error);

	(void)what;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error == 0 && is_self(fd))
		error = ECONNREFUSED;
	if (error != 0)
		dial_fail_try(dl, -error);
	else
		dial_finish_try(dl);
}

/* Wait no longer than one of so many even shares of the time left: one silent address
 * must not use it all up. */
static int
dial_set_timer(struct dial *dl, unsigned shares)
{
	uint64_t now_ms = clock_monotonic_ms(), share_ms;
	struct timeval tv;

	if (now_ms >= dl->deadline_ms)
		return -ETIMEDOUT;
	share_ms = (dl->deadline_ms - now_ms) / shares;
	tv = clock_timeval(share_ms);
	return event_add(dl->timer, &tv) == 0 ? 0 : -ENOMEM;
}

/* 0: connected; -EINPROGRESS: dial_on_connect() or the timer goes on; else it
 * failed. */
static int
dial_connect(struct dial *dl)
{
	const struct target *tg = &dl->target[dl->current];
	int rc = dial_set_timer(dl, dl->n_targets - dl->current);

	if (rc < 0)
		return rc;
	dl->fd =
	    socket(tg->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (dl->fd < 0)
		return -errno;
	if (connect(dl->fd, (const struct sockaddr *)&tg->sa, tg->len) == 0)
		return 0;
	/* A Unix socket says EAGAIN when the other end's queue is full: that is
	 * final. */
	if (errno != EINPROGRESS)
		return -errno;
	dl->connect = event_new(dl->base, dl->fd, EV_WRITE, dial_on_connect, dl);
	if (dl->connect == NULL || event_add(dl->connect, NULL) != 0)
		return -ENOMEM;
	return -EINPROGRESS;
}

static void
dial_try(struct dial *dl)
{
	for (; dl->current < dl->n_targets; dl->current++) {
		int rc = dial_connect(dl);

		if (rc == -EINPROGRESS)
			return;
		if (rc == 0) {
			dial_finish_try(dl);
			return;
		}
		dial_note_try(dl, rc);
		dial_drop_try(dl);
	}
	dial_done(dl, dl->error);
}

static void
dial_add_target(struct dial *dl, const void *sa, size_t len)
{
	struct target *tg = &dl->target[dl->n_targets];

	if (dl->n_targets == DIAL_TARGETS || len > sizeof(tg->sa))
		return;
	memcpy(&tg->sa, sa, len);
	tg->len = (socklen_t)len;
	dl->n_targets++;
}

static void
dial_add_v4(struct dial *dl, struct in_addr number)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_port = htons(dl->address.port),
		.sin_addr = number };

	dial_add_target(dl, &sa, sizeof(sa));
}

static void
dial_add_v6(struct dial *dl, struct in6_addr number)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6,
		.sin6_port = htons(dl->address.port),
		.sin6_addr = number };

	dial_add_target(dl, &sa, sizeof(sa));
}

static void
dial_add_unix(struct dial *dl)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	_Static_assert(sizeof(un.sun_path) == sizeof(dl->address.path), "sun_path");
	memcpy(un.sun_path, dl->address.path, sizeof(un.sun_path));
	dial_add_target(dl, &un, sizeof(un));
}

static void
dial_fail_lookup(struct dial *dl, int error, const char *reason)
{
	char what[sizeof(dl->address.host) + 32];

	(void)snprintf(what, sizeof(what), "no address for %s", dl->address.host);
	dial_note(dl, what, reason);
	dial_done(dl, error);
}

static void
dial_on_lookup(int result, struct evutil_addrinfo *list, void *arg)
{
	struct lookup *lu = arg;
	struct dial *dl = lu->dl;

	free(lu);
	if (dl != NULL) {
		dl->lookup = NULL;
		for (const struct evutil_addrinfo *ai = list; ai != NULL;
		     ai = ai->ai_next)
			dial_add_target(dl, ai->ai_addr, ai->ai_addrlen);
	}
	if (list != NULL)
		evutil_freeaddrinfo(list);
	if (dl == NULL)
		return;
	if (dl->n_targets > 0)
		dial_try(dl);
	else if (result == EVUTIL_EAI_MEMORY)
		dial_fail_lookup(dl, -ENOMEM, strerror(ENOMEM));
	else
		dial_fail_lookup(dl, -ENONET, evutil_gai_strerror(result));
}

/* dial_on_lookup() may run before evdns_getaddrinfo() returns, which then returns
 * NULL. */
static void
dial_lookup(struct dial *dl)
{
	struct evutil_addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_protocol = IPPROTO_TCP };
	struct evdns_getaddrinfo_request *request;
	struct lookup *lu;
	char port[8];
	int rc;

	if (dl->dns == NULL) {
		dial_fail_lookup(dl, -ENONET, "no name server");
		return;
	}
	rc = dial_set_timer(dl, 1);
	lu = rc == 0 ? calloc(1, sizeof(*lu)) : NULL;
	if (lu == NULL) {
		rc = rc < 0 ? rc : -ENOMEM;
		dial_fail_lookup(dl, rc, strerror(-rc));
		return;
	}
	lu->dl = dl;
	dl->lookup = lu;
	(void)snprintf(port, sizeof(port), "%u", (unsigned)dl->address.port);
	request = evdns_getaddrinfo(
	    dl->dns, dl->address.host, port, &hints, dial_on_lookup, lu);
	if (request != NULL)
		lu->request = request;
}

static void
dial_begin(struct dial *dl)
{
	const char *host = dl->address.host;
	struct in_addr v4;
	struct in6_addr v6;

	if (dl->address.kind == ADDRESS_UNIX) {
		dial_add_unix(dl);
	} else if (strcasecmp(host, "localhost") == 0) {
		dial_add_v6(dl, (struct in6_addr)IN6ADDR_LOOPBACK_INIT);
		dial_add_v4(dl, (struct in_addr){ htonl(INADDR_LOOPBACK) });
	} else if (inet_pton(AF_INET, host, &v4) == 1) {
		dial_add_v4(dl, v4);
	} else if (inet_pton(AF_INET6, host, &v6) == 1) {
		dial_add_v6(dl, v6);
	} else {
		dial_lookup(dl);
		return;
	}
	dial_try(dl);
}

static void
dial_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct dial *dl = arg;

	(void)fd;
	(void)what;
	if (dl->lookup != NULL)
		dial_fail_lookup(dl, -ENONET, strerror(ETIMEDOUT));
	else
		dial_fail_try(dl, -ETIMEDOUT);
}

static void
dial_on_start(evutil_socket_t fd, short what, void *arg)
{
	struct dial *dl = arg;

	(void)fd;
	(void)what;
	dial_begin(dl);
}

int
dial_start(struct dial **ret, struct event_base *base, struct evdns_base *dns,
    const struct dial_spec *spec)
{
	struct dial *dl = calloc(1, sizeof(*dl));

	if (dl == NULL)
		return -ENOMEM;
	dl->fd = -1;
	dl->error = -EHOSTUNREACH;
	dl->address = *spec->address;
	dl->spec = *spec;
	dl->spec.address = NULL; /* ours is the copy */
	dl->base = base;
	dl->dns = dns;
	dl->deadline_ms = clock_monotonic_ms() + spec->timeout_ms;
	dl->start = event_new(base, -1, 0, dial_on_start, dl);
	dl->timer = event_new(base, -1, 0, dial_on_timer, dl);
	dl->burial = event_new(base, -1, 0, dial_on_burial, dl);
	if (dl->start == NULL || dl->timer == NULL || dl->burial == NULL) {
		dial_free(dl);
		return -ENOMEM;
	}
	later_run(dl->start);
	*ret = dl;
	return 0;
}

void
dial_cancel(struct dial *dl)
{
	if (dl != NULL && !dl->finished)
		dial_end(dl);
}
