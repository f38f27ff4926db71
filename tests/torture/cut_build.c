/* From a trace to what may be on the disk. Names and bytes are kept apart, as file systems do:
 * what no sync covers may be missing or there, each call by itself, and of a write each block;
 * where blocks are missing but the size is there, are zeros. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cut.h"

#define ENTRIES 512

struct entry {
	size_t directory, node;
	const char *name;
};

struct content {
	uint8_t *bytes;
	size_t len, room;
};

struct world {
	struct entry entries[ENTRIES];
	size_t n;
	struct content *files; /* by node */
};

static bool
is_pending(const struct cut_event *ev, size_t done)
{
	return ev->op != CUT_SYNC && ev->synced >= done;
}

size_t
cut_pending(const struct cut_trace *tr, size_t done, size_t *ret, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < done; i++) {
		if (!is_pending(&tr->events[i], done))
			continue;
		if (n < room)
			ret[n] = i;
		n++;
	}
	return n;
}

/* ---- names ------------------------------------------------------------------------------- */

static struct entry *
entry_find(struct world *wo, size_t directory, const char *name)
{
	for (size_t i = 0; i < wo->n; i++) {
		struct entry *en = &wo->entries[i];

		if (en->directory == directory && strcmp(en->name, name) == 0)
			return en;
	}
	return NULL;
}

static void
entry_remove(struct world *wo, size_t directory, const char *name)
{
	struct entry *en = entry_find(wo, directory, name);

	if (en != NULL)
		*en = wo->entries[--wo->n];
}

static void
entry_set(struct world *wo, size_t directory, const char *name, size_t node)
{
	entry_remove(wo, directory, name);
	if (wo->n == ENTRIES)
		cut_die("too many files", 0);
	wo->entries[wo->n++] =
	    (struct entry){ .directory = directory, .node = node, .name = name };
}

/* A name that never came to the disk cannot be renamed there. */
static void
entry_rename(struct world *wo, const struct cut_event *ev)
{
	struct entry *en = entry_find(wo, ev->node, ev->name);
	size_t node;

	if (en == NULL)
		return;
	node = en->node;
	entry_remove(wo, ev->node, ev->name);
	entry_set(wo, ev->node, ev->to, node);
}

/* ---- bytes ------------------------------------------------------------------------------- */

static void
content_size(struct content *co, size_t len)
{
	if (len > co->room) {
		co->room = 2 * len;
		co->bytes = realloc(co->bytes, co->room);
		if (co->bytes == NULL)
			cut_die("memory", 0);
	}
	if (len > co->len)
		memset(co->bytes + co->len, 0, len - co->len);
	co->len = len;
}

static void
content_put(struct content *co, const struct cut_event *ev, size_t from, size_t to)
{
	if (to > co->len)
		content_size(co, to);
	memcpy(co->bytes + from, ev->bytes + (from - ev->at), to - from);
}

static void
content_tear(
    struct content *co, const struct cut_event *ev, unsigned block, uint64_t *seed)
{
	size_t end = ev->at + ev->len;

	for (size_t at = ev->at; at < end;) {
		size_t to = (at / block + 1) * block;

		to = to < end ? to : end;
		if (cut_random(seed, 2) == 0)
			content_put(co, ev, at, to);
		at = to;
	}
	/* The size is written by itself. */
	if (cut_random(seed, 2) == 0 && co->len < end)
		content_size(co, end);
}

static void
apply(struct world *wo, const struct cut_event *ev, unsigned block, uint64_t *seed)
{
	struct content *co = &wo->files[ev->node];

	switch (ev->op) {
	case CUT_LINK:
		entry_set(wo, ev->node, ev->name, ev->made);
		break;
	case CUT_RENAME:
		entry_rename(wo, ev);
		break;
	case CUT_UNLINK:
		entry_remove(wo, ev->node, ev->name);
		break;
	case CUT_TRUNCATE:
		content_size(co, ev->at);
		break;
	case CUT_WRITE:
		if (block == 0)
			content_put(co, ev, ev->at, ev->at + ev->len);
		else
			content_tear(co, ev, block, seed);
		break;
	case CUT_SYNC:
		break;
	}
}

/* ---- on the disk -------------------------------------------------------------------------- */

static void
put_file(int dir_fd, const char *name, const struct content *co)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	if (fd < 0 || (co->len > 0 && pwrite(fd, co->bytes, co->len, 0) < 0))
		cut_die(name, 0);
	(void)close(fd);
}

/* Directories are never nested deeper than logs/<id>. */
static void
put_directory(
    const struct cut_trace *tr, const struct world *wo, size_t dir, int dir_fd)
{
	for (size_t i = 0; i < wo->n; i++) {
		const struct entry *en = &wo->entries[i];
		int fd;

		if (en->directory != dir)
			continue;
		if (!tr->nodes[en->node].is_directory) {
			put_file(dir_fd, en->name, &wo->files[en->node]);
			continue;
		}
		if (mkdirat(dir_fd, en->name, 0750) < 0)
			cut_die(en->name, 0);
		fd = openat(dir_fd, en->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			cut_die(en->name, 0);
		put_directory(tr, wo, en->node, fd);
		(void)close(fd);
	}
}

static bool
is_there(const struct cut_tear *tear, size_t nth, uint64_t *seed)
{
	return nth < 64 ? (tear->mask >> nth & 1) != 0 : cut_random(seed, 2) == 0;
}

void
cut_build(
    const struct cut_trace *tr, size_t done, const struct cut_tear *tear, int state_fd)
{
	struct world *wo = calloc(1, sizeof(*wo));
	uint64_t seed = tear->seed;
	size_t nth = 0;

	if (wo == NULL)
		cut_die("memory", 0);
	wo->files = calloc(tr->n_nodes, sizeof(*wo->files));
	if (wo->files == NULL)
		cut_die("memory", 0);
	for (size_t i = 0; i < done; i++) {
		const struct cut_event *ev = &tr->events[i];

		if (ev->op == CUT_SYNC)
			continue;
		if (!is_pending(ev, done))
			apply(wo, ev, 0, &seed);
		else if (is_there(tear, nth++, &seed))
			apply(wo, ev, tear->block, &seed);
	}
	put_directory(tr, wo, 0, state_fd);
	for (size_t i = 0; i < tr->n_nodes; i++)
		free(wo->files[i].bytes);
	free(wo->files);
	free(wo);
}
