/* What an operator decides about messages that are held: to deliver one now, to delete it, or to
 * make an ordinary dead letter of it. A held message is deleted only when its queue has
 * taken it; a crash between the two leaves it held, with the flag DEAD_PERHAPS. */
#ifndef MQBRIDGE_ENDPOINT_RESOLVER_H
#define MQBRIDGE_ENDPOINT_RESOLVER_H

#include "base/compiler.h"

struct deadletter_key;
struct deadletters;
struct disk;
struct resolver; /* opaque; used by the loop's thread */
struct target;

struct resolver_env { /* borrowed, as long as the resolver lasts */
	struct disk *disk;
	struct deadletters *dead;
	/* The target of that entry, or NULL; called until the disk has ended. */
	struct target *(*find)(const void *owner, const char *name);
	const void *owner;
};

int resolver_new(struct resolver **ret, const struct resolver_env *env) MUST_CHECK;
void resolver_free(struct resolver *rs); /* the disk has ended; NULL is fine */

enum resolver_action { RESOLVER_RESEND, RESOLVER_DROP, RESOLVER_DEAD_LETTER };

/* Begin. done is called on a later turn: 0; -ENOENT (no such letter); -EINVAL (it is not held);
 * -ENXIO (no such entry); -ENOTCONN (its queue is not there); -EAGAIN (the queue is full);
 * -EMSGSIZE, -ERANGE (it does not fit there); -EIDRM (the queue was removed meanwhile); or
 * another -errno. What was not done left the letter held. Returns 0, -EBUSY (it is being resolved) or -ENOMEM. */
struct resolver_wish {
	const struct deadletter_key *key;
	enum resolver_action action;
	void (*done)(void *owner, int rc);
	void *owner;
};
int resolver_begin(struct resolver *rs, const struct resolver_wish *wish) MUST_CHECK;
/* The owner of wishes goes away: done is not called for it any more. */
void resolver_forget(struct resolver *rs, const void *owner);

#endif
