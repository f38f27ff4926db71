#include "client/complete.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/compiler.h"
#include "client/grammar.h"
#include "client/query.h"
#include "client/verbs.h"
#include "control/command.h"
#include "control/help.h"
#include "control/reply.h"

#define SILENCE_MS 2000 /* somebody waits with a finger on a key */

/* What an argument in capitals stands for: the member of the items of an answer. */
static const struct type_row {
	const char *type;
	const char *request;
	const char *member;
} types[] = {
	{ "ROUTE", "show routes", "name" },
	{ "PEER", "show peers", "name" },
	{ "QUEUE", "show queues", "name" },
	{ "LETTER-ID", "show dead-letters", "id" },
	{ "HELD-ID", "show in-doubt", "id" },
	{ "STREAM-ID", "show in-doubt", "stream" },
	{ "AREA", "log", "area" },
};

struct completion {
	FILE *out;
	const char *socket;
	const char *const *words;
	size_t n;     /* of the words; the last is the one to complete */
	json_t *seen; /* what was printed, as the members of an object */
};

/* The items of the answer to a request, or NULL. */
static json_t *
ask_items(const char *socket, const char *request)
{
	struct query qu = { .socket = socket, .silence_ms = SILENCE_MS };
	json_t *document = NULL;
	json_t *items;

	if (query_run(&qu, &document, request) != REPLY_DONE && document == NULL)
		return NULL;
	items = json_incref(json_object_get(document, "items"));
	json_decref(document);
	return items;
}

/* One plain word for every shell? */
static bool
is_plain(const char *word, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)word[i]) &&
		    strchr("_/.:,%@+=-", word[i]) == NULL)
			return false;
	}
	return len > 0;
}

/* Print a word if it goes on as what was typed, and was not printed yet. */
static void
offer(struct completion *co, const char *word, size_t len)
{
	const char *typed = co->words[co->n - 1];

	if (len < strlen(typed) || memcmp(word, typed, strlen(typed)) != 0 ||
	    !is_plain(word, len) || json_object_getn(co->seen, word, len) != NULL)
		return;
	(void)json_object_setn_new(co->seen, word, len, json_true());
	(void)fprintf(co->out, "%.*s\n", (int)len, word);
}

static void
offer_names(struct completion *co, const struct type_row *row)
{
	json_t *items = ask_items(co->socket, row->request);
	json_t *item;
	size_t i;

	json_array_foreach(items, i, item)
	{
		const json_t *name = json_object_get(item, row->member);

		if (json_is_string(name))
			offer(co, json_string_value(name), json_string_length(name));
	}
	json_decref(items);
}

/* A word of a row: it stands for itself, or for what the daemon has. */
static void
offer_word(void *owner, const char *word, size_t len)
{
	struct completion *co = owner;

	if (!isupper((unsigned char)*word)) {
		offer(co, word, len);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strlen(types[i].type) == len &&
		    memcmp(types[i].type, word, len) == 0)
			offer_names(co, &types[i]);
	}
}

/* Only the words of commands themselves. */
static void
offer_own_word(void *owner, const char *word, size_t len)
{
	if (islower((unsigned char)*word))
		offer(owner, word, len);
}

/* Of the rows that go with the words before, those that have most of them as their own:
 * behind "resolve stream" nothing of "resolve ID" is meant. */
static void
offer_rows(struct completion *co, const struct verbs *ve, grammar_fn *next)
{
	size_t n = co->n - 1;
	int most = 0;

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < ve->n; i++) {
			const char *row = ve->commands[i].words;
			int own = grammar_follow(row, co->words, n, NULL, NULL);

			if (pass == 1 && own == most)
				(void)grammar_follow(row, co->words, n, next, co);
			most = own > most ? own : most;
		}
	}
}

/* Behind "help" stand the words of a command. */
static bool
asks_for_help(const struct completion *co)
{
	return co->n > 1 && co->words[0][0] != '\0' &&
	       strncmp(help_command.words, co->words[0], strlen(co->words[0])) == 0;
}

int
complete_command(FILE *out, const char *socket, const char *const *words, size_t n)
{
	struct completion co = { .out = out, .socket = socket, .words = words, .n = n };
	struct query qu = { .socket = socket, .silence_ms = SILENCE_MS };
	struct verbs ve = { 0 };
	int rc = 0;

	co.seen = json_object();
	if (co.seen == NULL)
		return -ENOMEM;
	if (verbs_ask(&ve, &qu) != REPLY_DONE)
		rc = verbs_built_in(&ve);
	if (asks_for_help(&co)) {
		co.words++;
		co.n--;
		offer_rows(&co, &ve, offer_own_word);
	} else {
		offer_rows(&co, &ve, offer_word);
	}
	verbs_done(&ve);
	json_decref(co.seen);
	return rc;
}
