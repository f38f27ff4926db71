#include "control/share.h"

#define NS_PER_MS 1000000

void
share_init(struct share *sh, int64_t now_ns)
{
	*sh = (struct share){ .credit_ns = SHARE_BURST_NS, .at_ns = now_ns };
}

bool
share_is_open(struct share *sh, int64_t now_ns)
{
	int64_t passed = now_ns > sh->at_ns ? now_ns - sh->at_ns : 0;

	/* Of a long time only so much counts that nothing overflows. */
	if (passed > (int64_t)SHARE_BURST_NS * 100)
		passed = (int64_t)SHARE_BURST_NS * 100;
	sh->at_ns = now_ns;
	sh->credit_ns += passed * SHARE_PERCENT / 100;
	if (sh->credit_ns > SHARE_BURST_NS)
		sh->credit_ns = SHARE_BURST_NS;
	return sh->credit_ns > 0 && sh->slice_ns < SHARE_SLICE_NS;
}

void
share_spend(struct share *sh, int64_t spent_ns)
{
	sh->slice_ns += spent_ns;
	sh->credit_ns -= spent_ns;
	if (sh->credit_ns < -SHARE_DEBT_NS)
		sh->credit_ns = -SHARE_DEBT_NS;
}

void
share_begin_slice(struct share *sh)
{
	sh->slice_ns = 0;
}

uint32_t
share_wait_ms(const struct share *sh)
{
	int64_t missing_ns;

	if (sh->credit_ns > 0)
		return 0;
	missing_ns = (-sh->credit_ns + 1) * 100 / SHARE_PERCENT;
	return (uint32_t)(missing_ns / NS_PER_MS) + 1;
}
