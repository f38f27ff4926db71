#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/digit.h"
#include "control/command.h"
#include "control/request.h"
#include "control/text.h"

bool
request_wants_json(const char *line, size_t len)
{
	static const char word[] = "json";
	size_t word_len = sizeof(word) - 1;

	while (len > 0 && line[len - 1] == ' ')
		len--;
	if (len < word_len || memcmp(line + len - word_len, word, word_len) != 0)
		return false;
	return len == word_len || line[len - word_len - 1] == ' ';
}

/* Nothing in a request may steer a terminal or a log that shows it later. */
static bool
is_clean(const char *line, size_t len)
{
	const uint8_t *at = (const uint8_t *)line;
	json_t *string;

	for (size_t i = 0; i < len; i++) {
		if (at[i] < 0x20 || at[i] == 0x7f)
			return false;
		/* U+0080 to U+009F are control characters as well. */
		if (at[i] == 0xc2 && i + 1 < len && at[i + 1] < 0xa0)
			return false;
	}
	/* Jansson takes nothing but UTF-8. */
	string = json_stringn(line, len);
	json_decref(string);
	return string != NULL;
}

/* The byte that begins there, within quotes. Returns how many bytes stand for it, 0: none. */
static size_t
quoted_byte(char *ret, const char *at)
{
	int high, low;

	*ret = at[0];
	if (at[0] != '\\')
		return at[0] != '"' && at[0] != '\0';
	*ret = at[1];
	if (at[1] == '"' || at[1] == '\\')
		return 2;
	high = at[1] == 'x' ? digit_value(at[2]) : 16;
	low = high > 15 ? 16 : digit_value(at[3]);
	*ret = (char)(high * 16 + low);
	return low > 15 || *ret == '\0' ? 0 : 4;
}

/* Write the word that stands there in quotes, no longer than it is with them. Returns how many bytes
 * of the line it takes, 0: there is none, or it is not quoted as it should be. */
static size_t
unquote(char *out, const char *at)
{
	size_t len = 1, n = 0;
	size_t step;
	char byte;

	if (at[0] != '"')
		return 0;
	while ((step = quoted_byte(&byte, at + len)) > 0) {
		out[n++] = byte;
		len += step;
	}
	out[n] = '\0';
	if (n == 0 || at[len] != '"' || (at[len + 1] != ' ' && at[len + 1] != '\0'))
		return 0;
	return len + 1;
}

/* From a byte of the line on, as the words from number n on. plain: a quote is like other bytes. */
static int
cut_words(struct request *rq, size_t n, size_t at, bool plain)
{
	memcpy(rq->text + at, rq->line + at, strlen(rq->line + at) + 1);
	for (;;) {
		size_t len;

		at += strspn(rq->line + at, " ");
		if (rq->line[at] == '\0')
			break;
		if (n == REQUEST_WORDS_MAX)
			return -E2BIG;
		len = plain ? 0 : unquote(rq->text + at, rq->line + at);
		rq->quoted[n] = len > 0;
		if (len == 0) {
			len = strcspn(rq->line + at, " ");
			memcpy(rq->text + at, rq->line + at, len);
			rq->text[at + len] = '\0';
		}
		rq->words[n++] = rq->text + at;
		at += len;
	}
	rq->n_words = n;
	return 0;
}

int
request_split(struct request *ret, const char *line, size_t len)
{
	if (len > CONTROL_LINE_MAX)
		return -EMSGSIZE;
	if (!is_clean(line, len))
		return -EILSEQ;
	if (request_wants_json(line, len)) {
		while (line[len - 1] != 'j')
			len--;
		len--;
	}
	memcpy(ret->line, line, len);
	ret->line[len] = '\0';
	return cut_words(ret, 0, 0, false);
}

bool
request_is_body(const struct control_command *cm, size_t i)
{
	static const char body[] = "BODY";
	const char *at = request_argument(cm, i);

	return at != NULL && strncmp(at + (*at == '['), body, sizeof(body) - 1) == 0;
}

int
request_settle(struct request *rq, const struct control_command *cm, size_t n_words)
{
	for (size_t i = 0; i < rq->n_words; i++) {
		/* Where a word begins in the text, there it begins in the line. */
		if (i >= n_words && request_is_body(cm, i - n_words))
			return cut_words(
			    rq, i, (size_t)(rq->words[i] - rq->text), true);
		if (!rq->quoted[i] && rq->words[i][0] == '"')
			return -EINVAL;
	}
	return 0;
}

void
request_put_word(struct text *out, const char *word, bool in_quotes)
{
	size_t len = strlen(word);
	bool clean = is_clean(word, len);

	if (!in_quotes && clean && len > 0 && word[0] != '"' &&
	    strchr(word, ' ') == NULL) {
		text_puts(out, word);
		return;
	}
	text_puts(out, "\"");
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)word[i];
		char escaped[sizeof("\\xNN")];

		(void)snprintf(escaped, sizeof(escaped), "\\x%02x", byte);
		if (byte == '"' || byte == '\\')
			text_puts(out, "\\");
		if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !clean))
			text_puts(out, escaped);
		else
			text_put(out, &word[i], 1);
	}
	text_puts(out, "\"");
}

/* Is the word number i, counted from the last, that one, not in quotes? */
static bool
ends_with(const struct request *rq, size_t n_words, size_t i, const char *word)
{
	size_t at = rq->n_words - 1 - i;

	return rq->n_words > n_words + i && !rq->quoted[at] &&
	       strcmp(rq->words[at], word) == 0;
}

bool
request_confirms(
    const struct request *rq, const struct control_command *cm, size_t n_words)
{
	struct request_arguments ra;

	request_arguments(&ra, cm);
	return ra.confirms && ends_with(rq, n_words, 0, "yes");
}

bool
request_is_swapped(
    const struct request *rq, const struct control_command *cm, size_t n_words)
{
	return request_confirms(rq, cm, n_words) && ends_with(rq, n_words, 1, "json");
}
