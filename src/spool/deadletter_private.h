/* The dead-letter store's own struct, which its files share. */
#ifndef MQBRIDGE_SPOOL_DEADLETTER_PRIVATE_H
#define MQBRIDGE_SPOOL_DEADLETTER_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "spool/deadletter.h"
#include "spool/deadletter_file.h"
#include "spool/space.h"

#define NOTICES_MAX 32 /* kept for the log; more are only counted */

struct deadletter_index;

struct deadletters {
	int dir_fd;
	/* Of the loop; the disk thread reads them. */
	_Atomic uint64_t max_bytes;
	_Atomic uint64_t reserve_bytes;
	_Atomic unsigned reserve_percent;
	_Atomic uint64_t count; /* in the index */
	_Atomic uint64_t bytes;
	uint64_t unlisted; /* beyond DEADLETTERS_MAX, found at the start */
	_Atomic uint64_t aside;
	pthread_mutex_t mutex; /* for the two below; never held while a file is used */
	struct deadletter_index *index;
	struct {
		struct deadletter_notice at[NOTICES_MAX];
		unsigned n;
	} notices;
};

/* Of a result of reading a letter: is it the file's fault? */
bool letter_is_unreadable(int rc);

/* Rename it to what tells why; a name that is there is never taken. 0 or -errno. */
int deadletters_set_aside(struct deadletters *dl, const char *name, int rc) MUST_CHECK;
int deadletters_count_aside(
    struct deadletters *dl) MUST_CHECK; /* those that lie there */
/* A letter's file is gone: out of the index. */
void deadletters_forget(struct deadletters *dl, const struct deadletter_key *key);
/* A letter of the index cannot be read, for rc: set aside and forgotten. Returns -EBADMSG. */
int deadletters_give_up(
    struct deadletters *dl, const struct deadletter_key *key, int rc) MUST_CHECK;

#endif
