#include "client/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "client/query.h"
#include "control/command.h"
#include "control/help.h"
#include "control/reply.h"
#include "control/request.h"
#include "control/roles.h"

static const struct control_column no_columns[] = { { NULL, NULL } };

/* What the daemon's commands do is not ours. */
#define COMMAND(words, role, help, columns, as_list, run)                              \
	{ words, CONTROL_##role, help, no_columns, as_list, NULL },
#define OWN_COMMAND(words, help, run)
static const struct control_command daemons[] = {
#include "control/commands.def"
};

#define COMMAND(words, role, help, columns, as_list, run)
#define OWN_COMMAND(words, help, run)                                                  \
	{ words, CONTROL_VIEWER, help, no_columns, 1, NULL },
static const struct control_command own[] = {
#include "control/commands.def"
};

static size_t
count_columns(const json_t *items)
{
	size_t n = 0;

	/* And the end of each. */
	for (size_t i = 0; i < json_array_size(items); i++)
		n += 1 + json_array_size(
			     json_object_get(json_array_get(items, i), "columns"));
	return n;
}

/* Returns how many entries of columns were used, with the end, or 0: they are not as they
 * should be. */
static size_t
read_columns(struct control_column *columns, const json_t *array)
{
	size_t n = json_array_size(array);

	for (size_t i = 0; i < n; i++) {
		const json_t *column = json_array_get(array, i);

		columns[i].member =
		    json_string_value(json_object_get(column, "member"));
		columns[i].heading =
		    json_string_value(json_object_get(column, "heading"));
		if (columns[i].member == NULL || columns[i].heading == NULL)
			return 0;
	}
	return n == 0 ? 0 : n + 1;
}

/* 0: it is none. */
static enum control_role
role_of(const char *name)
{
	for (enum control_role role = CONTROL_VIEWER; role <= CONTROL_ADMIN; role++) {
		if (name != NULL && strcmp(name, roles_name(role)) == 0)
			return role;
	}
	return 0;
}

static size_t
read_command(
    struct control_command *ret, struct control_column *columns, const json_t *item)
{
	ret->words = json_string_value(json_object_get(item, "command"));
	ret->help = json_string_value(json_object_get(item, "help"));
	ret->role = role_of(json_string_value(json_object_get(item, "role")));
	ret->as_list = json_is_true(json_object_get(item, "as_list"));
	ret->columns = columns;
	if (ret->words == NULL || ret->help == NULL || ret->role == 0)
		return 0;
	return read_columns(columns, json_object_get(item, "columns"));
}

/* Behind the others, for which there is room. */
static void
add_own(struct verbs *ve)
{
	memcpy(ve->commands + ve->n, own, sizeof(own));
	ve->n += ARRAY_LEN(own);
}

/* 0, -ENOMEM, or -EBADMSG: this is no table of a daemon of our version. */
static int
read_table(struct verbs *ve, const json_t *items)
{
	size_t used = 0;

	ve->n = json_array_size(items);
	ve->commands = calloc(ve->n + ARRAY_LEN(own), sizeof(*ve->commands));
	ve->columns = calloc(count_columns(items) + 1, sizeof(*ve->columns));
	if (ve->commands == NULL || ve->columns == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < ve->n; i++) {
		size_t n = read_command(
		    &ve->commands[i], ve->columns + used, json_array_get(items, i));

		if (n == 0)
			return -EBADMSG;
		used += n;
	}
	add_own(ve);
	return 0;
}

int
verbs_ask(struct verbs *ret, struct query *qu)
{
	struct verbs ve = { 0 };
	int rc, status = query_run(qu, &ve.document, "help");

	if (status != REPLY_DONE)
		return status;
	rc = read_table(&ve, json_object_get(ve.document, "items"));
	if (rc == 0) {
		*ret = ve;
		return REPLY_DONE;
	}
	verbs_done(&ve);
	(void)snprintf(qu->why, sizeof(qu->why), "the table of the daemon at %s: %s",
	    qu->socket, rc == -ENOMEM ? strerror(ENOMEM) : "it is of another version");
	return REPLY_REFUSED;
}

int
verbs_built_in(struct verbs *ret)
{
	struct verbs ve = { 0 };

	ve.commands =
	    calloc(ARRAY_LEN(daemons) + 1 + ARRAY_LEN(own), sizeof(*ve.commands));
	if (ve.commands == NULL)
		return -ENOMEM;
	memcpy(ve.commands, daemons, sizeof(daemons));
	ve.n = ARRAY_LEN(daemons);
	ve.commands[ve.n++] = help_command;
	add_own(&ve);
	*ret = ve;
	return 0;
}

const struct control_command *
verbs_own(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(own);
	return own;
}

void
verbs_done(struct verbs *ve)
{
	free(ve->commands);
	free(ve->columns);
	json_decref(ve->document);
	*ve = (struct verbs){ 0 };
}

const struct control_command *
verbs_find(const struct verbs *ve, const char *line)
{
	char why[REQUEST_WHY_MAX];
	struct request_match match;
	struct request rq;

	if (request_split(&rq, line, strlen(line)) != 0 ||
	    request_match(&match, why, &rq, ve->commands, ve->n) != 0)
		return NULL;
	return match.command;
}
