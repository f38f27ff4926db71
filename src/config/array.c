#include "config/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 16

int
array_reserve(void *items, size_t *room, size_t used, size_t more, size_t width)
{
	size_t want = *room < ROOM_FIRST ? ROOM_FIRST : *room;
	void *old;
	void *grown;

	if (*room - used >= more)
		return 0;
	while (want - used < more) {
		if (__builtin_mul_overflow(want, (size_t)2, &want))
			return -ENOMEM;
	}
	/* By way of bytes: the pointer's own type is the caller's. */
	memcpy(&old, items, sizeof(old));
	grown = reallocarray(old, want, width);
	if (grown == NULL)
		return -ENOMEM;
	memcpy(items, &grown, sizeof(grown));
	*room = want;
	return 0;
}
