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
	uint64_t busy_since_ms; /* as route_state() saw it; 0: no work */
};

static void
route_part(struct route *ro)
{
	if (ro->sink == NULL)
		return;
	ro->source->sink = NULL;
	ro->sink->source = NULL;
	ro->sink = NULL;
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
	flow_join(ro->source, ro->sink);
	*ret = ro;
	return 0;
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

/* Work and no settlement for too long. Counted from when there was work: after an idle hour
 * the last settlement is an hour old and nothing is wrong. */
static bool
route_is_stalled(struct route *ro, const struct route_progress *pr)
{
	uint64_t since;

	if (pr->waiting + pr->in_flight == 0) {
		ro->busy_since_ms = 0;
		return false;
	}
	if (ro->busy_since_ms == 0)
		ro->busy_since_ms = pr->now_ms;
	since = ro->busy_since_ms;
	if (pr->last_progress_ms > since)
		since = pr->last_progress_ms;
	return pr->now_ms > since && pr->now_ms - since >= ROUTE_STALLED_MS;
}

void
route_state(struct route *ro, const struct route_progress *pr, struct route_state *ret)
{
	struct sink_state own = { "flowing", "" };
	bool stalled = route_is_stalled(ro, pr);

	if (pr->stopped[0] != '\0') {
		*ret = (struct route_state){ "stopped", pr->stopped };
		return;
	}
	ro->sink->ops->state(ro->sink, &own);
	if (strcmp(own.state, "flowing") != 0)
		*ret = (struct route_state){ own.state, own.reason };
	else if (stalled && pr->in_flight > 0)
		*ret = (struct route_state){ "stalled", "no acknowledgement comes" };
	else if (stalled)
		*ret = (struct route_state){ "stalled", "nothing is taken" };
	else if (pr->in_flight > 0)
		*ret = (struct route_state){ "flowing", "" };
	else
		*ret = (struct route_state){ pr->waiting > 0 ? "waiting" : "idle", "" };
}
