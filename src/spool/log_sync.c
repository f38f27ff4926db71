#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/file.h"
#include "spool/log_private.h"

struct flush_file {
	uint64_t number;
	uint64_t end; /* offset: all before it is synced now */
	bool failed;
};

struct log_flush {           /* job of the disk thread */
	struct disk_job job; /* first: a job is cast to it */
	struct log *log;
	struct flush_file *files;
	size_t n_files;
	uint8_t *saved; /* the file "cursors" */
	size_t saved_len;
	bool dir;
	bool saved_done;
};

static int
sync_file(const struct log *lg, const struct flush_file *ff)
{
	char name[LOG_SEGMENT_NAME];
	int fd, rc;

	if (lg->append_fd >= 0 && lg->append_number == ff->number)
		return disk_sync_file(lg->disk, lg->append_fd);
	fd = openat(lg->dir_fd, log_segment_name(name, ff->number),
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	rc = disk_sync_file(lg->disk, fd);
	(void)close(fd);
	return rc;
}

/* The cursors tell which bytes are on disk, so they come last. */
static int
flush_run(struct disk_job *job)
{
	struct log_flush *lf = (struct log_flush *)(void *)job;
	const struct log *lg = lf->log;
	int ret = 0, rc;

	if (!lg->has_dir) {
		lf->saved_done = true;
		return 0;
	}
	for (size_t i = 0; i < lf->n_files; i++) {
		rc = sync_file(lg, &lf->files[i]);
		/* Unlinked meanwhile: all of it is settled. */
		lf->files[i].failed = rc < 0 && rc != -ENOENT;
		if (lf->files[i].failed)
			ret = rc;
		CRASH_POINT("log_sync.synced");
	}
	if (lf->dir) {
		rc = file_sync_dir(lg->dir_fd);
		ret = rc < 0 ? rc : ret;
		CRASH_POINT("log_sync.dir_synced");
	}
	if (ret == 0) {
		ret = log_saved_write(lg->dir_fd, lf->saved, lf->saved_len);
		lf->saved_done = ret == 0;
		CRASH_POINT("log_sync.saved");
	}
	return ret;
}

static void
flush_free(struct log_flush *lf)
{
	if (lf == NULL)
		return;
	free(lf->files);
	free(lf->saved);
	free(lf);
}

/* Neither synced nor appended to ever again. */
static void
suspect(struct log *lg, struct log_segment *sg)
{
	lg->sync_failures++;
	if (!sg->suspect)
		lg->suspect++;
	sg->suspect = true;
	if (sg->appended)
		log_segment_retire(lg, sg);
	log_segment_check(lg, sg);
}

static void
flush_done(struct disk_job *job, int rc)
{
	struct log_flush *lf = (struct log_flush *)(void *)job;
	struct log *lg = lf->log;

	lg->flush = NULL;
	if (!lf->saved_done)
		lg->dirty = true;
	if (lf->dir && rc < 0)
		lg->dir_dirty = true;
	for (size_t i = 0; i < lf->n_files; i++) {
		struct log_segment *sg = log_find(lg, lf->files[i].number);

		if (sg == NULL)
			continue;
		if (lf->files[i].failed)
			suspect(lg, sg);
		else if (sg->synced < lf->files[i].end)
			sg->synced = lf->files[i].end;
	}
	flush_free(lf);
	if (lg->flush_again && !lg->closed)
		log_sync(lg);
	log_job_end(lg, true);
}

static int
list_files(struct log *lg, struct log_flush *lf)
{
	size_t n = 0;

	for (size_t i = 0; i < lg->n_segments; i++)
		if (lg->segments[i]->synced < lg->segments[i]->end)
			n++;
	lf->files = calloc(n + 1, sizeof(*lf->files));
	if (lf->files == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < lg->n_segments; i++) {
		const struct log_segment *sg = lg->segments[i];

		if (sg->synced < sg->end && !sg->suspect)
			lf->files[lf->n_files++] =
			    (struct flush_file){ .number = sg->number, .end = sg->end };
	}
	return 0;
}

static void
flush(struct log *lg, bool all)
{
	struct log_flush *lf = calloc(1, sizeof(*lf));
	int rc = lf == NULL ? -ENOMEM : 0;

	if (rc == 0 && all)
		rc = list_files(lg, lf);
	if (rc == 0)
		rc = log_saved_compose(lg, all, &lf->saved, &lf->saved_len);
	if (rc < 0) {
		flush_free(lf); /* the next interval */
		return;
	}
	lf->job = (struct disk_job){ .run = flush_run, .done = flush_done };
	lf->log = lg;
	lf->dir = all && lg->dir_dirty;
	if (all)
		lg->dir_dirty = lg->flush_again = false;
	lg->dirty = false;
	lg->flush = lf;
	log_job_start(lg, &lf->job);
}

void
log_sync(struct log *lg)
{
	if (lg->flush != NULL)
		lg->flush_again = true;
	else if (!log_synced(lg))
		flush(lg, true);
}

bool
log_synced(const struct log *lg)
{
	if (lg->flush != NULL || lg->append != NULL || lg->dirty || lg->dir_dirty ||
	    lg->suspect > 0)
		return false;
	for (size_t i = 0; i < lg->n_segments; i++)
		if (lg->segments[i]->synced < lg->segments[i]->end)
			return false;
	return true;
}

static void
end_idle(struct log *lg)
{
	uint64_t now_ms = clock_monotonic_ms();

	for (size_t i = lg->n_segments; lg->idle > 0 && i-- > 0;) {
		struct log_segment *sg = lg->segments[i];

		if (sg->idle_ms == 0 || now_ms < sg->idle_ms + LOG_IDLE_MS)
			continue;
		log_segment_retire(lg, sg);
		log_segment_check(lg, sg);
	}
}

void
log_save_cursors(struct log *lg)
{
	bool again = lg->read_failure != 0;

	lg->read_failure = 0;
	end_idle(lg);
	log_remove(lg);
	if (lg->dirty && lg->flush == NULL)
		flush(lg, false);
	if (again && lg->changed != NULL)
		lg->changed(lg->owner);
}
