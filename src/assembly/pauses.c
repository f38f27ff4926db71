#include "assembly/pauses.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "spool/disk.h"

/* Somebody who is told when the pauses are on the disk. */
struct saving {
	TAILQ_ENTRY(saving) link;
	void (*done)(void *owner, int rc);
	void *owner;
};

TAILQ_HEAD(saving_list, saving);

struct pauses {
	struct disk_job job; /* first: a job is cast to its pauses */
	struct disk *disk;
	int state_fd;
	struct pause *list;
	size_t n;
	struct pause *drains; /* only kind and name count */
	size_t n_drains;
	bool running; /* the job is on the disk thread */
	void *bytes;  /* that it writes */
	size_t len;
	struct saving_list written; /* whose pauses the job writes */
	struct saving_list next;    /* who came later: the next job */
};

/* ---- lists by name ----------------------------------------------------------------- */

static struct pause *
list_find(struct pause *list, size_t n, enum pause_kind kind, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].kind == kind && strcmp(list[i].name, name) == 0)
			return &list[i];
	}
	return NULL;
}

static int
list_add(struct pause **list, size_t *n, const struct pause *pause)
{
	struct pause *grown;

	if (*n >= PAUSES_MAX)
		return -ENOSPC;
	grown = realloc(*list, (*n + 1) * sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	grown[(*n)++] = *pause;
	*list = grown;
	return 0;
}

static bool
list_remove(struct pause *list, size_t *n, enum pause_kind kind, const char *name)
{
	struct pause *at = list_find(list, *n, kind, name);

	if (at == NULL)
		return false;
	(*n)--;
	memmove(at, at + 1, (size_t)(list + *n - at) * sizeof(*at));
	return true;
}

/* ---- life -------------------------------------------------------------------------- */

static void
report(const struct pause_report *rp, size_t n)
{
	if (rp->fault == NULL)
		return;
	log_error("daemon",
	    "the file " PAUSE_FILE
	    " cannot be read as it is: %s; %zu pauses of it count, "
	    "everything else flows; it is kept as %s",
	    rp->fault, n, rp->kept[0] == '\0' ? "it was" : rp->kept);
	if (rp->rc < 0)
		log_error("daemon", "cannot mend the file " PAUSE_FILE ": %s",
		    strerror(-rp->rc));
}

int
pauses_open(struct pauses **ret, int state_fd, struct disk *disk)
{
	struct pauses *ps = calloc(1, sizeof(*ps));
	struct pause_report rp;
	int rc;

	if (ps == NULL)
		return -ENOMEM;
	TAILQ_INIT(&ps->written);
	TAILQ_INIT(&ps->next);
	ps->state_fd = state_fd;
	ps->disk = disk;
	rc = pause_file_load(&ps->list, &ps->n, state_fd, &rp);
	if (rc < 0) {
		pauses_free(ps);
		return rc;
	}
	report(&rp, ps->n);
	*ret = ps;
	return 0;
}

static void
savings_free(struct saving_list *list)
{
	struct saving *sv;

	while ((sv = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, sv, link);
		free(sv);
	}
}

void
pauses_free(struct pauses *ps)
{
	if (ps == NULL)
		return;
	savings_free(&ps->written);
	savings_free(&ps->next);
	free(ps->bytes);
	free(ps->list);
	free(ps->drains);
	free(ps);
}

/* ---- pauses ------------------------------------------------------------------------ */

const struct pause *
pauses_find(const struct pauses *ps, enum pause_kind kind, const char *name)
{
	return list_find(ps->list, ps->n, kind, name);
}

size_t
pauses_count(const struct pauses *ps)
{
	return ps->n;
}

const struct pause *
pauses_at(const struct pauses *ps, size_t i)
{
	return &ps->list[i];
}

int
pauses_set(struct pauses *ps, const struct pause *pause)
{
	struct pause *at = list_find(ps->list, ps->n, pause->kind, pause->name);
	int rc;

	if (at != NULL && at->drained == pause->drained)
		return 0;
	if (at != NULL) {
		*at = *pause;
		return 1;
	}
	rc = list_add(&ps->list, &ps->n, pause);
	return rc < 0 ? rc : 1;
}

bool
pauses_clear(struct pauses *ps, enum pause_kind kind, const char *name)
{
	return list_remove(ps->list, &ps->n, kind, name);
}

/* ---- to the disk ------------------------------------------------------------------- */

static int
save_run(struct disk_job *job)
{
	struct pauses *ps = (struct pauses *)job;

	return file_replace(ps->state_fd, PAUSE_FILE, ps->bytes, ps->len, 1);
}

static void
tell(struct saving_list *list, int rc)
{
	struct saving *sv;

	while ((sv = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, sv, link);
		if (sv->done != NULL)
			sv->done(sv->owner, rc);
		free(sv);
	}
}

static void
written_next(struct pauses *ps)
{
	struct saving *sv;

	while ((sv = TAILQ_FIRST(&ps->next)) != NULL) {
		TAILQ_REMOVE(&ps->next, sv, link);
		TAILQ_INSERT_TAIL(&ps->written, sv, link);
	}
}

static void save_done(struct disk_job *job, int rc);

/* 0, or -ENOMEM: nothing was begun. */
static int
save_begin(struct pauses *ps)
{
	void *bytes = pause_encode(ps->list, ps->n, &ps->len);

	if (bytes == NULL)
		return -ENOMEM;
	free(ps->bytes);
	ps->bytes = bytes;
	written_next(ps);
	ps->job = (struct disk_job){ .run = save_run, .done = save_done };
	ps->running = true;
	disk_submit(ps->disk, &ps->job);
	return 0;
}

static void
save_done(struct disk_job *job, int rc)
{
	struct pauses *ps = (struct pauses *)job;

	if (rc < 0)
		log_error("daemon",
		    "cannot write the file " PAUSE_FILE
		    ": %s; what is paused now would "
		    "be forgotten by a restart; make room in the state directory, then "
		    "pause again",
		    strerror(-rc));
	/* What one of those asks for when it is told is no part of what was written. */
	tell(&ps->written, rc);
	ps->running = false;
	if (!TAILQ_EMPTY(&ps->next) && save_begin(ps) < 0)
		tell(&ps->next, -ENOMEM);
}

int
pauses_save(struct pauses *ps, void (*done)(void *owner, int rc), void *owner)
{
	struct saving *sv = calloc(1, sizeof(*sv));
	int rc = 0;

	if (sv == NULL)
		return -ENOMEM;
	sv->done = done;
	sv->owner = owner;
	TAILQ_INSERT_TAIL(&ps->next, sv, link);
	if (!ps->running)
		rc = save_begin(ps);
	if (rc < 0) {
		TAILQ_REMOVE(&ps->next, sv, link);
		free(sv);
	}
	return rc;
}

static void
forget(struct saving_list *list, const void *owner)
{
	struct saving *sv;

	TAILQ_FOREACH (sv, list, link)
		if (sv->owner == owner)
			sv->done = NULL;
}

void
pauses_forget(struct pauses *ps, const void *owner)
{
	forget(&ps->written, owner);
	forget(&ps->next, owner);
}

/* ---- drains ------------------------------------------------------------------------ */

int
pauses_drain_begin(struct pauses *ps, enum pause_kind kind, const char *name)
{
	struct pause drain = { .kind = kind };

	if (list_find(ps->drains, ps->n_drains, kind, name) != NULL)
		return -EBUSY;
	(void)snprintf(drain.name, sizeof(drain.name), "%s", name);
	return list_add(&ps->drains, &ps->n_drains, &drain);
}

bool
pauses_drain_end(struct pauses *ps, enum pause_kind kind, const char *name)
{
	return list_remove(ps->drains, &ps->n_drains, kind, name);
}

bool
pauses_is_draining(const struct pauses *ps, enum pause_kind kind, const char *name)
{
	return list_find(ps->drains, ps->n_drains, kind, name) != NULL;
}

/* ---- what they mean ---------------------------------------------------------------- */

void
pauses_judge(const struct pauses *ps, const char *route, const char *peer,
    struct pauses_verdict *ret)
{
	const struct pause *own = pauses_find(ps, PAUSE_ROUTE, route);
	const struct pause *of_peer =
	    peer == NULL ? NULL : pauses_find(ps, PAUSE_PEER, peer);

	*ret = (struct pauses_verdict){ .hold = PAUSES_NONE };
	if (pauses_is_draining(ps, PAUSE_ROUTE, route) ||
	    (peer != NULL && pauses_is_draining(ps, PAUSE_PEER, peer))) {
		ret->hold = PAUSES_DRAINING;
		return;
	}
	if (own == NULL && of_peer == NULL)
		return;
	ret->pause = own != NULL ? own : of_peer;
	if ((own != NULL && own->drained) || (of_peer != NULL && of_peer->drained))
		ret->hold = PAUSES_DRAINED;
	else
		ret->hold = PAUSES_PAUSED;
}

void
pauses_judge_peer(const struct pauses *ps, const char *peer, struct pauses_verdict *ret)
{
	*ret = (struct pauses_verdict){ .hold = PAUSES_NONE };
	if (pauses_is_draining(ps, PAUSE_PEER, peer)) {
		ret->hold = PAUSES_DRAINING;
		return;
	}
	ret->pause = pauses_find(ps, PAUSE_PEER, peer);
	if (ret->pause != NULL)
		ret->hold = ret->pause->drained ? PAUSES_DRAINED : PAUSES_PAUSED;
}

char *
pause_who(char *buf, size_t size, const struct pause *pause)
{
	char when[32];

	(void)snprintf(buf, size, "%sby uid %lu since %s",
	    pause->drained ? "drained " : "", (unsigned long)pause->uid,
	    clock_format(when, sizeof(when), pause->wall_ns));
	return buf;
}
