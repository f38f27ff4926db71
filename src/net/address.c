#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"

#define HOST_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define HOST_DIGITS  "0123456789"
#define HOST_LABEL   63  /* bytes of a label; RFC 1035, section 2.3.4 */
#define HOST_NAME    253 /* bytes of a name as text, without the last dot */

static bool
host_is_number(const char *host)
{
	struct in6_addr number;

	return inet_pton(AF_INET, host, &number) == 1;
}

/* "127.1", "0x7f000001" and "10.0.0.256" look like names but inet_aton(3), which
 * resolvers use, would make numbers of some. No name ends in such a label, so they are
 * mistakes. */
static bool
label_is_number(const char *label, size_t len)
{
	if (len > 1 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X'))
		return true;
	return strspn(label, HOST_DIGITS) >= len;
}

/* Labels of letters, digits, "-" and (in use, though not allowed) "_", joined by dots;
 * one dot at the end is fine. */
static bool
host_is_name(const char *host)
{
	const char *label = host;
	size_t len = 0;

	if (strlen(host) > HOST_NAME + 1)
		return false;
	while (*label != '\0') {
		len = strspn(label, HOST_LETTERS HOST_DIGITS "-_");
		if (len == 0 || len > HOST_LABEL || label[0] == '-' ||
		    label[len - 1] == '-')
			return false;
		if (label[len] == '\0' || strcmp(label + len, ".") == 0)
			break;
		if (label[len] != '.')
			return false;
		label += len + 1;
	}
	return len > 0 && !label_is_number(label, len);
}

/* "7411": decimal, no leading zero. */
static int
parse_port(uint16_t *ret, const char *text)
{
	uint64_t value;

	if (text[0] == '0' || text[strspn(text, HOST_DIGITS)] != '\0')
		return -EINVAL;
	if (parse_u64(&value, text, 1, UINT16_MAX) < 0)
		return -EINVAL;
	*ret = (uint16_t)value;
	return 0;
}

/* "host:port" or "[v6]:port" */
static int
parse_tcp(struct address *ret, const char *text)
{
	bool bracket = text[0] == '[';
	const char *host = text + bracket;
	const char *end = strchr(host, bracket ? ']' : ':');
	struct in6_addr number;
	size_t len;

	if (end == NULL || (bracket && end[1] != ':'))
		return -EINVAL;
	len = (size_t)(end - host);
	if (len == 0 || len >= sizeof(ret->host))
		return -EINVAL;
	memcpy(ret->host, host, len);
	ret->host[len] = '\0';
	if (bracket && inet_pton(AF_INET6, ret->host, &number) != 1)
		return -EINVAL;
	if (!bracket && !host_is_number(ret->host) && !host_is_name(ret->host))
		return -EINVAL;
	ret->kind = ADDRESS_TCP;
	return parse_port(&ret->port, end + 1 + bracket);
}

static int
parse_unix(struct address *ret, const char *path)
{
	size_t len = strlen(path);

	if (path[0] != '/' || path[len - 1] == '/' || len >= sizeof(ret->path))
		return -EINVAL;
	memcpy(ret->path, path, len + 1);
	ret->kind = ADDRESS_UNIX;
	return 0;
}

int
address_parse(struct address *ret, const char *text)
{
	struct address ad = { 0 };
	const char *rest = strstr(text, "://");
	size_t len;
	int rc;

	if (rest == NULL || rest == text)
		return -EINVAL;
	len = (size_t)(rest - text);
	rest += strlen("://");
	if (len == 3 && memcmp(text, "tcp", 3) == 0)
		rc = parse_tcp(&ad, rest);
	else if (len == 4 && memcmp(text, "unix", 4) == 0)
		rc = parse_unix(&ad, rest);
	else if (strspn(text, HOST_LETTERS HOST_DIGITS "+-.") < len)
		rc = -EINVAL;
	else
		rc = -EPROTONOSUPPORT;
	if (rc == 0)
		*ret = ad;
	return rc;
}

bool
address_is_local(const struct address *ad)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (ad->kind == ADDRESS_UNIX || strcasecmp(ad->host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, ad->host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, ad->host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}
