#include "base/event_id.h"

#include <assert.h>
#include <stddef.h>

const struct event_kind *
event_kind(enum event_id id)
{
	static const struct event_kind kinds[] = {
#define EVENT_ROW(code, name, level, area, same, message_id)                           \
	[EVENT_##                                                                      \
	    code] = { name, area, message_id, LOG_LEVEL_##level, EVENT_SAME_##same },
		EVENT_LIST(EVENT_ROW)
#undef EVENT_ROW
	};

	assert(id > EVENT_NONE && id < EVENT_IDS);
	return &kinds[id];
}
