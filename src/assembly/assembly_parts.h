/* Inside of the assembly, shared by its files: assembly.c (life), assembly_store.c (what the two
 * directories hold), assembly_queue.c, assembly_link.c (listeners and peers), assembly_route.c. */
#ifndef MQBRIDGE_ASSEMBLY_ASSEMBLY_PARTS_H
#define MQBRIDGE_ASSEMBLY_ASSEMBLY_PARTS_H

#include "assembly/assembly.h"
#include "endpoint/delivery.h"
#include "endpoint/intake.h"
#include "endpoint/outlet.h"
#include "spool/log.h"

struct conf_listener;

/* Each returns 0 or -errno, logged; what was made before stays in as. */
int assembly_store_open(struct assembly *as) MUST_CHECK;
int assembly_queues_make(struct assembly *as) MUST_CHECK;
int assembly_link_make(struct assembly *as) MUST_CHECK;
int assembly_routes_make(struct assembly *as) MUST_CHECK;

/* What the overflow logs of all routes need. */
struct log_env assembly_log_env(const struct assembly *as);

/* What is made of the configuration; strings are borrowed from it. */
struct intake_spec assembly_intake_spec(const struct conf_queue *cq);
struct target_spec assembly_target_spec(const struct conf_queue *cq);
struct outlet_policy assembly_route_policy(const struct conf_route *cr);

/* Does an enabled route take from it; may somebody send to it? */
bool assembly_queue_is_source(const struct conf *cf, const struct conf_queue *cq);
bool assembly_queue_is_target(const struct conf *cf, const struct conf_queue *cq);

/* The parts of an object, once what they need in as is there. What is kept or found of it is
 * claimed. Each returns 0 or -errno and leaves what it made. */
int assembly_intake_make(struct assembly *as, struct assembly_queue *aq) MUST_CHECK;
int assembly_target_make(struct assembly *as, struct assembly_queue *aq) MUST_CHECK;
int assembly_peer_make(struct assembly *as, struct assembly_peer *ap) MUST_CHECK;
int assembly_route_make(struct assembly *as, struct assembly_route *ar) MUST_CHECK;
/* Logged; it is closed by assembly_listener_close(). */
int assembly_listener_open(
    struct assembly *as, const struct conf_listener *cl) MUST_CHECK;
void assembly_listener_close(struct assembly *as, const struct conf_listener *cl);
/* For one at an address that overlaps: it listens no more, and again (link/link.h). false: nothing can
 * be done about a socket that a socket unit holds. */
bool assembly_listener_silence(struct assembly *as, const struct conf_listener *cl);
/* Who may connect, as cl says from now on. */
void assembly_listener_change(struct assembly *as, const struct conf_listener *cl);

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
