/* Has a route settled all that it held at some moment? And what has it still? */
#ifndef MQBRIDGE_ASSEMBLY_BACKLOG_MARK_H
#define MQBRIDGE_ASSEMBLY_BACKLOG_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"

struct assembly;
struct assembly_route;

struct backlog_mark {        /* of one moment */
	int64_t captured_ns; /* what was captured until then */
	uint64_t next;       /* and what had a sequence */
	struct id stream;    /* in which; all 0: there was none */
};

void backlog_mark(struct backlog_mark *ret, const struct assembly *as,
    const struct assembly_route *ar);
/* Is it still what this route holds? After a reload, a route of that name may have another
 * stream. */
bool backlog_is_of(const struct backlog_mark *bm, const struct assembly_route *ar);
bool backlog_settled(const struct backlog_mark *bm, const struct assembly_route *ar);

uint64_t backlog_left(const struct assembly_route *ar); /* waits or is in flight */
/* Nothing waits, is in flight, or is on its way to the dead letters. */
bool backlog_empty(const struct assembly_route *ar);

#endif
