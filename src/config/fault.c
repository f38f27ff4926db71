#include "config/fault.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/array.h"
#include "config/source.h"

void
fault_vadd(
    struct fault_list *fl, size_t line, const char *key, const char *fmt, va_list args)
{
	struct fault ft = { .line = line, .order = fl->count };

	if (array_reserve(&fl->items, &fl->room, fl->count, 1, sizeof(ft)) < 0) {
		fl->lost++;
		return;
	}
	ft.key = strdup(key);
	if (ft.key == NULL || vasprintf(&ft.why, fmt, args) < 0) {
		free(ft.key);
		fl->lost++;
		return;
	}
	fl->items[fl->count++] = ft;
}

void
fault_add(struct fault_list *fl, size_t line, const char *key, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fault_vadd(fl, line, key, fmt, args);
	va_end(args);
}

int
fault_count(const struct fault_list *fl)
{
	size_t all = fl->count + fl->lost;

	return all > INT_MAX ? INT_MAX : (int)all;
}

static int
compare(const void *a, const void *b)
{
	const struct fault *left = a;
	const struct fault *right = b;

	if (left->line != right->line)
		return left->line < right->line ? -1 : 1;
	return left->order < right->order ? -1 : left->order > right->order;
}

void
fault_report(
    struct fault_list *fl, const struct source *src, conf_fault_fn *fault, void *arg)
{
	if (fl->count > 0)
		qsort(fl->items, fl->count, sizeof(*fl->items), compare);
	for (size_t i = 0; i < fl->count; i++) {
		struct conf_place at = source_place(src, fl->items[i].line);

		fault(arg, at.file, at.line, fl->items[i].key, fl->items[i].why);
	}
	if (fl->lost > 0) {
		struct conf_place at = source_place(src, 0);

		fault(arg, at.file, at.line, "file", "out of memory, faults are lost");
	}
}

void
fault_done(struct fault_list *fl)
{
	for (size_t i = 0; i < fl->count; i++) {
		free(fl->items[i].key);
		free(fl->items[i].why);
	}
	free(fl->items);
	*fl = (struct fault_list){ 0 };
}
