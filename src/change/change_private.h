/* Inside of a change, shared by change.c (the order of things), change_check.c (what can be told before),
 * change_make.c (beside what runs) and change_commit.c (what cannot fail). */
#ifndef MQBRIDGE_CHANGE_CHANGE_PRIVATE_H
#define MQBRIDGE_CHANGE_CHANGE_PRIVATE_H

#include "assembly/assembly_parts.h"
#include "change/change.h"
#include "config/diff.h"

struct peer_change;

struct change {
	struct assembly *as;     /* as it runs */
	struct assembly next;    /* a copy, with other queues, peers and routes */
	const struct diff *diff; /* from one to the other */
	struct change_faults *faults;
	/* Prepared, for the object of the same index in next; NULL: nothing to do. */
	char **intake_names;
	char **route_names;
	struct peer_change **peer_changes;
	/* For each item of the diff: its listener was opened, changed, or silenced. */
	bool *listens;
};

void change_fault(struct change_faults *cf, const struct conf_place *place,
    const char *key, const char *why);

/* change_check.c. Keys that need a restart. */
void change_check_keys(struct change *ch);
/* New listeners are opened, and files get their modes. Undone by the second. */
void change_open_listeners(struct change *ch);
/* Those for which one that goes must be silent first. The last that can fail. */
void change_move_listeners(struct change *ch);
void change_undo_listeners(struct change *ch);
void change_check_room(struct change *ch); /* for new rings */
void change_check_logs(struct change *ch); /* those that must be made */
/* Of listeners: those that change_move_listeners() would open. */
void change_tell_untried(struct change *ch);

/* change_make.c */
int change_make(struct change *ch) MUST_CHECK; /* 0 or -errno, told */
void change_undo(struct change *ch);
void change_done(struct change *ch); /* what was only for the change */

/* Do they go on in the other one? */
bool change_has_intake(const struct assembly *as, const struct intake *in);
bool change_has_target(const struct assembly *as, const struct target *tg);
bool change_has_peer(const struct assembly *as, const struct peer *pe);
bool change_has_route(const struct assembly *as, const struct route *ro);
bool change_has_outlet(const struct assembly *as, const struct outlet *ol);

/* change_commit.c */
void change_commit(struct change *ch);

#endif
