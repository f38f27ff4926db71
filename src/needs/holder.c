#include "needs/holder.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/parse.h"

/* "1: FLOCK  ADVISORY  WRITE 6042 00:1c:37 0 EOF": proc(5), /proc/locks. */
#define FIELD_KIND  1
#define FIELD_PID   4
#define FIELD_FILE  5
#define FIELDS      6 /* as many as we read */
#define LINE_BYTES  256
#define PLACE_BYTES 64

static bool
split(char *line, char *fields[FIELDS])
{
	char *save = NULL;

	for (unsigned i = 0; i < FIELDS; i++) {
		fields[i] = strtok_r(i == 0 ? line : NULL, " ", &save);
		if (fields[i] == NULL)
			return false;
	}
	return true;
}

/* The process of the line, or 0 when it is about another file or lock. */
static pid_t
holder_of_line(char *line, const char *place)
{
	char *fields[FIELDS];
	int64_t pid;

	if (!split(line, fields) || strcmp(fields[FIELD_KIND], "FLOCK") != 0 ||
	    strcmp(fields[FIELD_FILE], place) != 0)
		return 0;
	/* Of a process in another namespace it is 0 or -1. */
	return parse_i64(&pid, fields[FIELD_PID], 1, INT32_MAX) < 0 ? 0 : (pid_t)pid;
}

pid_t
holder_find(const char *path)
{
	char line[LINE_BYTES], place[PLACE_BYTES];
	struct stat st;
	pid_t ret = 0;
	FILE *locks;

	if (stat(path, &st) < 0)
		return 0;
	(void)snprintf(place, sizeof(place), "%02x:%02x:%ju", major(st.st_dev),
	    minor(st.st_dev), (uintmax_t)st.st_ino);
	locks = fopen("/proc/locks", "re");
	if (locks == NULL)
		return 0;
	while (ret == 0 && fgets(line, sizeof(line), locks) != NULL)
		ret = holder_of_line(line, place);
	(void)fclose(locks);
	return ret;
}
