#include "client/findings.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/quote.h"

#define SAID_MAX 1024

static const struct {
	const char *word, *colour;
} ranks[] = {
	[FINDING_GOOD] = { "ok", "\033[32m" },
	[FINDING_WARNING] = { "warning", "\033[33m" },
	[FINDING_BAD] = { "error", "\033[1;31m" },
};

int
findings_init(struct findings *fs)
{
	*fs = (struct findings){ .items = json_array() };
	return fs->items == NULL ? -ENOMEM : 0;
}

void
findings_done(struct findings *fs)
{
	json_decref(fs->items);
	fs->items = NULL;
}

json_t *
findings_add(struct findings *fs, enum finding_rank rank, const char *object)
{
	json_t *finding = json_pack("{s:s, s:s, s:s, s:n, s:n}", "severity",
	    ranks[rank].word, "object", quote(object).text, "what", "", "why", "mend");

	if (rank > fs->worst)
		fs->worst = rank;
	/* Takes it over, also when it fails. */
	return json_array_append_new(fs->items, finding) == 0 ? finding : NULL;
}

void
finding_say(json_t *finding, const char *member, const char *format, ...)
{
	char text[SAID_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)json_object_set_new(finding, member, json_string(quote(text).text));
}

static const char *
said(const json_t *finding, const char *member)
{
	return json_string_value(json_object_get(finding, member));
}

static const char *
colour_of(const char *word)
{
	for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++) {
		if (strcmp(ranks[i].word, word) == 0)
			return ranks[i].colour;
	}
	return "";
}

void
findings_print(FILE *out, const struct findings *fs, int colour)
{
	static const char *const members[] = { "why", "mend" };
	json_t *finding;
	size_t k;

	json_array_foreach(fs->items, k, finding)
	{
		const char *word = said(finding, "severity");

		(void)fprintf(out, "%s%-7s%s  %s: %s\n", colour ? colour_of(word) : "",
		    word, colour ? "\033[0m" : "", said(finding, "object"),
		    said(finding, "what"));
		for (size_t i = 0; i < 2; i++) {
			if (said(finding, members[i]) != NULL)
				(void)fprintf(out, "         %s: %s\n", members[i],
				    said(finding, members[i]));
		}
	}
}
