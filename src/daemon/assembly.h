/* The objects of a running daemon, made from its configuration: queues at both ends, peers,
 * routes. Made once at start and ended once; everything is used by the loop's thread. */
#ifndef MQBRIDGE_DAEMON_ASSEMBLY_H
#define MQBRIDGE_DAEMON_ASSEMBLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

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
struct link;
struct marks;
struct outlet;
struct peer;
struct resolver;
struct route;
struct runtime;
struct sink;
struct target;

/* One enabled queue of the configuration. */
struct assembly_queue {
	const struct conf_queue *conf;
	struct intake *intake; /* NULL: no route takes from it */
	struct target *target; /* NULL: nobody may send to it */
	uint64_t recovered;    /* found by opening its ring */
};

struct assembly_peer {
	const struct conf_peer *conf;
	struct peer *peer;
};

struct assembly_route {
	const struct conf_route *conf;
	struct assembly_queue *from;
	struct assembly_peer *peer; /* NULL: a local route */
	struct outlet *outlet;
	struct sink *sink;
	struct route *route;
};

/* The refusals of streams that were logged; a peer asks again every few seconds. */
#define ACCEPT_NEWS 64
struct accept_news {
	uint32_t keys[ACCEPT_NEWS];
	uint64_t at_ms[ACCEPT_NEWS]; /* 0: free */
	unsigned next;
};

struct assembly {
	const struct conf *conf; /* borrowed, like runtime and base */
	struct runtime *runtime;
	struct event_base *base;
	struct marks *marks;
	struct disk *disk;
	struct deadletters *dead;
	struct resolver *resolver; /* of held messages */
	struct event *disk_event;
	struct inventory *inventory; /* what no enabled route claims */
	struct link *link;
	struct assembly_queue **queues; /* each stays where it is while it lives */
	size_t n_queues;
	struct assembly_peer **peers;
	size_t n_peers;
	struct assembly_route **routes;
	size_t n_routes;
	struct accept_news news;
};

/* Make everything; nothing moves yet. conf must outlive it. What failed, on which object and
 * why is logged. 0 or -errno. */
int assembly_new(struct assembly **ret, const struct conf *conf, struct runtime *rt,
    struct event_base *base) MUST_CHECK;
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
