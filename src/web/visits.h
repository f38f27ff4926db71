/* The connections of the listener, as far as evhttp does not bound them: how many there are,
 * how long each may take, and when new ones are let in. Each is a bufferevent that evhttp
 * owns; nothing tells of its end, so we hold a reference and look. */
#ifndef MQBRIDGE_WEB_VISITS_H
#define MQBRIDGE_WEB_VISITS_H

#include <stdbool.h>

#include "base/compiler.h"

struct budget;
struct bufferevent;
struct evconnlistener;
struct event_base;
struct visits; /* opaque; used by the loop's thread */

/* Connections at once. When one more comes, the one that has done nothing for the longest time
 * is ended. */
#define VISITS_MAX   32
#define VISITS_CROWD 16
/* From the begin of a connection, or from a request, to the next whole request. Also the time in
 * which an answer must have been taken. */
#define VISITS_FIRST_MS 10000
#define VISITS_NEXT_MS  30000

/* budget is borrowed until visits_free(). 0 or -ENOMEM. */
int visits_new(
    struct visits **ret, struct event_base *base, struct budget *budget) MUST_CHECK;
/* After evhttp_free(). NULL is fine. */
void visits_free(struct visits *vs);

/* Borrowed, and not touched by visits_free(): it is disabled while there is no room or no
 * budget. Called before the first visit. */
void visits_watch(struct visits *vs, struct evconnlistener *listener);

/* For who listens at an address that overlaps: nobody is let in, as listener_silence() says, and
 * again: 0; or -errno, and it is tried again whenever it looks. */
void visits_silence(struct visits *vs);
int visits_listen(struct visits *vs) MUST_CHECK;

/* A bufferevent for a new connection: for evhttp_set_bevcb(), with the struct visits. NULL: no
 * memory. */
struct bufferevent *visits_begin(struct event_base *base, void *arg);

/* Are so many there that each shall leave when it has its answer, so that others come in? */
bool visits_crowded(const struct visits *vs);

/* The owner of that bufferevent has sent a whole request, or has its answer. */
void visits_busy(struct visits *vs, struct bufferevent *bev);
void visits_idle(struct visits *vs, struct bufferevent *bev);

#endif
