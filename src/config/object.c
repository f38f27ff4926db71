#include "config/object.h"

#include <stdbool.h>
#include <string.h>

#include "config/array.h"
#include "config/load.h"
#include "config/suggest.h"

static const struct field *
find_field(const struct field_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++) {
		if (strcmp(table->fields[i].name, name) == 0)
			return &table->fields[i];
	}
	return NULL;
}

/* The key that was probably meant, or NULL. */
static const char *
find_nearest(const struct field_table *table, const char *name)
{
	const char *nearest = NULL;
	size_t best = SUGGEST_MAX + 1;

	for (size_t i = 0; i < table->count; i++) {
		const char *known = table->fields[i].name;
		size_t distance = suggest_distance(name, known);

		if (distance < best && suggest_fits(name, known, distance)) {
			best = distance;
			nearest = known;
		}
	}
	return nearest;
}

static void
report_unknown(
    struct load *ld, const struct field_table *table, const config_setting_t *group)
{
	int count = config_setting_length(group);

	for (int i = 0; i < count; i++) {
		const config_setting_t *st =
		    config_setting_get_elem(group, (unsigned)i);
		const char *name = config_setting_name(st);
		const char *nearest;

		if (find_field(table, name) != NULL)
			continue;
		nearest = find_nearest(table, name);
		if (nearest != NULL)
			load_fault(
			    ld, st, "there is no such key; did you mean %s?", nearest);
		else
			load_fault(ld, st, "there is no such key");
	}
}

/* Tables nest three deep at most: the recursion is that of the tables, not of the file.
 * */
static void
load_objects( // NOLINT(misc-no-recursion)
    struct load *ld, const struct field *fd, const config_setting_t *st, void *member)
{
	size_t width = fd->part->width;
	char *items = NULL;
	int count = load_items(ld, st, width, member, &items);

	for (int i = 0; i < count; i++) {
		const config_setting_t *group =
		    config_setting_get_elem(st, (unsigned)i);
		void *object = items + (size_t)i * width;

		*(struct conf_place *)object =
		    source_place(&ld->src, config_setting_source_line(group));
		if (config_setting_is_group(group))
			object_load(ld, fd->part, group, object);
		else
			load_fault(ld, group, "must be a group { ... }, not %s",
			    field_found(group));
	}
}

static void
load_part( // NOLINT(misc-no-recursion)
    struct load *ld, const struct field *fd, const config_setting_t *st, void *object)
{
	bool *is_there = (bool *)((char *)object + fd->offset);

	if (st != NULL && !config_setting_is_group(st)) {
		load_fault(ld, st, "must be a group { ... }, not %s", field_found(st));
		st = NULL;
	}
	*is_there = st != NULL;
	object_load(ld, fd->part, st, object);
}

static void
load_preset(struct load *ld, const struct field *fd, const config_setting_t *group,
    void *object)
{
	if (fd->preset == field_required) {
		if (group != NULL)
			load_missing(ld, group, fd->name);
	} else if (field_preset(fd, object) < 0) {
		fault_add(&ld->faults, 0, fd->name, "out of memory");
	}
}

/* Where the member was set, for those who are shown it. */
static void
note_line(struct load *ld, const config_setting_t *st, const void *member)
{
	struct conf *cf = ld->cf;

	if (array_reserve(
		&cf->lines, &ld->lines_room, cf->n_lines, 1, sizeof(*cf->lines)) < 0) {
		fault_add(&ld->faults, 0, "file", "out of memory");
		return;
	}
	cf->lines[cf->n_lines++] = (struct conf_line){ member,
		source_place(&ld->src, config_setting_source_line(st)) };
}

static void
load_field( // NOLINT(misc-no-recursion)
    struct load *ld, const struct field *fd, const config_setting_t *group,
    void *object)
{
	const config_setting_t *st =
	    group == NULL ? NULL : config_setting_get_member(group, fd->name);

	if (st != NULL)
		note_line(ld, st, (char *)object + fd->offset);
	if (fd->type == FIELD_PART)
		load_part(ld, fd, st, object);
	else if (st == NULL)
		load_preset(ld, fd, group, object);
	else if (fd->type != FIELD_OBJECTS)
		field_load(ld, fd, st, object);
	else if (config_setting_is_list(st))
		load_objects(ld, fd, st, (char *)object + fd->offset);
	else
		load_fault(ld, st,
		    "must be a list of groups, ( { ... }, { ... } ), not %s",
		    config_setting_type(st) == CONFIG_TYPE_ARRAY ? "an array"
								 : field_found(st));
}

void
object_load( // NOLINT(misc-no-recursion)
    struct load *ld, const struct field_table *table, const config_setting_t *group,
    void *object)
{
	for (size_t i = 0; i < table->count; i++)
		load_field(ld, &table->fields[i], group, object);
	if (group != NULL)
		report_unknown(ld, table, group);
}
