/* What of a request over HTTP is read by ourselves: the values of two headers, "Host" and
 * "Accept". All else is libevent's. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "fuzz.h"
#include "metrics/metrics.h"
#include "web/host.h"

#define NAME "hub.example"

static void
must(bool holds)
{
	if (!holds)
		abort();
}

/* Whatever is ours is ours in capitals too; and a name of ours is in it, or it is a number. */
static void
try_host(char *host)
{
	static const char *const names[] = { NAME };
	bool is_ours = host_is_ours(host, names, ARRAY_LEN(names));

	must(is_ours || !host_is_ours(host, NULL, 0));
	if (is_ours)
		must(strpbrk(host, "0123456789:") != NULL ||
		     strncasecmp(host, "localhost", 9) == 0 ||
		     strncasecmp(host, NAME, strlen(NAME)) == 0);
	for (char *at = host; *at != '\0'; at++) {
		if (*at >= 'a' && *at <= 'z')
			*at = (char)(*at - 'a' + 'A');
	}
	must(host_is_ours(host, names, ARRAY_LEN(names)) == is_ours);
}

/* A range that is not known changes nothing. */
static void
try_accept(const char *accept)
{
	char more[4096];
	enum metrics_format format = metrics_accepts(accept);
	int len = snprintf(more, sizeof(more), "image/png;q=0.9,%s", accept);

	must(format == METRICS_OPEN || format == METRICS_TEXT);
	if (len < 0 || (size_t)len >= sizeof(more))
		return;
	must(metrics_accepts(more) == format);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = malloc(size + 1);

	if (text == NULL)
		return 0;
	memcpy(text, bytes, size);
	text[size] = '\0';
	try_accept(text);
	try_host(text);
	free(text);
	return 0;
}
