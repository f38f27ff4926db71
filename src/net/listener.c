#include "net/listener.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "net/address.h"
#include "net/later.h"
#include "net/peercred.h"
#include "net/tcpsock.h"
#include "net/unixsock.h"

#define LISTENER_BACKLOG 128 /* connections that wait for us in the kernel */
#define LISTENER_SHARE   16  /* accepted in one turn of the loop */
#define LISTENER_PAUSE_S 1   /* without descriptors or memory */

struct listener {
	int fd;
	struct address address;
	struct listener_spec spec;
	struct stat file; /* our Unix socket file */
	bool own_file;
	unsigned strangers;
	bool pausing;       /* for LISTENER_PAUSE_S */
	uint64_t silent_ms; /* since when it does not listen, 0: it does */
	/* Pending unless strangers are at their limit, or it is pausing or silent. */
	struct event *incoming;
	struct event *resume, *burial;
};

static void
listener_free(struct listener *ls)
{
	if (ls->incoming != NULL)
		event_free(ls->incoming);
	if (ls->resume != NULL)
		event_free(ls->resume);
	if (ls->burial != NULL)
		event_free(ls->burial);
	free(ls);
}

static void
listener_on_burial(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	listener_free(arg);
}

/* Hand one accepted socket to the owner, who may close the listener meanwhile. */
static void
listener_admit(struct listener *ls, int fd)
{
	struct ucred cred = { .uid = (uid_t)-1 };
	char why[128];

	if (ls->address.kind == ADDRESS_UNIX &&
	    !peercred_allowed(fd, &ls->spec, &cred)) {
		(void)close(fd);
		(void)snprintf(why, sizeof(why),
		    "uid %u (gid %u, pid %d) is not among its users and groups",
		    cred.uid, cred.gid, cred.pid);
		ls->spec.ops->on_refuse(ls->spec.owner, why);
		return;
	}
	ls->strangers++;
	ls->spec.ops->on_accept(ls->spec.owner, fd);
}

/* Is there no use in trying again at once? What else accept(2) may return concerns only
 * the connection that failed. */
static bool
is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	       error == ENOMEM;
}

static void
listener_pause(struct listener *ls, int error)
{
	static const struct timeval pause = { LISTENER_PAUSE_S, 0 };
	char why[128];

	/* Without a timer we stay awake: the loop then turns idly, but goes on. */
	if (event_add(ls->resume, &pause) == 0) {
		ls->pausing = true;
		(void)event_del(ls->incoming);
	}
	(void)snprintf(why, sizeof(why), "%s: accepting pauses for %d s",
	    strerror(error), LISTENER_PAUSE_S);
	ls->spec.ops->on_refuse(ls->spec.owner, why);
}

static void
listener_on_incoming(evutil_socket_t fd, short what, void *arg)
{
	struct listener *ls = arg;

	(void)fd;
	(void)what;
	for (int i = 0; i < LISTENER_SHARE && ls->fd >= 0; i++) {
		int got;

		if (ls->strangers >= ls->spec.max_strangers) {
			(void)event_del(ls->incoming);
			return;
		}
		got = accept4(ls->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (got >= 0) {
			listener_admit(ls, got);
		} else if (errno == EAGAIN) {
			return;
		} else if (is_shortage(errno)) {
			listener_pause(ls, errno);
			return;
		}
	}
}

/* Without memory for it, the next listener_done() or pause tries again. */
static void
listener_wake(struct listener *ls)
{
	if (!ls->pausing && ls->silent_ms == 0 &&
	    ls->strangers < ls->spec.max_strangers)
		(void)event_add(ls->incoming, NULL);
}

static void
listener_on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct listener *ls = arg;

	(void)fd;
	(void)what;
	ls->pausing = false;
	if (ls->silent_ms == 0)
		listener_wake(ls);
	else if (listener_listen(ls) == 0 && ls->spec.ops->on_listen != NULL)
		ls->spec.ops->on_listen(ls->spec.owner);
}

/* Takes over fd, which listens. */
static int
listener_start(struct listener **ret, struct event_base *base, int fd,
    const struct listener *preset)
{
	struct listener *ls = malloc(sizeof(*ls));

	if (ls == NULL)
		goto fail;
	*ls = *preset;
	ls->fd = fd;
	ls->incoming =
	    event_new(base, fd, EV_READ | EV_PERSIST, listener_on_incoming, ls);
	ls->resume = event_new(base, -1, 0, listener_on_resume, ls);
	ls->burial = event_new(base, -1, 0, listener_on_burial, ls);
	if (ls->incoming == NULL || ls->resume == NULL || ls->burial == NULL ||
	    event_add(ls->incoming, NULL) != 0)
		goto fail;
	*ret = ls;
	return 0;
fail:
	if (ls != NULL)
		listener_free(ls);
	if (preset->own_file)
		unixsock_unlink(preset->address.path, &preset->file);
	(void)close(fd);
	return -ENOMEM;
}

int
listener_open(
    struct listener **ret, struct event_base *base, const struct listener_spec *spec)
{
	struct listener preset = { .address = *spec->address, .spec = *spec };
	int fd;

	preset.spec.address = NULL; /* ours is the copy */
	if (preset.address.kind == ADDRESS_UNIX) {
		fd = unixsock_listen(
		    preset.address.path, spec->mode, LISTENER_BACKLOG, &preset.file);
		preset.own_file = fd >= 0;
	} else {
		fd = tcpsock_listen(&preset.address, LISTENER_BACKLOG);
	}
	return fd < 0 ? fd : listener_start(ret, base, fd, &preset);
}

/* Is it a listening stream socket of that kind of address? */
static bool
is_listening(int fd, enum address_kind kind)
{
	int listens = 0, type = 0, domain = 0;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0)
		return false;
	return listens != 0 && type == SOCK_STREAM &&
	       (domain == AF_UNIX) == (kind == ADDRESS_UNIX);
}

int
listener_adopt(struct listener **ret, struct event_base *base, int fd,
    const struct listener_spec *spec)
{
	struct listener preset = { .address = *spec->address, .spec = *spec };
	int flags = fcntl(fd, F_GETFL);
	int rc;

	preset.spec.address = NULL;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
		rc = -errno;
		(void)close(fd);
		return rc;
	}
	if (!is_listening(fd, preset.address.kind)) {
		(void)close(fd);
		return -EINVAL;
	}
	return listener_start(ret, base, fd, &preset);
}

void
listener_close(struct listener *ls)
{
	if (ls == NULL || ls->fd < 0)
		return;
	(void)event_del(ls->incoming);
	(void)event_del(ls->resume);
	if (ls->own_file)
		unixsock_unlink(ls->address.path, &ls->file);
	(void)close(ls->fd);
	ls->fd = -1;
	later_run(ls->burial);
}

void
listener_silence(struct listener *ls)
{
	(void)event_del(ls->incoming);
	(void)shutdown(ls->fd, SHUT_RDWR);
	ls->silent_ms = clock_monotonic_ms();
}

int
listener_listen(struct listener *ls)
{
	static const struct timeval pause = { LISTENER_PAUSE_S, 0 };
	int rc;

	if (listen(ls->fd, LISTENER_BACKLOG) != 0) {
		rc = -errno;
		(void)event_add(ls->resume, &pause);
		return rc;
	}
	ls->silent_ms = 0;
	listener_wake(ls);
	return 0;
}

uint64_t
listener_silent_since_ms(const struct listener *ls)
{
	return ls->silent_ms;
}

int
listener_set_mode(struct listener *ls, mode_t mode)
{
	struct stat file;

	if (!ls->own_file)
		return 0;
	if (lstat(ls->address.path, &file) != 0)
		return -errno;
	if (file.st_dev != ls->file.st_dev || file.st_ino != ls->file.st_ino)
		return -ESTALE;
	return chmod(ls->address.path, mode) == 0 ? 0 : -errno;
}

void
listener_set_access(struct listener *ls, const struct listener_spec *spec)
{
	ls->spec.mode = spec->mode;
	ls->spec.users = spec->users;
	ls->spec.n_users = spec->n_users;
	ls->spec.groups = spec->groups;
	ls->spec.n_groups = spec->n_groups;
}

void
listener_done(struct listener *ls)
{
	assert(ls->strangers > 0);
	ls->strangers--;
	if (ls->fd >= 0)
		listener_wake(ls);
}

uint16_t
listener_port(const struct listener *ls)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);

	if (getsockname(ls->fd, (struct sockaddr *)&sa, &len) != 0)
		return 0;
	if (sa.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&sa)->sin_port);
	if (sa.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&sa)->sin6_port);
	return 0;
}
