/* Inside of the metrics, shared by metrics.c (writing), metrics_rows.c (what there is) and
 * metrics_snapshot.c (their figures). */
#ifndef MQBRIDGE_METRICS_METRICS_PRIVATE_H
#define MQBRIDGE_METRICS_METRICS_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assembly/numbers.h"
#include "base/histogram.h"
#include "base/state.h"
#include "metrics/metrics.h"
#include "spool/deadletter.h"

struct assembly;

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_INFO };

/* What a member is, and how it is written. */
enum metric_form {
	METRIC_U64,
	METRIC_SIZE,    /* size_t */
	METRIC_BOOL,    /* 0 or 1 */
	METRIC_SECONDS, /* int64_t, below 0: 0 */
	METRIC_MS,      /* uint64_t, written in seconds */
	METRIC_NS,      /* int64_t, written in seconds; 0: not known, not written */
	METRIC_TIMES,   /* struct histogram */
	METRIC_AT_MS, /* uint64_t of CLOCK_MONOTONIC, as time since 1970; 0: not written */
	METRIC_AT_NS,     /* int64_t since 1970 */
	METRIC_BY_STATE,  /* enum state: one of each that there may be, 0 or 1 */
	METRIC_BY_REASON, /* enum reason: the one, if there is a reason */
	METRIC_BY_LETTER, /* uint64_t[DEAD_REASONS], by reason */
	METRIC_BY_NAME,   /* uint64_t[], as many as names says */
	METRIC_TEXTS,     /* the labels alone: see texts */
};

struct metric_text {
	const char *label; /* NULL: the end of the list */
	size_t at;         /* a char * */
};

struct metric_names {
	const char *label;
	const char *const *names;
	size_t n;
};

struct metric {
	const char *name; /* without "_total", "_info"; its unit is in it */
	enum metric_type type;
	enum metric_form form;
	size_t at; /* of the member in the object's snapshot */
	const char *help;
	size_t when; /* of a bool there: it has this figure */
	const struct metric_text *texts;
	const struct metric_names *names;
};

/* A kind of objects: each has all metrics of it. */
struct metric_kind {
	const char *label; /* by which they are told apart; NULL: there is one */
	enum state_kind states;
	const struct metric *rows;
	size_t n_rows;
	size_t object_size;
};

enum metrics_store { METRICS_RINGS, METRICS_LOGS, METRICS_LETTERS, METRICS_STORES };
enum metrics_directory { METRICS_RING_DIR, METRICS_STATE_DIR, METRICS_DIRS };

struct metrics_process {
	uint64_t cpu_ms, resident_bytes, virtual_bytes, open_fds, max_fds;
	int64_t started_ns; /* since 1970 */
};

/* Each snapshot of an object begins so. */
struct metrics_head {
	bool always; /* true */
	char *label; /* its name as a label: route="orders"; NULL: none */
};

struct metrics_daemon {
	struct metrics_head head;
	char *version, *protocol;
	struct numbers_total total;
	uint64_t spool_bytes[METRICS_STORES];
	uint64_t free_bytes[METRICS_DIRS], size_bytes[METRICS_DIRS];
	struct histogram turns, syncs;
	struct metrics_process process;
};

struct metrics_queue {
	struct metrics_head head;
	char *uri;
	struct numbers_queue numbers;
	struct ipcq_attributes attributes; /* of the end that is attached */
	bool posix, sysv;                  /* it is attached, and of that kind */
};

struct metrics_route {
	struct metrics_head head;
	char *from, *to;
	struct numbers_route numbers;
	uint64_t rejected_for[DEAD_REASONS];
	struct histogram transit;
	bool has_log;
};

struct metrics_peer {
	struct metrics_head head;
	char *address;
	struct numbers_peer numbers;
	bool up;
};

enum metrics_kind {
	METRICS_DAEMON,
	METRICS_QUEUES,
	METRICS_ROUTES,
	METRICS_PEERS,
	METRICS_KINDS
};

extern const struct metric_kind metrics_kinds[METRICS_KINDS];

struct metrics_snapshot {
	struct metrics_objects {
		void *array; /* of struct metrics_daemon, metrics_queue, ... */
		size_t n;
	} objects[METRICS_KINDS];
	uint64_t changes; /* of the assembly, when it was begun */
	size_t next;      /* object to take */
	uint64_t now_ms;  /* CLOCK_MONOTONIC, when it was whole */
	int64_t wall_ns;
};

/* metrics_snapshot.c. 0 or -ENOMEM; _done() is due, also on failure. */
int metrics_snapshot_begin(
    struct metrics_snapshot *ret, const struct assembly *as) MUST_CHECK;
/* A slice of it; all over again when objects came or went. Returns 1: there is more, 0: it is
 * whole, or -ENOMEM. */
int metrics_snapshot_go_on(struct metrics_snapshot *sn, struct assembly *as) MUST_CHECK;
void metrics_snapshot_done(struct metrics_snapshot *sn);

/* metrics_process.c. What cannot be read stays 0. */
void metrics_process_read(struct metrics_process *ret);

#endif
