#include "tools/spool_print.h"

#include <stdbool.h>

#include "base/parse.h"

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

static long long
number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static bool
is_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static const char *
size_of(char *buf, size_t size, const json_t *object, const char *key)
{
	return format_size(buf, size, (uint64_t)number_of(object, key));
}

/* What stands in the place of an object that could not be read. */
static bool
print_error(const json_t *object, FILE *out)
{
	if (json_object_get(object, "error") == NULL)
		return false;
	(void)fprintf(
	    out, "  %s: %s\n", text_of(object, "file"), text_of(object, "error"));
	return true;
}

static void
print_ring(const json_t *ring, FILE *out)
{
	char used[32];
	char bytes[32];
	const char *take = text_of(ring, "take");

	if (print_error(ring, out))
		return;
	(void)fprintf(out, "  %s  %s%s%s: %lld messages, %s of %s%s\n",
	    text_of(ring, "id"), text_of(ring, "uri"), *take == '\0' ? "" : " take ",
	    take, number_of(ring, "messages"),
	    size_of(used, sizeof(used), ring, "used"),
	    size_of(bytes, sizeof(bytes), ring, "bytes"),
	    is_true(ring, "unfinished") ? ", and one cut off or damaged" : "");
}

static void
print_stream(const json_t *stream, FILE *out)
{
	if (print_error(stream, out))
		return;
	(void)fprintf(out, "  %s  to %s, of ring %s: acknowledged %lld, in flight %lld",
	    text_of(stream, "id"), text_of(stream, "to"), text_of(stream, "ring"),
	    number_of(stream, "acknowledged"), number_of(stream, "in_flight"));
	if (number_of(stream, "in_flight_in_log") > 0)
		(void)fprintf(out, ", of these %lld in the log",
		    number_of(stream, "in_flight_in_log"));
	(void)fputc('\n', out);
}

static void
print_log(const json_t *log, FILE *out)
{
	const char *take = text_of(log, "take");
	char bytes[32];

	if (print_error(log, out))
		return;
	(void)fprintf(out, "  %s  ", text_of(log, "directory"));
	if (json_object_get(log, "stream") == NULL)
		(void)fputs("of nobody knows what", out);
	else
		(void)fprintf(out, "%s%s%s to %s, of stream %s", text_of(log, "uri"),
		    *take == '\0' ? "" : " take ", take, text_of(log, "to"),
		    text_of(log, "stream"));
	(void)fprintf(out, ": %lld messages, %s in %lld segments%s\n",
	    number_of(log, "messages"), size_of(bytes, sizeof(bytes), log, "bytes"),
	    number_of(log, "segments"),
	    number_of(log, "faults") > 0 ? ", with faults" : "");
}

static void
print_mark(const json_t *mark, FILE *out)
{
	const json_t *rejected = json_object_get(mark, "rejected");
	const json_t *entry;
	size_t i;

	(void)fprintf(out, "  %s  to %s: delivered up to %lld%s\n",
	    text_of(mark, "stream"), text_of(mark, "to"), number_of(mark, "mark"),
	    is_true(mark, "in_doubt") ? ", the next one in doubt" : "");
	json_array_foreach(rejected, i, entry)(void)
	    fprintf(out, "    rejected %lld: %s\n", number_of(entry, "sequence"),
		text_of(entry, "reason"));
}

static void
print_doubt(const json_t *doubt, FILE *out)
{
	(void)fprintf(out, "  %s  stream %s to %s: sequence %lld to %lld, %s\n",
	    text_of(doubt, "noticed"), text_of(doubt, "stream"), text_of(doubt, "to"),
	    number_of(doubt, "first_sequence"), number_of(doubt, "last_sequence"),
	    text_of(doubt, "outcome"));
}

static void
print_letter(const json_t *letter, FILE *out)
{
	const char *detail = text_of(letter, "detail");

	(void)fprintf(out,
	    "  %s  %s-%lld-%s  %s to %s (route %s), type %lld, %lld bytes: %s%s%s\n",
	    text_of(letter, "stored"), text_of(letter, "ring"),
	    number_of(letter, "number"), text_of(letter, "stream"),
	    text_of(letter, "from"), text_of(letter, "to"), text_of(letter, "route"),
	    number_of(letter, "type"), number_of(letter, "length"),
	    text_of(letter, "reason"), *detail == '\0' ? "" : ": ", detail);
}

static void
print_image(const json_t *image, FILE *out)
{
	char bytes[32];

	if (json_is_null(image))
		(void)fputs("image: none\n", out);
	else if (json_object_get(image, "error") != NULL)
		(void)fprintf(out, "image: %s\n", text_of(image, "error"));
	else
		(void)fprintf(out, "image: %lld files, %s, saved %s\n",
		    number_of(image, "files"),
		    size_of(bytes, sizeof(bytes), image, "bytes"),
		    text_of(image, "saved"));
}

static const struct part {
	const char *key;
	const char *title;
	const char *total; /* member that counts what is not listed any more, or NULL */
	void (*print)(const json_t *object, FILE *out);
} parts[] = {
	{ "rings", "rings", NULL, print_ring },
	{ "streams", "streams", NULL, print_stream },
	{ "logs", "overflow logs", NULL, print_log },
	{ "marks", "marks", NULL, print_mark },
	{ "in_doubt", "in doubt", "in_doubt_total", print_doubt },
	{ "dead_letters", "dead letters", NULL, print_letter },
};

static void
print_part(const json_t *all, const struct part *pa, FILE *out)
{
	const json_t *array = json_object_get(all, pa->key);
	const json_t *object;
	size_t i;

	(void)fprintf(out, "%s: %lld\n", pa->title,
	    pa->total != NULL ? number_of(all, pa->total)
			      : (long long)json_array_size(array));
	json_array_foreach(array, i, object) pa->print(object, out);
}

void
spool_print(const json_t *all, FILE *out)
{
	long long damaged = number_of(all, "dead_letters_damaged");

	(void)fprintf(out, "state in %s: %s\n", text_of(all, "runtime_directory"),
	    is_true(all, "complete") ? "complete" : "none");
	print_image(json_object_get(all, "image"), out);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		print_part(all, &parts[i], out);
	if (damaged > 0)
		(void)fprintf(out, "damaged dead letters: %lld\n", damaged);
}
