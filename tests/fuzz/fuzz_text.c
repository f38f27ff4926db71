/* The small parsers of the base layer, and the names of queues. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/parse.h"
#include "base/quote.h"
#include "base/take.h"
#include "fuzz.h"
#include "lib/uri.h"

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
try_numbers(const char *text)
{
	char buf[64];
	uint64_t whole;
	uint32_t mode;
	int64_t number;

	if (parse_u64(&whole, text, 3, 1000) == 0)
		must(whole >= 3 && whole <= 1000);
	if (parse_i64(&number, text, -7, 7) == 0)
		must(number >= -7 && number <= 7);
	if (parse_mode(&mode, text) == 0)
		must(mode <= 0777);
	if (parse_size(&whole, text) == 0)
		must(strlen(format_size(buf, sizeof(buf), whole)) < 24);
	if (parse_duration(&whole, text) == 0)
		must(strlen(format_duration(buf, sizeof(buf), whole)) < 24);
}

static void
try_take(const char *text)
{
	struct take tk;

	if (take_parse(&tk, text) < 0)
		return;
	must(tk.select != INT64_MIN && !(tk.except && tk.select <= 0));
	must(!take_matches(tk, 0));
	must(take_overlaps(tk, (struct take){ 0 }));
}

static void
try_id(const char *text)
{
	char buf[ID_TEXT];
	struct id id;

	if (id_parse(&id, text) == 0)
		must(strcmp(id_format(buf, &id), text) == 0);
}

static void
try_quote(const uint8_t *bytes, size_t len)
{
	struct quoted once = quote_bytes(bytes, len);

	must(strlen(once.text) < sizeof(once.text));
	for (const char *at = once.text; *at != '\0'; at++)
		must((unsigned char)*at >= 0x20 && *at != 0x7f);
}

static void
try_name(const char *text)
{
	struct uri name;

	if (uri_parse(&name, text) < 0)
		return;
	must(name.form != URI_KEY || name.key != 0);
	must(name.form != URI_ID || name.id >= 0);
	must(name.form != URI_FTOK || (name.project >= 1 && name.project <= 255));
	must(name.form != URI_POSIX || (name.path[0] == '/' && name.path[1] != '\0'));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = malloc(size + 1);

	if (text == NULL)
		return 0;
	if (size > 0)
		memcpy(text, bytes, size);
	text[size] = '\0';
	try_numbers(text);
	try_take(text);
	try_id(text);
	try_quote(bytes, size);
	try_name(text);
	free(text);
	return 0;
}
