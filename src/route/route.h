/* A route: one source joined to one sink, and what an operator wants to know of it. */
#ifndef MQBRIDGE_ROUTE_ROUTE_H
#define MQBRIDGE_ROUTE_ROUTE_H

#include <stdint.h>

#include "base/compiler.h"

struct route; /* opaque */
struct sink;
struct source;

struct route_spec {
	const char *name, *from, *to; /* copied */
	struct source *source;        /* both stay their owners' */
	struct sink *sink;
};

/* Joins both ends. */
int route_new(struct route **ret, const struct route_spec *spec) MUST_CHECK;
void route_free(struct route *ro); /* parts them; NULL is fine */

const char *route_name(const struct route *ro);
const char *route_from(const struct route *ro);
const char *route_to(const struct route *ro);

/* Numbers that decide the state. */
struct route_progress {
	uint64_t waiting, in_flight;
	uint64_t last_progress_ms; /* of the last settlement, 0: none */
	uint64_t now_ms;
	const char *stopped; /* why the source offers nothing, or "" */
};
struct route_state {
	const char
	    *state; /* "flowing", "idle", "waiting", "stalled", "stopped", "refused" */
	const char *reason; /* borrowed until the next call; "" when good */
};
/* Ask at least every few seconds: a route stalls from when it was first seen with work.
 * What is wrong goes first: stopped, the sink's own state, stalled, waiting, flowing, idle. */
#define ROUTE_STALLED_MS 5000 /* work, but no settlement for that long */
void route_state(
    struct route *ro, const struct route_progress *pr, struct route_state *ret);

#endif
