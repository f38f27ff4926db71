#include "client/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/query.h"
#include "control/command.h"
#include "control/reply.h"
#include "control/request.h"

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

static size_t
read_command(
    struct control_command *ret, struct control_column *columns, const json_t *item)
{
	ret->words = json_string_value(json_object_get(item, "command"));
	ret->help = json_string_value(json_object_get(item, "help"));
	ret->as_list = json_is_true(json_object_get(item, "as_list"));
	ret->columns = columns;
	if (ret->words == NULL || ret->help == NULL)
		return 0;
	return read_columns(columns, json_object_get(item, "columns"));
}

/* 0, -ENOMEM, or -EBADMSG: this is no table of a daemon of our version. */
static int
read_table(struct verbs *ve, const json_t *items)
{
	size_t used = 0;

	ve->n = json_array_size(items);
	ve->commands = calloc(ve->n + 1, sizeof(*ve->commands));
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
