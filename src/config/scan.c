#include "config/scan.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/digit.h"
#include "config/array.h"
#include "config/fault.h"

#define INCLUDE "@include"

/* One file on its way into the source. */
struct reader {
	struct scan *sc;
	size_t file;
	int line;
	const char *at;
	const char *end;
	int line_begins; /* nothing but blanks on this line so far */
};

static int
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*';
}

/* Continues a name, a number, or a word that is neither. */
static int
is_word(char c)
{
	return is_letter(c) || digit_is(c) || c == '_' || c == '-' || c == '+' ||
	       c == '.';
}

static size_t
left(const struct reader *rd)
{
	return (size_t)(rd->end - rd->at);
}

static int
starts_with(const struct reader *rd, const char *text)
{
	size_t len = strlen(text);

	return left(rd) >= len && memcmp(rd->at, text, len) == 0;
}

/* The next line of the joined text stands at that line of this file. */
static int
map_line(struct reader *rd)
{
	struct source *src = rd->sc->src;

	if (array_reserve(&src->lines, &src->lines_room, src->n_lines, 1,
		sizeof(*src->lines)) < 0)
		return -ENOMEM;
	src->lines[src->n_lines].file = rd->file;
	src->lines[src->n_lines].line = rd->line;
	src->n_lines++;
	return 0;
}

static int
put(struct source *src, const char *bytes, size_t len)
{
	if (array_reserve(&src->text, &src->room, src->len, len + 1, 1) < 0)
		return -ENOMEM;
	memcpy(src->text + src->len, bytes, len);
	src->len += len;
	src->text[src->len] = '\0';
	return 0;
}

/* Take len bytes over as they are. */
static int
copy(struct reader *rd, size_t len)
{
	const char *end = rd->at + len;
	int rc;

	rc = put(rd->sc->src, rd->at, len);
	for (; rc == 0 && rd->at < end; rd->at++) {
		if (*rd->at != '\n')
			continue;
		rd->line++;
		rc = map_line(rd);
	}
	return rc;
}

static int
fault(struct reader *rd, size_t line, const char *key, const char *why)
{
	fault_add(rd->sc->fl, line, key, "%s", why);
	return -EINVAL;
}

static int
copy_line_comment(struct reader *rd)
{
	const char *newline = memchr(rd->at, '\n', left(rd));

	return copy(rd, newline == NULL ? left(rd) : (size_t)(newline - rd->at));
}

static int
copy_block_comment(struct reader *rd)
{
	const char *end = memmem(rd->at + 2, left(rd) - 2, "*/", 2);

	if (end == NULL)
		return fault(rd, rd->sc->src->n_lines, "syntax",
		    "this comment is not closed by */");
	return copy(rd, (size_t)(end + 2 - rd->at));
}

/* libconfig leaks a string that stands where none can. Only the first mistake of a file
 * matters: there it ends. */
static int
string_may_stand(const struct scan *sc)
{
	if (sc->last == ',')
		return sc->nested > 0 && sc->open[sc->nested - 1] != '{';
	return sc->last != '\0' && strchr("=:([\"", sc->last) != NULL;
}

/* libconfig drops the byte that is written \x00, or the rest of the string with it. */
static int
copy_string(struct reader *rd)
{
	size_t begin = rd->sc->src->n_lines;
	const char *to;
	int nul = 0;

	for (to = rd->at + 1; to < rd->end && *to != '"'; to++) {
		if (*to != '\\')
			continue;
		if (rd->end - to >= 4 && memcmp(to, "\\x00", 4) == 0)
			nul = 1;
		to++;
	}
	if (!string_may_stand(rd->sc))
		return fault(rd, begin, "syntax", "no string can stand here");
	if (to >= rd->end)
		return fault(rd, begin, "syntax", "this string is not closed by \"");
	if (nul)
		(void)fault(rd, begin, "syntax", "no string can hold a byte 0");
	return copy(rd, (size_t)(to + 1 - rd->at));
}

/* The digits of an integer; value saturates. */
struct number {
	int hexadecimal;
	int negative;
	int is_long; /* has an L */
	uint64_t magnitude;
};

/* Is the word an integer as libconfig reads them? */
static int
read_number(struct number *nu, const char *at, const char *end)
{
	const char *first;
	uint64_t base = 10;

	*nu = (struct number){ 0 };
	if (end - at > 2 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X')) {
		nu->hexadecimal = 1;
		base = 16;
		at += 2;
	} else if (at < end && (*at == '-' || *at == '+')) {
		nu->negative = *at++ == '-';
	}
	for (first = at; at < end && digit_value(*at) < (int)base; at++) {
		uint64_t digit = (uint64_t)digit_value(*at);

		if (__builtin_mul_overflow(nu->magnitude, base, &nu->magnitude) ||
		    __builtin_add_overflow(nu->magnitude, digit, &nu->magnitude))
			nu->magnitude = UINT64_MAX;
	}
	if (at == first)
		return 0;
	for (int i = 0; i < 2 && at < end && *at == 'L'; i++, at++)
		nu->is_long = 1;
	return at == end;
}

/* What libconfig 1.5 makes of it: atoi(3), strtoll(3), strtoul(3) put into an int, or
 * strtoull(3) put into a long long, each with its own way to be wrong. */
static long long
taken_for(const struct number *nu)
{
	uint64_t most = (uint64_t)INT64_MAX + (unsigned)nu->negative;
	uint64_t magnitude = nu->magnitude > most ? most : nu->magnitude;
	uint64_t decimal = nu->negative ? 0 - magnitude : magnitude;

	if (nu->hexadecimal)
		return nu->is_long ? (long long)nu->magnitude : (int32_t)nu->magnitude;
	return nu->is_long ? (long long)decimal : (int32_t)decimal;
}

static int
is_exact(const struct number *nu)
{
	uint64_t most = nu->is_long ? INT64_MAX : INT32_MAX;

	return nu->magnitude <= most + (unsigned)nu->negative;
}

static int
copy_word(struct reader *rd)
{
	struct source *src = rd->sc->src;
	struct source_wide wide = { .line = src->n_lines };
	const char *to = rd->at;
	struct number nu;

	while (to < rd->end && is_word(*to))
		to++;
	if (is_letter(*rd->at))
		rd->sc->name_line = src->n_lines;
	else if (read_number(&nu, rd->at, to) && !is_exact(&nu)) {
		wide.name_line = rd->sc->name_line;
		wide.taken_for = taken_for(&nu);
		if (array_reserve(&src->wides, &src->wides_room, src->n_wides, 1,
			sizeof(wide)) < 0)
			return -ENOMEM;
		src->wides[src->n_wides++] = wide;
	}
	return copy(rd, (size_t)(to - rd->at));
}

static int
copy_bracket(struct reader *rd)
{
	struct scan *sc = rd->sc;

	if (strchr("({[", *rd->at) == NULL) {
		if (sc->nested > 0)
			sc->nested--;
	} else if (sc->nested == SOURCE_NESTED_MAX) {
		return fault(
		    rd, sc->src->n_lines, "syntax", "the brackets are nested too deep");
	} else {
		sc->open[sc->nested++] = *rd->at;
	}
	return copy(rd, 1);
}

/* The name between the quotes, unescaped, on the heap; NULL: not of that form. rd moves
 * behind it. */
static char *
take_include_name(struct reader *rd)
{
	const char *at = rd->at + strlen(INCLUDE);
	char *name;
	size_t len = 0;

	if (at == rd->end || !is_blank(*at))
		return NULL;
	while (at < rd->end && is_blank(*at))
		at++;
	if (at == rd->end || *at++ != '"')
		return NULL;
	name = malloc((size_t)(rd->end - at) + 1);
	if (name == NULL)
		return NULL;
	for (; at < rd->end && *at != '"' && *at != '\n'; at++) {
		if (*at == '\\' && rd->end - at > 1 && (at[1] == '"' || at[1] == '\\'))
			at++;
		name[len++] = *at;
	}
	if (at == rd->end || *at != '"' || len == 0) {
		free(name);
		return NULL;
	}
	name[len] = '\0';
	rd->at = at + 1;
	return name;
}

static int
include(struct reader *rd)
{
	size_t line = rd->sc->src->n_lines;
	char *name = take_include_name(rd);
	int rc;

	if (name == NULL)
		return fault(
		    rd, line, "@include", "must be written as @include \"FILE\"");
	rc = source_include(rd->sc, rd->file, name);
	free(name);
	if (rc < 0)
		return rc;
	/* What follows on this line is a line of its own in the joined text. */
	rc = put(rd->sc->src, "\n", 1);
	return rc < 0 ? rc : map_line(rd);
}

static int
copy_token(struct reader *rd)
{
	char c = *rd->at;
	int rc;

	if (c == '"')
		rc = copy_string(rd);
	else if (strchr("(){}[]", c) != NULL)
		rc = copy_bracket(rd);
	else if (is_word(c))
		rc = copy_word(rd);
	else
		rc = copy(rd, 1);
	if (strchr(" \t\r\n\f", c) == NULL)
		rd->sc->last = c;
	return rc;
}

static int
copy_next(struct reader *rd)
{
	char c = *rd->at;
	int begins = rd->line_begins;

	rd->line_begins = c == '\n' || (begins && is_blank(c));
	if (begins && starts_with(rd, INCLUDE))
		return include(rd);
	if (c == '#' || starts_with(rd, "//"))
		return copy_line_comment(rd);
	if (starts_with(rd, "/*"))
		return copy_block_comment(rd);
	return copy_token(rd);
}

int
scan_text(struct scan *sc, size_t file, const char *text, size_t len)
{
	struct reader rd = { .sc = sc, .file = file, .line = 1, .line_begins = 1 };
	int rc;

	rd.at = text;
	rd.end = text + len;
	rc = sc->src->n_lines > 0 ? put(sc->src, "\n", 1) : 0;
	if (rc == 0)
		rc = map_line(&rd);
	if (rc == 0 && memchr(text, '\0', len) != NULL)
		rc = fault(&rd, sc->src->n_lines, "syntax", "there is a byte 0 in it");
	if (rc == 0 &&
	    (sc->src->len > SOURCE_TEXT_MAX || len > SOURCE_TEXT_MAX - sc->src->len))
		rc = fault(&rd, sc->src->n_lines, "@include",
		    "the configuration with its includes is larger than 4 MiB");
	while (rc == 0 && rd.at < rd.end)
		rc = copy_next(&rd);
	return rc;
}
