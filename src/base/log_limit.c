#include "base/log_limit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FIELDS 4

/* What makes a line the same as another, built up. */
struct key {
	size_t len; /* above LOG_LIMIT_KEY: it did not fit */
	char bytes[LOG_LIMIT_KEY];
};

static void
key_put(struct key *ky, const void *bytes, size_t len)
{
	if (ky->len + len <= sizeof(ky->bytes))
		memcpy(ky->bytes + ky->len, bytes, len);
	ky->len += len;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The text with each run of digits as one '#'. */
static void
key_put_alike(struct key *ky, const char *text)
{
	for (; *text != '\0'; text++) {
		if (!is_digit(*text))
			key_put(ky, text, 1);
		else if (!is_digit(text[1]))
			key_put(ky, "#", 1);
	}
}

static void
fields_list(const char *ret[FIELDS], const struct log_fields *fields)
{
	ret[0] = fields->route;
	ret[1] = fields->peer;
	ret[2] = fields->queue;
	ret[3] = fields->reason;
}

static void
key_make(struct key *ky, const struct log_line *ln)
{
	const char *fields[FIELDS];

	ky->len = 0;
	fields_list(fields, &ln->fields);
	key_put(ky, &ln->id, sizeof(ln->id));
	key_put(ky, &ln->level, sizeof(ln->level));
	key_put(ky, ln->area, strlen(ln->area) + 1);
	for (size_t i = 0; i < FIELDS; i++) {
		if (fields[i] != NULL)
			key_put(ky, fields[i], strlen(fields[i]));
		key_put(ky, "", 1);
	}
	if (ln->id != EVENT_NONE && event_kind(ln->id)->same == EVENT_SAME_ALIKE)
		key_put_alike(ky, ln->text);
	else
		key_put(ky, ln->text, strlen(ln->text));
}

static struct log_limit_entry *
entry_find(struct log_limit *lm, const struct key *ky)
{
	for (size_t i = 0; i < LOG_LIMIT_LINES; i++) {
		struct log_limit_entry *en = &lm->entries[i];

		if (en->key_len == ky->len && memcmp(en->key, ky->bytes, ky->len) == 0)
			return en;
	}
	return NULL;
}

/* A free one, or the one that has been silent for the longest; never one with a count that
 * was not told. */
static struct log_limit_entry *
entry_get(struct log_limit *lm)
{
	struct log_limit_entry *best = NULL;

	for (size_t i = 0; i < LOG_LIMIT_LINES; i++) {
		struct log_limit_entry *en = &lm->entries[i];

		if (en->key_len == 0)
			return en;
		if (en->hidden == 0 && (best == NULL || en->last < best->last))
			best = en;
	}
	return best;
}

/* The entry's key is the line's: the fields stand in it, each with its NUL. */
static void
entry_remember(struct log_limit_entry *en, const struct log_line *ln)
{
	const char *fields[FIELDS], *kept[FIELDS];
	const char *at =
	    en->key + sizeof(ln->id) + sizeof(ln->level) + strlen(ln->area) + 1;

	fields_list(fields, &ln->fields);
	for (size_t i = 0; i < FIELDS; i++) {
		kept[i] = fields[i] == NULL ? NULL : at;
		at += strlen(at) + 1;
	}
	en->line = *ln;
	en->line.fields = (struct log_fields){ kept[0], kept[1], kept[2], kept[3] };
}

static void
entry_count(struct log_limit_entry *en, const struct log_line *ln)
{
	en->hidden++;
	/* Numbers in it may have changed: the newest is told. */
	if (snprintf(en->text, sizeof(en->text), "%s", ln->text) >=
	    (int)sizeof(en->text))
		memcpy(
		    en->text + sizeof(en->text) - sizeof("..."), "...", sizeof("..."));
}

bool
log_limit_pass(struct log_limit *lm, const struct log_line *ln, uint64_t now_ms)
{
	struct log_limit_entry *en;
	struct key ky;

	key_make(&ky, ln);
	if (ky.len > LOG_LIMIT_KEY)
		return true;
	en = entry_find(lm, &ky);
	if (en != NULL && en->hidden == 0 && now_ms - en->since_ms >= LOG_LIMIT_MS) {
		en->since_ms = now_ms;
		en->written = 0;
	}
	if (en == NULL) {
		en = entry_get(lm);
		if (en == NULL)
			return true;
		en->since_ms = now_ms;
		en->written = 0;
		en->hidden = 0;
		en->key_len = ky.len;
		memcpy(en->key, ky.bytes, ky.len);
		entry_remember(en, ln);
	}
	en->last = ++lm->order;
	if (en->written < LOG_LIMIT_FIRST) {
		en->written++;
		return true;
	}
	entry_count(en, ln);
	return false;
}

/* Of those that are due, the one whose newest line is the oldest. */
static struct log_limit_entry *
entry_due(struct log_limit *lm, uint64_t now_ms, bool all)
{
	struct log_limit_entry *best = NULL;

	for (size_t i = 0; i < LOG_LIMIT_LINES; i++) {
		struct log_limit_entry *en = &lm->entries[i];

		if (en->hidden > 0 && (all || now_ms - en->since_ms >= LOG_LIMIT_MS) &&
		    (best == NULL || en->last < best->last))
			best = en;
	}
	return best;
}

bool
log_limit_due(
    struct log_limit *lm, struct log_line *ret, char *buf, uint64_t now_ms, bool all)
{
	struct log_limit_entry *en = entry_due(lm, now_ms, all);
	uint64_t seconds;

	if (en == NULL)
		return false;
	seconds = (now_ms - en->since_ms + 999) / 1000;
	(void)snprintf(buf, LOG_LINE_MAX,
	    "%s ... repeated %" PRIu64 " times in the last %" PRIu64 " s", en->text,
	    en->hidden, seconds > 0 ? seconds : 1);
	*ret = en->line;
	ret->text = buf;
	ret->repeated = en->hidden;
	/* What goes on is counted from its first line on. */
	en->since_ms = now_ms;
	en->hidden = 0;
	return true;
}
