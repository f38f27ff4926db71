#include "net/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "net/later.h"
#include "net/sockname.h"

/* Bytes that the kernel may hold unsent: two frames of the largest size keep the line
 * busy, and a heartbeat waits behind no more than them. */
#define CONN_NOTSENT_LOWAT (128 * 1024)

#define CONN_DISCARD ((size_t)1 << 24) /* bytes; more than a socket holds */

struct conn {
	int fd;
	bool tcp;
	struct event *readable, *writable;
	struct event *burial; /* frees the conn on a later turn */
	const struct conn_ops *ops;
	void *owner;
	char name[SOCKNAME_MAX];
};

static void
conn_free(struct conn *cn)
{
	if (cn->readable != NULL)
		event_free(cn->readable);
	if (cn->writable != NULL)
		event_free(cn->writable);
	if (cn->burial != NULL)
		event_free(cn->burial);
	if (cn->fd >= 0)
		(void)close(cn->fd);
	free(cn);
}

static void
conn_on_burial(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	conn_free(arg);
}

static void
conn_on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *cn = arg;

	(void)fd;
	(void)what;
	cn->ops->on_readable(cn->owner);
}

static void
conn_on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *cn = arg;

	(void)fd;
	(void)what;
	cn->ops->on_writable(cn->owner);
}

static int
conn_set_options(struct conn *cn)
{
	int fd = cn->fd, flags = fcntl(fd, F_GETFL);
	int domain, on = 1, lowat = CONN_NOTSENT_LOWAT;
	socklen_t len = sizeof(domain);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
		return -errno;
	cn->tcp = domain == AF_INET || domain == AF_INET6;
	if (!cn->tcp)
		return 0;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat)) < 0)
		return -errno;
	return 0;
}

int
conn_new(struct conn **ret, struct event_base *base, int fd, const struct conn_ops *ops,
    void *owner)
{
	struct conn *cn = calloc(1, sizeof(*cn));
	int rc;

	if (cn == NULL) {
		(void)close(fd);
		return -ENOMEM;
	}
	cn->fd = fd;
	cn->ops = ops;
	cn->owner = owner;
	rc = conn_set_options(cn);
	if (rc < 0)
		goto fail;
	(void)sockname_peer(cn->name, fd);
	rc = -ENOMEM;
	cn->readable = event_new(base, fd, EV_READ | EV_PERSIST, conn_on_readable, cn);
	cn->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, conn_on_writable, cn);
	cn->burial = event_new(base, -1, 0, conn_on_burial, cn);
	if (cn->readable == NULL || cn->writable == NULL || cn->burial == NULL ||
	    event_add(cn->readable, NULL) != 0)
		goto fail;
	*ret = cn;
	return 0;
fail:
	conn_free(cn);
	return rc;
}

void
conn_kill(struct conn *cn)
{
	if (cn == NULL || cn->fd < 0)
		return;
	/* The descriptor number may be used again at once: no event may keep it. */
	(void)event_del(cn->readable);
	(void)event_del(cn->writable);
	/* With unread bytes close() resets the connection and drops what is not sent
	 * yet, such as our reason for closing: throw them away, as far as they are here
	 * already. */
	if (cn->tcp)
		(void)!recv(cn->fd, NULL, CONN_DISCARD, MSG_TRUNC | MSG_DONTWAIT);
	(void)close(cn->fd);
	cn->fd = -1;
	later_run(cn->burial);
}

ssize_t
conn_read(struct conn *cn, void *buf, size_t len)
{
	ssize_t n;

	if (cn->fd < 0)
		return -ECONNRESET;
	if (len == 0)
		return 0; /* recv() would say 0, which reads as the end */
	do {
		n = recv(cn->fd, buf, len, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n > 0 ? n : -ECONNRESET;
}

ssize_t
conn_writev(struct conn *cn, const struct iovec *iov, int n)
{
	union { /* sendmsg(2) does not write there, but its struct is for both ways */
		const struct iovec *in;
		struct iovec *out;
	} pieces = { .in = iov };
	struct msghdr mh = { 0 };
	ssize_t sent;

	if (cn->fd < 0)
		return -ECONNRESET;
	mh.msg_iov = pieces.out;
	mh.msg_iovlen = (size_t)(n < IOV_MAX ? n : IOV_MAX);
	do {
		sent = sendmsg(cn->fd, &mh, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

static void
conn_want(struct conn *cn, struct event *ev, bool on)
{
	if (cn->fd < 0)
		return;
	if (!on)
		(void)event_del(ev);
	else if (event_add(ev, NULL) != 0)
		/* Out of memory in the loop: nobody would ever wake this connection, so
		 * let its owner find out by a failing call. */
		(void)shutdown(cn->fd, SHUT_RDWR);
}

void
conn_want_write(struct conn *cn, bool on)
{
	conn_want(cn, cn->writable, on);
}

void
conn_want_read(struct conn *cn, bool on)
{
	conn_want(cn, cn->readable, on);
}

const char *
conn_name(const struct conn *cn)
{
	return cn->name;
}
