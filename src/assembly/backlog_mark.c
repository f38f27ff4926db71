#include "assembly/backlog_mark.h"

#include "assembly/assembly.h"
#include "endpoint/outlet.h"
#include "spool/runtime.h"

void
backlog_mark(struct backlog_mark *ret, const struct assembly *as,
    const struct assembly_route *ar)
{
	struct outlet_numbers nb;

	outlet_numbers(ar->outlet, &nb);
	ret->captured_ns = runtime_clock_ns(as->runtime);
	ret->next = nb.stream.next;
	ret->stream = outlet_stream_id(ar->outlet);
}

bool
backlog_is_of(const struct backlog_mark *bm, const struct assembly_route *ar)
{
	struct id now = outlet_stream_id(ar->outlet);

	return id_is_none(&bm->stream) || id_equal(&bm->stream, &now);
}

bool
backlog_settled(const struct backlog_mark *bm, const struct assembly_route *ar)
{
	struct outlet_numbers nb;

	outlet_numbers(ar->outlet, &nb);
	return nb.stream.acked + 1 >= bm->next &&
	       (nb.stream.oldest_captured_ns == 0 ||
		   nb.stream.oldest_captured_ns > bm->captured_ns);
}

uint64_t
backlog_left(const struct assembly_route *ar)
{
	struct outlet_numbers nb;

	outlet_numbers(ar->outlet, &nb);
	return nb.stream.waiting + nb.stream.in_flight;
}

bool
backlog_empty(const struct assembly_route *ar)
{
	struct outlet_numbers nb;

	outlet_numbers(ar->outlet, &nb);
	return nb.stream.waiting + nb.stream.in_flight == 0 &&
	       nb.stream.oldest_captured_ns == 0;
}
