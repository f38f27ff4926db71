#include "spool/space.h"

#include <errno.h>
#include <sys/statvfs.h>

bool
space_allows(
    const struct space_reserve *sr, uint64_t total, uint64_t available, uint64_t need)
{
	/* Divided first, as the product may not fit. */
	uint64_t share = total / 100 * sr->percent + total % 100 * sr->percent / 100;
	uint64_t keep = sr->bytes > share ? sr->bytes : share;

	return available >= need && available - need >= keep;
}

int
space_check(int fd, const struct space_reserve *sr, uint64_t need)
{
	struct statvfs vf;

	if (fstatvfs(fd, &vf) < 0)
		return -errno;
	return space_allows(sr, (uint64_t)vf.f_blocks * vf.f_frsize,
		   (uint64_t)vf.f_bavail * vf.f_frsize, need)
		   ? 0
		   : -ENOSPC;
}
