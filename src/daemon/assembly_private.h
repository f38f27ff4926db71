/* Inside of the assembly, shared by its files: assembly.c (life), assembly_store.c (what the two
 * directories hold), assembly_queue.c, assembly_link.c (listeners and peers), assembly_route.c. */
#ifndef MQBRIDGE_DAEMON_ASSEMBLY_PRIVATE_H
#define MQBRIDGE_DAEMON_ASSEMBLY_PRIVATE_H

#include "daemon/assembly.h"
#include "spool/log.h"

/* Each returns 0 or -errno, logged; what was made before stays in as. */
int assembly_store_open(struct assembly *as) MUST_CHECK;
int assembly_queues_make(struct assembly *as) MUST_CHECK;
int assembly_link_make(struct assembly *as) MUST_CHECK;
int assembly_routes_make(struct assembly *as) MUST_CHECK;

/* What the overflow logs of all routes need. */
struct log_env assembly_log_env(const struct assembly *as);

/* A route runs when it, its queue, and its peer or its local target are enabled. */
bool assembly_route_is_on(const struct conf *cf, const struct conf_route *cr);

/* The enabled peer of that name, or NULL. */
struct assembly_peer *assembly_peer_find(const struct assembly *as, const char *name);

/* Each ends one object with all that it made; NULL is fine. The outlet of a route reads the
 * ring of its queue, and its sink writes to its peer or queue: routes end first. */
void assembly_route_free(struct assembly_route *ar);
void assembly_peer_free(struct assembly_peer *ap);
void assembly_queue_free(struct assembly_queue *aq);

#endif
