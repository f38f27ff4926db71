#include "config/cross_route.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "config/check_uri.h"
#include "config/load.h"

#define FROM_ONE_MAX 16 /* streams that a ring can feed; docs/spool-format.md */

static const config_setting_t *
setting(const struct load *ld, size_t i, const char *key)
{
	return load_setting(ld, "routes", i, key);
}

static void
check_from(struct load *ld, size_t i)
{
	const struct conf_route *rt = &ld->cf->routes[i];
	const struct conf_queue *qc;

	if (rt->from == NULL)
		return;
	qc = conf_queue_find(ld->cf, rt->from);
	if (qc == NULL)
		load_fault(ld, setting(ld, i, "from"),
		    "there is no entry \"%s\" in queues", quote(rt->from).text);
	else if (rt->enabled && !qc->enabled)
		load_fault(ld, setting(ld, i, "from"),
		    "the entry \"%s\" is disabled and this route is not",
		    quote(rt->from).text);
}

static void
check_fan_out(struct load *ld, size_t i)
{
	const struct conf_route *rt = &ld->cf->routes[i];
	size_t count = 0;

	if (rt->from == NULL || !rt->enabled)
		return;
	for (size_t k = 0; k <= i; k++) {
		const struct conf_route *other = &ld->cf->routes[k];

		if (other->enabled && other->from != NULL &&
		    strcmp(other->from, rt->from) == 0)
			count++;
	}
	if (count == FROM_ONE_MAX + 1)
		load_fault(ld, setting(ld, i, "from"),
		    "\"%s\" is the source of more than %d routes", quote(rt->from).text,
		    FROM_ONE_MAX);
}

/* "peer/entry" at the first slash, for no peer has one in its name, and an entry may.
 * */
static bool
split_to(struct load *ld, size_t i)
{
	struct conf_route *rt = &ld->cf->routes[i];
	const char *slash = strchr(rt->to, '/');
	char *peer;
	char *entry;

	if (slash == NULL || (conf_queue_find(ld->cf, rt->to) != NULL)) {
		rt->to_entry = strdup(rt->to);
		return rt->to_entry != NULL;
	}
	peer = strndup(rt->to, (size_t)(slash - rt->to));
	entry = strdup(slash + 1);
	rt->to_peer = peer;
	rt->to_entry = entry;
	return peer != NULL && entry != NULL;
}

static void
check_to_peer(struct load *ld, size_t i)
{
	const struct conf_route *rt = &ld->cf->routes[i];
	const config_setting_t *st = setting(ld, i, "to");
	const struct conf_peer *pe = conf_peer_find(ld->cf, rt->to_peer);

	if (rt->to_entry[0] == '\0')
		load_fault(ld, st, "\"%s\" must be \"PEER/ENTRY\" or \"ENTRY\"",
		    quote(rt->to).text);
	if (pe == NULL)
		load_fault(ld, st, "there is no peer \"%s\" in peers",
		    quote(rt->to_peer).text);
	else if (rt->enabled && !pe->enabled)
		load_fault(ld, st, "the peer \"%s\" is disabled and this route is not",
		    quote(rt->to_peer).text);
}

static void
check_to_local(struct load *ld, size_t i)
{
	const struct conf_route *rt = &ld->cf->routes[i];
	const config_setting_t *st = setting(ld, i, "to");
	const struct conf_queue *qc = conf_queue_find(ld->cf, rt->to_entry);
	const struct conf_queue *from =
	    rt->from == NULL ? NULL : conf_queue_find(ld->cf, rt->from);
	const char *slash = strchr(rt->to, '/');

	if (qc == NULL) {
		load_fault(
		    ld, st, "there is no entry \"%s\" in queues", quote(rt->to).text);
		return;
	}
	if (rt->enabled && !qc->enabled)
		load_fault(ld, st, "the entry \"%s\" is disabled and this route is not",
		    quote(rt->to).text);
	if (from != NULL && from->uri != NULL && qc->uri != NULL &&
	    check_uri_same(from->uri, qc->uri))
		load_fault(ld, st,
		    "is the queue that this route takes from: its messages would go "
		    "round for ever");
	for (size_t k = 0; slash != NULL && k < ld->cf->n_peers; k++) {
		const char *name = ld->cf->peers[k].name;
		size_t len = (size_t)(slash - rt->to);

		if (name != NULL && strlen(name) == len &&
		    memcmp(name, rt->to, len) == 0)
			load_fault(ld, st,
			    "\"%s\" can be read as this entry and as one of the peer "
			    "\"%s\"; rename one of them",
			    quote(rt->to).text, quote(name).text);
	}
}

/* What is to be on the disk goes through the log. */
static void
check_log(struct load *ld, size_t i)
{
	const struct conf_route *rt = &ld->cf->routes[i];

	if (rt->durability == CONF_DURABILITY_DISK && rt->log_limit == 0)
		load_fault(ld, setting(ld, i, "durability"),
		    "\"disk\" needs a log_limit, such as \"1GiB\"");
	if (rt->sync == CONF_SYNC_ALWAYS && rt->durability != CONF_DURABILITY_DISK)
		load_fault(ld, setting(ld, i, "sync"),
		    "\"always\" needs durability = \"disk\"");
}

static bool
same_peer(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
is_whole(const struct conf_route *rt)
{
	return rt->enabled && rt->from != NULL && rt->to_entry != NULL;
}

static void
check_twice(struct load *ld, size_t i)
{
	const struct conf_route *rt = &ld->cf->routes[i];

	if (!is_whole(rt))
		return;
	for (size_t k = 0; k < i; k++) {
		const struct conf_route *other = &ld->cf->routes[k];

		if (is_whole(other) && strcmp(rt->from, other->from) == 0 &&
		    strcmp(rt->to_entry, other->to_entry) == 0 &&
		    same_peer(rt->to_peer, other->to_peer))
			load_fault(ld, setting(ld, i, "to"),
			    "the route of line %d goes from and to the same",
			    other->place.line);
	}
}

/* The source queue of a local route, or its destination; NULL when something is amiss.
 * */
static const struct conf_queue *
local_end(const struct load *ld, const struct conf_route *rt, bool source)
{
	const struct conf_queue *qc;

	if (!is_whole(rt) || rt->to_peer != NULL)
		return NULL;
	qc = conf_queue_find(ld->cf, source ? rt->from : rt->to_entry);
	return qc == NULL || qc->uri == NULL ? NULL : qc;
}

/* From a to b here, and from b to a there, and what one gives the other takes. */
static bool
comes_back(
    const struct load *ld, const struct conf_route *one, const struct conf_route *two)
{
	const struct conf_queue *one_from = local_end(ld, one, true);
	const struct conf_queue *one_to = local_end(ld, one, false);
	const struct conf_queue *two_from = local_end(ld, two, true);
	const struct conf_queue *two_to = local_end(ld, two, false);

	if (one_from == NULL || one_to == NULL || two_from == NULL || two_to == NULL)
		return false;
	return check_uri_same(one_to->uri, two_from->uri) &&
	       check_uri_same(two_to->uri, one_from->uri) &&
	       take_overlaps(one_from->take, two_from->take);
}

static void
check_back(struct load *ld, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (comes_back(ld, &ld->cf->routes[i], &ld->cf->routes[k]))
			load_fault(ld, setting(ld, i, "to"),
			    "the route of line %d comes straight back: messages would "
			    "go round for ever",
			    ld->cf->routes[k].place.line);
	}
}

void
cross_check_routes(struct load *ld)
{
	for (size_t i = 0; i < ld->cf->n_routes; i++) {
		struct conf_route *rt = &ld->cf->routes[i];

		check_from(ld, i);
		check_fan_out(ld, i);
		check_log(ld, i);
		if (rt->to == NULL)
			continue;
		if (!split_to(ld, i))
			load_fault(ld, setting(ld, i, "to"), "out of memory");
		else if (rt->to_peer != NULL)
			check_to_peer(ld, i);
		else
			check_to_local(ld, i);
		check_twice(ld, i);
		check_back(ld, i);
	}
}
