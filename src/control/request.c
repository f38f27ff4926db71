#include "control/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/quote.h"
#include "control/command.h"

#define NEAR_MAX  2  /* changed letters, in all words together, that are still a slip */
#define NEAR_WORD 32 /* bytes; longer words are not compared, which bounds the work */

/* Does what a command takes begin here, behind its own words? */
static bool
is_argument(const char *word)
{
	size_t len = strcspn(word, " ");

	return *word == '[' || (*word >= 'A' && *word <= 'Z') ||
	       memchr(word, '|', len) != NULL;
}

size_t
request_word(const struct control_command *cm, size_t i, const char **ret)
{
	const char *at = cm->words;
	size_t len = strcspn(at, " ");

	while (i-- > 0) {
		if (at[len] == '\0')
			return 0;
		at += len + 1;
		len = strcspn(at, " ");
	}
	if (is_argument(at))
		return 0;
	*ret = at;
	return len;
}

/* One word of what a command takes. */
static void
count_argument(struct request_arguments *ret, const char *word, size_t len, bool inside)
{
	static const char yes[] = "[yes]", more[] = "...";
	bool optional = inside || word[0] == '[';

	if (len == sizeof(yes) - 1 && memcmp(word, yes, len) == 0) {
		ret->confirms = true;
		return;
	}
	if (!optional)
		ret->min++;
	ret->max++;
	if (word[len - 1] == ']')
		len--;
	if (len >= sizeof(more) - 1 &&
	    memcmp(word + len - (sizeof(more) - 1), more, sizeof(more) - 1) == 0)
		ret->max = REQUEST_WORDS_MAX;
}

size_t
request_words_len(const struct control_command *cm)
{
	const char *at = cm->words;

	while (*at != '\0' && !is_argument(at)) {
		at += strcspn(at, " ");
		at += strspn(at, " ");
	}
	while (at > cm->words && at[-1] == ' ')
		at--;
	return (size_t)(at - cm->words);
}

const char *
request_argument(const struct control_command *cm, size_t i)
{
	const char *at = cm->words + request_words_len(cm);
	const char *last = NULL;
	struct request_arguments ra;

	at += strspn(at, " ");
	for (size_t k = 0; *at != '\0' && k <= i; k++) {
		last = at;
		at += strcspn(at, " ");
		at += strspn(at, " ");
		if (k == i)
			return last;
	}
	request_arguments(&ra, cm);
	return ra.max == REQUEST_WORDS_MAX ? last : NULL;
}

void
request_arguments(struct request_arguments *ret, const struct control_command *cm)
{
	const char *at = cm->words;
	bool inside = false; /* of brackets around several words */
	bool begun = false;  /* behind the words of its own */

	*ret = (struct request_arguments){ 0 };
	while (*at != '\0') {
		size_t len = strcspn(at, " ");

		begun = begun || is_argument(at);
		if (begun)
			count_argument(ret, at, len, inside);
		inside = (inside || *at == '[') && at[len - 1] != ']';
		at += len;
		at += strspn(at, " ");
	}
}

/* Is it one of several words, as they stand in a row: "route|peer"? */
static bool
is_one_of(const char *word, const char *several, size_t len)
{
	size_t word_len = strlen(word);

	while (len > 0) {
		const char *end = memchr(several, '|', len);
		size_t n = end == NULL ? len : (size_t)(end - several);

		if (n == word_len && memcmp(several, word, n) == 0)
			return true;
		several += end == NULL ? n : n + 1;
		len -= end == NULL ? n : n + 1;
	}
	return false;
}

/* A word in brackets alone, "[route|peer]", of which not all are there, is the one that is not, or may
 * be; when all are there it is one of those. */
static bool
begins_well(const char *at, size_t len, const char *arg, bool full)
{
	bool literal = len > 2 && at[len - 1] == ']' && at[1] >= 'a' && at[1] <= 'z';

	return !full || !literal || is_one_of(arg, at + 1, len - 2);
}

bool
request_fits(const struct control_command *cm, const char *const *args, size_t n)
{
	const char *at = cm->words + request_words_len(cm);
	struct request_arguments ra;

	request_arguments(&ra, cm);
	if (n < ra.min || n > ra.max)
		return false;
	for (size_t i = 0; i < n; i++) {
		size_t len;

		at += strspn(at, " ");
		len = strcspn(at, " ");
		if (len > 0 && *at == '[')
			return begins_well(at, len, args[i], n == ra.max);
		if (len == 0)
			break;
		if (!is_argument(at) &&
		    (strlen(args[i]) != len || memcmp(args[i], at, len) != 0))
			return false;
		at += len;
	}
	return true;
}

bool
request_same_words(const struct control_command *a, const struct control_command *b)
{
	size_t len = request_words_len(a);

	return len == request_words_len(b) && memcmp(a->words, b->words, len) == 0;
}

/* Do two commands begin with the same n words? */
static bool
same_path(const struct control_command *a, const struct control_command *b, size_t n)
{
	const char *word_a;
	const char *word_b;

	for (size_t i = 0; i < n; i++) {
		size_t len = request_word(a, i, &word_a);

		if (len == 0 || len != request_word(b, i, &word_b) ||
		    memcmp(word_a, word_b, len) != 0)
			return false;
	}
	return true;
}

/* What is known while the words are followed through the table. */
struct search {
	const struct control_command *commands;
	size_t n;
	const struct control_command
	    *lead;    /* any command of the path so far, or NULL */
	size_t depth; /* words in the path */
};

/* Is the command in the path, with a word behind it that may be abbreviated so? */
static bool
search_admits(
    const struct search *sr, const struct control_command *cm, const char *abbreviation)
{
	const char *word;

	if (!same_path(cm, sr->lead, sr->depth))
		return false;
	return request_word(cm, sr->depth, &word) > 0 &&
	       strncmp(word, abbreviation, strlen(abbreviation)) == 0;
}

/* Follow one more word. Returns 0, -ENOENT, or -ENOTUNIQ. */
static int
search_follow(struct search *sr, const char *abbreviation)
{
	const struct control_command *found = NULL;
	const char *word;
	bool several = false;

	for (size_t i = 0; i < sr->n; i++) {
		const struct control_command *cm = &sr->commands[i];

		if (!search_admits(sr, cm, abbreviation))
			continue;
		if (request_word(cm, sr->depth, &word) == strlen(abbreviation)) {
			found = cm;
			several = false;
			break;
		}
		if (found == NULL)
			found = cm;
		else if (!same_path(cm, found, sr->depth + 1))
			several = true;
	}
	if (found == NULL)
		return -ENOENT;
	if (several)
		return -ENOTUNIQ;
	sr->lead = found;
	sr->depth++;
	return 0;
}

/* The command that ends where the path does, or NULL. */
static const struct control_command *
search_complete(const struct search *sr)
{
	const char *word;

	for (size_t i = 0; i < sr->n; i++) {
		const struct control_command *cm = &sr->commands[i];

		if (same_path(cm, sr->lead, sr->depth) &&
		    request_word(cm, sr->depth, &word) == 0)
			return cm;
	}
	return NULL;
}

/* An explanation that is being written; the names in it may be cut short. */
struct why {
	char *text; /* REQUEST_WHY_MAX bytes */
	size_t len;
	size_t n_named;
};

static void
why_begin(struct why *wy, const struct request *rq, size_t n_words, const char *fault)
{
	char said[CONTROL_LINE_MAX + 1];
	size_t len = 0;

	for (size_t i = 0; i < n_words; i++) {
		size_t word_len = strlen(rq->words[i]);

		if (i > 0)
			said[len++] = ' ';
		memcpy(said + len, rq->words[i], word_len);
		len += word_len;
	}
	wy->len = (size_t)snprintf(
	    wy->text, REQUEST_WHY_MAX, "\"%s\" %s", quote_bytes(said, len).text, fault);
}

static void
why_name(struct why *wy, const char *before, const struct control_command *cm)
{
	static const char more[] = ", ...";
	size_t left = REQUEST_WHY_MAX - wy->len;
	const char *mark = wy->n_named == 0 ? before : ", ";
	size_t need = strlen(mark) + strlen(cm->words);

	if (left <= sizeof(more)) /* said already, or no room even for that */
		return;
	if (need + sizeof(more) >= left) {
		memcpy(wy->text + wy->len, more, sizeof(more));
		wy->len = REQUEST_WHY_MAX;
		return;
	}
	wy->len += (size_t)snprintf(wy->text + wy->len, left, "%s%s", mark, cm->words);
	wy->n_named++;
}

static size_t
min_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Letters to change, insert or leave out (Levenshtein), for words of at most NEAR_WORD. */
static size_t
edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t row[NEAR_WORD + 1];

	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t changed = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = min_of(changed, 1 + min_of(row[j], row[j - 1]));
		}
	}
	return row[b_len];
}

/* How far a request is from a command; more than NEAR_MAX means: not near. */
static size_t
request_distance(const struct request *rq, const struct control_command *cm)
{
	size_t sum = 0;
	const char *word;
	size_t len;

	for (size_t i = 0; i < rq->n_words; i++) {
		size_t typed = strlen(rq->words[i]);
		size_t distance;

		len = request_word(cm, i, &word);
		if (len == 0)
			break;
		if (strncmp(word, rq->words[i], typed) == 0)
			continue;
		if (len > NEAR_WORD || typed > NEAR_WORD)
			return NEAR_MAX + 1;
		distance = edit_distance(rq->words[i], typed, word, len);
		if (distance >= typed) /* as far as with no letter right */
			return NEAR_MAX + 1;
		sum += distance;
	}
	return sum;
}

static int
explain_unknown(struct why *wy, const struct request *rq, const struct search *sr)
{
	size_t nearest = NEAR_MAX + 1;

	why_begin(wy, rq, sr->depth + 1, "is not a command");
	for (size_t i = 0; i < sr->n; i++)
		nearest = min_of(nearest, request_distance(rq, &sr->commands[i]));
	for (size_t i = 0; nearest <= NEAR_MAX && i < sr->n; i++) {
		if (request_distance(rq, &sr->commands[i]) == nearest)
			why_name(wy, "; near is: ", &sr->commands[i]);
	}
	if (wy->n_named == 0)
		(void)snprintf(wy->text + wy->len, REQUEST_WHY_MAX - wy->len,
		    "; \"help\" lists them all");
	return -ENOENT;
}

static int
explain_ambiguous(struct why *wy, const struct request *rq, const struct search *sr)
{
	why_begin(wy, rq, sr->depth + 1, "may mean");
	for (size_t i = 0; i < sr->n; i++) {
		if (search_admits(sr, &sr->commands[i], rq->words[sr->depth]))
			why_name(wy, ": ", &sr->commands[i]);
	}
	return -ENOTUNIQ;
}

static int
explain_incomplete(struct why *wy, const struct request *rq, const struct search *sr)
{
	why_begin(wy, rq, sr->depth, "wants another word");
	for (size_t i = 0; i < sr->n; i++) {
		if (same_path(&sr->commands[i], sr->lead, sr->depth))
			why_name(wy, ": ", &sr->commands[i]);
	}
	return -EINVAL;
}

int
request_match(struct request_match *ret, char why[REQUEST_WHY_MAX],
    const struct request *rq, const struct control_command *commands, size_t n)
{
	struct search sr = { .commands = commands, .n = n };
	struct why wy = { .text = why };
	struct request_match best = { 0 };
	int rc = 0;

	if (rq->n_words == 0) {
		(void)snprintf(why, REQUEST_WHY_MAX,
		    "the request is empty; \"help\" lists the commands");
		return -EINVAL;
	}
	while (sr.depth < rq->n_words) {
		const struct control_command *cm;

		rc = search_follow(&sr, rq->words[sr.depth]);
		if (rc != 0)
			break;
		cm = search_complete(&sr);
		if (cm != NULL)
			best = (struct request_match){ cm, sr.depth };
	}
	if (rc == -ENOTUNIQ)
		return explain_ambiguous(&wy, rq, &sr);
	if (best.command != NULL) {
		*ret = best;
		return 0;
	}
	if (rc == -ENOENT)
		return explain_unknown(&wy, rq, &sr);
	return explain_incomplete(&wy, rq, &sr);
}
