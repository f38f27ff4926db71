#include "base/state.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/compiler.h"

static const struct state_row {
	const char *word;
	enum state_rank rank;
} rows[] = {
#define STATE_ROW(symbol, word, rank) [STATE_##symbol] = { word, rank },
	STATE_LIST(STATE_ROW)
#undef STATE_ROW
};

static const enum state of_daemon[] = { STATE_RUNNING, STATE_DEGRADED, STATE_STOPPING };
static const enum state of_queue[] = { STATE_ATTACHED, STATE_UNUSED, STATE_ORPHAN,
	STATE_FULL, STATE_BLOCKED, STATE_WAITING, STATE_FAILED };
static const enum state of_route[] = { STATE_FLOWING, STATE_IDLE, STATE_PAUSED,
	STATE_DRAINING, STATE_ORPHAN, STATE_DEGRADED, STATE_WAITING, STATE_STALLED,
	STATE_REFUSED, STATE_STOPPED };
static const enum state of_peer[] = { STATE_CONNECTED, STATE_PAUSED, STATE_DRAINING,
	STATE_CONNECTING, STATE_HANDSHAKE, STATE_WAITING };

static const struct {
	const enum state *states;
	size_t n;
} lists[] = {
	[STATE_OF_DAEMON] = { of_daemon, ARRAY_LEN(of_daemon) },
	[STATE_OF_QUEUE] = { of_queue, ARRAY_LEN(of_queue) },
	[STATE_OF_ROUTE] = { of_route, ARRAY_LEN(of_route) },
	[STATE_OF_PEER] = { of_peer, ARRAY_LEN(of_peer) },
};

const char *
state_name(enum state state)
{
	assert(state < STATE_END);
	return rows[state].word;
}

int
state_find(enum state *ret, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcmp(rows[i].word, name) != 0)
			continue;
		*ret = (enum state)i;
		return 0;
	}
	return -ENOENT;
}

enum state_rank
state_rank(enum state state)
{
	assert(state < STATE_END);
	return rows[state].rank;
}

const enum state *
state_list(enum state_kind kind, size_t *ret_n)
{
	*ret_n = lists[kind].n;
	return lists[kind].states;
}
