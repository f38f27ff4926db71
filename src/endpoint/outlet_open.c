/* A log that was found is opened by the disk thread, as all of it may have to be read: after a power
 * cut that takes minutes where it is large. Nothing goes through the outlet meanwhile. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/quote.h"
#include "base/reason.h"
#include "endpoint/outlet_private.h"
#include "spool/disk.h"
#include "spool/log.h"

struct outlet_opening {
	struct disk_job job;   /* first: a job is cast to its opening */
	struct outlet *outlet; /* NULL: it was freed */
	bool ended;
	int rc;
	struct log_env env;
	struct id id;
	struct log_spec spec; /* with the strings below, as the ring's may go */
	char uri[LOG_URI], take[LOG_TAKE], label[LOG_LABEL];
	struct log_progress progress;
	struct log *log; /* when it has ended well */
	uint64_t replayed;
};

static void
opening_free(struct outlet_opening *op)
{
	log_close(op->log);
	free(op);
}

static int
opening_run(struct disk_job *job)
{
	struct outlet_opening *op = (struct outlet_opening *)(void *)job;

	return log_open(&op->log, &op->env, &op->id, &op->spec, &op->replayed);
}

static void
opening_done(struct disk_job *job, int rc)
{
	struct outlet_opening *op = (struct outlet_opening *)(void *)job;

	op->ended = true;
	op->rc = rc;
	if (op->outlet == NULL)
		opening_free(op);
}

static int
opening_begin(struct outlet *ol, const struct log_spec *spec)
{
	struct outlet_opening *op = calloc(1, sizeof(*op));

	if (op == NULL)
		return -ENOMEM;
	op->job = (struct disk_job){ .run = opening_run, .done = opening_done };
	op->outlet = ol;
	op->env = ol->env.log;
	op->id = ol->log.found;
	op->spec = *spec;
	/* They fit, as it was found by them. */
	(void)snprintf(op->uri, sizeof(op->uri), "%s", spec->uri);
	(void)snprintf(op->take, sizeof(op->take), "%s", spec->take);
	(void)snprintf(op->label, sizeof(op->label), "%s", spec->label);
	op->spec.uri = op->uri;
	op->spec.take = op->take;
	op->spec.label = op->label;
	/* Whom it tells, and its policy, are known when it is taken. */
	op->spec.changed = NULL;
	op->spec.owner = NULL;
	op->spec.progress = &op->progress;
	ol->log.opening = op;
	disk_submit(ol->env.disk, &op->job);
	log_info(
	    "endpoint", "route %s: opening its overflow log", quote(ol->route).text);
	return 0;
}

static void
tell_progress(struct outlet *ol)
{
	struct outlet_log *og = &ol->log;
	struct log_progress now;

	log_progress_read(&og->opening->progress, &now);
	og->reason = REASON_LOG_OPENING;
	(void)snprintf(og->detail, sizeof(og->detail),
	    "overflow log: %" PRIu64 " of %" PRIu64 " files are read", now.done,
	    now.all);
}

int
outlet_open_log(struct outlet *ol, const struct log_spec *spec, struct log **ret,
    uint64_t *ret_replayed)
{
	struct outlet_log *og = &ol->log;
	struct outlet_opening *op;
	int rc = og->opening == NULL ? opening_begin(ol, spec) : 0;

	if (rc < 0)
		return rc;
	op = og->opening;
	if (!op->ended) {
		tell_progress(ol);
		return -EINPROGRESS;
	}
	og->opening = NULL;
	if (og->reason == REASON_LOG_OPENING) {
		og->reason = REASON_NONE;
		og->detail[0] = '\0';
	}
	rc = op->rc;
	if (rc == 0) {
		log_configure(
		    op->log, spec->limit, spec->sync, spec->changed, spec->owner);
		log_set_reserve(
		    op->log, ol->env.log.reserve_bytes, ol->env.log.reserve_percent);
		*ret = op->log;
		*ret_replayed = op->replayed;
	}
	op->log = NULL;
	opening_free(op);
	return rc;
}

void
outlet_halt_opening(struct outlet *ol)
{
	if (ol->log.opening != NULL)
		log_progress_end(&ol->log.opening->progress);
}

void
outlet_done_opening(struct outlet *ol)
{
	struct outlet_opening *op = ol->log.opening;

	if (op == NULL)
		return;
	ol->log.opening = NULL;
	log_progress_end(&op->progress);
	op->outlet = NULL;
	if (op->ended)
		opening_free(op);
}
