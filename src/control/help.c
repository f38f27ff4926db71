#include "control/help.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/quote.h"
#include "control/command.h"
#include "control/request.h"
#include "control/roles.h"

static const struct control_column help_columns[] = {
	{ "command", "COMMAND" },
	{ "role", "ROLE" },
	{ "help", "SHOWS" },
	{ NULL, NULL },
};

const struct control_command help_command = {
	.words = "help [COMMAND...]",
	.role = CONTROL_VIEWER,
	.help =
	    "these commands, or one; each word may be abbreviated; \"json\" at the end for "
	    "JSON",
	.columns = help_columns,
	.as_list = 1,
};

/* A client that lays answers out itself needs what the text form is made of. */
static json_t *
columns_of(const struct control_command *cm)
{
	json_t *array = json_array();

	for (const struct control_column *co = cm->columns; co->member != NULL; co++) {
		json_t *column = json_pack(
		    "{s:s, s:s}", "member", co->member, "heading", co->heading);

		if (json_array_append_new(array, column) != 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static int
add_item(json_t *items, const struct control_command *cm)
{
	json_t *item = json_pack("{s:s, s:s, s:s, s:b, s:o}", "command", cm->words,
	    "role", roles_name(cm->role), "help", cm->help, "as_list", cm->as_list,
	    "columns", columns_of(cm));

	return json_array_append_new(items, item) == 0 ? 0 : -ENOMEM;
}

enum fit {
	FIT_NOT,
	FIT_OVER, /* it has no more words of its own: what stands there is an argument */
	FIT_BEGIN, /* an abbreviation */
	FIT_WHOLE,
};

static enum fit
fit_of(const struct control_command *cm, size_t i, const char *typed)
{
	size_t typed_len = strlen(typed);
	const char *word;
	size_t len = request_word(cm, i, &word);

	if (len == 0)
		return FIT_OVER;
	if (typed_len > len || memcmp(word, typed, typed_len) != 0)
		return FIT_NOT;
	return typed_len == len ? FIT_WHOLE : FIT_BEGIN;
}

/* Of those that are left, only those stay that fit the word number i best. Returns how many. */
static size_t
keep_best(bool *left, const struct control_command *commands, size_t n,
    const char *const *words, size_t i)
{
	enum fit best = FIT_NOT;
	size_t n_left = 0;

	for (size_t k = 0; k < n; k++) {
		enum fit fit = left[k] ? fit_of(&commands[k], i, words[i]) : FIT_NOT;

		best = fit > best ? fit : best;
	}
	for (size_t k = 0; k < n; k++) {
		left[k] = left[k] && best != FIT_NOT &&
			  fit_of(&commands[k], i, words[i]) == best;
		n_left += left[k];
	}
	return n_left;
}

int
help_run(struct control_reply *reply, const struct control_command *commands, size_t n)
{
	bool *left = malloc(n * sizeof(*left) + 1);
	int rc = left == NULL ? -ENOMEM : 0;

	reply->kind = "help";
	for (size_t k = 0; rc == 0 && k < n; k++)
		left[k] = true;
	for (size_t i = 0; rc == 0 && i < reply->n_args; i++) {
		if (keep_best(left, commands, n, reply->args, i) == 0)
			rc = control_reply_refuse(reply, -EINVAL,
			    "\"%s\" is not a command; \"help\" lists them all",
			    quote(reply->args[i]).text);
	}
	for (size_t k = 0; rc == 0 && k < n; k++) {
		if (left[k])
			rc = add_item(reply->items, &commands[k]);
	}
	free(left);
	return rc;
}
