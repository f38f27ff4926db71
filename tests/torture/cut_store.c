/* Opening a store as a daemon does, and its messages. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cut.h"
#include "spool/deadletter.h"
#include "spool/disk.h"
#include "spool/names.h"
#include "spool/runtime.h"

#define LIMIT (UINT64_C(1) << 20) /* bytes: segments of 64 KiB */

static const struct id stream_id = { { 1 } }, ring_id = { { 2 } };

static struct log_spec
spec_of(enum log_sync sync)
{
	return (struct log_spec){
		.stream = stream_id,
		.ring = ring_id,
		.seed = record_seed(&ring_id),
		.uri = "posix:/orders",
		.take = "",
		.label = "hub/orders",
		.limit = LIMIT,
		.sync = sync,
	};
}

static int
open_log(struct cut_store *cs, const struct log_spec *spec, const char *name)
{
	struct log_about about;
	uint64_t replayed;
	struct id id;
	int rc;

	rc = id_parse(&id, name);
	if (rc == 0)
		rc = log_identify(&about, cs->env.state_fd, &id);
	if (rc == -ENOENT)
		return log_remove_begun(cs->env.state_fd, &id);
	if (rc == 0)
		rc = log_open(&cs->log, &cs->env, &id, spec, &replayed);
	if (rc == 0)
		rc = log_numbers_load(cs->log, 0);
	if (rc == 0)
		rc = deadletters_settle(cs->dead, cs->log);
	if (rc >= 0)
		log_numbers_done(cs->log);
	return rc < 0 ? rc : 0;
}

static int
open_logs(struct cut_store *cs, enum log_sync sync)
{
	const struct log_spec spec = spec_of(sync);
	struct names nm = { 0 };
	int rc = log_list(&nm, cs->env.state_fd);

	for (size_t i = 0; rc == 0 && i < nm.n; i++)
		rc = open_log(cs, &spec, nm.at[i]);
	names_done(&nm);
	return rc;
}

int
cut_store_open(struct cut_store *cs, const struct cut_place *pl, enum log_sync sync,
    const char **what)
{
	int rc;

	*what = "the runtime directory and the image";
	rc = runtime_open(&cs->runtime, pl->run, pl->lib, NULL);
	if (rc < 0)
		return rc;
	cs->env = (struct log_env){
		.runtime_fd = runtime_dir_fd(cs->runtime),
		.state_fd = runtime_state_fd(cs->runtime),
		.disk = cs->disk,
	};
	*what = "the dead letters";
	rc = deadletters_open(&cs->dead, cs->env.state_fd, UINT64_C(1) << 30);
	if (rc < 0)
		return rc;
	*what = "the log";
	return open_logs(cs, sync);
}

void
cut_store_create(struct cut_store *cs, enum log_sync sync)
{
	const struct log_spec spec = spec_of(sync);
	int rc = log_create(&cs->log, &cs->env, &spec);

	if (rc < 0)
		cut_die("log_create", rc);
}

void
cut_store_wait(struct cut_store *cs)
{
	struct pollfd pfd = { .fd = disk_fd(cs->disk), .events = POLLIN };

	while (cs->log != NULL && log_busy(cs->log)) {
		if (poll(&pfd, 1, 20000) != 1)
			cut_die("the disk thread does not end", 0);
		disk_collect(cs->disk);
	}
}

void
cut_store_close(struct cut_store *cs)
{
	cut_store_wait(cs);
	log_close(cs->log);
	deadletters_close(cs->dead);
	runtime_close(cs->runtime);
	*cs = (struct cut_store){ .disk = cs->disk };
}

const struct record *
cut_store_peek(struct cut_store *cs, uint64_t *ret_place)
{
	const struct record *rec;
	int64_t priority;

	while ((rec = log_peek(cs->log, ret_place)) == NULL &&
	       log_first(cs->log, &priority)) {
		if (!log_busy(cs->log))
			cut_die("the log neither reads nor ends", 0);
		cut_store_wait(cs);
	}
	return rec;
}

static uint8_t
body_byte(size_t item, uint32_t at)
{
	if (at < sizeof(uint64_t))
		return (uint8_t)((uint64_t)item >> (8 * at));
	return (uint8_t)(item * 31 + at * 7 + (at >> 9));
}

size_t
cut_item_of(const struct cut_ledger *le, const struct record *rec)
{
	uint64_t item;

	if (rec->length < sizeof(item))
		return CUT_NEVER;
	memcpy(&item, rec->body, sizeof(item));
	if (item >= le->n || rec->length != le->items[item].length ||
	    rec->type != le->items[item].priority)
		return CUT_NEVER;
	for (uint32_t i = 0; i < rec->length; i++)
		if (rec->body[i] != body_byte(item, i))
			return CUT_NEVER;
	return item;
}

struct record *
cut_record_of(const struct cut_ledger *le, size_t item)
{
	const struct cut_item *it = &le->items[item];
	struct record *rec = calloc(1, record_stride(it->length));

	if (rec == NULL)
		cut_die("memory", 0);
	rec->length = it->length;
	rec->number = item + 1;
	rec->captured_ns = (int64_t)item + 1;
	rec->type = it->priority;
	for (uint32_t i = 0; i < it->length; i++)
		rec->body[i] = body_byte(item, i);
	record_seal(rec, record_seed(&ring_id));
	return rec;
}

struct deadletter
cut_letter_of(const struct record *rec)
{
	return (struct deadletter){
		.ring = ring_id,
		.number = rec->number,
		.stream = stream_id,
		.reason = DEAD_TOO_BIG,
		.uri = "posix:/orders",
		.label = "hub/orders",
		.route = "orders",
		.detail = "",
		.rec = rec,
	};
}
