#include "base/descriptors.h"

#include <dirent.h>
#include <stddef.h>

uint64_t
descriptors_open(uint64_t unknown)
{
	DIR *dir = opendir("/proc/self/fd");
	uint64_t n = 0;

	if (dir == NULL)
		return unknown;
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n > 3 ? n - 3 : 0; /* ".", ".." and the directory itself */
}
