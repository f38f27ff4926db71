/* The places that clients have in the server, and what each user has had of it: nobody takes
 * all of them, and some are kept for admins. Pure. */
#ifndef MQBRIDGE_CONTROL_PLACES_H
#define MQBRIDGE_CONTROL_PLACES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/command.h"
#include "control/server.h"

struct place_account { /* of one user */
	uid_t uid;
	unsigned n_clients;
	int64_t spent_ns; /* of the loop's time; half of it is forgotten each second */
	int64_t at_ns;
};

struct places {
	unsigned n_clients;
	struct place_account accounts[CONTROL_CLIENTS_MAX];
};

enum place_refusal {
	PLACE_FREE,
	PLACE_USER_FULL, /* that user has as many as one may have */
	PLACE_ALL_FULL,
};

/* Is there a place for another client of that caller? */
enum place_refusal places_ask(
    const struct places *ps, const struct control_caller *caller);
/* There is, and it is taken; to be left by places_leave(). */
struct place_account *places_take(struct places *ps, uid_t uid, int64_t now_ns);
void places_leave(struct places *ps, struct place_account *pa);

/* spent_ns more, and how much that is altogether. */
int64_t places_spend(struct place_account *pa, int64_t spent_ns, int64_t now_ns);

#endif
