/* How a stream comes to its mark: part of delivery. INVARIANTS I13..I15. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/log.h"
#include "base/quote.h"
#include "base/reason.h"
#include "endpoint/target.h"
#include "spool/marks.h"

static void
tell_lost_state(const struct source_info *info, const char *label)
{
	if (info->next == info->acked + 1)
		log_event(EVENT_STREAM_STATE_LOST, NULL,
		    "stream %s: what was delivered is not known any more; nothing was "
		    "in flight",
		    quote(label).text);
	else
		log_event(EVENT_STREAM_STATE_LOST, NULL,
		    "stream %s: what was delivered is not known any more: its messages "
		    "%llu to %llu are in doubt",
		    quote(label).text, (unsigned long long)info->acked + 1,
		    (unsigned long long)info->next - 1);
}

/* The stream's mark, made or mended as I13..I15 say. */
static int
find_mark(struct marks *mk, const struct source_info *info, const char *label,
    struct mark **ret)
{
	struct mark *m = mark_find(mk, &info->stream);
	int rc;

	if (m != NULL && mark_value(m) >= info->next)
		return DELIVERY_BACK_IN_TIME;
	if (m == NULL) {
		rc = mark_new(mk, &info->stream, label, 0, &m);
		if (rc < 0)
			return rc == -ENOSPC ? DELIVERY_NO_SLOT : rc;
	}
	/* A crash before the last of these leaves the mark below acked: all is done again. */
	if (mark_value(m) < info->acked) {
		tell_lost_state(info, label);
		mark_lose_state(mk, m, info->acked, info->next);
		mark_pass(m, info->acked);
	}
	*ret = m;
	return 0;
}

/* What is kept of the source. */
static int
describe(struct delivery *dv, const struct source_info *info)
{
	char *uri = strdup(info->uri == NULL ? "" : info->uri);

	if (uri == NULL)
		return -ENOMEM;
	free(dv->uri);
	dv->uri = uri;
	dv->kind = info->kind;
	dv->ring = info->ring;
	return 0;
}

int
delivery_find_mark(
    struct delivery *dv, const struct source_info *info, const char *label)
{
	int rc = describe(dv, info);

	if (rc == 0)
		rc = find_mark(dv->target->env.marks, info, label, &dv->mark);
	if (rc == 0)
		mark_hold(dv->mark);
	return rc;
}

/* A local route after a start: what was in flight is settled or comes again. */
static int
resume(struct delivery *dv)
{
	struct source *src = dv->sink.source;
	struct sink_memory me;
	int rc;

	dv->sink.ops->memory(&dv->sink, &me);
	rc = src->ops->rewind(src, me.mark);
	for (unsigned i = 0; rc == 0 && i < me.rejects; i++)
		rc = src->ops->reject(src, me.reject[i].seq, me.reject[i].reason, "");
	return rc < 0 ? rc : src->ops->settle(src, me.mark);
}

int
delivery_begin(struct delivery *dv)
{
	struct source *src = dv->sink.source;
	struct source_info info;
	char id[ID_TEXT];
	int rc;

	if (dv->fault != NULL)
		return -EAGAIN;
	if (dv->mark != NULL)
		return 0;
	if (src == NULL || src->ops->info(src, &info) < 0)
		return -EAGAIN;
	rc = delivery_find_mark(dv, &info, dv->label);
	if (rc < 0)
		return -EAGAIN; /* no memory: the next kick tries again */
	if (rc == 0)
		rc = resume(dv);
	if (rc == 0)
		return 0;
	dv->fault_reason =
	    rc == DELIVERY_NO_SLOT ? REASON_TOO_MANY_STREAMS : REASON_BACK_IN_TIME;
	dv->fault = rc == DELIVERY_NO_SLOT ? "all marks are in use"
					   : "the store was set back to an older state";
	if (dv->fault != dv->told)
		log_event(EVENT_STREAM_SET_BACK,
		    &(struct log_fields){ .queue = dv->target->spec.name,
			.reason = reason_name(REASON_BACK_IN_TIME) },
		    "route to queue %s stopped: %s (mqbridgectl resolve stream %s)",
		    quote(dv->target->spec.name).text, dv->fault,
		    id_format(id, &info.stream));
	dv->told = dv->fault;
	return -EAGAIN;
}
