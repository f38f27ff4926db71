/* Which routes and peers a command means: NAME, "route NAME", "peer NAME" or "all". */
#ifndef MQBRIDGE_COMMANDS_STEER_CHOICE_H
#define MQBRIDGE_COMMANDS_STEER_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

#include "assembly/pauses.h"
#include "base/compiler.h"

struct assembly;
struct control_reply;

struct steer_object {
	enum pause_kind kind;
	char name[PAUSE_NAME]; /* a copy: the object may go while an answer is made */
};

struct steer_choice {
	struct steer_object *objects;
	size_t n;
	size_t n_words; /* of the request that named them */
};

/* From the first words of a request. "all": every route and every peer. with_pauses: a name that
 * only a pause has will do, so that the pause of a route which is no more can be ended.
 * 0, or -errno with the reason in the reply: -ENOENT: nothing is called so; -EINVAL: a route
 * and a peer are, and the request does not say which. */
int steer_choice_parse(struct steer_choice *ret, const struct assembly *as,
    struct control_reply *reply, bool with_pauses) MUST_CHECK;
void steer_choice_done(struct steer_choice *sc);

const char *steer_kind_name(enum pause_kind kind); /* "route", "peer" */

/* -ENOENT, with the reason in the reply. what: "route", "peer", "queue" or "route or peer". */
int steer_absent(struct control_reply *reply, const char *what, const char *name);

/* The route or peer of that name, or NULL. */
struct assembly_route *steer_route_find(const struct assembly *as, const char *name);
struct assembly_peer *steer_peer_find(const struct assembly *as, const char *name);

/* A word behind the others: "timeout", and a duration as in the configuration. i: the first word
 * that may be it. *ret_ms: 0: there is none. 0 or -EINVAL with the reason in the reply. */
int steer_timeout_parse(
    uint64_t *ret_ms, struct control_reply *reply, size_t i) MUST_CHECK;

#endif
