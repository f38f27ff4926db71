/* The states of the disk that a cut may leave, each once. Most subsets of the calls that nothing synced
 * make no state of their own: what was written to a file whose name is not there is not there
 * either, nor is what lies in a directory without a name. */
#include <stdlib.h>
#include <string.h>

#include "cut.h"

#define NAMES 96 /* at once */

struct named {
	size_t directory, node;
	const char *name;
};

struct state {
	uint64_t mask; /* of the pending calls that came to the disk */
	uint64_t key;
	size_t n;
	struct named names[NAMES];
};

struct states {
	const struct cut_trace *trace;
	uint64_t *on_node; /* by node: the pending calls that change its bytes */
	struct state *at;
	size_t n, most;
	uint64_t *table; /* of keys; 0: free */
	size_t slots;
};

static uint64_t
mix(uint64_t a, uint64_t b)
{
	uint64_t ret = (a ^ b) * UINT64_C(0x9e3779b97f4a7c15);

	ret ^= ret >> 29;
	ret *= UINT64_C(0xbf58476d1ce4e5b9);
	return ret ^ ret >> 32;
}

static uint64_t
mix_text(const char *text)
{
	uint64_t ret = 1;

	while (*text != '\0')
		ret = mix(ret, (uint8_t)*text++);
	return ret;
}

/* ---- one state --------------------------------------------------------------------------- */

static bool
is_reached(const struct state *st, size_t directory)
{
	if (directory == 0)
		return true;
	for (size_t i = 0; i < st->n; i++)
		if (st->names[i].node == directory)
			return is_reached(st, st->names[i].directory);
	return false;
}

static struct named *
find(struct state *st, size_t directory, const char *name)
{
	for (size_t i = 0; i < st->n; i++)
		if (st->names[i].directory == directory &&
		    strcmp(st->names[i].name, name) == 0)
			return &st->names[i];
	return NULL;
}

static void
set(struct state *st, size_t directory, const char *name, size_t node)
{
	struct named *nm = find(st, directory, name);

	if (nm == NULL) {
		if (st->n == NAMES)
			cut_die("too many names", 0);
		nm = &st->names[st->n++];
	}
	*nm = (struct named){ .directory = directory, .node = node, .name = name };
}

static void
unset(struct state *st, struct named *nm)
{
	if (nm != NULL)
		*nm = st->names[--st->n];
}

static void
apply(struct state *st, const struct cut_event *ev)
{
	struct named *nm;
	size_t node;

	switch (ev->op) {
	case CUT_LINK:
		set(st, ev->node, ev->name, ev->made);
		break;
	case CUT_RENAME:
		nm = find(st, ev->node, ev->name);
		if (nm == NULL)
			return;
		node = nm->node;
		unset(st, nm);
		set(st, ev->node, ev->to, node);
		break;
	case CUT_UNLINK:
		unset(st, find(st, ev->node, ev->name));
		break;
	case CUT_WRITE:
	case CUT_TRUNCATE:
	case CUT_SYNC:
		break;
	}
}

/* What can be seen of it: the names that can be reached, in any order, and what was written to
 * their files. */
static uint64_t
key_of(const struct states *ss, const struct state *st)
{
	uint64_t ret = 1;

	for (size_t i = 0; i < st->n; i++) {
		const struct named *nm = &st->names[i];

		if (is_reached(st, nm->directory))
			ret += mix(mix(mix_text(nm->name), nm->directory + 1),
			    mix(nm->node + 1, ss->on_node[nm->node] & st->mask));
	}
	return ret == 0 ? 1 : ret;
}

/* ---- all of them ------------------------------------------------------------------------- */

/* false: it was there. */
static bool
remember(struct states *ss, uint64_t key)
{
	size_t at = key % ss->slots;

	while (ss->table[at] != 0 && ss->table[at] != key)
		at = (at + 1) % ss->slots;
	if (ss->table[at] == key)
		return false;
	ss->table[at] = key;
	return true;
}

static void
rehash(struct states *ss)
{
	size_t kept = 0;

	memset(ss->table, 0, ss->slots * sizeof(*ss->table));
	for (size_t i = 0; i < ss->n; i++) {
		ss->at[i].key = key_of(ss, &ss->at[i]);
		if (remember(ss, ss->at[i].key))
			ss->at[kept++] = ss->at[i];
	}
	ss->n = kept;
}

/* Each state with that call, and without. false: there are too many. */
static bool
fork_states(struct states *ss, const struct cut_event *ev, unsigned nth)
{
	size_t before = ss->n;

	for (size_t i = 0; i < before; i++) {
		struct state *st;

		if (ss->n == ss->most)
			return false;
		st = &ss->at[ss->n];
		*st = ss->at[i];
		st->mask |= UINT64_C(1) << nth;
		apply(st, ev);
		st->key = key_of(ss, st);
		ss->n += remember(ss, st->key);
	}
	return true;
}

/* *ret_old of them are there without the last call, too. */
static bool
run(struct states *ss, size_t done, size_t *ret_old)
{
	const struct cut_trace *tr = ss->trace;
	unsigned nth = 0;

	for (size_t i = 0; i < done; i++) {
		const struct cut_event *ev = &tr->events[i];

		if (ev->op == CUT_SYNC)
			continue;
		*ret_old = ss->n;
		if (ev->synced >= done) {
			if (!fork_states(ss, ev, nth++))
				return false;
			continue;
		}
		for (size_t s = 0; s < ss->n; s++)
			apply(&ss->at[s], ev);
		if (ev->op != CUT_WRITE && ev->op != CUT_TRUNCATE)
			rehash(ss);
	}
	return true;
}

static void
note_nodes(struct states *ss, size_t done)
{
	unsigned nth = 0;

	for (size_t i = 0; i < done; i++) {
		const struct cut_event *ev = &ss->trace->events[i];

		if (ev->op == CUT_SYNC || ev->synced < done)
			continue;
		if (ev->op == CUT_WRITE || ev->op == CUT_TRUNCATE)
			ss->on_node[ev->node] |= UINT64_C(1) << nth;
		nth++;
	}
}

size_t
cut_states(const struct cut_trace *tr, size_t done, size_t most, uint64_t *ret_masks,
    size_t *ret_old)
{
	struct states ss = { .trace = tr, .most = most, .slots = 4 * most + 1, .n = 1 };
	size_t pending[64], n = 0;

	if (cut_pending(tr, done, pending, 64) > 64)
		return 0;
	ss.on_node = calloc(tr->n_nodes, sizeof(*ss.on_node));
	ss.at = calloc(most + 1, sizeof(*ss.at));
	ss.table = calloc(ss.slots, sizeof(*ss.table));
	if (ss.on_node == NULL || ss.at == NULL || ss.table == NULL)
		cut_die("memory", 0);
	note_nodes(&ss, done);
	rehash(&ss);
	*ret_old = 0;
	if (run(&ss, done, ret_old))
		n = ss.n;
	for (size_t i = 0; i < n; i++)
		ret_masks[i] = ss.at[i].mask;
	free(ss.on_node);
	free(ss.at);
	free(ss.table);
	return n;
}
