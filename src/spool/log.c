#include "spool/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crash.h"
#include "spool/log_private.h"

static int
log_new(struct log **ret, const struct log_env *env, const struct log_spec *spec)
{
	struct log *lg = calloc(1, sizeof(*lg));

	if (lg == NULL)
		return -ENOMEM;
	lg->env = *env;
	lg->disk = env->disk;
	lg->ring = spec->ring;
	lg->seed = spec->seed;
	lg->dir_fd = lg->append_fd = -1;
	lg->cursor = LOG_CURSOR_NONE;
	TAILQ_INIT(&lg->chunks);
	log_configure(lg, spec->limit, spec->sync, spec->changed, spec->owner);
	*ret = lg;
	return 0;
}

static void
log_free(struct log *lg)
{
	for (size_t i = 0; i < lg->n_segments; i++)
		log_segment_free(lg, lg->segments[i]);
	while (lg->dying != NULL) {
		struct log_segment *sg = lg->dying;

		lg->dying = sg->next;
		log_segment_free(lg, sg);
	}
	free(lg->segments);
	free(lg->lanes);
	log_numbers_done(lg);
	if (!lg->has_dir)
		log_cursor_discard(&lg->cursor, lg->env.runtime_fd);
	log_cursor_close(&lg->cursor);
	if (lg->append_fd >= 0)
		(void)close(lg->append_fd);
	if (lg->dir_fd >= 0)
		(void)close(lg->dir_fd);
	free(lg);
}

void
log_close(struct log *lg)
{
	if (lg == NULL)
		return;
	lg->closed = true;
	if (lg->jobs == 0)
		log_free(lg);
}

bool
log_busy(const struct log *lg)
{
	return lg->jobs > 0;
}

void
log_job_start(struct log *lg, struct disk_job *job)
{
	lg->jobs++;
	disk_submit(lg->disk, job);
}

void
log_job_end(struct log *lg, bool tell)
{
	lg->jobs--;
	if (lg->closed && lg->jobs == 0)
		log_free(lg);
	else if (!lg->closed && tell && lg->changed != NULL)
		lg->changed(lg->owner);
}

int
log_create(struct log **ret, const struct log_env *env, const struct log_spec *spec)
{
	struct log *lg;
	int rc;

	rc = log_new(&lg, env, spec);
	if (rc < 0)
		return rc;
	rc = id_make(&lg->id);
	if (rc == 0)
		rc = log_about_fill(&lg->about, &lg->id, spec);
	if (rc == 0)
		rc = log_dirs_look(env->state_fd);
	if (rc == 0)
		rc = log_cursor_make(&lg->cursor, env->runtime_fd, &lg->id);
	CRASH_POINT("log.cursor_made");
	if (rc < 0) {
		log_close(lg);
		return rc;
	}
	*ret = lg;
	return 0;
}

void
log_set_reserve(struct log *lg, uint64_t bytes, unsigned percent)
{
	/* The disk thread reads them. */
	__atomic_store_n(&lg->env.reserve_bytes, bytes, __ATOMIC_RELAXED);
	__atomic_store_n(&lg->env.reserve_percent, percent, __ATOMIC_RELAXED);
}

int
log_open(struct log **ret, const struct log_env *env, const struct id *id,
    const struct log_spec *spec, uint64_t *ret_replayed)
{
	uint64_t replayed = 0;
	struct log *lg;
	int rc;

	rc = log_new(&lg, env, spec);
	if (rc < 0)
		return rc;
	lg->id = *id;
	lg->has_dir = true;
	rc = lg->dir_fd = log_dir_open(env->state_fd, id);
	if (rc >= 0)
		rc = log_recover(lg, spec, &replayed);
	if (rc < 0) {
		log_close(lg);
		return rc;
	}
	*ret = lg;
	*ret_replayed = replayed;
	/* What was settled whole when it stopped. */
	CRASH_POINT("log.opened");
	log_remove(lg);
	return 0;
}

void
log_configure(struct log *lg, uint64_t limit, enum log_sync sync,
    void (*changed)(void *owner), void *owner)
{
	lg->limit = limit;
	lg->sync = sync;
	lg->changed = changed;
	lg->owner = owner;
}

const struct id *
log_id(const struct log *lg)
{
	return &lg->id;
}

uint32_t
log_max_body(const struct log *lg)
{
	return lg->max_body;
}

static const char *
failure_text(const struct log *lg)
{
	if (lg->failure == -ENOSPC)
		return "no space left for it, but the reserve";
	if (lg->failure != 0)
		return strerror(-lg->failure);
	if (lg->read_failure != 0)
		return strerror(-lg->read_failure);
	if (lg->suspect > 0)
		return "syncing a segment failed: after a power cut its messages may "
		       "be lost";
	return "";
}

static int64_t
oldest_captured(const struct log *lg)
{
	int64_t oldest = 0;

	for (size_t i = 0; i < lg->n_lanes; i++) {
		const struct log_segment *sg = lg->lanes[i].reading;
		int64_t captured = sg == NULL ? 0 : log_segment_captured(sg);

		if (captured != 0 && (oldest == 0 || captured < oldest))
			oldest = captured;
	}
	return oldest;
}

void
log_numbers(const struct log *lg, struct log_numbers *ret)
{
	*ret = (struct log_numbers){
		.waiting = lg->waiting,
		.bytes = lg->live,
		.limit = lg->limit,
		.segments = lg->n_segments,
		.memory = lg->memory,
		.dropped = lg->dropped,
		.damaged = lg->n_damaged,
		.sync_failures = lg->sync_failures,
		.oldest_captured_ns = oldest_captured(lg),
		.failed = failure_text(lg),
	};
}

bool
log_damage(struct log *lg, struct log_damage *ret)
{
	if (lg->n_damages == 0)
		return false;
	*ret = lg->damages[0];
	lg->n_damages--;
	memmove(lg->damages, lg->damages + 1, lg->n_damages * sizeof(*lg->damages));
	return true;
}
