#include "assembly/alarm.h"

#include "assembly/assembly.h"
#include "base/log.h"
#include "base/quote.h"
#include "config/conf.h"

/* The peer where it goes; NULL: a local route. */
static const char *
route_peer(const struct assembly_route *ar)
{
	return ar->peer == NULL ? NULL : ar->peer->conf->name;
}

static void
tell_bad(struct assembly_route *ar, const struct numbers_health *he)
{
	const struct log_fields fields = { .route = ar->conf->name,
		.peer = route_peer(ar),
		.queue = ar->conf->from,
		.reason = reason_name(he->reason) };

	log_event(EVENT_ROUTE_STALLED, &fields, "route %s: %s: %s: %s%s%s",
	    quote(ar->conf->name).text, state_name(he->state), reason_name(he->reason),
	    he->host, he->host[0] == '\0' ? "" : ": ", quote(he->detail).text);
}

void
alarm_look(struct assembly_route *ar, const struct numbers_health *he)
{
	if (state_rank(he->state) == STATE_BAD) {
		if (he->reason != ar->alarm)
			tell_bad(ar, he);
		ar->alarm = he->reason;
	} else if (state_rank(he->state) == STATE_GOOD && ar->alarm != REASON_NONE) {
		log_event(EVENT_ROUTE_RECOVERED,
		    &(struct log_fields){
			.route = ar->conf->name, .peer = route_peer(ar) },
		    "route %s: %s again", quote(ar->conf->name).text,
		    state_name(he->state));
		ar->alarm = REASON_NONE;
	}
}
