#include "assembly/drain.h"

#include "assembly/assembly.h"
#include "endpoint/outlet.h"
#include "link/link.h"

/* Beside two round trips: how long an acknowledgement may be on its way. */
#define ACK_PATIENCE_MS 200

/* For how long no acknowledgement may come before none is expected any more, as of a
 * destination that is full. */
static uint64_t
ack_patience_ms(const struct assembly_peer *pe)
{
	struct peer_numbers numbers;

	if (pe == NULL)
		return ACK_PATIENCE_MS;
	peer_numbers(pe->peer, &numbers);
	if (numbers.state != STATE_CONNECTED)
		return 0;
	return ACK_PATIENCE_MS + 2 * (uint64_t)numbers.round_trip_ns / 1000000;
}

bool
drain_is_busy(const struct assembly *as, uint64_t halted_ms, uint64_t now_ms)
{
	for (size_t i = 0; i < as->n_routes; i++) {
		const struct assembly_route *ar = as->routes[i];
		struct outlet_numbers numbers;
		uint64_t since_ms;

		outlet_numbers(ar->outlet, &numbers);
		since_ms = numbers.last_progress_ms > halted_ms
			       ? numbers.last_progress_ms
			       : halted_ms;
		if (numbers.stream.in_flight > 0 &&
		    now_ms < since_ms + ack_patience_ms(ar->peer))
			return true;
	}
	return false;
}

uint64_t
drain_in_flight(const struct assembly *as)
{
	struct outlet_numbers numbers;
	uint64_t n = 0;

	for (size_t i = 0; i < as->n_routes; i++) {
		outlet_numbers(as->routes[i]->outlet, &numbers);
		n += numbers.stream.in_flight;
	}
	return n;
}
