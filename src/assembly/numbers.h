/* What an operator wants to know, gathered from the objects of a running daemon. It is the one
 * place where states are judged and figures made: the control socket, the service manager's
 * status line, the metrics and the status page only show them. Used by the loop's thread. */
#ifndef MQBRIDGE_ASSEMBLY_NUMBERS_H
#define MQBRIDGE_ASSEMBLY_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assembly/rate.h"
#include "base/reason.h"
#include "base/state.h"
#include "endpoint/delivery.h"
#include "endpoint/intake.h"
#include "endpoint/outlet.h"
#include "link/link.h"
#include "route/route.h"

struct assembly;
struct assembly_peer;
struct assembly_queue;
struct assembly_route;

/* What each object of the assembly remembers for its numbers; all 0 when it is made. */
struct numbers_memory {
	enum state state;
	enum reason reason;
	uint64_t since_ms; /* of both, CLOCK_MONOTONIC; 0: never judged */
	struct rate in, out;
};

#define NUMBERS_DETAIL 512 /* bytes of a detail with its NUL */
struct numbers_health {
	enum state state;
	enum reason reason; /* REASON_NONE when it is good */
	uint64_t since_ms;  /* CLOCK_MONOTONIC, as far as it was seen; 0: not known */
	const char *host;   /* the peer where the cause lies; "": here */
	char detail[NUMBERS_DETAIL]; /* "" when good */
};

struct numbers_queue {
	struct numbers_health health;
	bool source, target; /* which of the next two is filled in */
	struct intake_numbers intake;
	struct target_numbers delivery;
	uint64_t recovered; /* at start and since */
	/* What is in the kernel's queue now: messages (POSIX) or bytes (System V). */
	bool attached;
	uint64_t depth, capacity;
	double received_rate, delivered_rate; /* messages a second */
};

struct numbers_route {
	struct numbers_health health;
	struct outlet_numbers outlet;
	uint64_t backlog;         /* messages that wait or are in flight */
	int64_t oldest_age_s;     /* of its oldest record, -1: none */
	int64_t idle_s;           /* since the last settlement, -1: none since start */
	double in_rate, out_rate; /* messages a second */
};

struct numbers_peer {
	struct numbers_health health;
	struct peer_numbers peer;
	size_t routes;                   /* to it */
	double received_rate, sent_rate; /* bytes a second */
};

/* One thing that is wrong. */
struct numbers_finding {
	const char *kind; /* "route", "queue", "peer", "store", "listener" */
	const char *name; /* borrowed until control returns to the loop */
	struct numbers_health health;
};

#define NUMBERS_FINDINGS 16
struct numbers_total {
	struct numbers_health
	    health; /* of the daemon: the worst of all, in words too */
	size_t queues, routes, peers, peers_up;
	uint64_t received, delivered, settled, recovered; /* messages, since start */
	uint64_t backlog_records; /* of all routes, and without an enabled one */
	uint64_t backlog_bytes;   /* in rings and logs */
	int64_t oldest_age_s;     /* of that backlog, -1: none */
	uint64_t dead_letters, dead_letter_bytes;
	uint64_t in_doubt;        /* ever */
	uint64_t held;            /* messages that wait for a decision */
	double in_rate, out_rate; /* messages a second */
	/* What is wrong, the worst first; problems counts also what is not among them. */
	struct numbers_finding worst[NUMBERS_FINDINGS];
	size_t n_worst, problems;
};

/* Strings are borrowed until control returns to the loop. */
void numbers_queue(
    const struct assembly *as, struct assembly_queue *aq, struct numbers_queue *ret);
void numbers_route(
    const struct assembly *as, struct assembly_route *ar, struct numbers_route *ret);
void numbers_peer(
    const struct assembly *as, struct assembly_peer *ap, struct numbers_peer *ret);
void numbers_total(const struct assembly *as, struct numbers_total *ret);

/* The same of objects that were judged already: routes first, since a queue that waits for one of
 * them says so. What _total_end() makes of it is true as long as no object went. */
void numbers_total_begin(struct numbers_total *ret);
void numbers_total_route(struct numbers_total *nt, const struct assembly_route *ar,
    const struct numbers_route *nr);
void numbers_total_queue(struct numbers_total *nt, const struct assembly_queue *aq,
    const struct numbers_queue *nq);
void numbers_total_peer(struct numbers_total *nt, const struct assembly_peer *ap,
    const struct numbers_peer *np);
void numbers_total_end(const struct assembly *as, struct numbers_total *nt);

/* Once a second, with what was just judged: what rates are made of. */
void numbers_queue_tick(struct assembly_queue *aq, const struct numbers_queue *nq);
void numbers_route_tick(struct assembly_route *ar, const struct numbers_route *nr);
void numbers_peer_tick(struct assembly_peer *ap, const struct numbers_peer *np);

/* "route orders stalled 42s (hub: queue full)" into buf, which is returned; without the time if
 * that is not known. */
char *numbers_words(char *buf, size_t size, const struct numbers_finding *fi);
/* How long it has been so. */
uint64_t numbers_since_s(const struct numbers_health *health);

#endif
