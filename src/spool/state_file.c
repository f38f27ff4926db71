#include "spool/state_file.h"

#include <ctype.h>
#include <string.h>

/* A prefix and something that is no path, hidden name or suffix. */
static bool
matches(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strncmp(name, prefix, len) != 0 || name[len] == '\0' ||
	    strlen(name) >= STATE_FILE_NAME)
		return false;
	for (const char *at = name + len; *at != '\0'; at++)
		if (!isalnum((unsigned char)*at) && *at != '-')
			return false;
	return true;
}

enum state_file_kind
state_file_kind(const char *name)
{
	if (matches(name, "ring-"))
		return STATE_FILE_RING;
	if (matches(name, "stream-"))
		return STATE_FILE_STREAM;
	if (matches(name, "log-"))
		return STATE_FILE_LOG;
	if (strcmp(name, "marks") == 0)
		return STATE_FILE_MARKS;
	return STATE_FILE_NONE;
}

bool
state_file_is(const char *name)
{
	return state_file_kind(name) != STATE_FILE_NONE;
}

bool
state_file_is_temporary(const char *name)
{
	const char *dot = strchr(name, '.');
	char stem[STATE_FILE_NAME];

	if (dot == NULL || (size_t)(dot - name) >= sizeof(stem))
		return false;
	memcpy(stem, name, (size_t)(dot - name));
	stem[dot - name] = '\0';
	return state_file_is(stem) || strcmp(stem, "epoch") == 0;
}
