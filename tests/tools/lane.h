/* A lane: the messages of one producer that must keep their order among each other, which is one
 * priority of a POSIX queue, or everything in a System V queue.
 *
 * Bodies with a header say which message they are. Shorter ones, the empty ones included, are
 * known by their place: those received between two messages with headers must be exactly those
 * that were sent between the two. */
#ifndef TOOLS_LANE_H
#define TOOLS_LANE_H

#include <stddef.h>
#include <stdint.h>

#include "ledger.h"

#define TALLY_REPEATS 4096 /* repeated messages told one by one, at most */

struct repeat {
	uint32_t producer;
	uint32_t length; /* as received */
	uint64_t number;
	int64_t type;
};

struct tally {
	uint64_t repeated;
	uint64_t reordered;
	uint64_t altered;
	uint64_t shortened;
	uint32_t n_repeats;
	struct repeat repeats[TALLY_REPEATS];
};

struct sender {
	struct ledger lg;
	uint8_t *seen; /* per number: how often it arrived, at most 255 */
	uint8_t *gone; /* per number: was it destroyed with its queue? */
};

struct lane {
	struct sender *sender;
	struct tally *tally;
	int64_t type;  /* of a POSIX lane */
	uint64_t next; /* number after the highest that arrived */
	const struct ledger_record **run;
	size_t n_run; /* received without a header since then */
	size_t run_room;
	unsigned char *body; /* room for one message as it was sent */
};

/* sender and tally are borrowed. type is ignored for System V. */
void lane_init(
    struct lane *ln, struct sender *sender, int64_t type, struct tally *tally);
void lane_done(struct lane *ln);

/* The message of that number arrived as lr; it has a header and belongs to this lane. */
void lane_arrived(struct lane *ln, uint64_t number, const struct ledger_record *lr);
/* A message without a header arrived. */
void lane_headless(struct lane *ln, const struct ledger_record *lr);
/* Nothing more will come. */
void lane_finish(struct lane *ln);

/* Does what was received equal what was sent, or is it what a bridge may make of it: cut short,
 * and every missing byte is the pad? 1 equal, 2 shortened, 0 neither. made has planned bytes. */
int lane_compare(
    const unsigned char *made, uint32_t planned, const struct ledger_record *lr);

#endif
