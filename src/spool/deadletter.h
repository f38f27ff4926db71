/* Dead letters: messages that can never be delivered, whole, each with its reason, as one file
 * "dead-letters/<ring id>-<number>-<stream id>" of the state directory. The streams of one
 * queue reject the same record each for itself; storing what one of them rejected twice is
 * storing it once. INVARIANTS I12; docs/spool-format.md, section 7. */
#ifndef MQBRIDGE_SPOOL_DEADLETTER_H
#define MQBRIDGE_SPOOL_DEADLETTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/id.h"
#include "record/record.h"

struct deadletters; /* opaque; what writes may run on another thread, one at a time */
struct log;
struct space_reserve;

/* Numbers are part of the wire protocol and of the file format: never reuse one. */
enum dead_reason {
	DEAD_TOO_BIG = 1, /* for the destination's message size */
	DEAD_TYPE = 2, /* no such type or priority at the destination's kind of queue */
	DEAD_CHECKSUM = 3,   /* damaged twice on the way */
	DEAD_NEVER_FITS = 4, /* msgsnd would wait for ever: larger than msg_qbytes */
	DEAD_REFUSED = 5,  /* the destination's kernel refused it for another reason */
	DEAD_EXPIRED = 6,  /* older than its route lets it become */
	DEAD_NO_QUEUE = 7, /* the destination's queue is not there any more */
	DEAD_QUOTA = 8,    /* the overflow log is full and says dead-letter */
	DEAD_RECOVERED_HELD = 9, /* flagged recovered, and the policy holds such */
	DEAD_IN_DOUBT_HELD = 10, /* may have been delivered; policy or three crashes */
	DEAD_OPERATOR = 11,      /* an operator put it away */
	DEAD_REASONS             /* above all of them; stored nowhere */
};
/* Both never NULL. */
const char *dead_reason_text(unsigned reason); /* "too big": for people */
const char *dead_reason_name(unsigned reason); /* "too-big": for programs */

/* Flags of a letter. */
#define DEAD_RECEIVED                                                                  \
	1u /* stored by the receiving host: there is no route here to send it again */

/* Held for an operator, who has not decided yet: in doubt, or recovered. */
#define DEAD_HELD 2u
/* Held, and sending it again was begun: it may have been delivered. */
#define DEAD_PERHAPS 4u
#define DEAD_SYSV    8u /* its type is one of a System V queue */

struct deadletter {
	struct id ring;
	uint64_t number;
	struct id stream; /* that could not deliver it; with ring and number the key */
	uint16_t reason;
	uint16_t flags;       /* DEAD_RECEIVED, ... */
	int64_t wall_ns;      /* when it was stored */
	const char *uri;      /* source queue */
	const char *label;    /* route's destination */
	const char *route;    /* route's name */
	const char *detail;   /* one sentence with the numbers, or "" */
	uint64_t route_limit; /* storing: of all letters of that route, 0: none */
	const struct record
	    *rec; /* whole, unchanged but for its state, which is 0 when read */
};

struct deadletter_key { /* what a letter is known by */
	struct id ring;
	uint64_t number;
	struct id stream;
};

struct deadletter_info { /* of a letter, without its body */
	struct deadletter_key key;
	uint16_t reason, flags;
	uint16_t record_flags; /* record/record.h */
	uint32_t length;       /* of the body, bytes */
	int64_t wall_ns, type;
	const char *uri, *label, *route;
	const char *detail; /* perhaps cut */
};

/* Letters at most, whatever the quota is, for they are kept in mind: some 200 bytes each. */
#define DEADLETTERS_MAX 131072

/* Make the directory if needed, remove temporary files, read what is there; a file that
 * has a letter's name and is none is set aside. max_bytes: the quota of disk space, for
 * which each file counts in whole blocks of 4096 bytes. */
int deadletters_open(
    struct deadletters **ret, int state_fd, uint64_t max_bytes) MUST_CHECK;
/* For tools: look at what is there; make and remove nothing, store nothing, list nothing but by
 * _each(). -ENOENT: no directory. */
int deadletters_look(struct deadletters **ret, int state_fd) MUST_CHECK;
void deadletters_close(struct deadletters *dl);
/* What stays free of the file system, and the quota: each store from then on. */
void deadletters_set_reserve(
    struct deadletters *dl, const struct space_reserve *reserve);
void deadletters_set_limit(struct deadletters *dl, uint64_t max_bytes);

/* Write, fsync, rename, fsync of the directory: slow, meant for the disk thread. Everything dt
 * points to must stay until it returns. Texts are cut at 4095 bytes. 0 (also if it was there
 * already); -EDQUOT (quota), -EOVERFLOW (quota of the route), -ENOSPC (file system, or what
 * is reserved of it), or another -errno. What is there under its name and damaged is set aside. */
int deadletters_store(struct deadletters *dl, const struct deadletter *dt) MUST_CHECK;
const char *deadletters_why(int rc); /* of a store that failed, for people */

uint64_t deadletters_count(const struct deadletters *dl); /* any thread */
uint64_t deadletters_bytes(const struct deadletters *dl); /* as the quota counts */
uint64_t deadletters_limit(const struct deadletters *dl); /* that quota */
uint64_t deadletters_held(struct deadletters *dl);        /* that wait for a decision */

/* Read at most max of them, in the order of their names; each is borrowed by the callback for
 * its run (rec lies in memory of its own). Damaged files are counted in *ret_damaged, also when
 * the walk ends early: the callback ends it by a value other than 0, which is returned. */
int deadletters_each(struct deadletters *dl, size_t max,
    int (*each)(const struct deadletter *dt, void *arg), void *arg,
    uint64_t *ret_damaged) MUST_CHECK;

/* The letters from memory, in the order of their keys: all, or those of one route. Any
 * thread; nothing of the store may be called from the callback, which ends the walk by a
 * value other than 0. That is returned. */
int deadletters_list(struct deadletters *dl, const char *route,
    int (*each)(const struct deadletter_info *in, void *arg), void *arg);
/* The first key behind after (NULL: the first of all), of that route (NULL: of any).
 * Any thread. */
bool deadletters_next(struct deadletters *dl, const char *route,
    const struct deadletter_key *after, struct deadletter_key *ret) MUST_CHECK;
uint64_t deadletters_count_of(struct deadletters *dl, const char *route);

#define DEADLETTER_ID 32 /* bytes with NUL */
/* "17-3fa9c1d2": what an operator types: number and the begin of the stream's id. */
char *deadletter_id(char buf[DEADLETTER_ID], const struct deadletter_key *key);
#define DEADLETTER_FILE 88 /* bytes with NUL */
char *deadletter_file(char buf[DEADLETTER_FILE], const struct deadletter_key *key);
/* Find the letter by its number, by its number and as many digits of its stream as needed,
 * or by the name of its file. 0; -EINVAL: that is no id; -ENOENT; -ENOTUNIQ: there are several. */
int deadletters_find(
    struct deadletters *dl, const char *id, struct deadletter_key *ret) MUST_CHECK;

/* Disk thread. Delete one, durably after deadletters_sync(). 0, -ENOENT or -errno. */
int deadletters_remove(
    struct deadletters *dl, const struct deadletter_key *key) MUST_CHECK;
int deadletters_sync(struct deadletters *dl) MUST_CHECK;
/* Disk thread. Write dt, which was loaded, again under its key, with its flags: durable on return.
 * A crash leaves the old or the new flags. 0 or -errno. */
int deadletters_write_flags(
    struct deadletters *dl, const struct deadletter *dt) MUST_CHECK;
/* Disk thread. A whole letter; *ret_bytes belongs to the caller, and dt points into it. -ENOENT;
 * -EBADMSG: it was damaged, and set aside; or -errno. */
int deadletters_load(struct deadletters *dl, const struct deadletter_key *key,
    struct deadletter *dt, char **ret_bytes) MUST_CHECK;

/* At the start, until log_numbers_done(): delete the letters that are in the log as well, because
 * a crash came while they were requeued. Their number or -errno. */
int deadletters_settle(struct deadletters *dl, const struct log *lg) MUST_CHECK;

/* Files that have been set aside since, or lie there so: renamed, never deleted. Any thread. */
uint64_t deadletters_aside(const struct deadletters *dl);
struct deadletter_notice {
	char file[DEADLETTER_FILE + 32]; /* its present name in dead-letters/ */
	const char *why;
};
/* Take the next of those that were set aside by this program; false: none. For the log. */
bool deadletters_notice(
    struct deadletters *dl, struct deadletter_notice *ret) MUST_CHECK;

#endif
