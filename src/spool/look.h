/* What rings and streams hold, seen without recovering or changing anything, for tools beside
 * a stopped daemon. */
#ifndef MQBRIDGE_SPOOL_LOOK_H
#define MQBRIDGE_SPOOL_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/id.h"
#include "spool/journal.h"
#include "spool/ring.h"
#include "spool/ring_file.h"

struct look_ring {
	struct id id;
	enum ring_kind kind;
	char uri[RING_URI_SIZE];
	char take[RING_TAKE_SIZE];
	uint32_t max_body;
	uint64_t bytes;       /* of the data area */
	uint64_t used;        /* bytes of live records */
	uint64_t records;     /* whole live records, up to the first damaged one */
	uint64_t next_number; /* of the record behind them */
	bool unfinished; /* a record follows that opening will recover or give up */
};

struct look_stream {
	struct id id;
	struct id ring;
	char label[JOURNAL_LABEL_SIZE];
	uint64_t acked;
	uint64_t next;
	uint64_t logged; /* of those in flight, messages in the overflow log */
};

/* 0; -EBADMSG: damaged or of a future version; or -errno. */
int look_ring(struct look_ring *ret, int dir_fd, const char *file) MUST_CHECK;
int look_stream(struct look_stream *ret, int dir_fd, const char *file) MUST_CHECK;

#endif
