#include "assembly/accept.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "assembly/assembly.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "base/quote.h"
#include "base/reason.h"
#include "base/take.h"
#include "config/conf.h"
#include "endpoint/delivery.h"
#include "spool/stream.h"
#include "wire/frame.h"

#define NEWS_MS 600000 /* the same refusal is logged again after that */

/* A stream that a peer wants to open. */
struct request {
	struct assembly *assembly;
	const char *peer;
	char entry[FRAME_NAME_MAX + 1];  /* our queue */
	char source[FRAME_NAME_MAX + 1]; /* the peer's */
	struct take take;
	bool take_good;
	uint64_t in_flight; /* the sender's: next - acked - 1 */
};

_Static_assert(STREAM_WINDOW <= FRAME_WINDOW_MAX, "our own streams are not refused");

static void
request_read(struct request *rq, const struct link_offer *offer)
{
	const struct frame_open *open = offer->open;
	char take[FRAME_TEXT_MAX + 1];

	rq->peer = offer->peer;
	/* The link has seen to it that next is above acked. */
	rq->in_flight = offer->info->next - offer->info->acked - 1;
	(void)frame_text_copy(rq->entry, sizeof(rq->entry), open->entry);
	(void)frame_text_copy(rq->source, sizeof(rq->source), open->source);
	(void)frame_text_copy(take, sizeof(take), open->take);
	rq->take_good =
	    open->take.length < sizeof(take) && take_parse(&rq->take, take) == 0;
}

/* Was it not said lately? A peer asks again every few seconds. */
static bool
is_news(const struct request *rq, unsigned code)
{
	struct accept_news *an = &rq->assembly->news;
	uint64_t now_ms = clock_monotonic_ms();
	uint32_t key = crc32c(code, rq->peer, strlen(rq->peer));

	key = crc32c(key, rq->entry, strlen(rq->entry));
	for (unsigned i = 0; i < ACCEPT_NEWS; i++) {
		if (an->at_ms[i] != 0 && an->keys[i] == key &&
		    now_ms - an->at_ms[i] < NEWS_MS)
			return false;
	}
	an->keys[an->next] = key;
	an->at_ms[an->next] = now_ms;
	an->next = (an->next + 1) % ACCEPT_NEWS;
	return true;
}

/* The operator's log says what really is wrong, the peer is told text. */
static int
refuse(const struct request *rq, struct link_refusal *why, unsigned code,
    const char *text, const char *reason)
{
	why->code = code;
	(void)snprintf(why->text, sizeof(why->text), "%s", text);
	if (is_news(rq, code))
		log_event(EVENT_STREAM_REFUSED,
		    &(struct log_fields){ .peer = rq->peer, .queue = rq->entry },
		    "peer %s: stream to %s refused: %s", quote(rq->peer).text,
		    quote(rq->entry).text, reason);
	return -EPERM;
}

/* Our route that would bring the messages straight back to the queue that they come from. */
static const struct conf_route *
find_loop(const struct conf *cf, const struct request *rq, const char *uri)
{
	for (size_t i = 0; i < cf->n_routes; i++) {
		const struct conf_route *cr = &cf->routes[i];
		const struct conf_queue *from;

		if (!cr->enabled || cr->to_peer == NULL ||
		    strcmp(cr->to_peer, rq->peer) != 0 ||
		    strcmp(cr->to_entry, rq->source) != 0)
			continue;
		from = conf_queue_find(cf, cr->from);
		if (from != NULL && from->enabled && strcmp(from->uri, uri) == 0 &&
		    take_overlaps(from->take, rq->take))
			return cr;
	}
	return NULL;
}

static int
check(const struct request *rq, struct link_refusal *why)
{
	const struct assembly *as = rq->assembly;
	const struct conf_peer *peer = conf_peer_find(as->conf, rq->peer);
	const struct assembly_queue *queue = assembly_queue_find(as, rq->entry);
	const struct conf_route *loop;
	char text[sizeof(why->text)];

	/* One text for both, so that a peer cannot find out which entries there are. */
	if (peer == NULL || !conf_peer_may_send(peer, rq->entry))
		return refuse(rq, why, REFUSE_FORBIDDEN, "no such entry",
		    "may_send_to of this peer does not list it");
	if (queue == NULL || queue->target == NULL)
		return refuse(rq, why, REFUSE_NO_ENTRY, "no such entry",
		    "no enabled queue has that name");
	if (!rq->take_good)
		return refuse(rq, why, REFUSE_INVALID, "take is not valid",
		    "the peer's take is not valid");
	if (rq->in_flight > FRAME_WINDOW_MAX)
		return refuse(rq, why, REFUSE_INVALID,
		    "more in flight than the protocol allows",
		    "the peer says that more is in flight than the protocol allows");
	loop = find_loop(as->conf, rq, queue->conf->uri);
	if (loop == NULL)
		return 0;
	(void)snprintf(text, sizeof(text), "a route here goes straight back to %.200s",
	    quote(rq->source).text);
	return refuse(rq, why, REFUSE_LOOP, text, text);
}

static int
refuse_delivery(const struct request *rq, const struct source_info *info,
    struct link_refusal *why, int rc)
{
	char id[ID_TEXT];

	if (rc == DELIVERY_BACK_IN_TIME) {
		why->code = REFUSE_BACK_IN_TIME;
		(void)snprintf(why->text, sizeof(why->text),
		    "the stream went back in time: more of it was delivered here than "
		    "it says it ever sent");
		if (is_news(rq, why->code))
			log_event(EVENT_STREAM_SET_BACK,
			    &(struct log_fields){ .peer = rq->peer,
				.queue = rq->entry,
				.reason = reason_name(REASON_BACK_IN_TIME) },
			    "peer %s: stream %s to %s refused: it went back in time (it says "
			    "that %" PRIu64 " comes next, more was delivered); was the "
			    "peer restored from a snapshot, or its ring copied?",
			    quote(rq->peer).text, id_format(id, &info->stream),
			    quote(rq->entry).text, info->next);
		return -EPERM;
	}
	if (rc == DELIVERY_NO_SLOT)
		return refuse(rq, why, REFUSE_STREAMS, "too many streams",
		    "all marks are in use by open streams or have rejects that are not stored");
	return refuse(
	    rq, why, REFUSE_MEMORY, "no memory for the stream", strerror(-rc));
}

static int
accept_on_open(void *owner, const struct link_offer *offer, struct sink **ret,
    struct link_refusal *why)
{
	struct request rq = { .assembly = owner };
	char label[2 * FRAME_NAME_MAX + 2];
	int rc;

	request_read(&rq, offer);
	rc = check(&rq, why);
	if (rc < 0)
		return rc;
	(void)snprintf(label, sizeof(label), "%s/%s", offer->peer, rq.entry);
	rc = delivery_open(ret, assembly_queue_find(rq.assembly, rq.entry)->target,
	    offer->info, label);
	if (rc != DELIVERY_OK)
		return refuse_delivery(&rq, offer->info, why, rc);
	return 0;
}

/* A reload has changed what we are configured to be. That a route now goes straight back is seen when the
 * stream is opened next. */
static bool
accept_may_stay(void *owner, const char *peer, const char *entry,
    const struct sink *snk, struct link_refusal *why)
{
	const struct assembly *as = owner;
	const struct conf_peer *cp = conf_peer_find(as->conf, peer);
	const struct assembly_queue *aq = assembly_queue_find(as, entry);

	if (cp != NULL && conf_peer_may_send(cp, entry) && aq != NULL &&
	    aq->target != NULL && target_is_of(aq->target, snk))
		return true;
	if (cp != NULL && conf_peer_may_send(cp, entry) && aq != NULL)
		*why = (struct link_refusal){ REFUSE_NO_ENTRY,
			"the queue of this entry was changed" };
	else
		*why = (struct link_refusal){ REFUSE_FORBIDDEN, "no such entry" };
	log_event(EVENT_STREAM_REFUSED,
	    &(struct log_fields){ .peer = peer, .queue = entry },
	    "peer %s: its stream to %s is closed: %s", quote(peer).text,
	    quote(entry).text,
	    why->code == REFUSE_NO_ENTRY
		? "the queue was changed; it is opened again"
		: "may_send_to of this peer does not list it any more");
	return false;
}

const struct link_ops accept_link_ops = { .on_open = accept_on_open,
	.may_stay = accept_may_stay };
