#include "config/load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"

#define PATH_TEXT 1000 /* bytes; three names of the longest kind would be cut */

struct path {
	char text[PATH_TEXT];
	size_t len;
};

static void path_add(struct path *pa, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void
path_add(struct path *pa, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(pa->text + pa->len, sizeof(pa->text) - pa->len, fmt, args);
	va_end(args);
	if (len > 0)
		pa->len += (size_t)len;
	if (pa->len >= sizeof(pa->text))
		pa->len = sizeof(pa->text) - 1;
}

/* The "name" of an object in a list, or NULL. */
static const char *
object_name(const config_setting_t *st)
{
	const config_setting_t *name = config_setting_get_member(st, "name");
	const char *text = NULL;

	if (name != NULL && config_setting_type(name) == CONFIG_TYPE_STRING)
		text = config_setting_get_string(name);
	return text == NULL || *text == '\0' ? NULL : text;
}

static void
path_add_one(struct path *pa, const config_setting_t *st)
{
	const char *name = config_setting_name(st);

	if (name == NULL && config_setting_is_group(st))
		name = object_name(st);
	if (name != NULL)
		path_add(pa, "%s%s", pa->len > 0 ? "." : "", quote(name).text);
	else
		path_add(pa, "[%d]", config_setting_index(st));
}

/* From the root, which has no name, down to the setting. */
static void
path_add_setting(struct path *pa, const config_setting_t *st)
{
	const config_setting_t
	    *above[SOURCE_NESTED_MAX + 1]; /* what the scanner lets by */
	size_t count = 0;

	while (config_setting_parent(st) != NULL && count < ARRAY_LEN(above)) {
		above[count++] = st;
		st = config_setting_parent(st);
	}
	while (count > 0)
		path_add_one(pa, above[--count]);
}

void
load_fault(struct load *ld, const config_setting_t *st, const char *fmt, ...)
{
	struct path pa = { .len = 0 };
	va_list args;

	path_add_setting(&pa, st);
	va_start(args, fmt);
	fault_vadd(&ld->faults, config_setting_source_line(st), pa.text, fmt, args);
	va_end(args);
}

void
load_missing(struct load *ld, const config_setting_t *group, const char *key)
{
	struct path pa = { .len = 0 };

	path_add_setting(&pa, group);
	path_add(&pa, "%s%s", pa.len > 0 ? "." : "", key);
	fault_add(&ld->faults, config_setting_source_line(group), pa.text,
	    "is missing and has no default");
}

int
load_items(
    struct load *ld, const config_setting_t *st, size_t width, void *member, char **ret)
{
	int count = config_setting_length(st);
	char *items;

	if (count <= 0)
		return 0;
	items = calloc((size_t)count, width);
	if (items == NULL) {
		load_fault(ld, st, "out of memory");
		return 0;
	}
	memcpy(member, &items, sizeof(items));
	((size_t *)member)[1] = (size_t)count;
	*ret = items;
	return count;
}

const config_setting_t *
load_setting(const struct load *ld, const char *list, size_t index, const char *key)
{
	const config_setting_t *root = config_root_setting(&ld->lc);
	const config_setting_t *st = config_setting_get_member(root, list);
	const config_setting_t *object = config_setting_get_elem(st, (unsigned)index);
	const config_setting_t *found = config_setting_get_member(object, key);

	return found == NULL ? object : found;
}
