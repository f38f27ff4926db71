#include <stddef.h>

#include "spool/deadletter.h"

static const struct reason_row {
	const char *name, *text;
} rows[] = {
	[DEAD_TOO_BIG] = { "too-big", "too big" },
	[DEAD_TYPE] = { "no-such-type", "no such type or priority" },
	[DEAD_CHECKSUM] = { "checksum", "damaged on the way" },
	[DEAD_NEVER_FITS] = { "never-fits", "never fits" },
	[DEAD_REFUSED] = { "refused", "refused" },
	[DEAD_EXPIRED] = { "expired", "expired" },
	[DEAD_NO_QUEUE] = { "no-such-queue", "no such queue" },
	[DEAD_QUOTA] = { "quota", "the log is full" },
	[DEAD_RECOVERED_HELD] = { "recovered-held", "recovered, held" },
	[DEAD_IN_DOUBT_HELD] = { "in-doubt-held", "in doubt, held" },
	[DEAD_OPERATOR] = { "operator", "put away by an operator" },
};

const char *
dead_reason_text(unsigned reason)
{
	if (reason >= ARRAY_LEN(rows) || rows[reason].text == NULL)
		return "unknown reason";
	return rows[reason].text;
}

const char *
dead_reason_name(unsigned reason)
{
	if (reason >= ARRAY_LEN(rows) || rows[reason].name == NULL)
		return "unknown";
	return rows[reason].name;
}
