#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "assembly/assembly.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "config/conf.h"
#include "metrics/metrics_line.h"
#include "metrics/metrics_private.h"
#include "service/turns.h"
#include "spool/disk.h"
#include "spool/runtime.h"
#include "wire/frame.h"

/* Room for n objects of a kind, all 0. */
static void *
make(struct metrics_snapshot *sn, enum metrics_kind kind, size_t n)
{
	void *array = calloc(n + 1, metrics_kinds[kind].object_size);

	sn->objects[kind].array = array;
	sn->objects[kind].n = array == NULL ? 0 : n;
	return array;
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
take_queue(struct metrics_queue *mq, struct assembly *as, struct assembly_queue *aq)
{
	const struct numbers_queue *nq = &mq->numbers;

	numbers_queue(as, aq, &mq->numbers);
	mq->attributes = nq->source && nq->intake.attached ? nq->intake.attributes
							   : nq->delivery.attributes;
	mq->posix = nq->attached && mq->attributes.kind == IPCQ_POSIX;
	mq->sysv = nq->attached && mq->attributes.kind == IPCQ_SYSV;
	if (copy_text(&mq->uri, aq->conf->uri) < 0)
		return -ENOMEM;
	return begin_object(&mq->head, METRICS_QUEUES, aq->conf->name);
}

static int
take_queues(struct metrics_snapshot *sn, struct assembly *as)
{
	struct metrics_queue *array = make(sn, METRICS_QUEUES, as->n_queues);
	int rc = array == NULL ? -ENOMEM : 0;

	for (size_t i = 0; rc == 0 && i < as->n_queues; i++)
		rc = take_queue(&array[i], as, as->queues[i]);
	return rc;
}

static int
take_route(struct metrics_route *mr, struct assembly *as, struct assembly_route *ar)
{
	const struct outlet_numbers *on = &mr->numbers.outlet;

	numbers_route(as, ar, &mr->numbers);
	memcpy(mr->rejected_for, on->rejected_for, sizeof(mr->rejected_for));
	histogram_copy(&mr->transit, on->transit);
	mr->has_log = on->stream.log.limit > 0;
	if (copy_text(&mr->from, ar->conf->from) < 0 ||
	    copy_text(&mr->to, ar->conf->to) < 0)
		return -ENOMEM;
	return begin_object(&mr->head, METRICS_ROUTES, ar->conf->name);
}

static int
take_routes(struct metrics_snapshot *sn, struct assembly *as)
{
	struct metrics_route *array = make(sn, METRICS_ROUTES, as->n_routes);
	int rc = array == NULL ? -ENOMEM : 0;

	for (size_t i = 0; rc == 0 && i < as->n_routes; i++)
		rc = take_route(&array[i], as, as->routes[i]);
	return rc;
}

static int
take_peer(struct metrics_peer *mp, struct assembly *as, struct assembly_peer *ap)
{
	numbers_peer(as, ap, &mp->numbers);
	mp->up = mp->numbers.peer.state == STATE_CONNECTED; /* paused or not */
	if (copy_text(&mp->address, mp->numbers.peer.address) < 0)
		return -ENOMEM;
	return begin_object(&mp->head, METRICS_PEERS, ap->conf->name);
}

static int
take_peers(struct metrics_snapshot *sn, struct assembly *as)
{
	struct metrics_peer *array = make(sn, METRICS_PEERS, as->n_peers);
	int rc = array == NULL ? -ENOMEM : 0;

	for (size_t i = 0; rc == 0 && i < as->n_peers; i++)
		rc = take_peer(&array[i], as, as->peers[i]);
	return rc;
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

/* After routes: what their logs hold. */
static int
take_daemon(struct metrics_snapshot *sn, struct assembly *as)
{
	const struct metrics_route *routes = sn->objects[METRICS_ROUTES].array;
	struct metrics_daemon *md = make(sn, METRICS_DAEMON, 1);
	char protocol[16];
	uint64_t *bytes;

	(void)snprintf(protocol, sizeof(protocol), "%d", FRAME_VERSION);
	if (md == NULL || copy_text(&md->version, PACKAGE_VERSION) < 0 ||
	    copy_text(&md->protocol, protocol) < 0)
		return -ENOMEM;
	md->head.always = true;
	numbers_total(as, &md->total);
	bytes = md->spool_bytes;
	bytes[METRICS_LETTERS] = md->total.dead_letter_bytes;
	for (size_t i = 0; i < as->n_routes; i++)
		bytes[METRICS_LOGS] += routes[i].numbers.outlet.stream.log.bytes;
	bytes[METRICS_RINGS] = md->total.backlog_bytes - bytes[METRICS_LOGS];
	turns_times(&md->turns);
	disk_sync_times(as->disk, &md->syncs);
	take_space(md, as->runtime);
	metrics_process_read(&md->process);
	return 0;
}

int
metrics_snapshot_take(struct metrics_snapshot *ret, struct assembly *as)
{
	static int (*const steps[])(
	    struct metrics_snapshot * sn, struct assembly * as) = { take_queues,
		take_routes, take_peers, take_daemon };
	int rc = 0;

	*ret = (struct metrics_snapshot){ .now_ms = clock_monotonic_ms(),
		.wall_ns = clock_wall_ns() };
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(steps); i++)
		rc = steps[i](ret, as);
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
