#include "base/crash.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
crash_point(const char *name)
{
	static atomic_ulong reached; /* the disk thread has steps too */
	const char *wanted = getenv("MQBRIDGE_CRASH");
	size_t len = strlen(name);
	unsigned long count = 1;

	if (wanted == NULL || strncmp(wanted, name, len) != 0)
		return;
	if (wanted[len] == ':')
		count = strtoul(wanted + len + 1, NULL, 10);
	else if (wanted[len] != '\0')
		return;
	if (atomic_fetch_add(&reached, 1) + 1 == count)
		(void)kill(getpid(), SIGKILL);
}
