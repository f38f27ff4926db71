#include "config/cross.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "config/check_address.h"
#include "config/check_uri.h"
#include "config/cross_route.h"
#include "config/load.h"

static bool
same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* Each list has its own names. name_of gives that of element i. */
typedef const char *name_fn(const struct conf *cf, size_t i);

static const char *
queue_name(const struct conf *cf, size_t i)
{
	return cf->queues[i].name;
}

static const char *
peer_name(const struct conf *cf, size_t i)
{
	return cf->peers[i].name;
}

static const char *
route_name(const struct conf *cf, size_t i)
{
	return cf->routes[i].name;
}

static const char *
listener_address(const struct conf *cf, size_t i)
{
	return cf->listeners[i].address;
}

static void
check_unique(
    struct load *ld, const char *list, const char *key, size_t count, name_fn *name_of)
{
	for (size_t i = 1; i < count; i++) {
		size_t first = 0;

		while (first < i && !same(name_of(ld->cf, first), name_of(ld->cf, i)))
			first++;
		if (first == i)
			continue;
		load_fault(ld, load_setting(ld, list, i, key),
		    "\"%s\" is used twice, first on line %d",
		    quote(name_of(ld->cf, i)).text,
		    source_place(&ld->src,
			config_setting_source_line(load_setting(ld, list, first, key)))
			.line);
	}
}

static void
check_create(struct load *ld, size_t i)
{
	static const char *const posix_keys[] = { "max_messages", "message_size" };
	static const char *const sysv_keys[] = { "max_bytes" };
	bool is_posix = ld->cf->queues[i].kind == CONF_POSIX;
	const char *const *others = is_posix ? sysv_keys : posix_keys;
	size_t count = is_posix ? ARRAY_LEN(sysv_keys) : ARRAY_LEN(posix_keys);
	const config_setting_t *create = load_setting(ld, "queues", i, "create");

	for (size_t k = 0; k < count; k++) {
		const config_setting_t *st =
		    config_setting_get_member(create, others[k]);

		if (st != NULL)
			load_fault(ld, st, "is only for %s queues",
			    is_posix ? "System V" : "POSIX");
	}
}

static void
check_queue(struct load *ld, size_t i)
{
	struct conf_queue *qc = &ld->cf->queues[i];

	/* Both were checked before; the kind is written only then. */
	if (qc->uri == NULL || check_uri(&qc->kind, qc->uri) != NULL)
		return;
	if (qc->take_text != NULL && take_parse(&qc->take, qc->take_text) == 0 &&
	    qc->kind == CONF_POSIX && qc->take_text[0] != '\0')
		load_fault(ld, load_setting(ld, "queues", i, "take"),
		    "is only for System V queues: POSIX messages have no type");
	if (qc->create)
		check_create(ld, i);
}

/* Two entries that would take the same messages from one queue. */
static void
check_shared(struct load *ld, size_t i)
{
	const struct conf_queue *qc = &ld->cf->queues[i];

	if (qc->uri == NULL || !qc->enabled)
		return;
	for (size_t k = 0; k < i; k++) {
		const struct conf_queue *other = &ld->cf->queues[k];

		if (other->uri == NULL || !other->enabled ||
		    !check_uri_same(qc->uri, other->uri) ||
		    !take_overlaps(qc->take, other->take))
			continue;
		load_fault(ld, load_setting(ld, "queues", i, "uri"),
		    "is the queue of line %d too, and both take some of the same "
		    "messages",
		    other->place.line);
	}
}

/* Plain TCP that leaves this host. */
static void
check_secure(
    struct load *ld, const config_setting_t *st, const char *address, bool insecure)
{
	struct check_address ca;

	if (address == NULL || insecure || check_address(&ca, address) != NULL ||
	    ca.is_local)
		return;
	load_fault(ld, st,
	    "\"%s\" reaches beyond this host, where anybody can read and change what "
	    "passes; insecure = true beside it allows that",
	    quote(address).text);
}

static void
check_listener(struct load *ld, size_t i)
{
	static const char *const unix_keys[] = { "mode", "users", "groups" };
	const struct conf_listener *lc = &ld->cf->listeners[i];
	const config_setting_t *st = load_setting(ld, "listeners", i, "address");
	struct check_address ca;

	check_secure(ld, st, lc->address, lc->insecure);
	if (lc->address == NULL || check_address(&ca, lc->address) != NULL ||
	    ca.is_unix)
		return;
	for (size_t k = 0; k < ARRAY_LEN(unix_keys); k++) {
		const config_setting_t *key =
		    config_setting_get_member(config_setting_parent(st), unix_keys[k]);

		if (key != NULL)
			load_fault(ld, key, "is only for unix:// listeners");
	}
}

static void
check_may_send(struct load *ld, size_t i)
{
	const struct conf_peer *pe = &ld->cf->peers[i];
	const config_setting_t *list = load_setting(ld, "peers", i, "may_send_to");

	for (size_t k = 0; k < pe->n_may_send_to; k++) {
		const char *entry = pe->may_send_to[k];

		if (entry != NULL && conf_queue_find(ld->cf, entry) == NULL)
			load_fault(ld, config_setting_get_elem(list, (unsigned)k),
			    "there is no entry \"%s\" in queues", quote(entry).text);
	}
}

static void
check_peer(struct load *ld, size_t i)
{
	const struct conf_peer *pe = &ld->cf->peers[i];
	const config_setting_t *name = load_setting(ld, "peers", i, "name");

	if (pe->name != NULL && strchr(pe->name, '/') != NULL)
		load_fault(ld, name, "must not have a '/' in it");
	if (same(pe->name, ld->cf->name))
		load_fault(ld, name, "is this daemon's own name");
	check_secure(
	    ld, load_setting(ld, "peers", i, "address"), pe->address, pe->insecure);
	check_may_send(ld, i);
}

static void
check_metrics(struct load *ld)
{
	const config_setting_t *root = config_root_setting(&ld->lc);
	const struct conf *cf = ld->cf;
	struct check_address ca;

	if (cf->metrics == NULL || cf->metrics_insecure ||
	    check_address_http(&ca, cf->metrics) != NULL || ca.is_local)
		return;
	load_fault(ld, config_setting_get_member(root, "metrics"),
	    "\"%s\" can be read by everybody who reaches this host; "
	    "metrics_insecure = true allows that",
	    quote(cf->metrics).text);
}

static void
check_global(struct load *ld)
{
	const config_setting_t *root = config_root_setting(&ld->lc);
	const struct conf *cf = ld->cf;

	if (cf->name != NULL && strchr(cf->name, '/') != NULL)
		load_fault(ld, config_setting_get_member(root, "name"),
		    "must not have a '/' in it");
	if (same(cf->ring_directory, cf->state_directory)) {
		const config_setting_t *st =
		    config_setting_get_member(root, "state_directory");

		/* The presets differ, so one of them is written. */
		load_fault(ld,
		    st != NULL ? st : config_setting_get_member(root, "ring_directory"),
		    "ring_directory and state_directory must not be the same");
	}
}

void
cross_check(struct load *ld)
{
	const struct conf *cf = ld->cf;

	check_global(ld);
	check_metrics(ld);
	check_unique(ld, "queues", "name", cf->n_queues, queue_name);
	check_unique(ld, "listeners", "address", cf->n_listeners, listener_address);
	check_unique(ld, "peers", "name", cf->n_peers, peer_name);
	check_unique(ld, "routes", "name", cf->n_routes, route_name);
	for (size_t i = 0; i < cf->n_queues; i++)
		check_queue(ld, i);
	for (size_t i = 0; i < cf->n_queues; i++)
		check_shared(ld, i);
	for (size_t i = 0; i < cf->n_listeners; i++)
		check_listener(ld, i);
	for (size_t i = 0; i < cf->n_peers; i++)
		check_peer(ld, i);
	cross_check_routes(ld);
}
