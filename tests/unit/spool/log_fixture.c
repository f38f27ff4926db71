#include "log_fixture.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record/record.h"
#include "spool/disk.h"
#include "spool/log_private.h"
#include "spool/names.h"

#define TIMEOUT_MS 20000

static void
on_changed(void *owner)
{
	struct log_lab *lb = owner;

	lb->changes++;
}

void
log_lab_start(struct log_lab *lb, uint64_t limit, enum log_sync sync)
{
	*lb = (struct log_lab){ 0 };
	state_dirs_make(&lb->dirs);
	ck_assert_int_eq(disk_new(&lb->disk), 0);
	lb->env = (struct log_env){
		.runtime_fd = lb->dirs.runtime_fd,
		.state_fd = lb->dirs.state_fd,
		.disk = lb->disk,
	};
	lb->spec = (struct log_spec){
		.stream = state_id(1),
		.ring = state_id(2),
		.uri = "posix:/orders",
		.take = "",
		.label = "hub/orders",
		.limit = limit,
		.sync = sync,
		.changed = on_changed,
		.owner = lb,
	};
	lb->spec.seed = record_seed(&lb->spec.ring);
	ck_assert_int_eq(log_create(&lb->log, &lb->env, &lb->spec), 0);
	ck_assert_int_eq(log_dir_begin(lb->log), 0);
	lb->id = *log_id(lb->log);
}

void
log_lab_stop(struct log_lab *lb)
{
	if (lb->log != NULL)
		log_lab_wait(lb);
	log_close(lb->log);
	disk_free(lb->disk);
	free(lb->items);
	state_dirs_remove(&lb->dirs);
}

void
log_lab_wait_uncollected(struct log_lab *lb)
{
	struct pollfd pfd = { .fd = disk_fd(lb->disk), .events = POLLIN };

	ck_assert_int_eq(poll(&pfd, 1, TIMEOUT_MS), 1);
}

void
log_lab_wait(struct log_lab *lb)
{
	while (log_busy(lb->log)) {
		log_lab_wait_uncollected(lb);
		disk_collect(lb->disk);
	}
}

void
log_lab_crash(struct log_lab *lb)
{
	log_close(lb->log);
	lb->log = NULL;
	disk_free(lb->disk);
	ck_assert_int_eq(disk_new(&lb->disk), 0);
	lb->env.disk = lb->disk;
}

int
log_lab_try_open(struct log_lab *lb, uint64_t *ret_replayed)
{
	return log_open(&lb->log, &lb->env, &lb->id, &lb->spec, ret_replayed);
}

uint64_t
log_lab_open(struct log_lab *lb)
{
	uint64_t replayed = UINT64_MAX;

	ck_assert_int_eq(log_lab_try_open(lb, &replayed), 0);
	return replayed;
}

static bool
is_log_file(const char *name)
{
	return strncmp(name, "log-", 4) == 0;
}

void
log_lab_power_cut(struct log_lab *lb)
{
	log_lab_crash(lb);
	ck_assert_int_eq(names_remove(lb->dirs.runtime_fd, is_log_file), 0);
}

/* The number, then what follows from it. */
static uint8_t
body_byte(uint64_t number, uint32_t at)
{
	if (at < sizeof(number))
		return (uint8_t)(number >> (8 * at));
	return (uint8_t)(number * 31 + at * 7);
}

struct record *
log_lab_record(const struct log_lab *lb, uint64_t number, int64_t type, uint32_t length)
{
	struct record *rec = calloc(1, record_stride(length));

	ck_assert_ptr_nonnull(rec);
	rec->length = length;
	rec->number = number;
	rec->captured_ns = (int64_t)number;
	rec->type = type;
	rec->state = 0x15; /* as if other streams had settled it */
	for (uint32_t i = 0; i < length; i++)
		rec->body[i] = body_byte(number, i);
	record_seal(rec, lb->spec.seed);
	return rec;
}

bool
log_lab_is(const struct record *rec, uint64_t number)
{
	for (uint32_t i = 0; i < rec->length; i++)
		if (rec->body[i] != body_byte(number, i))
			return false;
	return rec->state == 0;
}

static void
on_done(void *owner, const struct log_item *items, size_t count, int rc)
{
	struct log_lab *lb = owner;

	free(lb->items);
	lb->items = calloc(count + 1, sizeof(*items));
	ck_assert_ptr_nonnull(lb->items);
	if (count > 0)
		memcpy(lb->items, items, count * sizeof(*items));
	lb->n_items = count;
	lb->rc = rc;
	lb->done = true;
}

int
log_lab_append(struct log_lab *lb, const struct log_item *items, size_t count)
{
	int rc;

	lb->done = false;
	rc = log_append(lb->log, items, count, on_done, lb);
	if (rc < 0) {
		ck_assert(!lb->done);
		return rc;
	}
	while (!lb->done) {
		log_lab_wait_uncollected(lb);
		disk_collect(lb->disk);
	}
	return lb->rc;
}

int
log_lab_put(
    struct log_lab *lb, uint64_t first, size_t count, int64_t priority, uint32_t length)
{
	struct log_item *items = calloc(count, sizeof(*items));
	struct record **recs = calloc(count, sizeof(struct record *));
	int rc;

	ck_assert_ptr_nonnull(items);
	ck_assert_ptr_nonnull(recs);
	for (size_t i = 0; i < count; i++) {
		recs[i] = log_lab_record(lb, first + i, priority, length);
		items[i].rec = recs[i];
		items[i].priority = priority;
	}
	rc = log_lab_append(lb, items, count);
	for (size_t i = 0; i < count; i++)
		free(recs[i]);
	free(recs);
	free(items);
	return rc;
}

const struct record *
log_lab_peek(struct log_lab *lb, uint64_t *ret_place)
{
	const struct record *rec;
	int64_t priority;

	while ((rec = log_peek(lb->log, ret_place)) == NULL &&
	       log_first(lb->log, &priority)) {
		ck_assert(log_busy(lb->log));
		log_lab_wait_uncollected(lb);
		disk_collect(lb->disk);
	}
	return rec;
}

const struct record *
log_lab_at(struct log_lab *lb, uint64_t place)
{
	const struct record *rec;

	while ((rec = log_at(lb->log, place)) == NULL && !log_lost(lb->log, place)) {
		ck_assert(log_busy(lb->log));
		log_lab_wait_uncollected(lb);
		disk_collect(lb->disk);
	}
	return rec;
}

size_t
log_lab_drain(struct log_lab *lb, uint64_t *numbers, size_t max)
{
	const struct record *rec;
	uint64_t place;
	size_t n = 0;

	while ((rec = log_lab_peek(lb, &place)) != NULL) {
		ck_assert_uint_lt(n, max);
		ck_assert_uint_ge(rec->length, sizeof(*numbers));
		memcpy(&numbers[n], rec->body, sizeof(*numbers));
		ck_assert(log_lab_is(rec, numbers[n]));
		ck_assert_int_eq(
		    record_check(rec, record_stride(rec->length), lb->spec.seed), 0);
		n++;
		log_pop(lb->log);
		log_settle(lb->log, place);
	}
	return n;
}

struct log_numbers
log_lab_numbers(const struct log_lab *lb)
{
	struct log_numbers nb;

	log_numbers(lb->log, &nb);
	return nb;
}

int
log_lab_dir(const struct log_lab *lb)
{
	char path[128], text[ID_TEXT];
	int fd;

	(void)snprintf(
	    path, sizeof(path), "%s/logs/%s", lb->dirs.state, id_format(text, &lb->id));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}
