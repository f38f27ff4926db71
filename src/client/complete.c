#include "client/complete.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/compiler.h"
#include "client/query.h"
#include "control/reply.h"

#define SILENCE_MS 2000 /* somebody waits with a finger on a key */
#define TYPE_MAX   16   /* bytes of "STREAM-ID" with its NUL */

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

/* One of the alternatives of an argument. */
static void
offer_alternative(struct completion *co, const char *at, size_t len)
{
	if (len > 0 && islower((unsigned char)*at)) {
		offer(co, at, len);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strlen(types[i].type) == len && memcmp(types[i].type, at, len) == 0)
			offer_names(co, &types[i]);
	}
}

/* A word of a row of the table: "show", "[ROUTE|all...]", "D]". */
static void
offer_word(struct completion *co, const char *at, size_t len)
{
	while (len > 0 && *at == '[') {
		at++;
		len--;
	}
	while (len > 0 && strchr("].", at[len - 1]) != NULL)
		len--;
	while (len > 0) {
		const char *bar = memchr(at, '|', len);
		size_t part = bar == NULL ? len : (size_t)(bar - at);

		offer_alternative(co, at, part);
		at += part;
		len -= part;
		if (len > 0) { /* the bar */
			at++;
			len--;
		}
	}
}

/* How far a row has been followed. */
struct follow {
	const char *at; /* the next word of the row */
	size_t len;     /* 0: there is none */
	bool repeats;   /* it ended in "..." */
};

static void
follow_next(struct follow *fo)
{
	static const char more[] = "...";
	size_t len = fo->len;

	while (len > 0 && fo->at[len - 1] == ']')
		len--;
	if (len >= sizeof(more) - 1 &&
	    memcmp(fo->at + len - (sizeof(more) - 1), more, sizeof(more) - 1) == 0) {
		fo->repeats = true;
		return;
	}
	fo->at += fo->len;
	fo->at += strspn(fo->at, " ");
	fo->len = strcspn(fo->at, " ");
}

static bool
is_own_word(const struct follow *fo)
{
	return fo->len > 0 && islower((unsigned char)*fo->at) &&
	       memchr(fo->at, '|', fo->len) == NULL;
}

/* Follow the words before the last. Returns how many of them are own words of the row, or -1:
 * it is another command. */
static int
follow_words(struct follow *ret, const struct completion *co, const char *row)
{
	struct follow fo = { .at = row, .len = strcspn(row, " ") };
	bool arguments = false;
	int n_own = 0;

	for (size_t i = 0; i + 1 < co->n && fo.len > 0; i++) {
		const char *word = co->words[i];

		arguments = arguments || !is_own_word(&fo);
		if (!arguments) {
			if (strlen(word) > fo.len ||
			    memcmp(fo.at, word, strlen(word)) != 0)
				return -1;
			n_own++;
		}
		follow_next(&fo);
	}
	*ret = fo;
	return n_own;
}

/* Offer what the row has at the place of the last word. */
static void
offer_row(struct completion *co, struct follow *fo)
{
	bool optional = fo->len > 0 && *fo->at == '[';

	offer_word(co, fo->at, fo->len);
	/* What is in brackets may be left out. */
	while (optional && fo->len > 0 && !fo->repeats) {
		bool closes = fo->at[fo->len - 1] == ']';

		follow_next(fo);
		if (!closes)
			continue;
		optional = fo->len > 0 && *fo->at == '[';
		offer_word(co, fo->at, fo->len);
	}
}

/* Of the rows that go with the words before, those that have most of them as their own:
 * behind "resolve stream" nothing of "resolve ID" is meant. */
static void
offer_rows(struct completion *co, const json_t *rows)
{
	struct follow fo = { 0 };
	int most = 0;

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < json_array_size(rows); i++) {
			const char *row = json_string_value(
			    json_object_get(json_array_get(rows, i), "command"));
			int n = row == NULL ? -1 : follow_words(&fo, co, row);

			if (pass == 1 && n == most)
				offer_row(co, &fo);
			most = n > most ? n : most;
		}
	}
}

int
complete_command(FILE *out, const char *socket, const char *const *words, size_t n,
    const char *const *own)
{
	struct completion co = { .out = out, .socket = socket, .words = words, .n = n };
	json_t *rows;

	co.seen = json_object();
	if (co.seen == NULL)
		return -ENOMEM;
	for (size_t i = 0; n == 1 && own[i] != NULL; i++)
		offer(&co, own[i], strlen(own[i]));
	rows = ask_items(socket, "help");
	offer_rows(&co, rows);
	json_decref(rows);
	json_decref(co.seen);
	return 0;
}
