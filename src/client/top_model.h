/* What "mqbridgectl top" shows, out of the daemon's answers: rows of routes or peers with the
 * history of their rates, in the order that was asked for. Knows no terminal. */
#ifndef MQBRIDGE_CLIENT_TOP_MODEL_H
#define MQBRIDGE_CLIENT_TOP_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/compiler.h"
#include "base/state.h"

#define TOP_NAME    256 /* bytes with the NUL: no name is longer */
#define TOP_TEXT    256 /* likewise; what is longer is cut */
#define TOP_SAMPLES 120 /* of a history */

enum top_kind { TOP_ROUTES, TOP_PEERS };

struct top_row {
	char name[TOP_NAME];
	char state[TOP_NAME];
	char reason[TOP_NAME]; /* "" when good */
	char detail[TOP_TEXT]; /* printable */
	char mend[TOP_TEXT];
	enum state_rank rank;
	double in, out;         /* a second: messages of a route, bytes of a peer */
	double backlog;         /* messages; of a peer: the sum of its routes */
	double depth, capacity; /* of the route's source queue; -1: not known */
	double age_s;           /* of the oldest; of a peer its round trip; -1: none */
	double samples[TOP_SAMPLES]; /* of in + out; the newest last */
	size_t n_samples;
};

enum top_order { TOP_BY_NEED, TOP_BY_NAME, TOP_BY_RATE, TOP_BY_BACKLOG, TOP_BY_AGE };
#define TOP_ORDERS 5

struct top_table {
	enum top_kind kind;
	struct top_row *rows;
	size_t n;
};

const char *top_order_name(enum top_order order);

/* Take the items of an answer: new rows come, those that are gone leave, each gets a sample.
 * queues: the items of "show queues", for depths; NULL: none. Returns 0 or -ENOMEM (then the
 * table is as it was). */
int top_table_take(
    struct top_table *tb, const json_t *items, const json_t *queues) MUST_CHECK;
void top_table_sort(struct top_table *tb, enum top_order order);
void top_table_done(struct top_table *tb);

/* The newest samples of a row as n bars of 0 (nothing) to 8 (the most of them), oldest first. */
void top_bars(unsigned char *bars, size_t n, const struct top_row *row);

#endif
