#include "spool/why.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WHY_BYTES 8192 /* two paths of PATH_MAX at most, practically */

int
why_set(char **error, int rc, const char *fmt, ...)
{
	char text[WHY_BYTES];
	va_list args;

	if (error == NULL || *error != NULL)
		return rc;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	*error = strdup(text);
	return rc;
}
