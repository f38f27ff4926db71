#include "control/places.h"

#include <assert.h>

#define NS_PER_S 1000000000

/* Of that user, or one that nobody uses: there are as many as clients. */
static const struct place_account *
find_account(const struct places *ps, uid_t uid)
{
	const struct place_account *oldest = NULL;

	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		const struct place_account *pa = &ps->accounts[i];

		if (pa->uid == uid && (pa->n_clients > 0 || pa->at_ns != 0))
			return pa;
		if (pa->n_clients == 0 && (oldest == NULL || pa->at_ns < oldest->at_ns))
			oldest = pa;
	}
	return oldest;
}

enum place_refusal
places_ask(const struct places *ps, const struct control_caller *caller)
{
	bool admin = caller->role == CONTROL_ADMIN;
	unsigned max =
	    admin ? CONTROL_CLIENTS_MAX : CONTROL_CLIENTS_MAX - CONTROL_CLIENTS_ADMIN;
	unsigned max_own = admin ? CONTROL_CLIENTS_PER_ADMIN : CONTROL_CLIENTS_PER_USER;
	const struct place_account *pa = find_account(ps, caller->uid);

	if (pa != NULL && pa->uid == caller->uid && pa->n_clients >= max_own)
		return PLACE_USER_FULL;
	return ps->n_clients >= max ? PLACE_ALL_FULL : PLACE_FREE;
}

struct place_account *
places_take(struct places *ps, uid_t uid, int64_t now_ns)
{
	const struct place_account *found = find_account(ps, uid);
	struct place_account *pa;

	assert(found != NULL);
	pa = &ps->accounts[found - ps->accounts];
	if (pa->uid != uid || pa->at_ns == 0)
		*pa = (struct place_account){ .uid = uid, .at_ns = now_ns };
	pa->n_clients++;
	ps->n_clients++;
	return pa;
}

void
places_leave(struct places *ps, struct place_account *pa)
{
	pa->n_clients--;
	ps->n_clients--;
}

int64_t
places_spend(struct place_account *pa, int64_t spent_ns, int64_t now_ns)
{
	while (pa->spent_ns > 0 && now_ns - pa->at_ns >= NS_PER_S) {
		pa->spent_ns /= 2;
		pa->at_ns += NS_PER_S;
	}
	if (pa->spent_ns == 0)
		pa->at_ns = now_ns;
	pa->spent_ns += spent_ns;
	return pa->spent_ns;
}
