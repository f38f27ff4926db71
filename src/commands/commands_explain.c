/* "explain QUEUE": where a message would go that is put into a queue, and why. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "assembly/assembly.h"
#include "assembly/numbers.h"
#include "base/parse.h"
#include "base/quote.h"
#include "commands/commands.h"
#include "commands/commands_show.h"
#include "commands/steer_choice.h"
#include "config/conf.h"
#include "control/item.h"
#include "flow/sink.h"
#include "lib/limits.h"

#define PRIORITY_MAX 32767
#define WHY_MAX      512

const struct control_column explain_columns[] = {
	{ "route", "ROUTE" },
	{ "to", "TO" },
	{ "result", "RESULT" },
	{ "why", "WHY" },
	{ "state", "STATE" },
	{ "reason", "REASON" },
	{ "mend", "MEND" },
	{ NULL, NULL },
};

/* A message as the operator describes it. */
struct question {
	const struct assembly *assembly;
	struct control_reply *reply;
	struct assembly_queue *queue;
	struct numbers_queue now; /* of that queue */
	bool has_kind, has_size;
	int64_t kind; /* its priority or type */
	int64_t size; /* bytes */
};

/* What becomes of it on one way. */
struct way {
	const char
	    *result; /* "delivered", "waits", "dead-letter", "stays", "refused" */
	char why[WHY_MAX];
};

static int
ask_error(struct control_reply *reply, const char *text)
{
	reply->error = text;
	return -EINVAL;
}

/* One of "priority P", "type T" and "size N". 0 or -EINVAL. */
static int
read_option(struct question *qu, const char *word, const char *value)
{
	bool sysv = qu->queue->conf->kind == CONF_SYSV;
	uint64_t size;

	if (strcmp(word, "size") == 0) {
		if (parse_size(&size, value) < 0 || size > INT64_MAX)
			return ask_error(
			    qu->reply, "size is bytes, such as 100 or 8KiB");
		qu->has_size = true;
		qu->size = (int64_t)size;
		return 0;
	}
	if (strcmp(word, sysv ? "type" : "priority") != 0)
		return ask_error(qu->reply,
		    sysv ? "it is: explain QUEUE [type T] [size N]: a System V queue"
			 : "it is: explain QUEUE [priority P] [size N]: a POSIX queue");
	qu->has_kind = true;
	if (parse_i64(&qu->kind, value, sysv ? 1 : 0, sysv ? INT64_MAX : PRIORITY_MAX) <
	    0)
		return ask_error(qu->reply,
		    sysv ? "a type is 1 or more" : "a priority is 0 to 32767");
	return 0;
}

static int
read_question(struct question *qu)
{
	const struct control_reply *reply = qu->reply;
	const struct assembly *as = qu->assembly;

	for (size_t i = 0; i < as->n_queues && qu->queue == NULL; i++) {
		const struct conf_queue *cq = as->queues[i]->conf;

		if (strcmp(cq->name, reply->args[0]) == 0 ||
		    strcmp(cq->uri, reply->args[0]) == 0)
			qu->queue = as->queues[i];
	}
	if (qu->queue == NULL)
		return steer_absent(qu->reply, "queue", reply->args[0]);
	for (size_t i = 1; i < reply->n_args; i += 2) {
		int rc = i + 1 == reply->n_args
			     ? ask_error(qu->reply, "a value is missing at the end")
			     : read_option(qu, reply->args[i], reply->args[i + 1]);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int
answer(const struct question *qu, const struct assembly_route *ar, const struct way *wy,
    const struct numbers_health *he)
{
	struct item it;

	item_begin(&it);
	item_text(&it, "queue", qu->queue->conf->name);
	item_text(&it, "uri", qu->queue->conf->uri);
	item_text(&it, "route", ar == NULL ? "" : ar->conf->name);
	item_text(&it, "to", ar == NULL ? "" : ar->conf->to);
	item_text(&it, "result", wy->result);
	item_text(&it, "why", wy->why);
	show_health(&it, he);
	return item_end(&it, qu->reply->items);
}

/* ---- before any route -------------------------------------------------------------- */

static size_t
count_senders(const struct assembly *as, const struct conf_queue *cq)
{
	size_t n = 0;

	for (size_t i = 0; i < as->n_peers; i++)
		n += conf_peer_may_send(as->peers[i]->conf, cq->name);
	for (size_t i = 0; i < as->n_routes; i++)
		n += as->routes[i]->peer == NULL &&
		     strcmp(as->routes[i]->conf->to_entry, cq->name) == 0;
	return n;
}

/* Is it larger than all that the queue takes? */
static bool
is_too_large(const struct question *qu, struct way *wy)
{
	const struct numbers_queue *nq = &qu->now;
	bool sysv = qu->queue->conf->kind == CONF_SYSV;
	uint64_t most = nq->intake.attached ? nq->intake.attributes.message_size
					    : nq->delivery.attributes.message_size;
	uint64_t any = most; /* for any queue of the kind */
	bool waits;

	if (!qu->has_size || !nq->attached || (uint64_t)qu->size <= most)
		return false;
	if (sysv && limits_sysv_message(&any) < 0)
		any = most;
	/* msgsnd(2) waits for room that there never is. */
	waits = sysv && (uint64_t)qu->size <= any;
	wy->result = "refused";
	(void)snprintf(wy->why, sizeof(wy->why),
	    "the queue itself takes at most %" PRIu64
	    " bytes: the call of its producer %s",
	    most,
	    waits  ? "waits for ever, or fails with EAGAIN if it must not wait"
	    : sysv ? "fails with EINVAL"
		   : "fails with EMSGSIZE");
	return true;
}

/* Does the queue itself decide it? */
static bool
ends_here(const struct question *qu, struct way *wy)
{
	const struct conf_queue *cq = qu->queue->conf;

	if (is_too_large(qu, wy))
		return true;
	if (!qu->now.source) {
		wy->result = "stays";
		(void)snprintf(wy->why, sizeof(wy->why),
		    "no route takes from it: a program on this host has to read it; "
		    "peers and routes that may send to it: %zu",
		    count_senders(qu->assembly, cq));
		return true;
	}
	if (qu->has_kind && !take_matches(cq->take, qu->kind)) {
		wy->result = "stays";
		(void)snprintf(wy->why, sizeof(wy->why),
		    "take = \"%s\" does not select type %" PRId64
		    ": it is left to the programs that read the queue",
		    cq->take_text, qu->kind);
		return true;
	}
	return false;
}

/* ---- by one route ------------------------------------------------------------------ */

/* Is nothing taken from the queue now, for any route? Then he tells why. */
static bool
is_not_taken(const struct question *qu, struct way *wy, struct numbers_health *he)
{
	const struct numbers_queue *nq = &qu->now;
	const char *why;

	if (!nq->intake.attached)
		why = nq->intake.cause.reason == REASON_QUEUE_ABSENT
			  ? "there is no such queue now: nothing is taken from it"
			  : "nothing is taken from the queue, as it cannot be used";
	else if (nq->intake.held)
		why = "the route is drained, or being drained: what comes stays in "
		      "the queue until it is resumed";
	else if (nq->health.state == STATE_BLOCKED)
		why = "no more is taken from the queue before there is room in its "
		      "ring";
	else
		return false;
	wy->result = "stays";
	(void)snprintf(wy->why, sizeof(wy->why), "%s", why);
	/* That it is drained is told by the route alone. */
	if (state_rank(nq->health.state) != STATE_GOOD)
		*he = nq->health;
	return true;
}

/* What its type is there; false: there is no such one. text is for its words. */
static bool
map_kind(const struct question *qu, enum flow_kind to, char text[WHY_MAX])
{
	bool from_sysv = qu->queue->conf->kind == CONF_SYSV;
	bool to_sysv = to == FLOW_SYSV;
	int64_t kind = qu->kind;

	if (!from_sysv && to_sysv)
		kind++;
	else if (from_sysv && !to_sysv)
		kind--;
	if (!to_sysv && kind > PRIORITY_MAX) {
		(void)snprintf(text, WHY_MAX,
		    "type %" PRId64 " would be priority %" PRId64
		    " there, which does not exist",
		    qu->kind, kind);
		return false;
	}
	(void)snprintf(
	    text, WHY_MAX, ", with %s %" PRId64, to_sysv ? "type" : "priority", kind);
	return true;
}

/* Can the destination never take it, as far as that is known? */
static bool
never_fits(const struct question *qu, const struct sink_limits *lm, struct way *wy)
{
	wy->result = "dead-letter";
	if (lm->max_body == 0)
		return false;
	if (qu->has_size && qu->size > lm->max_body) {
		(void)snprintf(wy->why, sizeof(wy->why),
		    "%" PRId64 " bytes, but the destination takes at most %u", qu->size,
		    lm->max_body);
		return true;
	}
	return qu->has_kind && !map_kind(qu, lm->kind, wy->why);
}

static int
answer_route(const struct question *qu, struct assembly_route *ar)
{
	const struct conf_queue *cq = qu->queue->conf;
	struct sink_limits lm = { 0 };
	struct numbers_route nr;
	struct way wy;
	char kind[WHY_MAX] = "";
	bool flows;

	numbers_route(qu->assembly, ar, &nr);
	if (is_not_taken(qu, &wy, &nr.health))
		return answer(qu, ar, &wy, &nr.health);
	ar->sink->ops->limits(ar->sink, &lm);
	if (never_fits(qu, &lm, &wy))
		return answer(qu, ar, &wy, &nr.health);
	if (qu->has_kind && lm.max_body > 0)
		(void)map_kind(qu, lm.kind, kind);
	flows = nr.health.state == STATE_FLOWING || nr.health.state == STATE_IDLE ||
		nr.health.state == STATE_DEGRADED;
	wy.result = flows ? "delivered" : "waits";
	(void)snprintf(wy.why, sizeof(wy.why), "%s%s%s%.40s%s%s",
	    cq->take_text[0] != '\0' && !qu->has_kind ? "if take selects its type: "
						      : "",
	    flows ? "it is carried" : "it is taken and kept until the route goes on",
	    lm.max_body == 0 ? "; what the destination takes is not known now" : "",
	    flows ? kind : "", nr.backlog > 0 && flows ? ", behind what waits" : "",
	    qu->has_size || lm.max_body == 0 ? "" : "; its size was not asked");
	return answer(qu, ar, &wy, &nr.health);
}

int
explain(void *context, struct control_reply *reply)
{
	const struct commands_context *cx = context;
	struct question qu = { .assembly = cx->assembly, .reply = reply };
	struct way wy;
	int rc = read_question(&qu);

	if (rc < 0)
		return rc;
	reply->kind = "explanation";
	numbers_queue(qu.assembly, qu.queue, &qu.now);
	if (ends_here(&qu, &wy))
		return answer(&qu, NULL, &wy, &qu.now.health);
	for (size_t i = 0; rc == 0 && i < qu.assembly->n_routes; i++) {
		if (qu.assembly->routes[i]->from == qu.queue)
			rc = answer_route(&qu, qu.assembly->routes[i]);
	}
	return rc;
}
