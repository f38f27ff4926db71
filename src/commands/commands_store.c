/* "show spool": what is kept where; "show limits": what is used of what there is. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "assembly/assembly.h"
#include "assembly/inventory.h"
#include "assembly/numbers.h"
#include "base/compiler.h"
#include "base/descriptors.h"
#include "commands/commands.h"
#include "commands/commands_show.h"
#include "config/conf.h"
#include "control/item.h"
#include "control/server.h"
#include "lib/ipcq.h"
#include "link/link.h"
#include "spool/deadletter.h"
#include "spool/marks.h"
#include "spool/runtime.h"

/* ---- spool ------------------------------------------------------------------------- */

const struct control_column show_spool_columns[] = {
	{ "what", "WHAT" },
	{ "place", "PLACE" },
	{ "files", "FILES" },
	{ "records", "RECORDS" },
	{ "used_bytes", "USED (BYTES)" },
	{ "limit_bytes", "OF" },
	{ "free_bytes", "FREE (BYTES)" },
	{ "reserve_bytes", "RESERVE" },
	{ "orphans", "ORPHANS" },
	{ "damaged_total", "DAMAGED" },
	{ "sync_failures_total", "SYNC FAILURES" },
	{ NULL, NULL },
};

#define UNKNOWN UINT64_MAX

/* One kind of what is kept; UNKNOWN: it does not apply. */
struct share {
	const char *what, *place;
	uint64_t files, records, used, limit, orphans, damaged, failures;
};

static void
item_known(struct item *it, const char *member, uint64_t value)
{
	if (value == UNKNOWN)
		item_null(it, member);
	else
		item_count(it, member, value);
}

/* The space of the file system that fd is on, without what only root may use. */
static void
item_space(struct item *it, const struct conf *cf, int fd, bool reserves)
{
	struct statvfs fs;
	uint64_t reserve = UNKNOWN, left = UNKNOWN, percent;

	if (fstatvfs(fd, &fs) == 0) {
		left = (uint64_t)fs.f_bavail * fs.f_frsize;
		percent =
		    (uint64_t)fs.f_blocks * fs.f_frsize / 100 * cf->reserve_percent;
		reserve = percent > cf->reserve_space ? percent : cf->reserve_space;
	}
	item_known(it, "free_bytes", left);
	item_known(it, "reserve_bytes", reserves ? reserve : UNKNOWN);
}

static int
add_share(const struct assembly *as, struct control_reply *reply,
    const struct share *sh, bool on_disk)
{
	struct item it;

	item_begin(&it);
	item_text(&it, "what", sh->what);
	item_text(&it, "place", sh->place);
	item_known(&it, "files", sh->files);
	item_known(&it, "records", sh->records);
	item_known(&it, "used_bytes", sh->used);
	item_known(&it, "limit_bytes", sh->limit);
	item_space(&it, as->conf,
	    on_disk ? runtime_state_fd(as->runtime) : runtime_dir_fd(as->runtime),
	    on_disk);
	item_known(&it, "orphans", sh->orphans);
	item_known(&it, "damaged_total", sh->damaged);
	item_known(&it, "sync_failures_total", sh->failures);
	return item_end(&it, reply->items);
}

static void
measure_rings(const struct assembly *as, struct share *sh)
{
	struct intake_numbers in;

	*sh = (struct share){ .what = "rings",
		.place = as->conf->ring_directory,
		.damaged = UNKNOWN,
		.failures = UNKNOWN,
		.orphans = inventory_rings(as->inventory) };
	for (size_t i = 0; i < as->n_queues; i++) {
		if (as->queues[i]->intake == NULL)
			continue;
		intake_numbers(as->queues[i]->intake, &in);
		sh->files += in.ring_bytes > 0;
		sh->records += in.ring_records;
		sh->used += in.ring_used;
		sh->limit += in.ring_bytes;
	}
	for (size_t i = 0; i < sh->orphans; i++) {
		struct inventory_ring ir = { 0 };

		inventory_ring_at(as->inventory, i, &ir);
		sh->files++;
		sh->records += ir.records;
		sh->used += ir.used;
		sh->limit += ir.bytes;
	}
}

static void
measure_logs(const struct assembly *as, struct share *sh)
{
	struct outlet_numbers ol;

	*sh = (struct share){ .what = "overflow logs",
		.place = as->conf->state_directory,
		.orphans = inventory_streams(as->inventory) };
	for (size_t i = 0; i < as->n_routes; i++) {
		outlet_numbers(as->routes[i]->outlet, &ol);
		sh->files += ol.stream.log.segments;
		sh->records += ol.stream.log.waiting;
		sh->used += ol.stream.log.bytes;
		sh->limit += ol.stream.log.limit;
		sh->damaged += ol.stream.log.damaged;
		sh->failures += ol.stream.log.sync_failures;
	}
}

static uint64_t
count_marks(const struct assembly *as)
{
	uint64_t n = 0;

	for (const struct mark *m = marks_next(as->marks, NULL); m != NULL;
	     m = marks_next(as->marks, m))
		n++;
	return n;
}

int
show_spool(void *context, struct control_reply *reply)
{
	const struct commands_context *cx = context;
	const struct assembly *as = cx->assembly;
	const struct share letters = { .what = "dead letters",
		.place = as->conf->state_directory,
		.files = deadletters_count(as->dead),
		.records = deadletters_count(as->dead),
		.used = deadletters_bytes(as->dead),
		.limit = deadletters_limit(as->dead),
		.orphans = UNKNOWN,
		.damaged = UNKNOWN,
		.failures = UNKNOWN };
	const struct share marks = { .what = "streams delivered here",
		.place = as->conf->ring_directory,
		.files = 1,
		.records = count_marks(as),
		.used = UNKNOWN,
		.limit = UNKNOWN,
		.orphans = UNKNOWN,
		.damaged = UNKNOWN,
		.failures = UNKNOWN };
	struct share rings, logs;
	int rc;

	reply->kind = "spool";
	measure_rings(as, &rings);
	measure_logs(as, &logs);
	rc = add_share(as, reply, &rings, false);
	if (rc == 0)
		rc = add_share(as, reply, &marks, false);
	if (rc == 0)
		rc = add_share(as, reply, &logs, true);
	return rc < 0 ? rc : add_share(as, reply, &letters, true);
}

/* ---- limits ------------------------------------------------------------------------ */

const struct control_column show_limits_columns[] = {
	{ "name", "LIMIT" },
	{ "used", "USED" },
	{ "limit", "OF" },
	{ "unit", "UNIT" },
	{ "what", "OF WHAT" },
	{ "raise", "RAISED BY" },
	{ NULL, NULL },
};

struct limit {
	const char *name, *unit, *what, *raise;
	uint64_t used, limit;
};

static int
add_limit(struct control_reply *reply, const struct limit *lt)
{
	struct item it;

	item_begin(&it);
	item_text(&it, "name", lt->name);
	item_known(&it, "used", lt->used);
	item_known(&it, "limit", lt->limit);
	item_text(&it, "unit", lt->unit);
	item_text(&it, "what", lt->what);
	item_text(&it, "raise", lt->raise);
	return item_end(&it, reply->items);
}

/* Those of the kernel for queues. */
static int
add_queue_limits(struct control_reply *reply)
{
	struct ipcq_limit rows[IPCQ_LIMITS];
	int n = ipcq_limits(rows, IPCQ_LIMITS_CHARGED);
	int rc = 0;

	for (int i = 0; rc == 0 && i < n; i++) {
		const struct limit lt = { rows[i].name,
			rows[i].bytes ? "bytes" : "pieces", rows[i].what, rows[i].raise,
			rows[i].used, rows[i].value };

		rc = add_limit(reply, &lt);
	}
	return rc;
}

/* VmLck of this process, bytes. */
static uint64_t
locked_bytes(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	uint64_t kib = UNKNOWN;
	char line[128];

	if (file == NULL)
		return UNKNOWN;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, "VmLck:", 6) == 0)
			kib = strtoull(line + 6, NULL, 10);
	}
	(void)fclose(file);
	return kib == UNKNOWN ? UNKNOWN : kib * 1024;
}

static uint64_t
process_limit(__rlimit_resource_t which)
{
	struct rlimit limit;

	if (getrlimit(which, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return UNKNOWN;
	return limit.rlim_cur;
}

static int
add_own_limits(const struct commands_context *cx, struct control_reply *reply)
{
	const struct assembly *as = cx->assembly;
	const struct limit own[] = {
		{ "RLIMIT_NOFILE", "pieces", "descriptors of the daemon",
		    "LimitNOFILE= of its unit", descriptors_open(UNKNOWN),
		    process_limit(RLIMIT_NOFILE) },
		{ "RLIMIT_MEMLOCK", "bytes", "memory that is locked, for speed only",
		    "LimitMEMLOCK= of its unit", locked_bytes(),
		    process_limit(RLIMIT_MEMLOCK) },
		{ "receive_memory", "bytes", "windows of the streams that come in",
		    "receive_memory in the configuration", link_reserved(as->link),
		    as->conf->receive_memory },
		{ "dead_letter_limit", "bytes", "dead letters on the disk",
		    "dead_letter_limit in the configuration",
		    deadletters_bytes(as->dead), deadletters_limit(as->dead) },
		{ "streams", "pieces", "streams whose deliveries are remembered", "",
		    count_marks(as), MARKS_STREAMS },
		{ "clients", "pieces", "connections to the control socket", "",
		    cx->control == NULL ? UNKNOWN : control_server_clients(cx->control),
		    CONTROL_CLIENTS_MAX },
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(own); i++)
		rc = add_limit(reply, &own[i]);
	return rc;
}

/* ring_size of every queue that has a ring, and log_limit of every route that has a log. */
static int
add_object_limits(const struct assembly *as, struct control_reply *reply)
{
	struct share rings, logs;
	int rc;

	measure_rings(as, &rings);
	measure_logs(as, &logs);
	rc = add_limit(reply,
	    &(const struct limit){ "ring_size", "bytes", "rings of all queues together",
		"ring_size of a queue", rings.used, rings.limit });
	if (rc < 0)
		return rc;
	return add_limit(reply, &(const struct limit){ "log_limit", "bytes",
				    "overflow logs of all routes together",
				    "log_limit of a route", logs.used, logs.limit });
}

int
show_limits(void *context, struct control_reply *reply)
{
	const struct commands_context *cx = context;
	int rc;

	reply->kind = "limits";
	rc = add_queue_limits(reply);
	if (rc == 0)
		rc = add_own_limits(cx, reply);
	return rc < 0 ? rc : add_object_limits(cx->assembly, reply);
}
