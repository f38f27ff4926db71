#include <errno.h>

#include "base/crash.h"
#include "spool/stream_private.h"

void
stream_freeze(struct stream *st, bool on)
{
	st->frozen = on;
}

int
stream_purge(struct stream *st, uint32_t max_count)
{
	uint64_t place;
	int64_t priority;
	uint32_t count = 0;

	/* What is on its way to the log would come back from there. */
	if (st->move.count > 0)
		return -EBUSY;
	while (count < max_count && backlog_peek(&st->backlog, &place, &priority)) {
		struct record *rec = ring_at(st->ring, place);

		backlog_pop(&st->backlog, place + record_stride(rec->length));
		/* It has no sequence, so that nothing points to it: each is either
		 * settled, and gone, or waits again after a crash. */
		rec->state |= RECORD_SETTLED(st->slot);
		CRASH_POINT("stream_purge.settled");
		count++;
	}
	if (count == 0)
		return 0;
	st->oldest = stream_oldest_unsettled(st, st->oldest);
	(void)ring_release(st->ring);
	CRASH_POINT("stream_purge.released");
	return (int)count;
}
