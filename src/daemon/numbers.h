/* What an operator wants to know, gathered from the objects of a running daemon: for the
 * control socket and the service manager's status line. */
#ifndef MQBRIDGE_DAEMON_NUMBERS_H
#define MQBRIDGE_DAEMON_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint/delivery.h"
#include "endpoint/intake.h"
#include "endpoint/outlet.h"
#include "route/route.h"

struct assembly;
struct assembly_peer;
struct assembly_queue;
struct assembly_route;

struct numbers_queue {
	bool source, target; /* which of the next two is filled in */
	struct intake_numbers intake;
	struct target_numbers delivery;
	uint64_t recovered; /* at start and since */
	const char *state;  /* "attached", "waiting" */
	const char *reason; /* "" when good */
};

struct numbers_route {
	struct outlet_numbers outlet;
	struct route_state state;
	bool bad;             /* stalled, stopped or refused */
	int64_t oldest_age_s; /* of its oldest record, -1: none */
};

struct numbers_total {
	size_t queues, routes, peers, peers_up;
	uint64_t received, delivered, settled, recovered; /* messages, since start */
	uint64_t backlog_records, backlog_bytes;          /* in rings and logs */
	uint64_t dead_letters, in_doubt;                  /* ever */
	/* The first that is bad, NULL: none; and how many more there are. */
	const struct assembly_route *bad_route;
	size_t bad_routes;
	const struct assembly_queue *lost_queue; /* not attached */
	size_t lost_queues;
	const struct assembly_peer *lost_peer; /* not connected */
};

/* Strings are borrowed until the next call for the same object. */
void numbers_queue(const struct assembly_queue *aq, struct numbers_queue *ret);
void numbers_route(const struct assembly *as, const struct assembly_route *ar,
    struct numbers_route *ret);
void numbers_total(const struct assembly *as, struct numbers_total *ret);

/* Does something need an operator's eye? */
bool numbers_degraded(const struct numbers_total *total);

#endif
