#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "assembly/kept.h"
#include "base/quote.h"
#include "change/change_private.h"
#include "link/link.h"
#include "net/address.h"
#include "net/tcpsock.h"
#include "spool/runtime.h"

#define WHY_MAX 512
#define KEY_MAX 512 /* a name and what stands around it */

void
change_check_keys(struct change *ch)
{
	const struct diff_item *it = ch->diff->items;
	struct conf_place place;
	char why[WHY_MAX];

	/* Objects can always be made anew. */
	if (ch->diff->count == 0 || it->kind != DIFF_DAEMON)
		return;
	for (size_t i = 0; i < it->n_keys; i++) {
		if (diff_how_of(it->keys[i]) != DIFF_RESTART)
			continue;
		place = conf_key_place(ch->next.conf, it->keys[i]);
		(void)snprintf(why, sizeof(why),
		    "cannot change while the daemon runs: %s; restart the daemon",
		    diff_why_not(it->keys[i]));
		change_fault(ch->faults, &place, it->keys[i], why);
	}
}

/* ---- listeners -------------------------------------------------------------------- */

/* "listeners[2].address", as a fault of the file would say. */
static void
listener_key(char *ret, size_t size, const struct conf *cf,
    const struct conf_listener *cl, const char *key)
{
	(void)snprintf(ret, size, "listeners[%td].%s", cl - cf->listeners, key);
}

static void
listener_fault(
    struct change *ch, const struct conf_listener *cl, const char *key, int rc)
{
	char path[KEY_MAX], why[WHY_MAX];

	listener_key(path, sizeof(path), ch->next.conf, cl, key);
	(void)snprintf(why, sizeof(why), "cannot %s %s: %s",
	    strcmp(key, "mode") == 0 ? "set the mode of" : "listen at",
	    quote(cl->address).text, strerror(-rc));
	change_fault(ch->faults, &cl->place, path, why);
}

/* Does old, which goes, keep new from being listened at? */
static bool
is_in_the_way(const struct diff_item *old, const struct diff_item *new)
{
	const struct conf_listener *before = old->before, *after = new->after;
	struct address one, two;

	return old->kind == DIFF_LISTENER && old->change == DIFF_REMOVED &&
	       address_parse(&one, before->address) == 0 &&
	       address_parse(&two, after->address) == 0 && tcpsock_overlap(&one, &two);
}

/* The one that must be silent before it can be opened; NULL: none. */
static const struct conf_listener *
find_in_the_way(const struct change *ch, const struct diff_item *it)
{
	for (size_t i = 0; it->change == DIFF_ADDED && i < ch->diff->count; i++) {
		if (is_in_the_way(&ch->diff->items[i], it))
			return ch->diff->items[i].before;
	}
	return NULL;
}

static bool
must_move(const struct change *ch, const struct diff_item *it)
{
	return it->kind == DIFF_LISTENER && find_in_the_way(ch, it) != NULL;
}

void
change_tell_untried(struct change *ch)
{
	char key[KEY_MAX], why[WHY_MAX];

	for (size_t i = 0; i < ch->diff->count; i++) {
		const struct diff_item *it = &ch->diff->items[i];
		const struct conf_listener *new = it->after, *old;

		old = it->kind == DIFF_LISTENER ? find_in_the_way(ch, it) : NULL;
		if (old == NULL)
			continue;
		listener_key(key, sizeof(key), ch->next.conf, new, "address");
		(void)snprintf(why, sizeof(why),
		    "not tried: to listen at %.200s, for which %.200s must stop",
		    quote(new->address).text, quote(old->address).text);
		ch->faults->untried(ch->faults->untried_arg, new->place.file,
		    new->place.line, key, why);
	}
}

/* true: there is something to undo. */
static bool
open_listener(struct change *ch, const struct diff_item *it)
{
	const struct conf_listener *before = it->before, *after = it->after;
	bool added = it->change == DIFF_ADDED;
	int rc;

	if (it->change == DIFF_REMOVED || (!added && before->mode == after->mode))
		return false;
	rc = added ? assembly_listener_open(ch->as, after)
		   : link_set_mode(ch->as->link, after->address, after->mode);
	if (rc < 0)
		listener_fault(ch, after, added ? "address" : "mode", rc);
	return rc >= 0;
}

void
change_open_listeners(struct change *ch)
{
	const struct conf_place nowhere = { .file = ch->next.conf->files[0] };

	ch->listens = calloc(ch->diff->count + 1, sizeof(*ch->listens));
	if (ch->listens == NULL) {
		change_fault(ch->faults, &nowhere, "file", "out of memory");
		return;
	}
	for (size_t i = 0; i < ch->diff->count; i++) {
		if (ch->diff->items[i].kind == DIFF_LISTENER &&
		    !must_move(ch, &ch->diff->items[i]))
			ch->listens[i] = open_listener(ch, &ch->diff->items[i]);
	}
}

static void
silence_in_the_way(struct change *ch, const struct diff_item *it)
{
	for (size_t i = 0; i < ch->diff->count; i++) {
		const struct diff_item *old = &ch->diff->items[i];

		if (!ch->listens[i] && is_in_the_way(old, it))
			ch->listens[i] = assembly_listener_silence(ch->as, old->before);
	}
}

void
change_move_listeners(struct change *ch)
{
	for (size_t i = 0; i < ch->diff->count; i++) {
		const struct diff_item *it = &ch->diff->items[i];

		if (!must_move(ch, it))
			continue;
		silence_in_the_way(ch, it);
		ch->listens[i] = open_listener(ch, it);
	}
}

/* It was silent for the reload; somebody else may have come meanwhile. */
static void
listen_again(struct change *ch, const struct conf_listener *cl)
{
	int rc = link_listen_again(ch->as->link, cl->address);
	char key[KEY_MAX], why[WHY_MAX];

	if (rc >= 0)
		return;
	ch->faults->incomplete = true;
	listener_key(key, sizeof(key), ch->as->conf, cl, "address");
	(void)snprintf(why, sizeof(why),
	    "stopped listening at %s for this reload, and cannot again: %s; it is tried "
	    "again every second",
	    quote(cl->address).text, strerror(-rc));
	change_fault(ch->faults, &cl->place, key, why);
}

void
change_undo_listeners(struct change *ch)
{
	for (size_t i = 0; ch->listens != NULL && i < ch->diff->count; i++) {
		const struct diff_item *it = &ch->diff->items[i];
		const struct conf_listener *before = it->before;

		if (!ch->listens[i])
			continue;
		if (it->change == DIFF_ADDED) {
			/* The service manager may have one more of it for a moment. */
			(void)assembly_listener_silence(ch->as, it->after);
			assembly_listener_close(ch->as, it->after);
		} else if (it->change == DIFF_CHANGED)
			(void)!link_set_mode(
			    ch->as->link, before->address, before->mode);
	}
	for (size_t i = 0; ch->listens != NULL && i < ch->diff->count; i++) {
		const struct diff_item *it = &ch->diff->items[i];

		if (it->change == DIFF_REMOVED && ch->listens[i])
			listen_again(ch, it->before);
	}
}

/* ---- rings ------------------------------------------------------------------------- */

/* Does conf need a ring for it that as does not need? What a kept one takes is counted too. */
static bool
needs_ring(const struct change *ch, const struct conf_queue *cq)
{
	const struct assembly_queue *aq = assembly_queue_find(ch->as, cq->name);

	if (!cq->enabled || !assembly_queue_is_source(ch->next.conf, cq))
		return false;
	return aq == NULL || aq->intake == NULL ||
	       strcmp(aq->conf->uri, cq->uri) != 0 ||
	       strcmp(aq->conf->take_text, cq->take_text) != 0;
}

void
change_check_room(struct change *ch)
{
	const struct conf *cf = ch->next.conf;
	const struct conf_queue *last = NULL;
	char key[KEY_MAX], why[WHY_MAX];
	uint64_t need = 0, free_bytes;
	struct statvfs vfs;

	for (size_t i = 0; i < cf->n_queues; i++) {
		if (!needs_ring(ch, &cf->queues[i]))
			continue;
		last = &cf->queues[i];
		need += last->ring_size;
	}
	if (last == NULL || fstatvfs(runtime_dir_fd(ch->as->runtime), &vfs) < 0)
		return;
	free_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	/* A tmpfs without a limit says 0 of 0. */
	if (vfs.f_blocks == 0 || need <= free_bytes)
		return;
	(void)snprintf(key, sizeof(key), "queues.%s.ring_size", quote(last->name).text);
	(void)snprintf(why, sizeof(why),
	    "new rings need %" PRIu64 " bytes, but the ring directory has only %" PRIu64
	    " left",
	    need, free_bytes);
	change_fault(ch->faults, &last->place, key, why);
}

/* ---- logs ---------------------------------------------------------------------------- */

/* Does a stream to where cr goes have its log already? */
static bool
has_log(const struct change *ch, const struct conf_route *cr)
{
	const struct kept_stream *ks = NULL;

	for (size_t i = 0; i < ch->as->n_routes; i++) {
		const struct assembly_route *ar = ch->as->routes[i];

		if (strcmp(ar->conf->to, cr->to) == 0 && outlet_has_log(ar->outlet))
			return true;
	}
	while ((ks = kept_next_stream(ch->as->kept, ks)) != NULL) {
		if (strcmp(outlet_label(ks->outlet), cr->to) == 0 &&
		    outlet_has_log(ks->outlet))
			return true;
	}
	return false;
}

void
change_check_logs(struct change *ch)
{
	const struct conf *cf = ch->next.conf;
	char key[KEY_MAX], why[WHY_MAX];

	for (size_t i = 0; ch->faults->log_rc < 0 && i < cf->n_routes; i++) {
		const struct conf_route *cr = &cf->routes[i];

		if (cr->log_limit == 0 || !assembly_route_is_on(cf, cr) ||
		    diff_find(ch->diff, DIFF_ROUTE, cr->name) == NULL ||
		    has_log(ch, cr))
			continue;
		(void)snprintf(key, sizeof(key), "routes.%s", quote(cr->name).text);
		(void)snprintf(why, sizeof(why), "cannot be set up: %s",
		    strerror(-ch->faults->log_rc));
		change_fault(ch->faults, &cr->place, key, why);
	}
}
