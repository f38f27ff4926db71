#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/crash.h"

#define ASIDE_MAX  100  /* names that are tried */
#define READ_FIRST 4096 /* bytes asked for first; most files read here are smaller */

int
file_allocate(int fd, uint64_t bytes)
{
	int rc;

	if (bytes == 0)
		return 0;
	do {
		rc = posix_fallocate(fd, 0, (off_t)bytes);
	} while (rc == EINTR);
	return -rc;
}

int
file_write_all(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int
file_pread_all(int fd, void *bytes, size_t len, off_t at)
{
	char *to = bytes;

	while (len > 0) {
		ssize_t n = pread(fd, to, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		to += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Fill up to size bytes; fewer only at the end of the file. */
static ssize_t
read_up_to(int fd, char *to, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t n = read(fd, to + used, size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

/* The size that stat tells is not believed: files of /proc say 0, and others may grow. */
static int
read_growing(int fd, char **buf, size_t *used, size_t max)
{
	size_t size = max < READ_FIRST ? max : READ_FIRST;

	*used = 0;
	for (;;) {
		/* One byte more than allowed is tried for, to tell "too large". */
		char *more = realloc(*buf, size + 1);
		ssize_t n;

		if (more == NULL)
			return -ENOMEM;
		*buf = more;
		n = read_up_to(fd, more + *used, size + 1 - *used);
		if (n < 0)
			return (int)n;
		*used += (size_t)n;
		if (*used <= size)
			return 0;
		if (size == max)
			return -EFBIG;
		size = size > max / 2 ? max : 2 * size;
	}
}

int
file_read(char **ret, size_t *ret_len, int dir_fd, const char *name, size_t max)
{
	char *buf = NULL;
	size_t len = 0;
	int rc;
	int fd;

	if (max >= SSIZE_MAX)
		return -EINVAL;
	/* O_NONBLOCK: a FIFO put in the place of the file must not stop us. */
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	rc = read_growing(fd, &buf, &len, max);
	(void)close(fd);
	if (rc < 0) {
		free(buf);
		return rc;
	}
	buf[len] = '\0';
	*ret = buf;
	*ret_len = len;
	return 0;
}

static int
write_new(int dir_fd, const char *name, const void *bytes, size_t len, int sync)
{
	int rc;
	int fd;

	/* A file of that name is what a killed writer left. */
	if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	rc = file_write_all(fd, bytes, len);
	if (rc == 0 && sync && fsync(fd) < 0)
		rc = -errno;
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	return rc;
}

int
file_replace(int dir_fd, const char *name, const void *bytes, size_t len, int sync)
{
	char temporary[NAME_MAX + 1];
	int rc;
	int n;

	n = snprintf(temporary, sizeof(temporary), "%s.new", name);
	if (n < 0 || (size_t)n >= sizeof(temporary))
		return -ENAMETOOLONG;
	rc = write_new(dir_fd, temporary, bytes, len, sync);
	CRASH_POINT("file.written");
	if (rc == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
		rc = -errno;
	CRASH_POINT("file.renamed");
	if (rc < 0) {
		(void)unlinkat(dir_fd, temporary, 0);
		return rc;
	}
	return sync ? file_sync_dir(dir_fd) : 0;
}

int
file_sync_dir(int dir_fd)
{
	return fsync(dir_fd) < 0 ? -errno : 0;
}

int
file_set_aside(int dir_fd, const char *name, char *kept, size_t size)
{
	size_t len = strlen(kept);
	int rc = -EEXIST;

	for (unsigned i = 0; rc == -EEXIST && i < ASIDE_MAX; i++) {
		int n = i == 0 ? 0 : snprintf(kept + len, size - len, "-%u", i);

		if (n < 0 || (size_t)n >= size - len)
			rc = -ENAMETOOLONG;
		else if (renameat2(dir_fd, name, dir_fd, kept, RENAME_NOREPLACE) == 0)
			rc = 0;
		else
			rc = -errno;
	}
	if (rc < 0)
		kept[len] = '\0';
	return rc;
}

int
file_is_tmpfs(int dir_fd)
{
	struct statfs fs;

	if (fstatfs(dir_fd, &fs) < 0)
		return -errno;
	return fs.f_type == TMPFS_MAGIC;
}
