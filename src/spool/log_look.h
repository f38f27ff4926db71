/* What an overflow log holds, seen without recovering or changing anything, for tools beside a
 * stopped daemon. docs/spool-format.md, section 8. */
#ifndef MQBRIDGE_SPOOL_LOG_LOOK_H
#define MQBRIDGE_SPOOL_LOG_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/id.h"
#include "record/record.h"
#include "spool/log.h"

struct names;

#define LOG_LOOK_FILE 112 /* bytes with NUL; of a file's path below its directory */

struct log_look {
	/* log's id alone: about cannot be read. */
	bool has_about;
	struct log_about about;
	bool slots;        /* log-<id> is there and can be read */
	uint64_t segments; /* files that count */
	uint64_t bytes;    /* of them, as far as they count */
	uint64_t messages; /* that are not settled */
};

struct log_look_segment {
	uint64_t number;
	uint64_t end; /* bytes that count */
	uint64_t settled, skip_from, skip_to;
};

struct log_look_message {
	const struct record *rec; /* as it lies in the file */
	uint64_t place;
	bool settled;
	bool requeued; /* from a dead letter */
	struct id ring;
	int64_t clock_ns, wall_ns; /* as it was written; 0: not known */
};

enum log_look_fault {
	LOG_LOOK_DAMAGE, /* a start goes on without what is damaged */
	LOG_LOOK_USELESS, /* nothing that the file says can be believed: it may be set aside */
	LOG_LOOK_KEPT, /* by a start, under a name that nothing looks for */
};

/* Each may be NULL. Those that return a value end it with one that is not 0. */
struct log_look_ops {
	int (*segment)(void *owner, const struct log_look_segment *sg);
	int (*message)(void *owner, const struct log_look_message *ms);
	/* file: "logs/..." of the state directory, or "log-<id>" of the runtime directory.
	 * offset -1: of the whole file. */
	void (*fault)(void *owner, enum log_look_fault kind, const char *file,
	    int64_t offset, const char *what);
};

struct log_look_place {
	int runtime_fd; /* -1: none, as after a power cut */
	int state_fd;
	const char *name; /* directory below logs */
};

/* All logs there as names, those that a start has set aside among them; names_done() is due. 0 or
 * -errno. */
int log_look_list(struct names *ret, int state_fd) MUST_CHECK;
/* The id in such a name. 0 or -EINVAL. */
int log_look_id(struct id *ret, const char *name) MUST_CHECK;
/* Does the runtime directory's file, "log-<id>", prove that the log has messages that are not
 * settled? Of other files 0. 1, 0 or -errno. */
int log_look_owed(int runtime_fd, const char *file) MUST_CHECK;
/* That, while the state directory has no such log, set aside or not? No kill leaves that: the
 * state directory is another one, or somebody removed the log. 1, 0 or -errno. */
int log_look_missing(int runtime_fd, int state_fd, const char *file) MUST_CHECK;
/* Read all of it, in the order of segments. 0; what an operation returned; or -errno. Of what is
 * damaged the faults tell. */
int log_look(struct log_look *ret, const struct log_look_place *pl,
    const struct log_look_ops *ops, void *owner) MUST_CHECK;

#endif
