/* How much of the loop's time the control socket may have, so that the routes keep theirs: a
 * small share of every second, some of it saved for a burst, in short slices with other work of
 * the loop between them. Pure: times are arguments, nanoseconds of a monotonic clock. */
#ifndef MQBRIDGE_CONTROL_SHARE_H
#define MQBRIDGE_CONTROL_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#define SHARE_PERCENT  3         /* of the loop's time, for all clients together */
#define SHARE_BURST_NS 100000000 /* that much of it is saved while nobody asks */
#define SHARE_DEBT_NS  90000000  /* an answer that took longer counts as that */
#define SHARE_SLICE_NS 1000000   /* at a stretch, if no single answer takes longer */

struct share {
	int64_t credit_ns;
	int64_t at_ns; /* when it was told last */
	int64_t slice_ns;
};

void share_init(struct share *sh, int64_t now_ns);
/* May the next client be served? */
bool share_is_open(struct share *sh, int64_t now_ns);
/* One was, for so long. */
void share_spend(struct share *sh, int64_t spent_ns);
/* The loop has done other work since. */
void share_begin_slice(struct share *sh);
/* When to ask again: 0: on the next turn of the loop. */
uint32_t share_wait_ms(const struct share *sh);

#endif
