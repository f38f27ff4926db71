#include "net/sockname.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

char *
sockname_format(
    char buf[SOCKNAME_MAX], const struct sockaddr_storage *sa, socklen_t len)
{
	char host[INET6_ADDRSTRLEN] = "?";
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
	size_t path = offsetof(struct sockaddr_un, sun_path);

	buf[0] = '\0';
	switch (sa->ss_family) {
	case AF_INET:
		memcpy(&v4, sa, sizeof(v4));
		(void)inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
		(void)snprintf(
		    buf, SOCKNAME_MAX, "%s:%u", host, (unsigned)ntohs(v4.sin_port));
		break;
	case AF_INET6:
		memcpy(&v6, sa, sizeof(v6));
		(void)inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
		(void)snprintf(
		    buf, SOCKNAME_MAX, "[%s]:%u", host, (unsigned)ntohs(v6.sin6_port));
		break;
	case AF_UNIX:
		if (len <= path || len > sizeof(un))
			break;
		memcpy(&un, sa, len);
		len -= (socklen_t)path;
		/* The kernel may or may not count a NUL at the end. */
		(void)snprintf(buf, SOCKNAME_MAX, "%s",
		    quote_bytes(un.sun_path, strnlen(un.sun_path, len)).text);
		break;
	default:
		break;
	}
	return buf;
}

/* A connected Unix socket has a path only at the end that listened. Our own end is
 * asked first: of an accepted one it is ours, while the peer could have bound its end
 * to any name. */
static void
unix_peer(char buf[SOCKNAME_MAX], int fd)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);
	struct ucred cred;
	char path[SOCKNAME_MAX] = "";

	if (getsockname(fd, (struct sockaddr *)&sa, &len) == 0)
		(void)sockname_format(path, &sa, len);
	len = sizeof(sa);
	if (path[0] == '\0' && getpeername(fd, (struct sockaddr *)&sa, &len) == 0)
		(void)sockname_format(path, &sa, len);
	len = sizeof(cred);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		cred = (struct ucred){ .uid = (uid_t)-1 };
	(void)snprintf(buf, SOCKNAME_MAX, "%.*s (uid %u, pid %d)", QUOTE_MAX,
	    path[0] != '\0' ? path : "unix", cred.uid, cred.pid);
}

char *
sockname_peer(char buf[SOCKNAME_MAX], int fd)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);

	/* ENOTCONN: it was reset before we looked. */
	if (getpeername(fd, (struct sockaddr *)&sa, &len) != 0)
		(void)snprintf(buf, SOCKNAME_MAX, "unknown");
	else if (sa.ss_family == AF_UNIX)
		unix_peer(buf, fd);
	else
		(void)sockname_format(buf, &sa, len);
	return buf;
}
