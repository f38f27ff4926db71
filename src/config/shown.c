#include "config/shown.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "config/rows.h"

/* ---- values ------------------------------------------------------------------------ */

struct unit {
	const char *name;
	uint64_t size;
};
static const struct unit bytes[] = { { "TiB", UINT64_C(1) << 40 },
	{ "GiB", UINT64_C(1) << 30 }, { "MiB", UINT64_C(1) << 20 },
	{ "KiB", UINT64_C(1) << 10 }, { "B", 1 } };
static const struct unit times[] = { { "h", 3600000 }, { "m", 60000 }, { "s", 1000 },
	{ "ms", 1 } };

/* In the largest unit of which it is a whole number. */
static void
put_units(char *buf, const struct unit *unit, uint64_t value)
{
	while (value % unit->size != 0)
		unit++;
	(void)snprintf(
	    buf, SHOWN_VALUE, "%" PRIu64 "%s", value / unit->size, unit->name);
}

static void append(char *buf, const char *format, ...) PRINTF_LIKE(2, 3);

/* Behind what is there, cut where the room ends. */
static void
append(char *buf, const char *format, ...)
{
	size_t len = strlen(buf);
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(buf + len, SHOWN_VALUE - len, format, args);
	va_end(args);
	if (n >= 0 && (size_t)n >= SHOWN_VALUE - len)
		memcpy(buf + SHOWN_VALUE - 4, "...", 4);
}

static void
put_choice(char *buf, const char *words, int which)
{
	for (; which > 0 && strchr(words, '|') != NULL; which--)
		words = strchr(words, '|') + 1;
	(void)snprintf(buf, SHOWN_VALUE, "%.*s", (int)strcspn(words, "|"), words);
}

static void
put_names(char *buf, char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		append(buf, "%s%s", i > 0 ? ", " : "", names[i]);
}

static void
put_ids(char *buf, const uid_t *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		append(buf, "%s%lu", i > 0 ? ", " : "", (unsigned long)ids[i]);
}

/* Lists stand with their count right behind. */
static size_t
count_of(const char *member)
{
	size_t n;

	memcpy(&n, member + sizeof(void *), sizeof(n));
	return n;
}

static const void *
pointer_of(const char *member)
{
	const void *ret;

	memcpy(&ret, member, sizeof(ret));
	return ret;
}

static void
put_value(char *buf, const struct field *fd, const char *member)
{
	const void *at = member;

	buf[0] = '\0';
	switch (fd->type) {
	case FIELD_SIZE:
		/* None is needed: 0 is where there is no default. */
		if (fd->preset != NULL || *(const uint64_t *)at != 0)
			put_units(buf, bytes, *(const uint64_t *)at);
		break;
	case FIELD_DURATION:
		put_units(buf, times, *(const uint32_t *)at);
		break;
	case FIELD_MODE:
		append(buf, "0%o", *(const mode_t *)at);
		break;
	case FIELD_SWITCH:
		append(buf, "%s", *(const bool *)at ? "true" : "false");
		break;
	case FIELD_CHOICE:
		put_choice(buf, fd->preset, *(const int *)at);
		break;
	case FIELD_NUMBER:
		if (fd->preset != NULL || *(const uint64_t *)at != 0)
			append(buf, "%" PRIu64, *(const uint64_t *)at);
		break;
	case FIELD_USER:
	case FIELD_GROUP:
		if (*(const uid_t *)at != (uid_t)-1)
			append(buf, "%lu", (unsigned long)*(const uid_t *)at);
		break;
	case FIELD_NAMES:
		put_names(buf, pointer_of(member), count_of(member));
		break;
	case FIELD_USERS:
	case FIELD_GROUPS:
		put_ids(buf, pointer_of(member), count_of(member));
		break;
	case FIELD_PART:
	case FIELD_OBJECTS:
		break;
	default:
		append(buf, "%s",
		    pointer_of(member) == NULL ? "" : (const char *)pointer_of(member));
	}
}

/* ---- keys -------------------------------------------------------------------------- */

/* Of an object itself: with those in its parts, which are none themselves; without its lists. */
static size_t
count_fields(const struct field_table *table) // NOLINT(misc-no-recursion)
{
	size_t n = 0;

	for (size_t i = 0; i < table->count; i++) {
		if (table->fields[i].type == FIELD_OBJECTS)
			continue;
		n += table->fields[i].type == FIELD_PART
			 ? count_fields(table->fields[i].part)
			 : 1;
	}
	return n;
}

static int
compare_member(const void *key, const void *line)
{
	uintptr_t wanted = (uintptr_t)key;
	uintptr_t here = (uintptr_t)((const struct conf_line *)line)->member;

	return (wanted > here) - (wanted < here);
}

/* The i-th of them; prefix is the object's name. */
static void
show_field( // NOLINT(misc-no-recursion)
    const struct conf *cf, const struct field_table *table, size_t i,
    const char *object, struct shown *ret)
{
	size_t len = strlen(ret->key);
	const struct conf_line *line;
	const struct field *fd = table->fields;

	for (;; fd++) {
		size_t width = fd->type == FIELD_OBJECTS ? 0
			       : fd->type == FIELD_PART  ? count_fields(fd->part)
							 : 1;

		if (i < width)
			break;
		i -= width;
	}
	(void)snprintf(ret->key + len, sizeof(ret->key) - len, "%s%s",
	    len > 0 ? "." : "", fd->name);
	if (fd->type == FIELD_PART) {
		show_field(cf, fd->part, i, object, ret);
		return;
	}
	put_value(ret->value, fd, object + fd->offset);
	line = cf->n_lines == 0 ? NULL
				: bsearch(object + fd->offset, cf->lines, cf->n_lines,
				      sizeof(*cf->lines), compare_member);
	ret->preset = line == NULL;
	if (line != NULL)
		ret->place = line->place;
}

/* What an object is called: the text of its first key. */
static void
show_object(
    const struct conf *cf, const struct field *list, size_t i, struct shown *ret)
{
	size_t fields = count_fields(list->part);
	const char *items = pointer_of((const char *)cf + list->offset);
	const char *object = items + i / fields * list->part->width;
	const char *name = pointer_of(object + list->part->fields[0].offset);

	(void)snprintf(
	    ret->key, sizeof(ret->key), "%s.%s", list->name, name == NULL ? "" : name);
	memcpy(&ret->place, object, sizeof(ret->place));
	show_field(cf, list->part, i % fields, object, ret);
}

int
shown_at(const struct conf *cf, size_t i, struct shown *ret)
{
	const struct field_table *table = &rows_global;
	size_t own = count_fields(table);

	ret->key[0] = '\0';
	ret->place = (struct conf_place){ .file = cf->n_files > 0 ? cf->files[0] : "" };
	if (i < own) {
		show_field(cf, table, i, (const char *)cf, ret);
		return 1;
	}
	i -= own;
	for (size_t k = 0; k < table->count; k++) {
		const struct field *fd = &table->fields[k];
		size_t n;

		if (fd->type != FIELD_OBJECTS)
			continue;
		n = count_of((const char *)cf + fd->offset) * count_fields(fd->part);
		if (i < n) {
			show_object(cf, fd, i, ret);
			return 1;
		}
		i -= n;
	}
	return 0;
}
