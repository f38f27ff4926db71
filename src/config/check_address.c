#include "config/check_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"

#define SCHEME_TCP  "tcp://"
#define SCHEME_TLS  "tls://"
#define SCHEME_UNIX "unix://"
#define SCHEME_HTTP "http://"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

#define HOST_MAX      254 /* bytes, with a dot at the end; RFC 1035, section 2.3.4 */
#define LABEL_MAX     63  /* the same */
#define PATH_MAX_UNIX 107 /* bytes in sun_path before the NUL; unix(7) */
#define LOOPBACK_NET  127 /* 127.0.0.0/8 */

#define WHY_TCP "a TCP address is tcp://HOST:PORT or tcp://[IPV6]:PORT"
#define WHY_HTTP                                                                       \
	"it is http://NUMBER:PORT, http://[IPV6]:PORT, http://localhost:PORT or "      \
	"unix:///PATH, and nothing behind it"

static const char *
behind(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static bool
host_is_local(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == LOOPBACK_NET;
	if (inet_pton(AF_INET6, host, &v6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&v6);
	return strcasecmp(host, "localhost") == 0;
}

/* Labels of letters, digits, "-" and "_", joined by dots, one at the end is fine. The
 * last is no number: of such names inet_aton(3) would make addresses that nobody wrote.
 * */
static bool
host_is_name(const char *host)
{
	const char *label = host;
	size_t len = 0;

	for (; *label != '\0'; label += len + (label[len] == '.')) {
		len = strspn(label, LETTERS DIGITS "-_");
		if (len == 0 || len > LABEL_MAX || label[0] == '-' ||
		    label[len - 1] == '-' || strchr(".", label[len]) == NULL)
			return false;
		host = label;
	}
	return len > 0 && strspn(host, DIGITS) < len && strncasecmp(host, "0x", 2) != 0;
}

static bool
host_is_right(const char *host, bool bracket)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (bracket)
		return inet_pton(AF_INET6, host, &v6) == 1;
	return inet_pton(AF_INET, host, &v4) == 1 || host_is_name(host);
}

static const char *
check_tcp(struct check_address *ret, const char *text)
{
	bool bracket = text[0] == '[';
	const char *end = strchr(text, bracket ? ']' : ':');
	const char *begin = text + bracket;
	char host[HOST_MAX + 1];
	uint64_t port;

	if (end == NULL || end[bracket] != ':')
		return WHY_TCP;
	if ((size_t)(end - begin) > HOST_MAX)
		return "the name of a host has at most 253 bytes";
	memcpy(host, begin, (size_t)(end - begin));
	host[end - begin] = '\0';
	if (!host_is_right(host, bracket))
		return WHY_TCP;
	end += bracket + 1;
	if (end[0] == '0' || end[strspn(end, DIGITS)] != '\0' ||
	    parse_u64(&port, end, 1, UINT16_MAX) < 0)
		return "the port must be from 1 to 65535";
	ret->is_unix = false;
	ret->is_local = host_is_local(host);
	return NULL;
}

static const char *
check_unix(struct check_address *ret, const char *path)
{
	if (path[0] != '/' || path[strlen(path) - 1] == '/')
		return "a Unix socket is unix:///PATH";
	if (strlen(path) > PATH_MAX_UNIX)
		return "the path of a Unix socket has at most 107 bytes";
	ret->is_unix = true;
	ret->is_local = true;
	return NULL;
}

const char *
check_address(struct check_address *ret, const char *text)
{
	const char *tcp = behind(text, SCHEME_TCP);
	const char *path = behind(text, SCHEME_UNIX);

	if (tcp != NULL)
		return check_tcp(ret, tcp);
	if (path != NULL)
		return check_unix(ret, path);
	if (behind(text, SCHEME_TLS) != NULL)
		return "TLS is not in this version";
	return "an address is tcp://HOST:PORT or unix:///PATH";
}

/* A name could lead anywhere, and is not listened on. */
static bool
is_number(const char *text)
{
	char host[HOST_MAX + 1];
	size_t len = strcspn(text, ":");
	struct in_addr v4;

	if (text[0] == '[')
		return true;
	if (len > HOST_MAX)
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	return inet_pton(AF_INET, host, &v4) == 1 || strcasecmp(host, "localhost") == 0;
}

const char *
check_address_http(struct check_address *ret, const char *text)
{
	const char *http = behind(text, SCHEME_HTTP);
	const char *path = behind(text, SCHEME_UNIX);
	const char *fault;

	if (path != NULL)
		return check_unix(ret, path);
	if (http == NULL || !is_number(http))
		return WHY_HTTP;
	fault = check_tcp(ret, http);
	return fault != NULL && strcmp(fault, WHY_TCP) == 0 ? WHY_HTTP : fault;
}
