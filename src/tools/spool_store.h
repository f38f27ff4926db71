/* The store of a stopped daemon as the next start would find it: rings, streams and marks are
 * copied and recovered in the copy, so that nothing is changed where they lie. */
#ifndef MQBRIDGE_TOOLS_SPOOL_STORE_H
#define MQBRIDGE_TOOLS_SPOOL_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/id.h"
#include "spool/anchor.h"
#include "spool/journal.h"
#include "spool/marks.h"
#include "spool/ring.h"
#include "spool/state_file.h"
#include "tools/spool_log.h"

struct runtime;

struct store_ring {
	char file[STATE_FILE_NAME];
	struct ring *ring; /* NULL: it cannot be opened */
	size_t streams;    /* that are of it */
};

struct store_stream {
	char file[STATE_FILE_NAME];
	struct store_ring *of;        /* NULL: its ring is not there */
	struct journal_header header; /* all 0: it cannot be read */
	struct stream *stream;        /* NULL: it cannot be opened, or has a log */
	struct journal journal;       /* recovered, with a log; all 0: it cannot be */
};

/* What repair does with a faulty file. */
enum store_mend {
	STORE_MEND_START, /* nothing: the next start mends it or has gone on without */
	STORE_MEND_ASIDE, /* renames it */
	STORE_MEND_JOURNAL, /* gives the stream a new journal */
};

struct spool_store {
	struct runtime *runtime; /* NULL: no daemon ran since the boot */
	int dir_fd;              /* where the files are; -1: only an image has them */
	int state_fd;            /* -1: none */
	bool image_lost;         /* nothing else has the files, and it cannot be read */
	char scratch[64];
	int scratch_fd;
	struct store_ring *rings;
	size_t n_rings;
	struct store_stream *streams;
	size_t n_streams;
	struct store_log *logs;
	size_t n_logs;
	struct marks *marks;  /* NULL: none, or it cannot be opened */
	struct anchor anchor; /* ties the clock of the records to the wall clock */
	json_t *faults; /* objects of file, offset, what, repair, mend (store_mend) */
	char **error;
};

/* Takes the locks until store_close(). 0; -EBUSY: a daemon runs; or -errno. *error as in
 * runtime_open(). *ret belongs to the caller. */
int store_open(struct spool_store **ret, const char *runtime_dir, const char *state_dir,
    char **error) MUST_CHECK;
void store_close(struct spool_store *ss); /* NULL is fine */

/* One more fault. offset -1: of the whole file. */
void store_fault(struct spool_store *ss, const char *file, int64_t offset,
    enum store_mend mend, const char *what);

#endif
