/* The overflow logs of a store, and which of their messages are in flight. */
#ifndef MQBRIDGE_TOOLS_SPOOL_LOG_H
#define MQBRIDGE_TOOLS_SPOOL_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "spool/log_look.h"

struct spool_store;
struct store_stream;

struct store_flight { /* a sequence in flight whose message is in the log */
	uint64_t place;
	uint64_t seq;
	bool there; /* its segment is, if not the message */
	bool settled;
};

struct store_number { /* of the present ring, and in the log */
	uint64_t number;
	uint64_t place;
};

struct store_log {
	char name[48];                /* directory below logs */
	bool aside;                   /* by a start: no stream uses it */
	struct log_look look;         /* after store_logs_read() */
	struct store_stream *of;      /* NULL: its stream is not there */
	struct store_flight *flights; /* by place */
	size_t n_flights;
	struct store_number *numbers; /* by number */
	size_t n_numbers, numbers_room;
};

/* Is a log missing that the runtime directory tells of? Faults are told to the store. 0 or -errno. */
int store_logs_check(struct spool_store *ss) MUST_CHECK;
/* Find the logs, before the streams. 0 or -errno. */
int store_logs_list(struct spool_store *ss) MUST_CHECK;
/* The log of that stream, or NULL. */
struct store_log *store_log_of(const struct spool_store *ss, const struct id *stream);
/* Read all of them, after the streams; faults are told to the store. 0 or -errno. */
int store_logs_read(struct spool_store *ss) MUST_CHECK;
void store_logs_free(struct spool_store *ss);

/* The sequence of what is in flight there, 0: none. */
uint64_t store_log_sequence(const struct store_log *sl, uint64_t place);
/* Is that number of the ring in the log? Then the log's counts. */
bool store_log_has(const struct store_log *sl, uint64_t number);
/* Every message in it. As log_look(). */
int store_log_each(const struct spool_store *ss, const struct store_log *sl,
    int (*message)(void *owner, const struct log_look_message *ms),
    void *owner) MUST_CHECK;

#endif
