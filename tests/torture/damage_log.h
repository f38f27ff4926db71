/* The overflow log's part of the damage torture: a log is filled, its files are damaged, and what
 * comes out of it then is compared with what was put in. */
#ifndef MQBRIDGE_TORTURE_DAMAGE_LOG_H
#define MQBRIDGE_TORTURE_DAMAGE_LOG_H

#include "damage.h"

struct disk;
struct log_state; /* an undamaged log, as a killed daemon left it */

struct log_judged { /* over all cases */
	uint64_t cases, lost, reported, again;
	/* Cases in which more or fewer were reported than lost, and why that may be: blocks changed places;
	 * the slots were damaged too; what was hit begins before the end of what is settled. */
	uint64_t swapped, slots, settled;
};
extern struct log_judged log_judged;

/* Makes one in the two directories, which are empty, and leaves them empty. Ends the program when
 * that fails. log_state_free() is due. */
struct log_state *log_state_make(
    int runtime_fd, int state_fd, struct disk *disk, uint64_t *seed);
void log_state_free(struct log_state *ls); /* NULL is fine */

/* One to four pieces of damage, recovery, comparison: a static text of what is wrong, or NULL. what:
 * the damage, in words. */
const char *log_state_play(
    const struct log_state *ls, uint64_t *seed, char *what, size_t what_size);

#endif
