#include "change/reload_answer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assembly/assembly_parts.h"
#include "base/log.h"
#include "base/quote.h"
#include "config/conf.h"
#include "config/diff.h"
#include "control/command.h"
#include "control/item.h"
#include "endpoint/outlet.h"

#define FAULT_MAX   1536 /* bytes of one in words */
#define SUMMARY_MAX 512
#define KEYS_MAX    512

void
reload_fault(void *faults, const char *file, int line, const char *key, const char *why)
{
	struct reload_faults *rf = faults;
	char text[FAULT_MAX];
	char place[CONF_PLACE_MAX];

	rf->count++;
	if (rf->n == RELOAD_FAULTS)
		return;
	(void)snprintf(text, sizeof(text), "%s: %s",
	    conf_fault_place(place, sizeof(place), file, line, key), why);
	rf->texts[rf->n] = strdup(text);
	if (rf->texts[rf->n] != NULL)
		rf->n++;
}

void
reload_faults_done(struct reload_faults *rf)
{
	for (size_t i = 0; i < rf->n; i++)
		free(rf->texts[i]);
	rf->n = rf->count = 0;
	rf->incomplete = false;
}

static int
warn(const struct reload_answer *ra, const char *text)
{
	if (!ra->check)
		log_warn("daemon", "%s", text);
	if (ra->reply == NULL)
		return 0;
	return json_array_append_new(ra->reply->warnings, json_string(text)) == 0
		   ? 0
		   : -ENOMEM;
}

/* Is it the same ring, whatever its name? */
static bool
is_same_source(const struct conf_queue *one, const struct conf *after, const char *name)
{
	const struct conf_queue *two = conf_queue_find(after, name);

	return strcmp(one->uri, two->uri) == 0 &&
	       strcmp(one->take_text, two->take_text) == 0;
}

/* Does the route go on by its own name? That is what nearly all do. */
static bool
goes_on(const struct assembly_route *ar, const struct conf *after)
{
	const struct conf_route *cr = ar->conf;

	for (size_t i = 0; i < after->n_routes; i++) {
		const struct conf_route *other = &after->routes[i];

		if (strcmp(other->name, cr->name) == 0)
			return strcmp(other->to, cr->to) == 0 &&
			       assembly_route_is_on(after, other) &&
			       is_same_source(ar->from->conf, after, other->from);
	}
	return false;
}

/* Is there a route that reads the queue of cr, to the same place or to any? */
static bool
is_read_on(const struct assembly_route *ar, const struct conf *after, bool same_place)
{
	for (size_t i = 0; i < after->n_routes; i++) {
		const struct conf_route *other = &after->routes[i];

		if ((!same_place || strcmp(other->to, ar->conf->to) == 0) &&
		    assembly_route_is_on(after, other) &&
		    is_same_source(ar->from->conf, after, other->from))
			return true;
	}
	return false;
}

/* What waits for a route that goes is kept, and may be in the way of others. */
static int
warn_route(const struct reload_answer *ra, const struct assembly_route *ar,
    const struct conf *after)
{
	const struct conf_route *cr = ar->conf;
	struct outlet_numbers numbers;
	char text[FAULT_MAX];
	const struct conf_queue *cq = conf_queue_find(after, cr->from);
	bool read_on = is_read_on(ar, after, false);
	/* The name may be of another queue now. */
	bool is_other = cq != NULL && !is_same_source(ar->from->conf, after, cr->from);

	outlet_numbers(ar->outlet, &numbers);
	if (numbers.stream.waiting + numbers.stream.in_flight == 0 && !read_on)
		return 0;
	(void)snprintf(text, sizeof(text),
	    "route %s: its %" PRIu64
	    " messages are kept until a route from %s to %s is "
	    "there again%s",
	    quote(cr->name).text, numbers.stream.waiting + numbers.stream.in_flight,
	    quote(is_other ? ar->from->conf->uri : cr->from).text, quote(cr->to).text,
	    read_on ? "; so is what comes from now on, and when the ring is full the "
		      "other routes of its queue stand still"
		    : "");
	return warn(ra, text);
}

/* Is only told how a queue is made that is there, and goes on as it is? */
static bool
is_made_already(const struct assembly *as, const struct diff_item *it)
{
	const struct conf_queue *before = it->before, *after = it->after;
	struct assembly_queue *aq;
	struct numbers_queue nq;
	bool told = false;

	if (it->kind != DIFF_QUEUE || it->change != DIFF_CHANGED || !after->create ||
	    strcmp(before->uri, after->uri) != 0)
		return false;
	for (size_t i = 0; i < it->n_keys; i++)
		told = told || strncmp(it->keys[i], "create", strlen("create")) == 0;
	aq = told ? assembly_queue_find(as, before->name) : NULL;
	if (aq == NULL)
		return false;
	numbers_queue(as, aq, &nq);
	return nq.attached;
}

static int
warn_queue(const struct reload_answer *ra, const char *name)
{
	char text[FAULT_MAX];

	(void)snprintf(text, sizeof(text),
	    "queue %s exists and stays as it is: create.* counts when it is made next",
	    quote(name).text);
	return warn(ra, text);
}

int
reload_answer_warn(const struct reload_answer *ra, const struct assembly *as,
    const struct conf *after, const struct diff *df)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < as->n_routes; i++) {
		const struct assembly_route *ar = as->routes[i];

		if (!goes_on(ar, after) && !is_read_on(ar, after, true))
			rc = warn_route(ra, ar, after);
	}
	for (size_t i = 0; rc == 0 && i < df->count; i++) {
		if (is_made_already(as, &df->items[i]))
			rc = warn_queue(ra, df->items[i].name);
	}
	return rc;
}

/* ---- done ------------------------------------------------------------------------------ */

static void
join_keys(char *text, size_t size, const struct diff_item *it)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < it->n_keys && len < size; i++)
		len += (size_t)snprintf(
		    text + len, size - len, "%s%s", i == 0 ? ": " : ", ", it->keys[i]);
}

static void
log_item(const struct diff_item *it)
{
	static const enum event_id events[][3] = {
		[DIFF_QUEUE] = { [DIFF_ADDED] = EVENT_QUEUE_ADDED,
		    [DIFF_REMOVED] = EVENT_QUEUE_REMOVED,
		    [DIFF_CHANGED] = EVENT_QUEUE_CHANGED },
		[DIFF_PEER] = { [DIFF_ADDED] = EVENT_PEER_ADDED,
		    [DIFF_REMOVED] = EVENT_PEER_REMOVED,
		    [DIFF_CHANGED] = EVENT_PEER_CHANGED },
		[DIFF_ROUTE] = { [DIFF_ADDED] = EVENT_ROUTE_ADDED,
		    [DIFF_REMOVED] = EVENT_ROUTE_REMOVED,
		    [DIFF_CHANGED] = EVENT_ROUTE_CHANGED },
	};
	const struct log_fields fields = {
		.route = it->kind == DIFF_ROUTE ? it->name : NULL,
		.peer = it->kind == DIFF_PEER ? it->name : NULL,
		.queue = it->kind == DIFF_QUEUE ? it->name : NULL,
	};
	char keys[KEYS_MAX];

	join_keys(keys, sizeof(keys), it);
	if (it->kind == DIFF_DAEMON || it->kind == DIFF_LISTENER)
		log_info("daemon", "%s %s %s%s", diff_kind_name(it->kind),
		    quote(it->name).text, diff_change_name(it->change), keys);
	else
		log_event(events[it->kind][it->change], &fields, "%s %s %s%s",
		    diff_kind_name(it->kind), quote(it->name).text,
		    diff_change_name(it->change), keys);
}

/* "2 routes added, 1 peer changed" */
static void
summarize(char *text, size_t size, const struct diff *df)
{
	size_t len = 0;

	text[0] = '\0';
	for (int kind = DIFF_DAEMON; kind <= DIFF_ROUTE; kind++) {
		for (int change = DIFF_ADDED; change <= DIFF_CHANGED; change++) {
			size_t n = 0;

			for (size_t i = 0; i < df->count; i++)
				n += df->items[i].kind == (enum diff_kind)kind &&
				     df->items[i].change == (enum diff_change)change;
			if (n > 0 && len < size)
				len += (size_t)snprintf(text + len, size - len,
				    "%s%zu %s%s %s", len > 0 ? ", " : "", n,
				    diff_kind_name((enum diff_kind)kind),
				    n == 1 ? "" : "s",
				    diff_change_name((enum diff_change)change));
		}
	}
}

static int
put_item(struct control_reply *reply, const struct diff_item *it)
{
	json_t *keys = json_array();
	struct item item;
	int rc = keys == NULL ? -ENOMEM : 0;

	for (size_t i = 0; rc == 0 && i < it->n_keys; i++) {
		if (json_array_append_new(keys, json_string(it->keys[i])) != 0)
			rc = -ENOMEM;
	}
	if (rc < 0) {
		json_decref(keys);
		return rc;
	}
	item_begin(&item);
	item_text(&item, "object", diff_kind_name(it->kind));
	item_text(&item, "name", it->name);
	item_text(&item, "change", diff_change_name(it->change));
	item_value(&item, "keys", keys);
	return item_end(&item, reply->items);
}

static void
put_texts(struct control_reply *reply, const struct reload_faults *rf)
{
	for (size_t i = 0; i < rf->n; i++)
		(void)json_array_append_new(reply->warnings, json_string(rf->texts[i]));
}

void
reload_answer_done(const struct reload_answer *ra, const struct diff *df)
{
	char summary[SUMMARY_MAX];
	int rc = 0;

	summarize(summary, sizeof(summary), df);
	for (size_t i = 0; !ra->check && i < df->count; i++)
		log_item(&df->items[i]);
	if (!ra->check)
		log_event(EVENT_RELOADED, NULL, "reloaded: %s",
		    df->count == 0 ? "nothing has changed" : summary);
	if (ra->reply == NULL)
		return;
	ra->reply->kind = "reload";
	put_texts(ra->reply, ra->untried);
	for (size_t i = 0; rc == 0 && i < df->count; i++)
		rc = put_item(ra->reply, &df->items[i]);
	control_reply_end(ra->reply, rc);
}

/* ---- refused ---------------------------------------------------------------------------- */

void
reload_answer_refuse(
    const struct reload_answer *ra, const char *config, const struct reload_faults *rf)
{
	struct control_reply *reply = ra->reply;
	const char *outcome =
	    rf->incomplete ? "a listener does not listen now" : "nothing was changed";

	for (size_t i = 0; !ra->check && i < rf->n; i++)
		log_event(EVENT_CONFIG_FAULT, NULL, "%s", rf->texts[i]);
	if (!ra->check)
		log_event(EVENT_RELOAD_REFUSED, NULL,
		    "not reloaded: %s: %zu fault%s; %s", quote(config).text, rf->count,
		    rf->count == 1 ? "" : "s", outcome);
	if (reply == NULL)
		return;
	(void)control_reply_refuse(reply, -EINVAL, "%s: %zu fault%s%s%s",
	    quote(config).text, rf->count, rf->count == 1 ? "" : "s",
	    ra->check ? "" : "; ", ra->check ? "" : outcome);
	(void)json_array_clear(reply->warnings);
	put_texts(reply, rf);
	put_texts(reply, ra->untried);
	control_reply_end(reply, -EBADMSG);
}
