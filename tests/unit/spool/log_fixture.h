/* An overflow log with its disk thread, for its tests. */
#ifndef MQBRIDGE_TESTS_LOG_FIXTURE_H
#define MQBRIDGE_TESTS_LOG_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/log.h"
#include "state_fixture.h"

struct log_lab {
	struct state_dirs dirs;
	struct disk *disk;
	struct log *log; /* NULL: closed */
	struct id id;
	struct log_env env;
	struct log_spec spec;
	unsigned changes; /* calls of changed() */
	int rc;           /* of the last append */
	bool done;
	size_t n_items;
	struct log_item *items; /* the last that was appended, with their places */
};

/* All of these fail the test when they cannot do their work. */
void log_lab_start(struct log_lab *lb, uint64_t limit, enum log_sync sync);
void log_lab_stop(struct log_lab *lb);
void log_lab_wait(struct log_lab *lb); /* until no job is on the disk thread */
/* Wait for something to collect, but do not collect it. */
void log_lab_wait_uncollected(struct log_lab *lb);
void log_lab_crash(struct log_lab *lb); /* nothing more is done; the files stay */
int log_lab_try_open(struct log_lab *lb, uint64_t *ret_replayed);
uint64_t log_lab_open(struct log_lab *lb);  /* number replayed */
void log_lab_power_cut(struct log_lab *lb); /* a crash without the runtime directory */

/* A record as a ring has it, malloc'ed. Its body is made of its number. */
struct record *log_lab_record(
    const struct log_lab *lb, uint64_t number, int64_t type, uint32_t length);
/* Does the body say that it is the one of that number? */
bool log_lab_is(const struct record *rec, uint64_t number);
/* Append, wait, and return what done() was told. */
int log_lab_append(struct log_lab *lb, const struct log_item *items, size_t count);
/* The same for records of one priority and length, numbered from first on. */
int log_lab_put(struct log_lab *lb, uint64_t first, size_t count, int64_t priority,
    uint32_t length);
/* What goes next, waited for; NULL: nothing. */
const struct record *log_lab_peek(struct log_lab *lb, uint64_t *ret_place);
const struct record *log_lab_at(struct log_lab *lb, uint64_t place);
/* Take and settle all that waits: how many, with the numbers that their bodies say. */
size_t log_lab_drain(struct log_lab *lb, uint64_t *numbers, size_t max);
struct log_numbers log_lab_numbers(const struct log_lab *lb);
/* A descriptor of logs/<id>. */
int log_lab_dir(const struct log_lab *lb);

#endif
