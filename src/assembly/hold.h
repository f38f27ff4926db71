/* What pauses and drains (assembly/pauses.h) mean for the objects of a running daemon. */
#ifndef MQBRIDGE_ASSEMBLY_HOLD_H
#define MQBRIDGE_ASSEMBLY_HOLD_H

#include <stdbool.h>

#include "assembly/pauses.h"

struct assembly;
struct assembly_peer;
struct assembly_queue;
struct assembly_route;
struct conf_route;

/* Make all routes, queues and peers do what the pauses say: after a change of them, and after
 * objects were made. */
void hold_apply(const struct assembly *as);

/* Is a route paused that is being made, so that it must not offer anything from the beginning? */
bool hold_new_route(const struct assembly *as, const struct conf_route *cr);

/* What holds a route, or what comes from a peer; ret's pause is borrowed until they change. */
void hold_of_route(const struct assembly *as, const struct assembly_route *ar,
    struct pauses_verdict *ret);
void hold_of_peer(const struct assembly *as, const struct assembly_peer *ap,
    struct pauses_verdict *ret);
/* Is a queue not read, as all routes that take from it are drained or being drained? */
bool hold_of_queue(const struct assembly *as, const struct assembly_queue *aq);

#endif
