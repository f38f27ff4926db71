/* The disk thread: everything that may wait for a disk runs here, never in the loop. Jobs run
 * one after the other in the order of submission. */
#ifndef MQBRIDGE_SPOOL_DISK_H
#define MQBRIDGE_SPOOL_DISK_H

#include "base/compiler.h"

struct disk; /* opaque; used by the loop's thread */
struct histogram;

/* A job is embedded in its owner's struct and belongs to the owner; it must stay until done
 * ran. run is called in the disk thread and its result kept; done is called with it by disk_collect(). */
struct disk_job {
	int (*run)(struct disk_job *job);
	void (*done)(struct disk_job *job, int rc);
	int rc; /* private, like next */
	struct disk_job *next;
};

int disk_new(
    struct disk **ret) MUST_CHECK; /* starts the thread, with all signals blocked */
/* Waits for all jobs, calls their done(), ends the thread; NULL is fine. */
void disk_free(struct disk *dk);
void disk_submit(struct disk *dk, struct disk_job *job);
int disk_fd(
    const struct disk *dk); /* readable when disk_collect() has work; borrowed */
void disk_collect(struct disk *dk);

/* For jobs: fdatasync(2), whose time is counted. 0 or -errno. */
int disk_sync_file(struct disk *dk, int fd) MUST_CHECK;
void disk_sync_times(const struct disk *dk, struct histogram *ret);

#endif
