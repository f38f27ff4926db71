#include "spool/deadletter_index.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define FIRST_ROOM 64
#define DETAIL_MAX 160 /* bytes; the file has all of it */

/* Texts that letters have in common: there is one for each route, more or less. */
struct origin {
	TAILQ_ENTRY(origin) link;
	char *uri, *label, *route;
	size_t letters;
	uint64_t charge;
};

struct deadletter_entry {
	struct deadletter_info info;
	struct origin *origin; /* its own until it is added, then the index's */
	uint64_t charge;
	char *detail;
};

struct deadletter_index {
	struct deadletter_entry **at; /* sorted */
	size_t n, room;
	size_t held; /* of them with DEAD_HELD */
	uint64_t charge;
	TAILQ_HEAD(, origin) origins;
};

int
deadletter_key_compare(const struct deadletter_key *a, const struct deadletter_key *b)
{
	int order = memcmp(&a->ring, &b->ring, sizeof(a->ring));

	if (order == 0 && a->number != b->number)
		order = a->number < b->number ? -1 : 1;
	if (order == 0)
		order = memcmp(&a->stream, &b->stream, sizeof(a->stream));
	return order;
}

int
deadletter_index_new(struct deadletter_index **ret)
{
	struct deadletter_index *ix = calloc(1, sizeof(*ix));

	if (ix == NULL)
		return -ENOMEM;
	TAILQ_INIT(&ix->origins);
	*ret = ix;
	return 0;
}

static void
origin_free(struct origin *og)
{
	if (og == NULL)
		return;
	free(og->uri);
	free(og->label);
	free(og->route);
	free(og);
}

static struct origin *
origin_new(const struct deadletter *dt)
{
	struct origin *og = calloc(1, sizeof(*og));

	if (og == NULL)
		return NULL;
	og->uri = strdup(dt->uri);
	og->label = strdup(dt->label);
	og->route = strdup(dt->route);
	if (og->uri == NULL || og->label == NULL || og->route == NULL) {
		origin_free(og);
		return NULL;
	}
	return og;
}

void
deadletter_entry_free(struct deadletter_entry *en)
{
	if (en == NULL)
		return;
	origin_free(en->origin);
	free(en->detail);
	free(en);
}

void
deadletter_index_free(struct deadletter_index *ix)
{
	if (ix == NULL)
		return;
	while (ix->n > 0) {
		struct deadletter_key key = ix->at[ix->n - 1]->info.key;

		(void)deadletter_index_remove(ix, &key);
	}
	free(ix->at);
	free(ix);
}

/* So much of a text that no character of it is cut in two. */
static size_t
cut_length(const char *text)
{
	size_t len = strlen(text);

	if (len <= DETAIL_MAX)
		return len;
	len = DETAIL_MAX;
	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return len;
}

int
deadletter_entry_new(struct deadletter_entry **ret, const struct deadletter *dt)
{
	struct deadletter_entry *en = calloc(1, sizeof(*en));

	if (en == NULL)
		return -ENOMEM;
	en->origin = origin_new(dt);
	en->detail = strndup(dt->detail, cut_length(dt->detail));
	if (en->origin == NULL || en->detail == NULL) {
		deadletter_entry_free(en);
		return -ENOMEM;
	}
	en->info = (struct deadletter_info){
		.key = { dt->ring, dt->number, dt->stream },
		.reason = dt->reason,
		.flags = dt->flags,
		.wall_ns = dt->wall_ns,
		.type = dt->rec->type,
		.length = dt->rec->length,
		.record_flags = dt->rec->flags,
		.detail = en->detail,
	};
	*ret = en;
	return 0;
}

int
deadletter_index_reserve(struct deadletter_index *ix)
{
	size_t room = ix->room == 0 ? FIRST_ROOM : 2 * ix->room;
	struct deadletter_entry **at;

	if (ix->n < ix->room)
		return 0;
	at = realloc(ix->at, room * sizeof(struct deadletter_entry *));
	if (at == NULL)
		return -ENOMEM;
	ix->at = at;
	ix->room = room;
	return 0;
}

static void
join_origin(struct deadletter_index *ix, struct deadletter_entry *en)
{
	struct origin *own = en->origin;
	struct origin *og;

	TAILQ_FOREACH (og, &ix->origins, link) {
		if (strcmp(og->route, own->route) == 0 &&
		    strcmp(og->label, own->label) == 0 &&
		    strcmp(og->uri, own->uri) == 0)
			break;
	}
	if (og == NULL) {
		og = own;
		TAILQ_INSERT_TAIL(&ix->origins, og, link);
	} else {
		origin_free(own);
	}
	og->letters++;
	og->charge += en->charge;
	en->origin = og;
	en->info.uri = og->uri;
	en->info.label = og->label;
	en->info.route = og->route;
}

static void
leave_origin(struct deadletter_index *ix, struct deadletter_entry *en)
{
	struct origin *og = en->origin;

	en->origin = NULL;
	og->charge -= en->charge;
	if (--og->letters > 0)
		return;
	TAILQ_REMOVE(&ix->origins, og, link);
	origin_free(og);
}

void
deadletter_index_add(
    struct deadletter_index *ix, struct deadletter_entry *en, uint64_t charge)
{
	size_t i = deadletter_index_from(ix, &en->info.key);

	assert(ix->n < ix->room);
	en->charge = charge;
	join_origin(ix, en);
	memmove(ix->at + i + 1, ix->at + i,
	    (ix->n - i) * sizeof(struct deadletter_entry *));
	ix->at[i] = en;
	ix->n++;
	ix->held += (en->info.flags & DEAD_HELD) != 0;
	ix->charge += charge;
}

bool
deadletter_index_remove(struct deadletter_index *ix, const struct deadletter_key *key)
{
	size_t i = deadletter_index_from(ix, key);
	struct deadletter_entry *en;

	if (!deadletter_index_has(ix, key))
		return false;
	en = ix->at[i];
	ix->n--;
	memmove(ix->at + i, ix->at + i + 1,
	    (ix->n - i) * sizeof(struct deadletter_entry *));
	ix->charge -= en->charge;
	ix->held -= (en->info.flags & DEAD_HELD) != 0;
	leave_origin(ix, en);
	deadletter_entry_free(en);
	return true;
}

size_t
deadletter_index_count(const struct deadletter_index *ix)
{
	return ix->n;
}

size_t
deadletter_index_held(const struct deadletter_index *ix)
{
	return ix->held;
}

uint64_t
deadletter_index_bytes(const struct deadletter_index *ix, const char *route)
{
	const struct origin *og;
	uint64_t sum = 0;

	if (route == NULL)
		return ix->charge;
	TAILQ_FOREACH (og, &ix->origins, link) {
		if (strcmp(og->route, route) == 0)
			sum += og->charge;
	}
	return sum;
}

size_t
deadletter_index_from(
    const struct deadletter_index *ix, const struct deadletter_key *key)
{
	size_t low = 0;
	size_t high = ix->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (deadletter_key_compare(&ix->at[middle]->info.key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool
deadletter_index_has(
    const struct deadletter_index *ix, const struct deadletter_key *key)
{
	size_t i = deadletter_index_from(ix, key);

	return i < ix->n && deadletter_key_compare(&ix->at[i]->info.key, key) == 0;
}

const struct deadletter_info *
deadletter_index_at(const struct deadletter_index *ix, size_t i)
{
	assert(i < ix->n);
	return &ix->at[i]->info;
}

void
deadletter_index_set_flags(
    struct deadletter_index *ix, const struct deadletter_key *key, uint16_t flags)
{
	struct deadletter_info *di;

	if (!deadletter_index_has(ix, key))
		return;
	di = &ix->at[deadletter_index_from(ix, key)]->info;
	ix->held -= (di->flags & DEAD_HELD) != 0;
	ix->held += (flags & DEAD_HELD) != 0;
	di->flags = flags;
}
