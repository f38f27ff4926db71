/* What the policies of a queue say about a record that may have been delivered already, or whose
 * end is a guess: part of delivery. INVARIANTS I11, I14. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/quote.h"
#include "endpoint/queue_reason.h"
#include "endpoint/settle.h"
#include "endpoint/target.h"
#include "record/record.h"
#include "spool/deadletter.h"
#include "spool/disk.h"
#include "spool/marks.h"

#define URI_BYTES   512 /* of a source, with its NUL; docs/wire-protocol.md */
#define LABEL_BYTES 512 /* as marks have them */

/* One message on its way to the store, with a copy of all that is stored: the stream may end
 * meanwhile. */
struct doubt_letter {
	struct disk_job job;       /* first: a job is cast to its letter */
	struct delivery *delivery; /* NULL: it has ended */
	struct deadletters *store;
	struct deadletter dead;
	uint64_t seq;
	bool failed; /* the next tick tries it again */
	char uri[URI_BYTES], label[LABEL_BYTES], route[LABEL_BYTES];
	char detail[160];
	struct record rec; /* last: its body follows */
};

static int
letter_run(struct disk_job *job)
{
	struct doubt_letter *lt = (struct doubt_letter *)job;

	return deadletters_store(lt->store, &lt->dead);
}

static void
letter_failed(struct doubt_letter *lt, int rc)
{
	struct target *tg = lt->delivery->target;

	lt->failed = true;
	if (tg->stopped[0] != '\0')
		return;
	tg->stopped_reason = queue_reason_letter(rc);
	(void)snprintf(tg->stopped, sizeof(tg->stopped),
	    "a message to be held cannot be stored: dead-letter store: %s",
	    deadletters_why(rc));
	log_event(EVENT_LETTERS_FULL,
	    &(struct log_fields){ .queue = tg->spec.name, .route = lt->route },
	    "queue %s: a stream from %s stopped: %s; make room in the state directory",
	    quote(tg->spec.name).text, quote(lt->route).text, tg->stopped);
}

/* It is on disk: only now the mark may pass it. */
static void
letter_stored(struct doubt_letter *lt)
{
	struct delivery *dv = lt->delivery;
	struct target *tg = dv->target;

	dv->letter = NULL;
	if (tg->stopped[0] != '\0')
		log_event(EVENT_LETTERS_STORED,
		    &(struct log_fields){ .queue = tg->spec.name },
		    "queue %s: messages to be held can be stored again",
		    quote(tg->spec.name).text);
	tg->stopped[0] = '\0';
	log_event(EVENT_DOUBT_HELD,
	    &(struct log_fields){ .queue = tg->spec.name, .route = lt->route },
	    "queue %s: message %llu of %s is held: %s (mqbridgectl show in-doubt)",
	    quote(tg->spec.name).text, (unsigned long long)lt->dead.number,
	    quote(lt->route).text, lt->detail);
	tg->doubts.held++;
	delivery_pass(dv, &lt->rec, lt->seq, DOUBT_HELD);
	target_serve(tg, dv);
}

static void
letter_done(struct disk_job *job, int rc)
{
	struct doubt_letter *lt = (struct doubt_letter *)job;

	if (lt->delivery != NULL && rc < 0) {
		letter_failed(lt, rc);
		return;
	}
	if (lt->delivery != NULL)
		letter_stored(lt);
	free(lt);
}

/* As long as the job runs, the stream waits. */
static int
delivery_hold(struct delivery *dv, const struct record *rec, uint64_t seq,
    unsigned reason, const char *why)
{
	struct target *tg = dv->target;
	size_t body_at = offsetof(struct doubt_letter, rec) + RECORD_HEADER;
	struct doubt_letter *lt = calloc(1, body_at + rec->length);

	if (lt == NULL)
		return -ENOMEM;
	memcpy((uint8_t *)lt + body_at - RECORD_HEADER, rec,
	    RECORD_HEADER + (size_t)rec->length);
	lt->job = (struct disk_job){ .run = letter_run, .done = letter_done };
	lt->delivery = dv;
	lt->store = tg->env.dead;
	lt->seq = seq;
	(void)snprintf(lt->uri, sizeof(lt->uri), "%s", dv->uri);
	(void)snprintf(lt->label, sizeof(lt->label), "%s", tg->spec.name);
	(void)snprintf(lt->route, sizeof(lt->route), "%s", mark_label(dv->mark));
	(void)snprintf(lt->detail, sizeof(lt->detail), "%s; sequence %llu", why,
	    (unsigned long long)seq);
	lt->dead = (struct deadletter){ .ring = dv->ring,
		.number = rec->number,
		.stream = *mark_stream(dv->mark),
		.reason = (uint16_t)reason,
		.flags =
		    DEAD_RECEIVED | DEAD_HELD | (dv->kind == FLOW_SYSV ? DEAD_SYSV : 0),
		.wall_ns = clock_wall_ns(),
		.uri = lt->uri,
		.label = lt->label,
		.route = lt->route,
		.detail = lt->detail,
		.rec = &lt->rec };
	dv->letter = lt;
	disk_submit(tg->env.disk, &lt->job);
	return -EINPROGRESS;
}

void
delivery_retry_letter(struct delivery *dv)
{
	struct doubt_letter *lt = dv->letter;

	if (lt == NULL || !lt->failed)
		return;
	lt->failed = false;
	disk_submit(dv->target->env.disk, &lt->job);
}

void
delivery_leave_letter(struct delivery *dv)
{
	struct doubt_letter *lt = dv->letter;

	dv->letter = NULL;
	if (lt == NULL)
		return;
	lt->delivery = NULL; /* if the job runs, its end frees it */
	if (lt->failed)
		free(lt);
}

/* What the kernel says about the one message in doubt. */
static enum settle_verdict
delivery_settle_doubt(const struct delivery *dv, const struct record *rec)
{
	const struct target *tg = dv->target;
	struct doubt_evidence ev;
	int64_t type;

	if (!mark_doubt_evidence(tg->env.marks, dv->mark, &ev) ||
	    delivery_type(dv, rec, &type) < 0)
		return SETTLE_OPEN;
	return settle_judge(tg->view, &ev, rec, type);
}

/* A record in doubt: 1 to deliver it, else as delivery_judge(). */
static int
delivery_judge_doubt(struct delivery *dv, const struct record *rec, uint64_t seq)
{
	struct target *tg = dv->target;
	enum settle_verdict verdict = delivery_settle_doubt(dv, rec);

	if (verdict == SETTLE_TAKEN) {
		tg->doubts.found++;
		delivery_pass(dv, rec, seq, DOUBT_FOUND);
		return 0;
	}
	if (mark_crashes(tg->env.marks, dv->mark, seq) >= MARK_POISON)
		return delivery_hold(dv, rec, seq, DEAD_IN_DOUBT_HELD,
		    "the daemon crashed three times while it delivered this");
	if (verdict == SETTLE_NOT_TAKEN) {
		mark_doubt_not_taken(tg->env.marks, dv->mark, seq, rec);
		tg->doubts.not_taken++;
		return 1;
	}
	if (tg->spec.in_doubt == TARGET_HOLD)
		return delivery_hold(
		    dv, rec, seq, DEAD_IN_DOUBT_HELD, "in_doubt is \"hold\"");
	if (tg->spec.in_doubt != TARGET_DROP)
		return 1;
	tg->doubts.dropped++;
	log_event(EVENT_DOUBT_DROPPED, &(struct log_fields){ .queue = tg->spec.name },
	    "queue %s: message %llu of %s is dropped: it is in doubt",
	    quote(tg->spec.name).text, (unsigned long long)rec->number,
	    quote(mark_label(dv->mark)).text);
	delivery_pass(dv, rec, seq, DOUBT_DROPPED);
	return 0;
}

int
delivery_judge(struct delivery *dv, const struct record *rec, uint64_t seq)
{
	int rc = 1;

	if (rec->flags & RECORD_DAMAGED) {
		delivery_pass(dv, rec, seq, DOUBT_GONE);
		return 0;
	}
	if (mark_doubtful(dv->mark, seq))
		rc = delivery_judge_doubt(dv, rec, seq);
	if (rc == 1 && dv->target->spec.hold_recovered &&
	    (rec->flags & RECORD_RECOVERED) != 0)
		rc = delivery_hold(
		    dv, rec, seq, DEAD_RECOVERED_HELD, "recovered is \"hold\"");
	return rc;
}
