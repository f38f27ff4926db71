#include "commands/letters_choice.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assembly/assembly.h"
#include "base/quote.h"
#include "commands/commands.h"
#include "config/conf.h"
#include "control/command.h"
#include "control/server.h"

/* The words of a request as one, as names of routes may have blanks. */
static void
join(char text[CONTROL_LINE_MAX + 1], const struct control_reply *reply)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < reply->n_args && len < CONTROL_LINE_MAX; i++)
		len += (size_t)snprintf(text + len, CONTROL_LINE_MAX + 1 - len, "%s%s",
		    i > 0 ? " " : "", reply->args[i]);
}

static bool
is_route(const struct commands_context *cx, const char *name)
{
	const struct conf *cf = cx->assembly->conf;

	for (size_t i = 0; i < cf->n_routes; i++) {
		if (strcmp(cf->routes[i].name, name) == 0)
			return true;
	}
	/* Letters may be left of one that is gone. */
	return deadletters_count_of(cx->assembly->dead, name) > 0;
}

static int
refuse_id(struct control_reply *reply, int rc, const char *id)
{
	switch (rc) {
	case -EINVAL:
		return control_reply_refuse(reply, -ENOENT,
		    "there is no route \"%.200s\", and an id of a dead letter looks like "
		    "17 or 17-3fa9c1d2",
		    id);
	case -ENOTUNIQ:
		return control_reply_refuse(reply, rc,
		    "several dead letters are called \"%.200s\"; \"show dead-letters\" "
		    "has longer ids",
		    id);
	default:
		return control_reply_refuse(
		    reply, rc, "there is no dead letter \"%.200s\"", id);
	}
}

static int
parse_ids(
    struct letters_choice *lc, struct deadletters *dl, struct control_reply *reply)
{
	lc->keys = calloc(reply->n_args, sizeof(*lc->keys));
	if (lc->keys == NULL)
		return -ENOMEM;
	lc->by_id = true;
	for (size_t i = 0; i < reply->n_args; i++) {
		int rc = deadletters_find(dl, reply->args[i], &lc->keys[i]);

		if (rc < 0)
			return refuse_id(reply, rc, reply->args[i]);
		lc->n_keys++;
	}
	return 0;
}

static int
parse_route(struct letters_choice *lc, struct deadletters *dl, const char *name,
    struct control_reply *reply)
{
	struct deadletter_key key;
	int rc = deadletters_find(dl, name, &key);

	if (rc == 0 || rc == -ENOTUNIQ)
		return control_reply_refuse(reply, -ENOTUNIQ,
		    "\"%.200s\" is a route and the id of a dead letter; "
		    "\"show dead-letters\" has longer ids",
		    name);
	lc->route = strdup(name);
	return lc->route == NULL ? -ENOMEM : 0;
}

int
letters_choice_parse(struct letters_choice *ret, const struct commands_context *cx,
    struct control_reply *reply)
{
	struct letters_choice lc = { 0 };
	char words[CONTROL_LINE_MAX + 1];
	int rc;

	join(words, reply);
	if (words[0] == '\0' || strcmp(words, "all") == 0)
		rc = 0;
	else if (is_route(cx, words))
		rc = parse_route(&lc, cx->assembly->dead, words, reply);
	else
		rc = parse_ids(&lc, cx->assembly->dead, reply);
	if (rc < 0) {
		letters_choice_done(&lc);
		return rc;
	}
	*ret = lc;
	return 0;
}

void
letters_choice_done(struct letters_choice *lc)
{
	free(lc->route);
	free(lc->keys);
	*lc = (struct letters_choice){ 0 };
}

struct fix {
	struct deadletter_key *keys;
	size_t n, room;
	uint64_t held;
};

static int
fix_one(const struct deadletter_info *in, void *arg)
{
	struct fix *fx = arg;

	if (in->flags & DEAD_HELD) {
		fx->held++;
		return 0;
	}
	if (fx->n == fx->room) {
		size_t room = fx->room == 0 ? 64 : 2 * fx->room;
		struct deadletter_key *keys =
		    realloc(fx->keys, room * sizeof(*fx->keys));

		if (keys == NULL)
			return -ENOMEM;
		fx->keys = keys;
		fx->room = room;
	}
	fx->keys[fx->n++] = in->key;
	return 0;
}

int
letters_choice_fix(
    struct letters_choice *lc, struct deadletters *dl, uint64_t *ret_held)
{
	struct fix fx = { 0 };
	int rc;

	*ret_held = 0;
	if (lc->by_id)
		return 0;
	rc = deadletters_list(dl, lc->route, fix_one, &fx);
	if (rc < 0) {
		free(fx.keys);
		return rc;
	}
	lc->keys = fx.keys;
	lc->n_keys = fx.n;
	*ret_held = fx.held;
	return 0;
}

void
letters_choice_format(const struct letters_choice *lc, char *text, size_t size)
{
	const char *plural = lc->n_keys == 1 ? "" : "s";
	char id[DEADLETTER_ID];

	if (lc->by_id && lc->n_keys == 1)
		(void)snprintf(
		    text, size, "dead letter %s", deadletter_id(id, &lc->keys[0]));
	else if (lc->by_id)
		(void)snprintf(text, size, "%zu dead letters", lc->n_keys);
	else if (lc->route != NULL)
		(void)snprintf(text, size, "%zu dead letter%s of route %s", lc->n_keys,
		    plural, quote(lc->route).text);
	else
		(void)snprintf(text, size, "all %zu dead letter%s", lc->n_keys, plural);
}
