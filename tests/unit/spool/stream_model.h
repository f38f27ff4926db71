/* What two streams of a ring should do, as nothing but lists. */
#ifndef MQBRIDGE_TESTS_STREAM_MODEL_H
#define MQBRIDGE_TESTS_STREAM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_BODY 64
#define MESSAGES 2000 /* at most, in one run */
#define STREAMS  2

enum state { WAITING, PARKED, IN_FLIGHT, SETTLED };

struct model_stream {
	enum state state[MESSAGES];   /* by number */
	uint64_t number_of[MESSAGES]; /* by sequence */
	uint64_t acked, acknowledged, next, resend;
	bool rejected[MESSAGES]; /* by sequence; pending */
	unsigned parks;
};

struct model {
	uint64_t messages; /* numbers 1 to this were received */
	int64_t priority[MESSAGES];
	uint32_t length[MESSAGES];
	bool recovered[MESSAGES];
	struct model_stream streams[STREAMS];
	bool in_log[MESSAGES]; /* waits there; of the first stream */
};
extern struct model model;

/* What comes next: a number and its sequence. */
bool model_next(const struct model_stream *ms, uint64_t *ret_number, uint64_t *ret_seq);
/* What was parked from the log keeps back what is behind it in the log. */
bool model_behind_parked(const struct model_stream *ms, uint64_t number, uint64_t seq);
void model_take(struct model_stream *ms, uint64_t number, uint64_t seq);
void model_advance(struct model_stream *ms);
void model_restart(struct model_stream *ms); /* what a restart forgets */

#endif
