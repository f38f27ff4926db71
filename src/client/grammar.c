#include "client/grammar.h"

#include <assert.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define TOKENS_MAX 16 /* of a row */
#define PLACES_MAX 16 /* where the words that were followed may have led to */

/* A word of a row, without what stands around it. */
struct token {
	const char *at;
	size_t len;
	bool opens, closes; /* a group in brackets */
	bool repeats;
};

struct place {
	size_t at;     /* the token behind it */
	uint32_t used; /* groups, by the number of their first token */
};

struct grammar {
	struct token tokens[TOKENS_MAX];
	size_t n;
	size_t own; /* the first of them are the command itself */
	struct place places[PLACES_MAX];
	size_t n_places;
	const char *last; /* the word that was followed last, or NULL */
};

static void
read_row(struct grammar *gr, const char *row)
{
	while (*row != '\0' && gr->n < TOKENS_MAX) {
		struct token *tk = &gr->tokens[gr->n++];
		size_t len = strcspn(row, " ");

		tk->opens = *row == '[';
		tk->closes = row[len - 1] == ']';
		tk->at = row + tk->opens;
		tk->len = len - tk->opens - tk->closes;
		while (tk->len > 0 && tk->at[tk->len - 1] == '.') {
			tk->len--;
			tk->repeats = true;
		}
		row += len;
		row += strspn(row, " ");
	}
}

/* A word that stands for itself, and for nothing else? */
static bool
is_keyword(const struct token *tk)
{
	return tk->len > 0 && !isupper((unsigned char)*tk->at) &&
	       memchr(tk->at, '|', tk->len) == NULL;
}

static size_t
count_own(const struct grammar *gr)
{
	size_t n = 0;

	while (n < gr->n && !gr->tokens[n].opens && is_keyword(&gr->tokens[n]))
		n++;
	return n;
}

/* Call with each of "ROUTE|PEER|all". */
static void
each_alternative(const struct token *tk, grammar_fn *fn, void *owner)
{
	const char *at = tk->at;
	const char *end = tk->at + tk->len;

	while (at < end) {
		const char *bar = memchr(at, '|', (size_t)(end - at));
		const char *stop = bar == NULL ? end : bar;

		fn(owner, at, (size_t)(stop - at));
		at = bar == NULL ? end : bar + 1;
	}
}

/* ---- from place to place ---------------------------------------------------------- */

/* The first token of the group that ends with this one. */
static size_t
group_begin(const struct grammar *gr, size_t i)
{
	while (i > 0 && !gr->tokens[i].opens)
		i--;
	return i;
}

static size_t
group_end(const struct grammar *gr, size_t i)
{
	while (i + 1 < gr->n && !gr->tokens[i].closes)
		i++;
	return i + 1;
}

static bool
is_inside(const struct grammar *gr, size_t at)
{
	for (size_t i = at; i > gr->own && !gr->tokens[i - 1].closes; i--) {
		if (gr->tokens[i - 1].opens)
			return true;
	}
	return false;
}

/* The groups before a place that may still come. */
static size_t
run_begin(const struct grammar *gr, size_t at)
{
	while (at > gr->own && gr->tokens[at - 1].closes &&
	       is_keyword(&gr->tokens[group_begin(gr, at - 1)]))
		at = group_begin(gr, at - 1);
	return at;
}

/* The tokens that may stand in a place. Returns how many. */
static size_t
find_tokens(
    const struct grammar *gr, const struct place *pl, size_t ret[TOKENS_MAX + 1])
{
	size_t n = 0, i = pl->at;

	if (is_inside(gr, i)) {
		if (i < gr->n)
			ret[n++] = i;
		return n;
	}
	if (i > 0 && gr->tokens[i - 1].repeats)
		ret[n++] = i - 1;
	for (i = run_begin(gr, i); i < gr->n && gr->tokens[i].opens;
	     i = group_end(gr, i)) {
		if ((pl->used & 1U << i) == 0)
			ret[n++] = i;
	}
	if (i < gr->n)
		ret[n++] = i;
	return n;
}

struct trial {
	const char *word;
	bool literal, typed;
};

static void
try_alternative(void *owner, const char *word, size_t len)
{
	struct trial *tr = owner;

	if (isupper((unsigned char)*word))
		tr->typed = true;
	else if (strlen(tr->word) == len && memcmp(tr->word, word, len) == 0)
		tr->literal = true;
}

static void
go_on(struct grammar *gr, const struct place *from, size_t token)
{
	struct place *pl = &gr->places[gr->n_places];

	if (gr->n_places == PLACES_MAX)
		return;
	*pl = (struct place){ token + 1, from->used };
	if (gr->tokens[token].opens)
		pl->used |= 1U << token;
	gr->n_places++;
}

/* The places behind a word from there on; literal: where it stands for itself. */
static void
follow_from(
    struct grammar *gr, const struct place *from, const char *word, bool literal)
{
	size_t tokens[TOKENS_MAX + 1];
	size_t n = find_tokens(gr, from, tokens);

	for (size_t i = 0; i < n; i++) {
		struct trial tr = { .word = word };

		each_alternative(&gr->tokens[tokens[i]], try_alternative, &tr);
		if (literal ? tr.literal : tr.typed)
			go_on(gr, from, tokens[i]);
	}
}

/* The places behind a word: what stands for itself goes before what may be any name. */
static void
follow_word(struct grammar *gr, const char *word)
{
	struct place from[PLACES_MAX];
	size_t n_from = gr->n_places;

	memcpy(from, gr->places, sizeof(from));
	gr->n_places = 0;
	for (size_t k = 0; k < n_from; k++)
		follow_from(gr, &from[k], word, true);
	if (gr->n_places == 0) {
		for (size_t k = 0; k < n_from; k++)
			follow_from(gr, &from[k], word, false);
	}
	gr->last = word;
}

/* ---- what comes next -------------------------------------------------------------- */

struct offer {
	grammar_fn *next;
	void *owner;
	const char *only; /* "peer": of several in capitals PEER; NULL: all */
	bool found;
};

static bool
is_capitals_of(const char *word, const char *capitals, size_t len)
{
	if (strlen(word) != len)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (toupper((unsigned char)word[i]) != capitals[i])
			return false;
	}
	return true;
}

static void
look_for_only(void *owner, const char *word, size_t len)
{
	struct offer *of = owner;

	of->found = of->found || is_capitals_of(of->only, word, len);
}

static void
offer_alternative(void *owner, const char *word, size_t len)
{
	struct offer *of = owner;

	if (!of->found || !isupper((unsigned char)*word) ||
	    is_capitals_of(of->only, word, len))
		of->next(of->owner, word, len);
}

static void
offer_token(const struct grammar *gr, size_t token, struct offer *of)
{
	const struct token *tk = &gr->tokens[token];

	/* "[route|peer] ROUTE|PEER|all": the word before says which of the names is meant. */
	of->found = false;
	of->only = gr->last;
	if (gr->last != NULL && token > gr->own && gr->tokens[token - 1].closes)
		each_alternative(tk, look_for_only, of);
	each_alternative(tk, offer_alternative, of);
}

static void
offer_next(const struct grammar *gr, grammar_fn *next, void *owner)
{
	struct offer of = { .next = next, .owner = owner };
	size_t tokens[TOKENS_MAX + 1];

	for (size_t k = 0; k < gr->n_places; k++) {
		size_t n = find_tokens(gr, &gr->places[k], tokens);

		for (size_t i = 0; i < n; i++)
			offer_token(gr, tokens[i], &of);
	}
}

int
grammar_follow(
    const char *row, const char *const *words, size_t n, grammar_fn *next, void *owner)
{
	struct grammar gr = { .n_places = 1 };
	size_t i;

	read_row(&gr, row);
	gr.own = count_own(&gr);
	for (i = 0; i < n && i < gr.own; i++) {
		size_t len = strlen(words[i]);

		assert(gr.tokens[i].at != NULL);
		if (len > gr.tokens[i].len ||
		    memcmp(gr.tokens[i].at, words[i], len) != 0)
			return -1;
	}
	gr.places[0].at = i;
	for (size_t k = i; k < n && gr.n_places > 0; k++)
		follow_word(&gr, words[k]);
	if (gr.n_places == 0)
		return -1;
	if (next != NULL)
		offer_next(&gr, next, owner);
	return (int)i;
}
