/* A batch on its way to the disk. Private to log_append.c, log_batch.c (which record goes where)
 * and log_write.c. */
#ifndef MQBRIDGE_SPOOL_LOG_APPEND_H
#define MQBRIDGE_SPOOL_LOG_APPEND_H

#include <sys/uio.h>

#include "spool/log_private.h"

struct log_group {                   /* of one segment */
	struct log_segment *segment; /* the loop's; the disk thread uses what follows */
	uint64_t number;
	uint64_t at;    /* offset: its end so far */
	uint64_t bytes; /* of all frames */
	struct iovec *iov;
	size_t n_iov;
	size_t first, count; /* in the order */
	uint32_t max_body;
	uint64_t highest; /* number, but of a dead letter's */
	bool make;        /* its file is new */
	bool written;     /* something may have been */
	bool failed;      /* by the disk: its file is not appended to any more */
	bool sync_failed; /* and that by a sync */
};

struct log_append {
	struct disk_job job; /* first: a job is cast to it */
	struct log *log;
	struct log_item *items;
	size_t n_items;
	uint32_t *order; /* indexes of items, by segments and within */
	struct log_group *groups;
	size_t n_groups;
	struct segment_frame *frames;
	size_t n_frames;
	struct iovec *iov;
	size_t n_iov;
	uint64_t bytes;
	bool sync; /* all of it before done() */
	bool sync_dir;
	bool made;              /* there are new files */
	struct record *letter;  /* the only item, a copy, of a requeue; or NULL */
	struct id ring, stream; /* of its key */
	uint64_t number;
	log_done *done;
	void *owner;
};

/* For count items that are to be filled in; log_batch_free(), which takes NULL, ends it. */
struct log_append *log_batch_new(
    struct log *lg, size_t count, log_done *done, void *owner) MUST_CHECK;
void log_batch_free(struct log_append *ap);
/* Make room for what the items need; their bytes, at most. 0 or -ENOMEM. */
int log_batch_measure(struct log_append *ap, uint64_t *ret_bytes) MUST_CHECK;
/* Find or make the segments, and compose the frames. On failure what was made is to be undone. */
int log_batch_compose(struct log_append *ap) MUST_CHECK;

int log_write_run(struct disk_job *job); /* on the disk thread */

#endif
