#include "commands/events.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/item.h"

#define NAMES 4 /* route, peer, queue, reason */

struct record {
	int64_t wall_ns;
	enum event_id id;
	uint64_t repeated;
	const char *names[NAMES]; /* in bytes; NULL: none */
	const char *text;
	char bytes[];
};

struct events {
	uint64_t next;
	struct record *records[EVENTS_KEPT]; /* by number; NULL: none, or no memory */
};

static const char *const name_members[NAMES] = { "route", "peer", "queue", "reason" };

static size_t
size_of(const char *text)
{
	return text == NULL ? 0 : strlen(text) + 1;
}

static struct record *
record_new(const struct log_line *ln)
{
	const char *names[NAMES] = { ln->fields.route, ln->fields.peer,
		ln->fields.queue, ln->fields.reason };
	size_t size = EVENTS_TEXT;
	struct record *rd;
	char *at;

	for (size_t i = 0; i < NAMES; i++)
		size += size_of(names[i]);
	rd = calloc(1, sizeof(*rd) + size);
	if (rd == NULL)
		return NULL;
	rd->wall_ns = clock_wall_ns();
	rd->id = ln->id;
	rd->repeated = ln->repeated;
	at = rd->bytes;
	for (size_t i = 0; i < NAMES; i++) {
		if (names[i] == NULL)
			continue;
		memcpy(at, names[i], size_of(names[i]));
		rd->names[i] = at;
		at += size_of(names[i]);
	}
	(void)snprintf(at, EVENTS_TEXT, "%s", ln->text);
	rd->text = at;
	return rd;
}

static void
events_see(void *owner, const struct log_line *ln)
{
	struct events *ev = owner;
	struct record **place = &ev->records[ev->next % EVENTS_KEPT];

	free(*place);
	*place = record_new(ln);
	ev->next++;
}

int
events_new(struct events **ret)
{
	struct events *ev = calloc(1, sizeof(*ev));

	if (ev == NULL)
		return -ENOMEM;
	ev->next = 1;
	log_observe(events_see, ev);
	*ret = ev;
	return 0;
}

void
events_free(struct events *ev)
{
	if (ev == NULL)
		return;
	log_observe(NULL, NULL);
	for (size_t i = 0; i < EVENTS_KEPT; i++)
		free(ev->records[i]);
	free(ev);
}

uint64_t
events_oldest(const struct events *ev)
{
	return ev->next > EVENTS_KEPT ? ev->next - EVENTS_KEPT : 1;
}

uint64_t
events_next(const struct events *ev)
{
	return ev->next;
}

int
events_item(const struct events *ev, uint64_t number, json_t *array)
{
	const struct record *rd = ev->records[number % EVENTS_KEPT];
	const struct event_kind *kind;
	struct item it;
	char time[32];

	if (rd == NULL)
		return events_missing_item(1, array);
	kind = event_kind(rd->id);
	item_begin(&it);
	item_count(&it, "number", number);
	item_text(&it, "time", clock_format(time, sizeof(time), rd->wall_ns));
	item_text(&it, "level", log_level_name(kind->level));
	item_text(&it, "event", kind->name);
	for (size_t i = 0; i < NAMES; i++)
		item_text(&it, name_members[i], rd->names[i]);
	item_text(&it, "text", rd->text);
	item_count(&it, "repeated", rd->repeated);
	return item_end(&it, array);
}

int
events_missing_item(uint64_t missing, json_t *array)
{
	struct item it;
	char time[32], text[128];

	(void)snprintf(text, sizeof(text),
	    "%" PRIu64 " events are missing here: they came faster than they were read",
	    missing);
	item_begin(&it);
	item_null(&it, "number");
	item_text(&it, "time", clock_format(time, sizeof(time), clock_wall_ns()));
	item_text(&it, "level", log_level_name(LOG_LEVEL_WARN));
	item_text(&it, "event", "missing");
	for (size_t i = 0; i < NAMES; i++)
		item_null(&it, name_members[i]);
	item_text(&it, "text", text);
	item_count(&it, "repeated", missing);
	return item_end(&it, array);
}
