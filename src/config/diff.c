#include "config/diff.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "config/conf.h"
#include "config/field.h"
#include "config/rows.h"

#define KEY_MAX 64 /* bytes of a key with what stands before it; all are our own */

static const struct {
	const char *list;
	enum diff_kind kind;
	const char *name;     /* the member by which an object is the same */
	const char *singular; /* for people */
} kinds[] = {
	{ "", DIFF_DAEMON, NULL, "daemon" },
	{ "queues", DIFF_QUEUE, "name", "queue" },
	{ "listeners", DIFF_LISTENER, "address", "listener" },
	{ "peers", DIFF_PEER, "name", "peer" },
	{ "routes", DIFF_ROUTE, "name", "route" },
};

/* A key that is not here needs a restart. */
static const struct {
	const char *key;
	enum diff_how how;
	const char *why; /* DIFF_RESTART */
} hows[] = {
	{ "name", DIFF_RESTART, "all peers know this daemon by it" },
	{ "control", DIFF_RESTART, "its clients are connected there" },
	{ "control_group", DIFF_RESTART, "the socket was made with it" },
	{ "metrics", DIFF_IN_PLACE, NULL },
	{ "metrics_insecure", DIFF_IN_PLACE, NULL },
	{ "metrics_names", DIFF_IN_PLACE, NULL },
	{ "ring_directory", DIFF_RESTART,
	    "the messages that are under way are in the old one" },
	{ "state_directory", DIFF_RESTART,
	    "overflow logs and dead letters are in the old one" },
	{ "operators", DIFF_IN_PLACE, NULL },
	{ "operators.users", DIFF_IN_PLACE, NULL },
	{ "operators.groups", DIFF_IN_PLACE, NULL },
	{ "admins", DIFF_IN_PLACE, NULL },
	{ "admins.users", DIFF_IN_PLACE, NULL },
	{ "admins.groups", DIFF_IN_PLACE, NULL },
	{ "receive_memory", DIFF_IN_PLACE, NULL },
	{ "dead_letter_limit", DIFF_IN_PLACE, NULL },
	{ "reserve_percent", DIFF_IN_PLACE, NULL },
	{ "reserve_space", DIFF_IN_PLACE, NULL },
	{ "stop_timeout", DIFF_IN_PLACE, NULL },
	{ "queues.uri", DIFF_REMAKE, NULL },
	{ "queues.take", DIFF_REMAKE, NULL },
	{ "queues.ring_size", DIFF_IN_PLACE, NULL },
	{ "queues.in_doubt", DIFF_IN_PLACE, NULL },
	{ "queues.recovered", DIFF_IN_PLACE, NULL },
	{ "queues.create", DIFF_IN_PLACE, NULL },
	{ "queues.create.max_messages", DIFF_IN_PLACE, NULL },
	{ "queues.create.message_size", DIFF_IN_PLACE, NULL },
	{ "queues.create.max_bytes", DIFF_IN_PLACE, NULL },
	{ "queues.create.mode", DIFF_IN_PLACE, NULL },
	{ "queues.create.owner", DIFF_IN_PLACE, NULL },
	{ "queues.create.group", DIFF_IN_PLACE, NULL },
	{ "listeners.insecure", DIFF_IN_PLACE, NULL },
	{ "listeners.mode", DIFF_IN_PLACE, NULL },
	{ "listeners.users", DIFF_IN_PLACE, NULL },
	{ "listeners.groups", DIFF_IN_PLACE, NULL },
	{ "peers.address", DIFF_IN_PLACE, NULL },
	{ "peers.insecure", DIFF_IN_PLACE, NULL },
	{ "peers.heartbeat", DIFF_IN_PLACE, NULL },
	{ "peers.may_send_to", DIFF_IN_PLACE, NULL },
	{ "routes.from", DIFF_REMAKE, NULL },
	{ "routes.to", DIFF_REMAKE, NULL },
	{ "routes.log_limit", DIFF_IN_PLACE, NULL },
	{ "routes.overflow", DIFF_IN_PLACE, NULL },
	{ "routes.durability", DIFF_IN_PLACE, NULL },
	{ "routes.sync", DIFF_IN_PLACE, NULL },
	{ "routes.sync_interval", DIFF_IN_PLACE, NULL },
	{ "routes.dead_letter_limit", DIFF_IN_PLACE, NULL },
};

enum diff_how
diff_how_of(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(hows); i++) {
		if (strcmp(hows[i].key, key) == 0)
			return hows[i].how;
	}
	return DIFF_RESTART;
}

const char *
diff_why_not(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(hows); i++) {
		if (strcmp(hows[i].key, key) == 0 && hows[i].why != NULL)
			return hows[i].why;
	}
	return "it is read only at the start";
}

const char *
diff_kind_name(enum diff_kind kind)
{
	return kinds[kind].singular;
}

const char *
diff_change_name(enum diff_change change)
{
	static const char *const names[] = {
		[DIFF_ADDED] = "added",
		[DIFF_REMOVED] = "removed",
		[DIFF_CHANGED] = "changed",
	};

	return names[change];
}

/* ---- one member -------------------------------------------------------------------- */

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
same_texts(const void *a, const void *b)
{
	char *const *one = *(char *const *const *)a;
	char *const *two = *(char *const *const *)b;
	size_t n = ((const size_t *)a)[1];

	if (n != ((const size_t *)b)[1])
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!same_text(one[i], two[i]))
			return false;
	}
	return true;
}

/* Numbers with their count behind. */
static bool
same_ids(const void *a, const void *b, size_t width)
{
	size_t n = ((const size_t *)a)[1];

	return n == ((const size_t *)b)[1] &&
	       (n == 0 || memcmp(*(const void *const *)a, *(const void *const *)b,
			      n * width) == 0);
}

static bool
same_member(enum field_type type, const void *a, const void *b)
{
	switch (type) {
	case FIELD_TEXT:
	case FIELD_PATH:
	case FIELD_URI:
	case FIELD_TAKE:
	case FIELD_ADDRESS:
	case FIELD_HTTP:
		return same_text(*(const char *const *)a, *(const char *const *)b);
	case FIELD_SIZE:
	case FIELD_NUMBER:
		return memcmp(a, b, sizeof(uint64_t)) == 0;
	case FIELD_DURATION:
		return memcmp(a, b, sizeof(uint32_t)) == 0;
	case FIELD_MODE:
		return memcmp(a, b, sizeof(mode_t)) == 0;
	case FIELD_SWITCH:
	case FIELD_PART:
		return *(const bool *)a == *(const bool *)b;
	case FIELD_CHOICE:
		return memcmp(a, b, sizeof(int)) == 0;
	case FIELD_USER:
		return memcmp(a, b, sizeof(uid_t)) == 0;
	case FIELD_GROUP:
		return memcmp(a, b, sizeof(gid_t)) == 0;
	case FIELD_NAMES:
		return same_texts(a, b);
	case FIELD_USERS:
		return same_ids(a, b, sizeof(uid_t));
	case FIELD_GROUPS:
		return same_ids(a, b, sizeof(gid_t));
	case FIELD_OBJECTS:
		break; /* compared one by one */
	}
	return true;
}

/* ---- one object -------------------------------------------------------------------- */

static struct diff_item *
add_item(struct diff *df)
{
	struct diff_item *items =
	    realloc(df->items, (df->count + 1) * sizeof(*df->items));

	if (items == NULL)
		return NULL;
	df->items = items;
	items[df->count] = (struct diff_item){ .change = DIFF_CHANGED };
	return &items[df->count++];
}

static int
add_key(struct diff_item *it, const char *list, const char *key)
{
	char **keys = realloc(it->keys, (it->n_keys + 1) * sizeof(*keys));
	char path[2 * KEY_MAX];
	enum diff_how how;

	if (keys == NULL)
		return -ENOMEM;
	it->keys = keys;
	keys[it->n_keys] = strdup(key);
	if (keys[it->n_keys] == NULL)
		return -ENOMEM;
	it->n_keys++;
	(void)snprintf(
	    path, sizeof(path), "%s%s%s", list, list[0] == '\0' ? "" : ".", key);
	how = diff_how_of(path);
	if (how > it->how)
		it->how = how;
	return 0;
}

/* prefix: "create." of a part. Tables nest three deep at most. */
static int
compare_fields( // NOLINT(misc-no-recursion)
    struct diff_item *it, const char *list, const struct field_table *table,
    const char *prefix)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < table->count; i++) {
		const struct field *fd = &table->fields[i];
		const void *a = (const char *)it->before + fd->offset;
		const void *b = (const char *)it->after + fd->offset;
		char key[KEY_MAX], part[KEY_MAX + 1];

		(void)snprintf(key, sizeof(key), "%s%s", prefix, fd->name);
		if (!same_member(fd->type, a, b)) {
			rc = add_key(it, list, key);
			continue;
		}
		if (fd->type != FIELD_PART)
			continue;
		(void)snprintf(part, sizeof(part), "%s.", key);
		rc = compare_fields(it, list, fd->part, part);
	}
	return rc;
}

/* Both are there: an item if they differ. */
static int
compare(struct diff *df, size_t kind, const struct field_table *table,
    const struct diff_item *pair)
{
	struct diff_item *it = add_item(df);
	int rc;

	if (it == NULL)
		return -ENOMEM;
	*it = *pair;
	rc = compare_fields(it, kinds[kind].list, table, "");
	if (rc == 0 && it->n_keys == 0)
		df->count--;
	return rc;
}

/* ---- a list of objects -------------------------------------------------------------- */

struct list {
	const char *objects;
	size_t count, width;
	size_t name, enabled; /* offsets */
};

static size_t
offset_of(const struct field_table *table, const char *name)
{
	size_t i = 0;

	while (strcmp(table->fields[i].name, name) != 0)
		i++;
	return table->fields[i].offset;
}

static struct list
list_of(const struct field *fd, const void *object, const char *name)
{
	const void *member = (const char *)object + fd->offset;

	return (struct list){ .objects = *(const char *const *)member,
		.count = ((const size_t *)member)[1],
		.width = fd->part->width,
		.name = offset_of(fd->part, name),
		.enabled = offset_of(fd->part, "enabled") };
}

static const char *
list_name(const struct list *ls, const void *object)
{
	return *(const char *const *)(const void *)((const char *)object + ls->name);
}

/* The enabled object i, or NULL. */
static const void *
list_at(const struct list *ls, size_t i)
{
	const char *object = ls->objects + i * ls->width;

	return *(const bool *)(object + ls->enabled) ? object : NULL;
}

static const void *
list_find(const struct list *ls, const char *name)
{
	for (size_t i = 0; i < ls->count; i++) {
		const void *object = list_at(ls, i);

		if (object != NULL && strcmp(list_name(ls, object), name) == 0)
			return object;
	}
	return NULL;
}

static int
add_one(struct diff *df, const struct diff_item *what)
{
	struct diff_item *it = add_item(df);

	if (it == NULL)
		return -ENOMEM;
	*it = *what;
	return 0;
}

static int
find_removed(
    struct diff *df, size_t kind, const struct list *before, const struct list *after)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < before->count; i++) {
		const void *object = list_at(before, i);

		if (object == NULL ||
		    list_find(after, list_name(before, object)) != NULL)
			continue;
		rc = add_one(df, &(struct diff_item){ .kind = kinds[kind].kind,
				     .change = DIFF_REMOVED,
				     .name = list_name(before, object),
				     .before = object });
	}
	return rc;
}

static int
compare_lists(struct diff *df, size_t kind, const struct field *fd,
    const void *before_conf, const void *after_conf)
{
	const struct list before = list_of(fd, before_conf, kinds[kind].name);
	const struct list after = list_of(fd, after_conf, kinds[kind].name);
	int rc = find_removed(df, kind, &before, &after);

	for (size_t i = 0; rc == 0 && i < after.count; i++) {
		const void *object = list_at(&after, i);
		struct diff_item pair = { .kind = kinds[kind].kind, .after = object };

		if (object == NULL)
			continue;
		pair.name = list_name(&after, object);
		pair.before = list_find(&before, pair.name);
		pair.change = pair.before == NULL ? DIFF_ADDED : DIFF_CHANGED;
		rc = pair.before == NULL ? add_one(df, &pair)
					 : compare(df, kind, fd->part, &pair);
	}
	return rc;
}

int
diff_make(struct diff *ret, const struct conf *before, const struct conf *after)
{
	const struct diff_item daemons = { .kind = DIFF_DAEMON,
		.change = DIFF_CHANGED,
		.name = after->name,
		.before = before,
		.after = after };
	struct diff df = { 0 };
	int rc = compare(&df, 0, &rows_global, &daemons);

	for (size_t i = 0; rc == 0 && i < rows_global.count; i++) {
		const struct field *fd = &rows_global.fields[i];
		size_t kind = 1;

		if (fd->type != FIELD_OBJECTS)
			continue;
		while (strcmp(kinds[kind].list, fd->name) != 0)
			kind++;
		rc = compare_lists(&df, kind, fd, before, after);
	}
	if (rc < 0) {
		diff_done(&df);
		return rc;
	}
	*ret = df;
	return 0;
}

void
diff_done(struct diff *df)
{
	for (size_t i = 0; i < df->count; i++) {
		for (size_t k = 0; k < df->items[i].n_keys; k++)
			free(df->items[i].keys[k]);
		free(df->items[i].keys);
	}
	free(df->items);
	*df = (struct diff){ 0 };
}

const struct diff_item *
diff_find(const struct diff *df, enum diff_kind kind, const char *name)
{
	for (size_t i = 0; i < df->count; i++) {
		if (df->items[i].kind == kind && strcmp(df->items[i].name, name) == 0)
			return &df->items[i];
	}
	return NULL;
}
