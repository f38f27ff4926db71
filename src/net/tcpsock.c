#include "net/tcpsock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address.h"

int
tcpsock_address(
    struct sockaddr_storage *ret, socklen_t *ret_len, const struct address *ad)
{
	struct sockaddr_storage sa = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&sa;
	bool localhost = strcasecmp(ad->host, "localhost") == 0;
	socklen_t len = sizeof(*v4);

	v4->sin_family = AF_INET;
	v4->sin_port = htons(ad->port);
	if (inet_pton(AF_INET, localhost ? "127.0.0.1" : ad->host, &v4->sin_addr) !=
	    1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(ad->port);
		len = sizeof(*v6);
		if (inet_pton(AF_INET6, ad->host, &v6->sin6_addr) != 1)
			return -EINVAL;
	}
	*ret = sa;
	*ret_len = len;
	return 0;
}

static bool
is_everywhere(const struct sockaddr_storage *sa)
{
	const struct sockaddr_in *v4 = (const void *)sa;
	const struct sockaddr_in6 *v6 = (const void *)sa;

	return sa->ss_family == AF_INET ? v4->sin_addr.s_addr == htonl(INADDR_ANY)
					: IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr);
}

bool
tcpsock_overlap(const struct address *a, const struct address *b)
{
	struct sockaddr_storage one, two;
	socklen_t one_len, two_len;

	if (a->kind != ADDRESS_TCP || b->kind != ADDRESS_TCP || a->port != b->port ||
	    tcpsock_address(&one, &one_len, a) < 0 ||
	    tcpsock_address(&two, &two_len, b) < 0 || one.ss_family != two.ss_family)
		return false;
	return is_everywhere(&one) || is_everywhere(&two) ||
	       memcmp(&one, &two, one_len) == 0;
}

int
tcpsock_listen(const struct address *ad, int backlog)
{
	struct sockaddr_storage sa;
	socklen_t len;
	int fd, rc, on = 1;

	rc = tcpsock_address(&sa, &len, ad);
	if (rc < 0)
		return rc;
	fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    (sa.ss_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
	    bind(fd, (struct sockaddr *)&sa, len) != 0 || listen(fd, backlog) != 0) {
		rc = -errno;
		(void)close(fd);
		return rc;
	}
	return fd;
}
