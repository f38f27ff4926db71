#include "web/budget.h"

void
budget_init(struct budget *bu, uint64_t now_ms)
{
	*bu = (struct budget){ .left = BUDGET_MAX, .at_ms = now_ms };
}

void
budget_spend(struct budget *bu, uint64_t bytes)
{
	bu->left -= (int64_t)bytes;
}

uint64_t
budget_wait_ms(struct budget *bu, uint64_t now_ms)
{
	uint64_t passed_ms = now_ms - bu->at_ms;

	bu->at_ms = now_ms;
	if (passed_ms >= (uint64_t)(BUDGET_MAX - bu->left) / BUDGET_PER_MS)
		bu->left = BUDGET_MAX;
	else
		bu->left += (int64_t)passed_ms * BUDGET_PER_MS;
	return bu->left > 0 ? 0 : (uint64_t)-bu->left / BUDGET_PER_MS + 1;
}
