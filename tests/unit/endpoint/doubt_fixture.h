/* A destination queue with its marks and its store of held messages, streams made by the test
 * that deliver into it, and crashes of all that at a moment of the test's choice. */
#ifndef MQBRIDGE_TESTS_DOUBT_FIXTURE_H
#define MQBRIDGE_TESTS_DOUBT_FIXTURE_H

#include <event2/event.h>
#include <stdbool.h>

#include "../spool/state_fixture.h"
#include "endpoint/delivery.h"
#include "endpoint/resolver.h"
#include "record/record.h"
#include "spool/deadletter.h"
#include "spool/disk.h"
#include "spool/marks.h"

#define DOUBT_DEADLINE_MS 10000
#define DOUBT_MESSAGES    8
#define DOUBT_BODY        16 /* bytes at most */

struct doubt_message {
	const char *body;
	int64_t type;
	uint16_t flags;
};

/* A source whose sequence acked + 1 is message[0]. */
struct doubt_stream {
	struct source source; /* first */
	struct sink *sink;    /* NULL: not open */
	struct id stream;
	enum flow_kind kind;
	uint64_t acked, taken, settled;
	unsigned n;
	struct doubt_message message[DOUBT_MESSAGES];
	_Alignas(8) uint8_t record[RECORD_HEADER + DOUBT_BODY];
};

extern struct doubt_fixture {
	struct state_dirs dirs;
	struct event_base *base;
	struct marks *marks;
	struct disk *disk;
	struct event *collect;
	struct deadletters *dead;
	uint64_t dead_limit;
	struct target *target;
	struct target_spec spec;
	struct doubt_stream stream[2];
	struct ipcq *queue; /* the test's own end of it */
} dt;

void doubt_setup(void);
void doubt_teardown(void);

/* The queue, at most 4 messages of DOUBT_BODY bytes (System V: 64 bytes). */
void doubt_make_queue(const char *uri);
/* Open marks, store and target, as a daemon does. */
void doubt_start(void);
/* All of it ends, and nothing more is stored. What the disk thread has begun is done, but nobody
 * hears of it. */
void doubt_crash(void);
/* Stream i to the target: its messages are offered. A result of delivery_open(). */
int doubt_open(unsigned i);
void doubt_message(unsigned i, const char *body, int64_t type, uint16_t flags);
struct mark *doubt_mark(unsigned i);
/* Leave the next message of stream i in doubt, as a daemon that is killed there. */
void doubt_leave(unsigned i);

void doubt_turn(void); /* of the loop */
/* Turn until the condition. */
#define doubt_until(condition)                                                         \
	do {                                                                           \
		uint64_t by_ms = clock_monotonic_ms() + DOUBT_DEADLINE_MS;             \
		while (!(condition)) {                                                 \
			ck_assert_uint_lt(clock_monotonic_ms(), by_ms);                \
			doubt_turn();                                                  \
		}                                                                      \
	} while (0)
/* The next message of the queue is that; NULL: there is none. */
void doubt_expect(const char *body);
uint64_t doubt_settled(unsigned i);
/* The only letter; fails the test if there is none or another. */
struct deadletter_info doubt_letter(void);
/* Outcome of the newest doubt. */
enum doubt_outcome doubt_outcome(void);

#endif
