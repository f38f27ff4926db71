#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "assembly/assembly.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "config/conf.h"
#include "metrics/metrics_line.h"
#include "metrics/metrics_private.h"
#include "service/turns.h"
#include "spool/disk.h"
#include "spool/runtime.h"
#include "wire/frame.h"

static void *
object_of(const struct metrics_snapshot *sn, enum metrics_kind kind, size_t i)
{
	return (uint8_t *)sn->objects[kind].array + i * metrics_kinds[kind].object_size;
}

static struct metrics_daemon *
daemon_of(const struct metrics_snapshot *sn)
{
	return object_of(sn, METRICS_DAEMON, 0);
}

static int
begin_object(struct metrics_head *head, enum metrics_kind kind, const char *name)
{
	head->always = true;
	head->label = metrics_label(metrics_kinds[kind].label, name);
	return head->label == NULL ? -ENOMEM : 0;
}

static int
copy_text(char **ret, const char *text)
{
	*ret = strdup(text);
	return *ret == NULL ? -ENOMEM : 0;
}

static int
take_queue(struct metrics_snapshot *sn, struct assembly *as, size_t i)
{
	struct metrics_queue *mq = object_of(sn, METRICS_QUEUES, i);
	const struct numbers_queue *nq = &mq->numbers;
	struct assembly_queue *aq = as->queues[i];

	numbers_queue(as, aq, &mq->numbers);
	numbers_total_queue(&daemon_of(sn)->total, aq, nq);
	mq->attributes = nq->source && nq->intake.attached ? nq->intake.attributes
							   : nq->delivery.attributes;
	mq->posix = nq->attached && mq->attributes.kind == IPCQ_POSIX;
	mq->sysv = nq->attached && mq->attributes.kind == IPCQ_SYSV;
	if (copy_text(&mq->uri, aq->conf->uri) < 0)
		return -ENOMEM;
	return begin_object(&mq->head, METRICS_QUEUES, aq->conf->name);
}

static int
take_route(struct metrics_snapshot *sn, struct assembly *as, size_t i)
{
	struct metrics_route *mr = object_of(sn, METRICS_ROUTES, i);
	const struct outlet_numbers *on = &mr->numbers.outlet;
	struct assembly_route *ar = as->routes[i];

	numbers_route(as, ar, &mr->numbers);
	numbers_total_route(&daemon_of(sn)->total, ar, &mr->numbers);
	memcpy(mr->rejected_for, on->rejected_for, sizeof(mr->rejected_for));
	histogram_copy(&mr->transit, on->transit);
	mr->has_log = on->stream.log.limit > 0;
	if (copy_text(&mr->from, ar->conf->from) < 0 ||
	    copy_text(&mr->to, ar->conf->to) < 0)
		return -ENOMEM;
	return begin_object(&mr->head, METRICS_ROUTES, ar->conf->name);
}

static int
take_peer(struct metrics_snapshot *sn, struct assembly *as, size_t i)
{
	struct metrics_peer *mp = object_of(sn, METRICS_PEERS, i);
	struct assembly_peer *ap = as->peers[i];

	numbers_peer(as, ap, &mp->numbers);
	numbers_total_peer(&daemon_of(sn)->total, ap, &mp->numbers);
	mp->up = mp->numbers.peer.state == STATE_CONNECTED; /* paused or not */
	if (copy_text(&mp->address, mp->numbers.peer.address) < 0)
		return -ENOMEM;
	return begin_object(&mp->head, METRICS_PEERS, ap->conf->name);
}

/* Both are local: the kernel knows this without asking a disk. */
static void
take_space(struct metrics_daemon *md, const struct runtime *rt)
{
	const int fds[METRICS_DIRS] = { [METRICS_RING_DIR] = runtime_dir_fd(rt),
		[METRICS_STATE_DIR] = runtime_state_fd(rt) };

	for (size_t i = 0; i < METRICS_DIRS; i++) {
		struct statvfs fs;

		if (fstatvfs(fds[i], &fs) < 0)
			continue;
		md->free_bytes[i] = (uint64_t)fs.f_bavail * fs.f_frsize;
		md->size_bytes[i] = (uint64_t)fs.f_blocks * fs.f_frsize;
	}
}

/* After all others, of which it has the sums. */
static int
take_daemon(struct metrics_snapshot *sn, struct assembly *as, size_t i)
{
	struct metrics_daemon *md = object_of(sn, METRICS_DAEMON, i);
	const struct metrics_route *routes = sn->objects[METRICS_ROUTES].array;
	uint64_t *bytes = md->spool_bytes;
	char protocol[16];

	(void)snprintf(protocol, sizeof(protocol), "%d", FRAME_VERSION);
	if (copy_text(&md->version, PACKAGE_VERSION) < 0 ||
	    copy_text(&md->protocol, protocol) < 0)
		return -ENOMEM;
	md->head.always = true;
	numbers_total_end(as, &md->total);
	bytes[METRICS_LETTERS] = md->total.dead_letter_bytes;
	for (size_t k = 0; k < as->n_routes; k++)
		bytes[METRICS_LOGS] += routes[k].numbers.outlet.stream.log.bytes;
	bytes[METRICS_RINGS] = md->total.backlog_bytes - bytes[METRICS_LOGS];
	turns_times(&md->turns);
	disk_sync_times(as->disk, &md->syncs);
	take_space(md, as->runtime);
	metrics_process_read(&md->process);
	sn->now_ms = clock_monotonic_ms();
	sn->wall_ns = clock_wall_ns();
	return 0;
}

int
metrics_snapshot_begin(struct metrics_snapshot *ret, const struct assembly *as)
{
	const size_t n[METRICS_KINDS] = { [METRICS_DAEMON] = 1,
		[METRICS_QUEUES] = as->n_queues,
		[METRICS_ROUTES] = as->n_routes,
		[METRICS_PEERS] = as->n_peers };

	*ret = (struct metrics_snapshot){ .changes = as->changes };
	for (size_t k = 0; k < METRICS_KINDS; k++) {
		ret->objects[k].array = calloc(n[k] + 1, metrics_kinds[k].object_size);
		if (ret->objects[k].array == NULL)
			return -ENOMEM;
		ret->objects[k].n = n[k];
	}
	numbers_total_begin(&daemon_of(ret)->total);
	return 0;
}

/* Returns 1: there is more to take, 0: that was all, or -errno. */
static int
take_next(struct metrics_snapshot *sn, struct assembly *as)
{
	/* Routes first: a queue that waits for one of them says so. */
	static const struct {
		enum metrics_kind kind;
		int (*take)(struct metrics_snapshot *sn, struct assembly *as, size_t i);
	} steps[] = {
		{ METRICS_ROUTES, take_route },
		{ METRICS_QUEUES, take_queue },
		{ METRICS_PEERS, take_peer },
		{ METRICS_DAEMON, take_daemon },
	};
	size_t i = sn->next++;

	for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
		size_t n = sn->objects[steps[k].kind].n;

		if (i < n) {
			int rc = steps[k].take(sn, as, i);

			return rc < 0 ? rc : steps[k].kind != METRICS_DAEMON;
		}
		i -= n;
	}
	return 0;
}

int
metrics_snapshot_go_on(struct metrics_snapshot *sn, struct assembly *as)
{
	struct slice sl;
	int rc = 1;

	if (sn->changes != as->changes) {
		metrics_snapshot_done(sn);
		rc = metrics_snapshot_begin(sn, as) < 0 ? -ENOMEM : 1;
	}
	slice_begin(&sl);
	while (rc == 1 && slice_has_room(&sl))
		rc = take_next(sn, as);
	return rc;
}

static void
free_texts(const struct metric_kind *kind, uint8_t *object)
{
	free(((struct metrics_head *)(void *)object)->label);
	for (size_t i = 0; i < kind->n_rows; i++) {
		const struct metric_text *mt = kind->rows[i].texts;

		for (; mt != NULL && mt->label != NULL; mt++)
			free(*(char **)(void *)(object + mt->at));
	}
}

void
metrics_snapshot_done(struct metrics_snapshot *sn)
{
	for (size_t k = 0; k < METRICS_KINDS; k++) {
		const struct metric_kind *kind = &metrics_kinds[k];
		struct metrics_objects *mo = &sn->objects[k];

		for (size_t i = 0; i < mo->n; i++)
			free_texts(kind, (uint8_t *)mo->array + i * kind->object_size);
		free(mo->array);
	}
}
