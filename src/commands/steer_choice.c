#include "commands/steer_choice.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assembly/assembly.h"
#include "base/parse.h"
#include "base/quote.h"
#include "config/conf.h"
#include "control/command.h"

#define TIMEOUT_MAX_MS (UINT64_C(30) * 24 * 3600 * 1000) /* 30d */

const char *
steer_kind_name(enum pause_kind kind)
{
	return kind == PAUSE_ROUTE ? "route" : "peer";
}

struct assembly_route *
steer_route_find(const struct assembly *as, const char *name)
{
	for (size_t i = 0; i < as->n_routes; i++) {
		if (strcmp(as->routes[i]->conf->name, name) == 0)
			return as->routes[i];
	}
	return NULL;
}

int
steer_absent(struct control_reply *reply, const char *what, const char *name)
{
	return control_reply_refuse(reply, -ENOENT,
	    "no enabled %s is called %s; \"show %s them", what, quote(name).text,
	    strcmp(what, "queue") == 0   ? "queues\" lists"
	    : strcmp(what, "peer") == 0  ? "peers\" lists"
	    : strcmp(what, "route") == 0 ? "routes\" lists"
					 : "routes\" and \"show peers\" list");
}

struct assembly_peer *
steer_peer_find(const struct assembly *as, const char *name)
{
	for (size_t i = 0; i < as->n_peers; i++) {
		if (strcmp(as->peers[i]->conf->name, name) == 0)
			return as->peers[i];
	}
	return NULL;
}

static void
choice_add(struct steer_choice *sc, enum pause_kind kind, const char *name)
{
	struct steer_object *so = &sc->objects[sc->n++];

	so->kind = kind;
	(void)snprintf(so->name, sizeof(so->name), "%s", name);
}

static bool
choice_has(const struct steer_choice *sc, enum pause_kind kind, const char *name)
{
	for (size_t i = 0; i < sc->n; i++) {
		if (sc->objects[i].kind == kind &&
		    strcmp(sc->objects[i].name, name) == 0)
			return true;
	}
	return false;
}

static int
choice_room(struct steer_choice *sc, size_t n)
{
	sc->objects = calloc(n + 1, sizeof(*sc->objects));
	return sc->objects == NULL ? -ENOMEM : 0;
}

/* kind: 0: of both. */
static int
choose_all(
    struct steer_choice *sc, const struct assembly *as, unsigned kind, bool with_pauses)
{
	int rc = choice_room(sc, as->n_routes + as->n_peers + pauses_count(as->pauses));

	if (rc < 0)
		return rc;
	for (size_t i = 0; kind != PAUSE_PEER && i < as->n_routes; i++)
		choice_add(sc, PAUSE_ROUTE, as->routes[i]->conf->name);
	for (size_t i = 0; kind != PAUSE_ROUTE && i < as->n_peers; i++)
		choice_add(sc, PAUSE_PEER, as->peers[i]->conf->name);
	for (size_t i = 0; with_pauses && i < pauses_count(as->pauses); i++) {
		const struct pause *pa = pauses_at(as->pauses, i);

		if ((kind == 0 || pa->kind == kind) &&
		    !choice_has(sc, pa->kind, pa->name))
			choice_add(sc, pa->kind, pa->name);
	}
	return 0;
}

static bool
is_known(
    const struct assembly *as, enum pause_kind kind, const char *name, bool with_pauses)
{
	if (with_pauses && pauses_find(as->pauses, kind, name) != NULL)
		return true;
	return kind == PAUSE_ROUTE ? steer_route_find(as, name) != NULL
				   : steer_peer_find(as, name) != NULL;
}

/* kind: 0: whichever it is. */
static int
choose_one(struct steer_choice *sc, struct control_reply *reply, unsigned kind,
    const bool is[PAUSE_PEER + 1])
{
	const char *name = reply->args[sc->n_words - 1];
	bool route = is[PAUSE_ROUTE] && kind != PAUSE_PEER;
	bool peer = is[PAUSE_PEER] && kind != PAUSE_ROUTE;

	if (route && peer)
		return control_reply_refuse(reply, -EINVAL,
		    "a route and a peer are called %.128s: say \"route %.128s\" or "
		    "\"peer %.128s\"",
		    quote(name).text, quote(name).text, quote(name).text);
	if (!route && !peer)
		return steer_absent(
		    reply, kind == 0 ? "route or peer" : steer_kind_name(kind), name);
	if (choice_room(sc, 1) < 0)
		return -ENOMEM;
	choice_add(sc, route ? PAUSE_ROUTE : PAUSE_PEER, name);
	return 0;
}

int
steer_choice_parse(struct steer_choice *ret, const struct assembly *as,
    struct control_reply *reply, bool with_pauses)
{
	struct steer_choice sc = { .n_words = 1 };
	bool is[PAUSE_PEER + 1] = { false };
	unsigned kind = 0;
	const char *name;
	int rc;

	if (reply->n_args >= 2 && strcmp(reply->args[0], "route") == 0)
		kind = PAUSE_ROUTE;
	if (reply->n_args >= 2 && strcmp(reply->args[0], "peer") == 0)
		kind = PAUSE_PEER;
	/* "drain peer timeout 5s": a route or peer that is called so. */
	if (kind != 0 && reply->n_args == 3 && strcmp(reply->args[1], "timeout") == 0)
		kind = 0;
	if (kind != 0)
		sc.n_words = 2;
	name = reply->args[sc.n_words - 1];
	is[PAUSE_ROUTE] = is_known(as, PAUSE_ROUTE, name, with_pauses);
	is[PAUSE_PEER] = is_known(as, PAUSE_PEER, name, with_pauses);
	/* "route all" may be the name of one, "all" is not. */
	if (strcmp(name, "all") == 0 && (kind == 0 || !is[kind]))
		rc = choose_all(&sc, as, kind, with_pauses);
	else
		rc = choose_one(&sc, reply, kind, is);
	if (rc == 0)
		*ret = sc;
	else
		steer_choice_done(&sc);
	return rc;
}

void
steer_choice_done(struct steer_choice *sc)
{
	free(sc->objects);
	sc->objects = NULL;
}

int
steer_timeout_parse(uint64_t *ret_ms, struct control_reply *reply, size_t i)
{
	uint64_t ms = 0;
	int rc;

	if (i == reply->n_args) {
		*ret_ms = 0;
		return 0;
	}
	if (strcmp(reply->args[i], "timeout") == 0 && i + 1 == reply->n_args)
		return control_reply_refuse(reply, -EINVAL,
		    "behind \"timeout\" a duration is missing, such as 10s");
	if (strcmp(reply->args[i], "timeout") != 0 || i + 2 != reply->n_args)
		return control_reply_refuse(reply, -EINVAL,
		    "\"%s\" is not understood: behind it may stand \"timeout\" and a "
		    "duration",
		    quote(reply->args[i]).text);
	rc = parse_duration(&ms, reply->args[i + 1]);
	if (rc == -ERANGE || (rc == 0 && (ms == 0 || ms > TIMEOUT_MAX_MS)))
		return control_reply_refuse(reply, -EINVAL,
		    "the timeout \"%s\" must be from 1ms to 30d",
		    quote(reply->args[i + 1]).text);
	if (rc < 0)
		return control_reply_refuse(reply, -EINVAL,
		    "the timeout \"%s\" must be a duration with a unit, such as 10s",
		    quote(reply->args[i + 1]).text);
	*ret_ms = ms;
	return 0;
}
