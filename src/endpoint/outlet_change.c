/* What a reload changes of an outlet. */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "endpoint/outlet_private.h"
#include "flow/sink.h"
#include "spool/runtime.h"

/* A name that letters on their way to the disk thread may point to; it goes with the outlet. */
struct outlet_name {
	struct outlet_name *next;
	char *text;
};

void
outlet_done_names(struct outlet *ol)
{
	struct outlet_name *nm;

	while ((nm = ol->former) != NULL) {
		ol->former = nm->next;
		free(nm->text);
		free(nm);
	}
}

static bool
outlet_is_idle(const struct outlet *ol)
{
	return TAILQ_EMPTY(&ol->letters) && TAILQ_EMPTY(&ol->unread) &&
	       ol->requeue == NULL && ol->purge == NULL && !ol->log.moving;
}

static void
outlet_rename(struct outlet *ol, char *name)
{
	struct outlet_name *nm;

	if (strcmp(name, ol->route) == 0) {
		free(name);
		return;
	}
	outlet_done_taps(ol); /* they follow a route by its name */
	if (outlet_is_idle(ol)) {
		outlet_done_names(ol);
		free(ol->route);
		ol->route = name;
		return;
	}
	nm = malloc(sizeof(*nm));
	if (nm == NULL) {
		free(name); /* letters go on to be of the former name */
		return;
	}
	*nm = (struct outlet_name){ ol->former, ol->route };
	ol->former = nm;
	ol->route = name;
}

static void
outlet_use_policy(struct outlet *ol, const struct outlet_policy *policy)
{
	struct outlet_log *og = &ol->log;

	og->policy = *policy;
	og->full = og->failed = false;
	og->until = 0;
	if (og->log == NULL)
		return;
	log_configure(
	    og->log, policy->log_limit, policy->sync, outlet_on_log_changed, ol);
	stream_log_only(ol->stream, policy->sync == LOG_SYNC_ALWAYS);
}

int
outlet_get_ready(struct outlet *ol, const struct outlet_policy *policy)
{
	const struct outlet_policy now = ol->log.policy;
	int rc;

	/* One that was found is opened by the intake. */
	if (ol->stream == NULL || outlet_has_log(ol) || policy->log_limit == 0)
		return 0;
	ol->log.policy = *policy;
	rc = outlet_prepare_log(ol);
	ol->log.policy = now;
	if (rc == 0)
		outlet_use_policy(ol, &now);
	return rc;
}

void
outlet_change(struct outlet *ol, const struct outlet_policy *policy, char *name)
{
	if (name != NULL)
		outlet_rename(ol, name);
	outlet_use_policy(ol, policy);
	if (ol->stream == NULL)
		return;
	outlet_turn_log(ol);
	if (ol->source.sink != NULL)
		ol->source.sink->ops->kick(ol->source.sink);
}

void
outlet_set_reserve(struct outlet *ol, uint64_t bytes, unsigned percent)
{
	ol->env.log.reserve_bytes = bytes;
	ol->env.log.reserve_percent = percent;
	if (ol->log.log != NULL)
		log_set_reserve(ol->log.log, bytes, percent);
}

void
outlet_rest(struct outlet *ol)
{
	const struct outlet_policy none = { .overflow = OUTLET_BLOCK,
		.sync = LOG_SYNC_NEVER,
		.sync_interval_ms = ol->log.policy.sync_interval_ms,
		.dead_letter_limit = ol->log.policy.dead_letter_limit };

	outlet_done_taps(ol);
	outlet_use_policy(ol, &none);
	outlet_hold(ol, false);
}

bool
outlet_has_stream(const struct outlet *ol)
{
	return ol->stream != NULL;
}

bool
outlet_has_log(const struct outlet *ol)
{
	return ol->log.log != NULL || outlet_found_log(ol) != NULL;
}

const struct id *
outlet_found_log(const struct outlet *ol)
{
	return ol->log.log != NULL || id_is_none(&ol->log.found) ? NULL
								 : &ol->log.found;
}

struct id
outlet_stream_id(const struct outlet *ol)
{
	return ol->stream == NULL ? (struct id){ 0 } : *stream_id(ol->stream);
}

const char *
outlet_label(const struct outlet *ol)
{
	return ol->label;
}

void
outlet_undo(struct outlet *ol)
{
	struct stream *st = ol->stream;

	ol->stream = NULL;
	if (st != NULL)
		stream_undo(st, runtime_dir_fd(ol->env.runtime));
	outlet_free(ol);
}
