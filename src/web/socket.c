#include "web/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address.h"
#include "net/tcpsock.h"
#include "net/unixsock.h"

#define SCHEME_HTTP "http://"
#define SCHEME_TCP  "tcp://"

int
web_socket_address(struct address *ret, const char *text)
{
	char tcp[sizeof(ret->host) + 16];
	int n;

	if (strncmp(text, SCHEME_HTTP, strlen(SCHEME_HTTP)) != 0) {
		int rc = address_parse(ret, text);

		return rc == 0 && ret->kind != ADDRESS_UNIX ? -EINVAL : rc;
	}
	n = snprintf(tcp, sizeof(tcp), "%s%s", SCHEME_TCP, text + strlen(SCHEME_HTTP));
	if (n < 0 || (size_t)n >= sizeof(tcp))
		return -EINVAL;
	return address_parse(ret, tcp);
}

/* Takes over fd. */
static int
adopt(struct web_socket *ws, const struct address *ad, int fd)
{
	int listens = 0, domain = 0, rc = -EINVAL;
	socklen_t len = sizeof(int);
	int flags = fcntl(fd, F_GETFL);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && listens != 0 &&
	    (domain == AF_UNIX) == (ad->kind == ADDRESS_UNIX) && flags >= 0)
		rc = fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
			     fcntl(fd, F_SETFD, FD_CLOEXEC) < 0
			 ? -errno
			 : 0;
	if (rc != 0)
		(void)close(fd);
	else
		ws->fd = fd;
	return rc;
}

static int
listen_unix(struct web_socket *ws, const char *path)
{
	ws->path = strdup(path);
	if (ws->path == NULL)
		return -ENOMEM;
	ws->fd = unixsock_listen(path, WEB_SOCKET_MODE, WEB_SOCKET_BACKLOG, &ws->file);
	if (ws->fd >= 0)
		return 0;
	free(ws->path);
	ws->path = NULL;
	return ws->fd;
}

int
web_socket_open(struct web_socket *ret, const char *address, int fd)
{
	struct web_socket ws = { .fd = -1 };
	struct address ad;
	int rc = web_socket_address(&ad, address);

	if (rc != 0) {
		if (fd >= 0)
			(void)close(fd);
		return rc;
	}
	if (fd >= 0)
		rc = adopt(&ws, &ad, fd);
	else if (ad.kind == ADDRESS_UNIX)
		rc = listen_unix(&ws, ad.path);
	else
		rc = ws.fd = tcpsock_listen(&ad, WEB_SOCKET_BACKLOG);
	if (rc < 0)
		return rc;
	*ret = ws;
	return 0;
}

void
web_socket_close(struct web_socket *ws)
{
	if (ws->path != NULL)
		unixsock_unlink(ws->path, &ws->file);
	free(ws->path);
	ws->path = NULL;
	if (ws->fd >= 0)
		(void)close(ws->fd);
	ws->fd = -1;
}
