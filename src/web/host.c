#include "web/host.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"

#define NAME_MAX_BYTES 255

static bool
is_port(const char *text)
{
	uint64_t port;

	return text[0] == '\0' ||
	       (text[0] == ':' && parse_u64(&port, text + 1, 1, UINT16_MAX) == 0);
}

static bool
is_name(const char *name, const char *const *names, size_t n_names)
{
	if (strcasecmp(name, "localhost") == 0)
		return true;
	for (size_t i = 0; i < n_names; i++) {
		if (strcasecmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

bool
host_is_ours(const char *host, const char *const *names, size_t n_names)
{
	bool bracket = host[0] == '[';
	const char *begin = host + bracket;
	size_t len = strcspn(begin, bracket ? "]" : ":");
	char name[NAME_MAX_BYTES + 1];
	struct in6_addr v6;
	struct in_addr v4;

	if (len == 0 || len >= sizeof(name) || (bracket && begin[len] == '\0') ||
	    !is_port(begin + len + bracket))
		return false;
	memcpy(name, begin, len);
	name[len] = '\0';
	if (bracket)
		return inet_pton(AF_INET6, name, &v6) == 1;
	return inet_pton(AF_INET, name, &v4) == 1 || is_name(name, names, n_names);
}
