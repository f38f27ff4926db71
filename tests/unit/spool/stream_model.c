#include "stream_model.h"

#include <string.h>

struct model model;

bool
model_next(const struct model_stream *ms, uint64_t *ret_number, uint64_t *ret_seq)
{
	uint64_t best = 0;

	if (ms->resend < ms->next) {
		*ret_seq = ms->resend;
		*ret_number = ms->number_of[ms->resend];
		return true;
	}
	for (uint64_t n = 1; n <= model.messages; n++)
		if (ms->state[n] == WAITING &&
		    (best == 0 || model.priority[n] > model.priority[best]))
			best = n;
	*ret_seq = ms->next;
	*ret_number = best;
	return best != 0;
}

bool
model_behind_parked(const struct model_stream *ms, uint64_t number, uint64_t seq)
{
	if (ms != &model.streams[0] || seq != ms->next || !model.in_log[number])
		return false;
	for (uint64_t n = 1; n <= model.messages; n++)
		if (ms->state[n] == PARKED && model.in_log[n])
			return true;
	return false;
}

void
model_take(struct model_stream *ms, uint64_t number, uint64_t seq)
{
	if (seq == ms->next) {
		ms->number_of[seq] = number;
		ms->state[number] = IN_FLIGHT;
		ms->next++;
	}
	ms->resend = seq + 1;
}

void
model_advance(struct model_stream *ms)
{
	while (ms->acked < ms->acknowledged && !ms->rejected[ms->acked + 1]) {
		ms->acked++;
		ms->state[ms->number_of[ms->acked]] = SETTLED;
	}
}

void
model_restart(struct model_stream *ms)
{
	ms->acknowledged = ms->acked;
	ms->resend = ms->acked + 1;
	memset(ms->rejected, 0, sizeof(ms->rejected));
	ms->parks = 0;
	for (uint64_t n = 1; n <= model.messages; n++)
		if (ms->state[n] == PARKED)
			ms->state[n] = WAITING;
}
