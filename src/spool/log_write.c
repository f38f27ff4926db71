/* A batch to its files, on the disk thread. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/file.h"
#include "spool/log_append.h"
#include "spool/space.h"

static void
close_kept(struct log *lg)
{
	if (lg->append_fd >= 0)
		(void)close(lg->append_fd);
	lg->append_fd = -1;
}

/* The one appended to last stays open. */
static int
open_segment(struct log *lg, struct log_group *gr)
{
	char name[LOG_SEGMENT_NAME];
	int flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW;

	if (lg->append_fd >= 0 && lg->append_number == gr->number)
		return 0;
	close_kept(lg);
	if (gr->make)
		flags |= O_CREAT | O_EXCL;
	lg->append_fd =
	    openat(lg->dir_fd, log_segment_name(name, gr->number), flags, 0640);
	if (lg->append_fd < 0)
		return -errno;
	lg->append_number = gr->number;
	CRASH_POINT("log_write.opened");
	gr->written = true;
	return 0;
}

/* Take off the front what was written. */
static void
advance(struct iovec **iov, size_t *n_iov, size_t written)
{
	while (*n_iov > 0 && written >= (*iov)->iov_len) {
		written -= (*iov)->iov_len;
		(*iov)++;
		(*n_iov)--;
	}
	if (*n_iov > 0) {
		(*iov)->iov_base = (uint8_t *)(*iov)->iov_base + written;
		(*iov)->iov_len -= written;
	}
}

static int
write_all(int fd, struct iovec *iov, size_t n_iov, uint64_t at)
{
	while (n_iov > 0) {
		int count = n_iov < IOV_MAX ? (int)n_iov : IOV_MAX;
		ssize_t n = pwritev(fd, iov, count, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		at += (uint64_t)n;
		CRASH_POINT("log_write.written");
		advance(&iov, &n_iov, (size_t)n);
	}
	return 0;
}

static int
write_group(struct log *lg, struct log_group *gr, bool sync)
{
	int rc = open_segment(lg, gr);

	if (rc == 0) {
		gr->written = true;
		rc = write_all(lg->append_fd, gr->iov, gr->n_iov, gr->at);
	}
	if (rc == 0 && sync) {
		rc = disk_sync_file(lg->disk, lg->append_fd);
		gr->sync_failed = rc < 0;
	}
	CRASH_POINT("log_write.synced");
	/* Space may come back; a disk that failed once is not asked again. */
	if (gr->sync_failed || (rc < 0 && rc != -ENOSPC && rc != -EDQUOT))
		gr->failed = true;
	return rc;
}

/* What was written of a batch that failed does not stay. */
static void
undo_group(struct log *lg, struct log_group *gr)
{
	char name[LOG_SEGMENT_NAME];
	int rc;

	if (!gr->written)
		return;
	log_segment_name(name, gr->number);
	if (gr->make) {
		rc = unlinkat(lg->dir_fd, name, 0);
		if (lg->append_number == gr->number)
			close_kept(lg);
	} else {
		rc = open_segment(lg, gr) < 0 ? -1
					      : ftruncate(lg->append_fd, (off_t)gr->at);
	}
	if (rc < 0)
		gr->failed = true;
}

int
log_write_run(struct disk_job *job)
{
	struct log_append *ap = (struct log_append *)(void *)job;
	struct log *lg = ap->log;
	const struct space_reserve reserve = {
		.percent = __atomic_load_n(&lg->env.reserve_percent, __ATOMIC_RELAXED),
		.bytes = __atomic_load_n(&lg->env.reserve_bytes, __ATOMIC_RELAXED),
	};
	int rc = log_dir_begin(lg);

	if (rc == 0)
		rc = space_check(lg->dir_fd, &reserve, ap->bytes);
	for (size_t i = 0; i < ap->n_groups && rc == 0; i++)
		rc = write_group(lg, &ap->groups[i], ap->sync);
	if (rc == 0 && ap->sync_dir)
		rc = file_sync_dir(lg->dir_fd);
	CRASH_POINT("log_write.dir_synced");
	for (size_t i = 0; i < ap->n_groups && rc < 0; i++)
		undo_group(lg, &ap->groups[i]);
	return rc;
}
