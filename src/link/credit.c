#include "link/credit.h"

#define GROWTH_SHARE                                                                   \
	4 /* of what is left may go into growth: new streams need the rest */

bool
credit_open(struct credit *cr, uint64_t largest, uint64_t *memory)
{
	uint64_t window = largest > CREDIT_WINDOW_FIRST ? largest : CREDIT_WINDOW_FIRST;

	if (window > *memory)
		return false;
	*memory -= window;
	*cr = (struct credit){ .window = window };
	return true;
}

void
credit_close(struct credit *cr, uint64_t *memory)
{
	*memory += cr->window;
	cr->window = 0;
}

bool
credit_receive(struct credit *cr, uint64_t bytes)
{
	if (bytes > cr->announced - cr->received)
		return false;
	cr->received += bytes;
	return true;
}

void
credit_release(struct credit *cr, uint64_t bytes, bool kept_up, uint64_t *memory)
{
	cr->released += bytes;
	if (!kept_up || cr->released - cr->grown_at < cr->window)
		return;
	cr->grown_at = cr->released;
	if (cr->window * 2 > CREDIT_WINDOW_MAX || cr->window > *memory / GROWTH_SHARE)
		return;
	*memory -= cr->window;
	cr->window *= 2;
}

uint64_t
credit_announce(struct credit *cr)
{
	uint64_t credit = cr->released + cr->window;

	if (credit > cr->announced)
		cr->announced = credit;
	return cr->announced;
}
