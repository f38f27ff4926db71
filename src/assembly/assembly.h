/* The objects of a running daemon, made from its configuration: queues at both ends, peers,
 * routes. Everything is used by the loop's thread.
 *
 * A reload (change/change.h) makes all struct assembly_* anew, and the configuration with its
 * strings; the intake, target, peer, outlet, sink and route of what goes on are the same. So
 * nobody keeps a pointer to one of these structs, to a struct conf_* or to a string of it when
 * control returns to the loop: keep the name and look it up. */
#ifndef MQBRIDGE_ASSEMBLY_ASSEMBLY_H
#define MQBRIDGE_ASSEMBLY_ASSEMBLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assembly/numbers.h"
#include "base/compiler.h"

struct activation;
struct conf;
struct conf_peer;
struct conf_queue;
struct conf_route;
struct deadletters;
struct disk;
struct event;
struct event_base;
struct intake;
struct inventory;
struct kept;
struct kept_ring;
struct kept_stream;
struct link;
struct marks;
struct outlet;
struct pauses;
struct peer;
struct resolver;
struct route;
struct runtime;
struct sink;
struct target;

/* Where a reload has an object from. */
enum assembly_from {
	ASSEMBLY_MADE,    /* it is new */
	ASSEMBLY_FOUND,   /* made of what the inventory had */
	ASSEMBLY_CLAIMED, /* it was kept */
	ASSEMBLY_CARRIED, /* it goes on */
};

/* One enabled queue of the configuration. */
struct assembly_queue {
	const struct conf_queue *conf;
	struct intake *intake; /* NULL: no route takes from it */
	struct target *target; /* NULL: nobody may send to it */
	enum assembly_from intake_from, target_from;
	struct kept_ring *kept; /* for the intake one day; NULL: there is none */
	bool retired;           /* it was given to what is kept */
	uint64_t recovered;     /* found by opening its ring */
	struct numbers_memory memory;
};

struct assembly_peer {
	const struct conf_peer *conf;
	struct peer *peer;
	enum assembly_from peer_from;
	struct numbers_memory memory;
};

struct assembly_route {
	const struct conf_route *conf;
	struct assembly_queue *from;
	struct assembly_peer *peer; /* NULL: a local route */
	struct outlet *outlet;
	struct sink *sink;
	struct route *route;
	enum assembly_from from_where; /* of outlet, sink and route */
	struct kept_stream *kept;      /* for the outlet one day */
	bool retired;                  /* it was given to what is kept */
	enum reason alarm; /* of which an event told, REASON_NONE: it is good */
	struct numbers_memory memory;
};

/* The refusals of streams that were logged; a peer asks again every few seconds. */
#define ACCEPT_NEWS 64
struct accept_news {
	uint32_t keys[ACCEPT_NEWS];
	uint64_t at_ms[ACCEPT_NEWS]; /* 0: free */
	unsigned next;
};

struct assembly {
	const struct conf *conf; /* borrowed, like runtime, base and activation */
	struct runtime *runtime;
	struct event_base *base;
	struct activation *activation;
	struct marks *marks;
	struct disk *disk;
	struct deadletters *dead;
	struct resolver *resolver; /* of held messages */
	struct event *disk_event;
	struct pauses *pauses;       /* what an operator has paused or drains */
	struct inventory *inventory; /* what no enabled route claims */
	struct kept *kept;           /* what a reload has left over */
	struct link *link;
	struct assembly_queue **queues;
	size_t n_queues;
	struct assembly_peer **peers;
	size_t n_peers;
	struct assembly_route **routes;
	size_t n_routes;
	struct accept_news news;
	uint64_t changes; /* reloads: what was found before one may be gone */
	bool stopping;    /* halted for good */
};

/* Make everything; nothing moves yet. What is given must outlive it; at, from which listeners take
 * their sockets, may be NULL. What failed, on which object and why is logged. 0 or -errno. */
int assembly_new(struct assembly **ret, const struct conf *conf, struct runtime *rt,
    struct event_base *base, struct activation *at) MUST_CHECK;
void assembly_start(struct assembly *as); /* intakes last */

/* A clean stop: nothing new is received, offered or accepted. */
void assembly_halt(struct assembly *as);

/* Everything of the overflow logs to disk; waits for it. 0, or -EIO, logged: it could not be. */
int assembly_sync(struct assembly *as) MUST_CHECK;

/* Close connections, finish the disk's jobs, end everything. The files stay. NULL is fine. */
void assembly_free(struct assembly *as);

/* The enabled queue of that name, or NULL. */
struct assembly_queue *assembly_queue_find(const struct assembly *as, const char *name);

#endif
