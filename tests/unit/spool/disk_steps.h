/* Calls that change a disk, stopped or made to fail: pwritev(2), fdatasync(2), fsync(2),
 * ftruncate(2), unlinkat(2), renameat(2), syncfs(2). They stand in the test program before those of the C
 * library, in all threads, and do nothing of their own until they are told to. */
#ifndef MQBRIDGE_TESTS_DISK_STEPS_H
#define MQBRIDGE_TESTS_DISK_STEPS_H

enum disk_call {
	DISK_PWRITEV,
	DISK_SYNC,
	DISK_TRUNCATE,
	DISK_UNLINK,
	DISK_RENAME,
	DISK_PREAD, /* pread(2) changes nothing: it is not one of the steps, and can only fail */
};

/* SIGKILL at step n of this process: each call has one before it, one behind it, and a write
 * one when half of it is done. */
void disk_steps_kill_at(unsigned long step);
/* The calls of that kind fail with error, from the one after `after` on, `count` times. A write that
 * fails has written half before. count 0: no more failures. */
void disk_steps_fail(enum disk_call call, unsigned after, unsigned count, int error);
unsigned disk_steps_calls(enum disk_call call); /* how many there were */

/* From here on note their order, the first thousand: one letter for each, w pwritev(2), f
 * fdatasync(2), s fsync(2) of a file, d of a directory, y syncfs(2), t ftruncate(2), u unlinkat(2), r renameat(2). */
void disk_steps_record(void);
const char *disk_steps_order(void);

#endif
