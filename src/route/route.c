#include "route/route.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "flow/sink.h"
#include "flow/source.h"

struct route {
	char *name, *from, *to;
	struct source *source; /* both borrowed */
	struct sink *sink;
	bool joined;
	uint64_t busy_since_ms; /* as route_state() saw it; 0: no work */
};

static void
route_part(struct route *ro)
{
	if (!ro->joined)
		return;
	ro->source->sink = NULL;
	ro->sink->source = NULL;
	ro->joined = false;
}

int
route_new(struct route **ret, const struct route_spec *spec)
{
	struct route *ro;

	ro = calloc(1, sizeof(*ro));
	if (ro == NULL)
		return -ENOMEM;
	ro->name = strdup(spec->name);
	ro->from = strdup(spec->from);
	ro->to = strdup(spec->to);
	if (ro->name == NULL || ro->from == NULL || ro->to == NULL) {
		route_free(ro);
		return -ENOMEM;
	}
	ro->source = spec->source;
	ro->sink = spec->sink;
	*ret = ro;
	return 0;
}

void
route_join(struct route *ro)
{
	ro->joined = true;
	flow_join(ro->source, ro->sink);
}

void
route_free(struct route *ro)
{
	if (ro == NULL)
		return;
	route_part(ro);
	free(ro->name);
	free(ro->from);
	free(ro->to);
	free(ro);
}

const char *
route_name(const struct route *ro)
{
	return ro->name;
}

const char *
route_from(const struct route *ro)
{
	return ro->from;
}

const char *
route_to(const struct route *ro)
{
	return ro->to;
}

/* Since when there is work and no settlement, 0: there is no work. Counted from when there was
 * work: after an idle hour the last settlement is an hour old and nothing is wrong. */
static uint64_t
route_still_since(struct route *ro, const struct route_progress *pr)
{
	if (pr->waiting + pr->in_flight == 0)
		ro->busy_since_ms = 0;
	else if (ro->busy_since_ms == 0)
		ro->busy_since_ms = pr->now_ms;
	if (ro->busy_since_ms != 0 && pr->last_progress_ms > ro->busy_since_ms)
		return pr->last_progress_ms;
	return ro->busy_since_ms;
}

/* Nothing goes on: what holds it goes first, then what is known least of. */
static void
route_stall(const struct route_progress *pr, const struct sink_state *own,
    struct route_state *ret)
{
	ret->state = STATE_STALLED;
	if (own->reason != REASON_NONE) {
		ret->reason = own->reason;
		ret->detail = own->detail;
		ret->host = own->host;
	} else if (pr->log.reason != REASON_NONE) {
		ret->reason = pr->log.reason;
		ret->detail = pr->log.detail;
	} else if (pr->in_flight > 0) {
		ret->reason = REASON_NO_ACKNOWLEDGEMENT;
		ret->detail = "what was sent is not acknowledged";
	} else {
		ret->reason = REASON_NOTHING_TAKEN;
		ret->detail = "messages wait, and none is taken";
	}
}

void
route_state(struct route *ro, const struct route_progress *pr, struct route_state *ret)
{
	struct sink_state own = { .state = STATE_FLOWING, .detail = "", .host = "" };
	uint64_t since = route_still_since(ro, pr);
	bool busy = pr->waiting + pr->in_flight > 0;

	*ret = (struct route_state){ .state = busy ? STATE_FLOWING : STATE_IDLE,
		.detail = "",
		.host = "",
		.still_since_ms = since };
	ro->sink->ops->state(ro->sink, &own);
	if (pr->stopped.reason != REASON_NONE) {
		ret->state = STATE_STOPPED;
		ret->reason = pr->stopped.reason;
		ret->detail = pr->stopped.detail;
	} else if (own.state != STATE_FLOWING) {
		ret->state = own.state;
		ret->reason = own.reason;
		ret->detail = own.detail;
		ret->host = own.host;
	} else if (busy && pr->now_ms > since &&
		   pr->now_ms - since >= pr->patience_ms) {
		route_stall(pr, &own, ret);
	} else if (pr->log.reason != REASON_NONE) {
		ret->state = STATE_DEGRADED;
		ret->reason = pr->log.reason;
		ret->detail = pr->log.detail;
	}
}
