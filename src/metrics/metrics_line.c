#include "metrics/metrics_line.h"

#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "base/utf8.h"
#include "control/text.h"

#define NS_PER_S   UINT64_C(1000000000)
#define NS_DIGITS  9
#define DIGITS_MAX 20 /* of a uint64_t */

static void
put_escaped(struct text *out, const char *value)
{
	size_t n;

	while (*value != '\0') {
		n = strcspn(value, "\\\"\n");
		text_put(out, value, n);
		value += n;
		if (*value == '\0')
			break;
		text_puts(out, *value == '\n'  ? "\\n"
			       : *value == '"' ? "\\\""
					       : "\\\\");
		value++;
	}
}

void
metrics_put_label(struct text *out, const char *name, const char *value)
{
	struct utf8 check = { 0 };

	utf8_feed(&check, (const uint8_t *)value, strlen(value));
	text_puts(out, name);
	text_puts(out, "=\"");
	put_escaped(out, utf8_is_text(&check) ? value : quote(value).text);
	text_puts(out, "\"");
}

char *
metrics_label(const char *name, const char *value)
{
	struct text tx;
	char *ret = NULL;

	text_init(&tx, SIZE_MAX / 4);
	metrics_put_label(&tx, name, value);
	if (tx.rc == 0)
		ret = strndup(tx.bytes, tx.len);
	text_done(&tx);
	return ret;
}

void
metrics_put_sample(struct text *out, const struct metrics_sample *sa)
{
	text_puts(out, sa->name);
	text_puts(out, sa->suffix);
	if (sa->labels != NULL || sa->label != NULL) {
		text_put(out, "{", 1);
		if (sa->labels != NULL)
			text_puts(out, sa->labels);
		if (sa->labels != NULL && sa->label != NULL)
			text_put(out, ",", 1);
		if (sa->label != NULL)
			metrics_put_label(out, sa->label, sa->value);
		text_put(out, "}", 1);
	}
	text_put(out, " ", 1);
}

/* At the end of buf; returns where it begins. */
static char *
format_u64(char buf[DIGITS_MAX], uint64_t value)
{
	char *at = buf + DIGITS_MAX;

	do {
		*--at = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	return at;
}

static void
put_u64(struct text *out, uint64_t value)
{
	char buf[DIGITS_MAX];
	const char *at = format_u64(buf, value);

	text_put(out, at, (size_t)(buf + DIGITS_MAX - at));
}

void
metrics_put_count(struct text *out, uint64_t value)
{
	put_u64(out, value);
	text_put(out, "\n", 1);
}

void
metrics_put_ns(struct text *out, uint64_t ns)
{
	char buf[DIGITS_MAX] = "";
	size_t len = NS_DIGITS;

	put_u64(out, ns / NS_PER_S);
	/* With a 1 before them the digits keep their leading zeros. */
	(void)format_u64(buf, NS_PER_S + ns % NS_PER_S);
	while (len > 1 && buf[DIGITS_MAX - NS_DIGITS + len - 1] == '0')
		len--;
	text_put(out, ".", 1);
	text_put(out, buf + DIGITS_MAX - NS_DIGITS, len);
	text_put(out, "\n", 1);
}
