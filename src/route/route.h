/* A route: one source joined to one sink, and what an operator wants to know of it. */
#ifndef MQBRIDGE_ROUTE_ROUTE_H
#define MQBRIDGE_ROUTE_ROUTE_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/reason.h"
#include "base/state.h"

struct route; /* opaque */
struct sink;
struct source;

struct route_spec {
	const char *name, *from, *to; /* copied */
	struct source *source;        /* both stay their owners' */
	struct sink *sink;
};

int route_new(struct route **ret, const struct route_spec *spec) MUST_CHECK;
/* Joins both ends: it flows. Neither may be joined. */
void route_join(struct route *ro);
void route_free(struct route *ro); /* parts them; NULL is fine */

const char *route_name(const struct route *ro);
const char *route_from(const struct route *ro);
const char *route_to(const struct route *ro);

/* Numbers that decide the state. */
struct route_progress {
	uint64_t waiting, in_flight;
	uint64_t last_progress_ms; /* of the last settlement, 0: none */
	uint64_t now_ms;
	uint32_t patience_ms; /* work, but no settlement for that long: stalled */
	struct cause stopped; /* why the source offers nothing */
	struct cause log;     /* why nothing goes to its overflow log */
};
struct route_state {
	enum state state;
	enum reason reason; /* REASON_NONE when good */
	const char *detail; /* borrowed until the next call; "" when good */
	const char *host;   /* the peer where the cause lies; "": here */
	/* CLOCK_MONOTONIC of the last settlement, or of when there was work; 0: no work. */
	uint64_t still_since_ms;
};
/* Ask at least every second: a route stalls from when it was first seen with work. What is wrong
 * goes first: stopped, the sink's own state, stalled, a log that takes nothing. */
#define ROUTE_PATIENCE_MS 5000 /* at most; less where the heartbeat is */
void route_state(
    struct route *ro, const struct route_progress *pr, struct route_state *ret);

#endif
