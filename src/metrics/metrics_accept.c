#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "metrics/metrics.h"

#define QUALITY_WHOLE 1000 /* "q=1"; three digits behind the point */

/* One of the ranges of the header (RFC 9110, section 12.5.1), as far as it matters here. */
struct range {
	char type[64];    /* "text/plain", in small letters */
	char version[16]; /* "" if it names none */
	unsigned quality; /* thousandths */
};

static const char *
skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

/* A word up to one of the ends, without the blanks around it; one that is too long is cut. */
static const char *
take_word(char *ret, size_t size, const char *at, const char *ends)
{
	size_t len, i;

	at = skip_blanks(at);
	len = strcspn(at, ends);
	for (i = 0; i < len && i + 1 < size && at[i] != ' ' && at[i] != '\t'; i++)
		ret[i] =
		    (char)(at[i] >= 'A' && at[i] <= 'Z' ? at[i] - 'A' + 'a' : at[i]);
	ret[i] = '\0';
	return at + len;
}

/* "0.5" to 500; what is none counts as 0. */
static unsigned
parse_quality(const char *text)
{
	unsigned value = 0, worth = QUALITY_WHOLE;

	if (*text == '1')
		return QUALITY_WHOLE;
	if (text[0] != '0' || text[1] != '.')
		return 0;
	for (text += 2; *text >= '0' && *text <= '9' && worth > 1; text++) {
		worth /= 10;
		value += (unsigned)(*text - '0') * worth;
	}
	return value;
}

static const char *
take_range(struct range *ret, const char *at)
{
	char name[16], value[16];

	*ret = (struct range){ .quality = QUALITY_WHOLE };
	at = take_word(ret->type, sizeof(ret->type), at, ",;");
	while (*at == ';') {
		at = take_word(name, sizeof(name), at + 1, ",;=");
		value[0] = '\0';
		if (*at == '=')
			at = take_word(value, sizeof(value), at + 1, ",;");
		if (strcmp(name, "q") == 0)
			ret->quality = parse_quality(value);
		else if (strcmp(name, "version") == 0)
			memcpy(ret->version, value, sizeof(value));
	}
	return at;
}

static bool
range_is_open(const struct range *ra)
{
	return strcmp(ra->type, "application/openmetrics-text") == 0 &&
	       (ra->version[0] == '\0' || strcmp(ra->version, "1.0.0") == 0);
}

static bool
range_is_text(const struct range *ra)
{
	return (strcmp(ra->type, "text/plain") == 0 &&
		   (ra->version[0] == '\0' || strcmp(ra->version, "0.0.4") == 0)) ||
	       strcmp(ra->type, "text/*") == 0 || strcmp(ra->type, "*/*") == 0;
}

enum metrics_format
metrics_accepts(const char *accept)
{
	unsigned open = 0, text = 0;
	struct range ra;

	while (accept != NULL && *accept != '\0') {
		accept = take_range(&ra, accept);
		if (range_is_open(&ra) && ra.quality > open)
			open = ra.quality;
		if (range_is_text(&ra) && ra.quality > text)
			text = ra.quality;
		if (*accept == ',')
			accept++;
	}
	return open > 0 && open >= text ? METRICS_OPEN : METRICS_TEXT;
}
